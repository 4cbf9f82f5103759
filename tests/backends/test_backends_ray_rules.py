"""The rules of the Ray backend on a stand-in for Ray, so that they are tested without it."""

import os
import subprocess
import sys
from collections import Counter
from types import SimpleNamespace

import pytest

from autodas.backends import Workers, backend, ray, ray_cluster, ray_unit
from autodas.core.errors import InvalidInput, MissingData
from autodas.core.results import Failed, Ok
from autodas.core.runs import deciding

ERRORS = SimpleNamespace(
    **{
        name: type(name, (Exception,), {})
        for name in (
            "WorkerCrashedError",
            "OutOfMemoryError",
            "NodeDiedError",
            "LocalRayletDiedError",
            "ObjectLostError",
            "RayTaskError",
        )
    }
)


class StandIn:
    """Does one task at a time, when it is waited for."""

    exceptions = ERRORS

    def __init__(self):
        self.resources = {"CPU": 2.0}
        self.put_in_store, self.options, self.cancelled = [], {}, []
        self.accidents = {}  # item -> errors that its next tasks end with
        self.at_once, self.running = [], set()
        self.silent = set()
        self.looks = self.waits = 0
        self.quick = False  # all that runs is finished as soon as anything is

    def cluster_resources(self):
        self.looks += 1
        return self.resources

    def put(self, value):
        self.put_in_store.append(value)
        return value

    def remote(self, fn):
        def options(**options):
            self.options = options
            return SimpleNamespace(remote=lambda *arguments: self.submit(fn, arguments))

        return SimpleNamespace(options=options)

    def submit(self, fn, arguments):
        ref = object.__new__(type("Ref", (), {}))
        ref.fn, ref.arguments = fn, arguments
        self.running.add(ref)
        self.at_once.append(len(self.running))
        return ref

    def wait(self, refs, *, num_returns, timeout, fetch_local):
        if refs and not 0 < num_returns <= len(refs):
            raise ValueError("as Ray does")
        if not timeout:
            self.running.difference_update(refs if self.quick else ())
            return (refs, []) if self.quick else ([], refs)
        self.waits += 1
        first = next((ref for ref in refs if ref not in self.silent), None)
        assert first, "everything waits for a node that is lost"
        self.running.discard(first)
        return [first], [ref for ref in refs if ref is not first]

    def get(self, ref):
        accidents = self.accidents.get(ref.arguments[1])
        if accidents:
            raise accidents.pop()
        try:
            return ref.fn(*ref.arguments)
        except InvalidInput as error:
            wrapped = ERRORS.RayTaskError(str(error))
            wrapped.cause = error
            raise wrapped from error

    def cancel(self, ref, *, force):
        self.cancelled.append((ref.arguments[1], force))


@pytest.fixture
def stand_in(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    found = StandIn()
    monkeypatch.setattr(ray_cluster, "package", lambda: found)
    monkeypatch.setattr(ray_cluster, "connect", lambda jobs, address: None)
    ray_unit._settle.cache_clear()
    yield found
    ray_unit._settle.cache_clear()


def double(x):
    if x == 7:
        raise ValueError("seven")
    return 2 * x


def results(items=range(20), **options):
    found = list(backend("ray", 2, **options).run(double, items))
    assert max(Counter(number for number, _ in found).values()) == 1
    return dict(found)


def test_every_unit_is_answered_once_and_the_function_is_stored_once(stand_in):
    found = results()
    assert found.pop(7).reason == "ValueError: seven"
    assert found == {i: Ok(2 * i) for i in range(20) if i != 7}
    assert [setting.fn for setting in stand_in.put_in_store] == [double]


@pytest.mark.usefixtures("stand_in")
def test_items_that_are_appended_meanwhile_are_run_as_well():
    items, found = [1, 10], []
    for number, result in backend("ray", 2).run(double, items):
        found.append((number, result))
        if len(items) < 6:
            items.append(items[number] + 10)
    assert sorted(number for number, _ in found) == list(range(6))
    assert all(result == Ok(2 * items[number]) for number, result in found)


def test_a_unit_has_one_cpu_and_one_thread_and_is_not_retried_by_ray(stand_in, monkeypatch):
    monkeypatch.setenv("AUTODAS_CACHE", "/somewhere")
    results()
    variables = stand_in.options["runtime_env"]["env_vars"]
    assert variables["OMP_NUM_THREADS"] == variables["MKL_NUM_THREADS"] == "1"
    assert variables["AUTODAS_CACHE"] == "/somewhere"
    assert (stand_in.options["num_cpus"], stand_in.options["num_gpus"]) == (1, 0.0)
    assert stand_in.options["max_retries"] == 0


@pytest.mark.parametrize(
    ("resources", "most"), [({"CPU": 2.0}, 4), ({"CPU": 1.0}, 2), ({"memory": 9.0}, 2)]
)
def test_few_units_are_handed_out_at_once(stand_in, resources, most):
    stand_in.resources = resources
    results(range(200))
    assert max(stand_in.at_once) == most


def test_the_cluster_is_not_asked_for_its_size_at_every_unit(stand_in):
    results(range(400))
    assert stand_in.looks < 40


def test_what_is_finished_at_the_same_time_is_read_together(stand_in):
    stand_in.quick = True
    assert len(results(range(200))) == 200
    assert stand_in.waits == 200 / 4


def test_cpus_that_come_later_are_used(stand_in, monkeypatch):
    monkeypatch.setattr(ray, "LOOK", 1e-9)
    running = backend("ray", 2).run(double, range(200))
    next(running)
    assert max(stand_in.at_once) == 4
    stand_in.resources = {"CPU": 8.0}
    next(running)
    assert max(stand_in.at_once) == 16
    running.close()


def test_units_that_a_lost_node_keeps_to_itself_hold_nobody_up(stand_in, monkeypatch):
    monkeypatch.setattr(ray, "LOOK", 1e-9)
    stand_in.resources = {"CPU": 4.0}
    running = backend("ray", 2).run(double, range(200))
    next(running)
    # Ray learns only after minutes what became of all that was handed out until now.
    stand_in.silent = set(stand_in.running)
    stand_in.resources = {"CPU": 1.0}
    found = [next(running)[0] for _ in range(150)]
    stand_in.silent = set()
    found += [number for number, _ in running]
    assert sorted(found) == list(range(1, 200))


def test_a_unit_whose_worker_dies_gets_a_second_try(stand_in):
    stand_in.accidents = {3: [ERRORS.WorkerCrashedError()]}
    assert results()[3] == Ok(6)


def test_a_unit_that_kills_two_workers_fails_alone(stand_in):
    stand_in.accidents = {3: [ERRORS.WorkerCrashedError(), ERRORS.WorkerCrashedError()]}
    found = results()
    assert found[3].reason == "the worker process died (killed or crashed)"
    assert "2 workers and 0 nodes" in found[3].details
    assert [i for i, each in found.items() if isinstance(each, Failed)] == [7, 3]


def test_a_lost_node_is_nobodys_fault_for_a_while(stand_in):
    lost = [ERRORS.NodeDiedError(), ERRORS.ObjectLostError(), ERRORS.LocalRayletDiedError()]
    stand_in.accidents = {3: [*lost, ERRORS.NodeDiedError()], 5: [*lost, *lost]}
    found = results()
    assert found[3] == Ok(6)
    assert found[5].reason == "the worker process died (its node was lost)"


def test_a_unit_that_a_worker_cannot_read_fails_alone_with_a_one_line_reason(stand_in):
    unreadable = ERRORS.RayTaskError("a traceback")
    unreadable.cause = ModuleNotFoundError("No module named 'mine'\nor such")
    stand_in.accidents = {3: [unreadable]}
    found = results()
    assert found[3] == Failed(
        "a Ray worker cannot do the unit: ModuleNotFoundError: No module named 'mine'",
        "a traceback",
    )
    assert [i for i, each in found.items() if isinstance(each, Failed)] == [3, 7]


def test_what_runs_is_cancelled_when_nobody_wants_it(stand_in):
    running = backend("ray", 2).run(double, range(200))
    next(running)
    running.close()
    assert stand_in.cancelled == [(item, True) for item in (1, 2, 3, 4)]


def test_a_node_with_other_versions_stops_the_run(stand_in, monkeypatch):
    mine = ray_unit.versions()
    monkeypatch.setattr(
        ray_unit.Setting,
        "here",
        staticmethod(
            lambda fn: ray_unit.Setting(
                fn, ".", tuple((n, "0" if n == "numpy" else v) for n, v in mine)
            )
        ),
    )
    with pytest.raises(InvalidInput, match=r"has numpy \d.*\(the driver has 0\); install the same"):
        results()


def test_gpus_are_asked_for_only_where_there_are_some(stand_in):
    with pytest.raises(InvalidInput, match="the Ray cluster has none"):
        results(gpus=0.25)
    stand_in.resources = {"CPU": 2.0, "GPU": 1.0}
    results(gpus=0.25)
    assert stand_in.options["num_gpus"] == 0.25
    assert list(ray.Ray(2).run(double, [1])) == [(0, Ok(2))]
    assert stand_in.options["num_gpus"] == 0


def test_options_choose_the_backend():
    def kind(**options):
        asked = {name: options.pop(name) for name in ("small", "isolated") if name in options}
        return type(Workers(**options).runner(**asked)).__name__

    assert kind() == "Processes"
    assert kind(jobs=1) == "Serial"
    assert kind(jobs=1, isolated=True) == "Processes"
    assert kind(backend="ray", jobs=1) == "Ray"
    assert kind(backend="ray", small=True) == "Serial"
    with pytest.raises(InvalidInput, match="at least 1, got 0"):
        Workers(backend="serial", jobs=0)


def test_who_does_the_work_does_not_decide_what_a_run_finds():
    assert deciding(Workers()) == {}


def test_the_device_decides_whether_gpus_are_asked_for():
    on_ray = Workers(backend="ray")
    assert on_ray.runner(gpus=0.5).gpus == 0.0
    assert on_ray.runner(device="cuda", gpus=0.5).gpus == 0.5
    with pytest.raises(InvalidInput, match="take device cuda, not 'cuda:1'"):
        on_ray.runner(device="cuda:1")
    assert Workers().runner(device="cuda:1").jobs == 2


@pytest.mark.parametrize("gpus", [0, -0.5, float("nan")])
def test_a_share_of_a_gpu_is_positive(gpus):
    with pytest.raises(InvalidInput, match=f"must be positive, got {gpus}"):
        Workers(backend="ray").runner(device="cuda", gpus=gpus)


def test_without_ray_one_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingData, match=r"pip install 'autodas\[ray\]'"):
        results()


def test_ray_is_imported_only_when_it_is_used():
    code = "import sys, autodas.backends, autodas.steps.label.run; print('ray' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout == "False\n"

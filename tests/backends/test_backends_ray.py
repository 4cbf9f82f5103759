"""The Ray backend on real clusters of one machine."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial
from pathlib import Path

import pytest
from ray_processes import of_ray, settled

pytest.importorskip("ray", reason="Ray is not installed: pip install 'autodas[ray]'")

import ray
from ray.cluster_utils import Cluster
from test_backends import deadly, dies_once, picky, process, square, threads

from autodas.backends import backend
from autodas.core.errors import InvalidInput
from autodas.core.results import Ok

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_left_behind():
    before = of_ray()
    yield
    ray.shutdown()
    assert settled(lambda: of_ray() <= before), of_ray() - before


def where(_):
    time.sleep(0.2)
    return ray.get_runtime_context().get_node_id()


def visible_gpus(_):
    return os.environ.get("CUDA_VISIBLE_DEVICES")


def results(fn, items, jobs=2, **options):
    found = list(backend("ray", jobs, **options).run(fn, items))
    assert sorted(number for number, _ in found) == list(range(len(items)))
    return dict(found)


def test_a_cluster_of_our_own_leaves_nothing_in_the_home_folder(tmp_path):
    code = "from autodas.backends import backend; print(list(backend('ray').run(abs, [-3])))"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=kept | {"HOME": str(tmp_path)},
    )
    assert done.stdout == "[(0, Ok(value=3))]\n"
    assert list(tmp_path.iterdir()) == []


def test_every_item_is_answered_once():
    assert results(square, range(300)) == {i: Ok(i * i) for i in range(300)}


def test_failures_are_values_and_workers_have_one_thread():
    found = results(picky, range(7))
    assert found[3].reason == "ValueError: three is"
    assert found[4].reason == "four neither"
    assert found[6] == Ok(6)
    assert results(threads, [0]) == {0: Ok("1")}


def test_work_is_shared_between_processes():
    pids = {result.value for result in results(process, range(40)).values()}
    assert len(pids) >= 2
    assert os.getpid() not in pids


def test_a_poisonous_unit_fails_and_the_others_survive(tmp_path):
    found = results(partial(deadly, tmp_path / "tries"), range(20))
    assert found.pop(2).reason == "the worker process died (killed or crashed)"
    assert found == {i: Ok(i) for i in range(20) if i != 2}
    fn = partial(dies_once, tmp_path / "died")
    assert results(fn, range(4)) == {i: Ok(i) for i in range(4)}


def test_closing_the_iterator_stops_the_work():
    running = backend("ray", 2).run(process, range(10_000))
    next(running)
    running.close()
    assert results(square, range(4)) == {i: Ok(i * i) for i in range(4)}


def test_a_gpu_is_a_resource_and_a_cluster_without_one_says_so():
    with pytest.raises(InvalidInput, match="the Ray cluster has none"):
        results(visible_gpus, range(2), gpus=0.5)


def test_nodes_come_and_go():
    ray.shutdown()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "num_gpus": 2})
    try:
        running = backend("ray", 1, address=cluster.address).run(where, range(80))
        nodes, number = [], 0
        for number, (_, result) in enumerate(running, 1):
            nodes.append(result.value)
            if number == 5:
                second = cluster.add_node(num_cpus=2)
            if len(set(nodes)) == 2 and second is not None:
                cluster.remove_node(second, allow_graceful=False)
                second = None
        assert number == 80
        assert len(set(nodes)) == 2
        assert second is None
        shown = results(visible_gpus, range(6), address=cluster.address, gpus=1.0)
        assert {result.value for result in shown.values()} <= {"0", "1"}
    finally:
        ray.shutdown()
        cluster.shutdown()


SCRIPT = """
    import signal, sys, time
    from autodas.backends import backend
    signal.signal(signal.SIGINT, signal.default_int_handler)
    def slow(x):
        time.sleep(0.1 if x == 0 else 60)
    if __name__ == "__main__":
        try:
            for _ in backend("ray", 2).run(slow, range(9)):
                print("running", flush=True)
        except KeyboardInterrupt:
            print("stopped", flush=True)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_driver_that_ends_takes_everybody_along(tmp_path, how):
    before = of_ray()
    script = Path(tmp_path, "script.py")
    script.write_text(textwrap.dedent(SCRIPT))
    driver = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert driver.stdout.readline() == "running\n"
    assert of_ray() - before
    if how == signal.SIGINT:
        os.killpg(driver.pid, how)
        assert driver.communicate(timeout=30)[0] == "stopped\n"
    else:
        driver.kill()
        driver.communicate()
    # Workers end at once; the agents of a node whose driver was killed look about once a minute.
    assert settled(lambda: of_ray(b"ray::execute") <= before, seconds=20)
    assert settled(lambda: of_ray() <= before), of_ray() - before

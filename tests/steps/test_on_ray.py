"""Long steps on real Ray clusters: the same results whatever happens on the way."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors import safe_open

sys.path.insert(0, str(Path(__file__).parent.parent / "backends"))
from ray_processes import of_ray, settled

pytest.importorskip("ray", reason="Ray is not installed: pip install 'autodas[ray]'")

import ray
from ray.cluster_utils import Cluster

from autodas.core.progress import Silent
from autodas.core.runs import Journal
from autodas.steps import measure
from autodas.steps.benchmark import run as benchmark
from autodas.steps.benchmark.run import BenchmarkConfig
from autodas.steps.discover import dispatch as discover
from autodas.steps.discover.dispatch import DiscoverConfig
from autodas.steps.label import run as label
from autodas.steps.label.run import LabelConfig
from autodas.steps.measure import MeasureConfig

pytestmark = pytest.mark.slow

LABEL = LabelConfig(space="digits-vit", students=4, seeds=3, epochs=2, data="digits/150")
MEASURE = MeasureConfig(space="digits-vit", students=96, statistics=("weight", "cka", "logits"))
ISLANDS = DiscoverConfig(
    tables=("digits-cnn",),
    limit=24,
    population=8,
    generations=6,
    islands=3,
    migrate_every=2,
)
BENCHMARK = BenchmarkConfig(table=("digits-cnn",), limit=48, scores=("diswot",))
DISCOVER = DiscoverConfig(tables=("digits-cnn",), limit=48, population=8, generations=3)


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_left_behind():
    before = of_ray()
    yield
    ray.shutdown()
    assert settled(lambda: of_ray() <= before), of_ray() - before


@pytest.fixture
def cluster():
    ray.shutdown()
    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    yield found
    ray.shutdown()
    found.shutdown()


def table(out, **options):
    label.run(replace(LABEL, out=out, **options))
    return (out / "table.csv").read_bytes(), (out / "table.json").read_bytes()


def cached(folder, progress=Silent(), **options):
    """What a cache holds after measuring; the order of metadata in its files is chance."""
    done = measure.run(replace(MEASURE, cache=folder, **options), progress)
    assert done["measured"] == 96
    found = {}
    for path in sorted(folder.rglob("*.safetensors")):
        with safe_open(path, framework="numpy") as handle:
            found[path.name] = handle.metadata(), handle.get_tensor("values").tobytes()
    return found


def rows(folder, **options):
    config = replace(BENCHMARK, out=folder / "run", cache=folder / "cache", **options)
    return [
        {name: value for name, value in row.items() if "seconds" not in name}
        for row in benchmark.run(config)["rows"]
    ]


def proxy(folder, **options):
    discover.run(replace(DISCOVER, out=folder / "run", cache=folder / "cache", **options))
    return (folder / "run" / "proxy.json").read_bytes()


def archipelago(folder, **options):
    discover.run(replace(ISLANDS, out=folder / "run", cache=folder / "cache", **options))
    return (folder / "run" / "proxy.json").read_bytes()


def ablated(folder, **options):
    """An ablation of two variants; what it found, without how long it took."""
    config = replace(DISCOVER, ablate=("size",), ablation_seeds=1, limit=24, **options)
    return discover.run(replace(config, out=folder / "run", cache=folder / "cache"))["rows"]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What comes out in one process, undisturbed."""
    folder = tmp_path_factory.mktemp("alone")
    return {
        "table": table(folder / "label", backend="serial"),
        "cached": cached(folder / "cache", backend="serial"),
        "rows": rows(folder / "benchmark", backend="serial"),
        "proxy": proxy(folder / "discover", backend="serial"),
        "islands": archipelago(folder / "islands", backend="serial"),
        "ablated": ablated(folder / "ablated", backend="serial"),
    }


@pytest.mark.parametrize("backend", ["processes", "ray"])
def test_results_do_not_depend_on_the_backend(alone, backend, tmp_path):
    workers = {"backend": backend, "jobs": 2}
    assert table(tmp_path / "label", **workers) == alone["table"]
    assert cached(tmp_path / "cache", **workers) == alone["cached"]
    assert rows(tmp_path / "benchmark", **workers) == alone["rows"]
    assert proxy(tmp_path / "discover", **workers) == alone["proxy"]
    assert archipelago(tmp_path / "islands", **workers) == alone["islands"]
    assert ablated(tmp_path / "ablated", **workers) == alone["ablated"]


def test_killed_workers_change_nothing_of_islands(alone, cluster, tmp_path):
    accident = Accident()
    found = archipelago(tmp_path, backend="ray", ray_address=cluster.address)
    assert accident.killed
    assert found == alone["islands"]


class Accident(threading.Thread):
    """Kills a worker that is busy with a unit, as soon as there is one, twice."""

    def __init__(self):
        super().__init__(daemon=True)
        self.killed = []
        self.start()

    def run(self):
        end = time.monotonic() + 120
        while len(self.killed) < 2 and time.monotonic() < end:
            for pid in busy() - set(self.killed):
                time.sleep(0.3)
                os.kill(pid, signal.SIGKILL)
                self.killed.append(pid)
                break
            time.sleep(0.5)


def busy():
    title = b"ray::execute"
    return {pid for pid in of_ray(title) if Path(f"/proc/{pid}/cmdline").read_bytes()[:12] == title}


def test_killed_workers_change_nothing_of_a_table(alone, cluster, tmp_path):
    accident = Accident()
    found = table(tmp_path, backend="ray", ray_address=cluster.address)
    assert len(accident.killed) == 2
    assert found == alone["table"]


def test_killed_workers_change_nothing_of_the_statistics(alone, cluster, tmp_path):
    accident = Accident()
    found = cached(tmp_path, backend="ray", ray_address=cluster.address)
    assert len(accident.killed) == 2
    assert found == alone["cached"]


class Crane(Silent):
    """Adds a node after the first units, and takes it away again."""

    def __init__(self, cluster):
        self.cluster, self.units, self.nodes = cluster, 0, set()

    def advance(self, steps=1):
        self.units += 1
        if self.units == 1:
            self.node = self.cluster.add_node(num_cpus=2)
        if self.units == 9:
            self.cluster.remove_node(self.node, allow_graceful=False)


def test_a_node_may_come_and_go(alone, cluster, tmp_path):
    crane = Crane(cluster)
    found = cached(tmp_path, crane, backend="ray", ray_address=cluster.address)
    assert crane.units >= 9
    assert found == alone["cached"]


def test_a_killed_driver_goes_on_where_it_was(alone, tmp_path):
    command = [sys.executable, "-m", "autodas", "label", "--space", LABEL.space]
    command += ["--students", "4", "--seeds", "3", "--epochs", "2", "--data", LABEL.data]
    command += ["--backend", "ray", "--out", str(tmp_path)]
    running = subprocess.Popen(command, start_new_session=True)
    journal = Journal(tmp_path / "journal.jsonl")
    assert settled(lambda: len(journal.records()) >= 2)
    running.kill()
    running.wait()
    saved = journal.records()
    assert 2 <= len(saved) < 24
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["trained"] == 24 - len(saved)
    assert journal.records()[: len(saved)] == saved
    assert ((tmp_path / "table.csv").read_bytes(), (tmp_path / "table.json").read_bytes()) == alone[
        "table"
    ]

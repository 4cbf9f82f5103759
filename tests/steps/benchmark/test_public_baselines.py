"""Known values of plain sizes on the published labels."""

from __future__ import annotations

import pytest

from autodas.steps.benchmark import run as benchmark
from autodas.steps.benchmark.run import BenchmarkConfig
from autodas.workbench.protocol import Protocol

UNTAUGHT = Protocol(data="flowers12")  # for which nobody knows a teacher


@pytest.mark.parametrize(
    ("table", "target", "known"),
    [
        ("s0", "kd_acc", {"params": 0.873, "macs": 0.657, "depth": 0.657}),
        ("autoformer", "c100_kd_acc", {"params": 0.548, "depth": 0.666}),
        ("autoformer", "c100_base_acc", {"params": -0.324}),
        ("autoformer", "flower_kd_acc", {"params": 0.700}),
        ("autoformer", "chaoyang_kd_acc", {"params": 0.315}),
    ],
)
def test_sizes_rank_the_published_labels_as_known(data_folder, tmp_path, table, target, known):
    config = BenchmarkConfig(out=tmp_path / "run", table=(table,), target=(target,), scores=())
    rows = {row["score"]: row for row in benchmark.run(config)["rows"]}
    assert {name: round(rows[name]["tau"], 3) for name in known} == pytest.approx(known, abs=2e-3)


def test_sizes_alone_run_no_network_and_need_no_teacher(tmp_path):
    config = BenchmarkConfig(
        out=tmp_path / "run", table=("digits-vit",), scores=(), limit=20, protocol=UNTAUGHT
    )
    assert len(benchmark.run(config)["rows"]) == 3

"""Budgets: how they are written, what they mean, and what is said if nothing fits."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from autodas.cli.main import main
from autodas.core.errors import InvalidInput
from autodas.spaces import ChoiceSpace, get_space
from autodas.steps.search import run as search
from autodas.steps.search.limits import Limits
from autodas.steps.search.run import SearchConfig
from autodas.workbench import latency as latency_module
from autodas.workbench.budgets import Budgets, parse_count, parse_seconds
from autodas.workbench.costs import CostBook
from autodas.workbench.latency import time_network
from autodas.workbench.measuring import space_sample
from autodas.workbench.memory import memory
from autodas.workbench.protocol import Protocol

VIT = get_space("digits-vit")
ALL = [VIT.encode(arch) for arch in VIT.enumerate()]


# ---- how they are written ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.5M", 500_000),
        ("0.5m", 500_000),
        ("500000", 500_000),
        (500_000, 500_000),
        (1.5e5, 150_000),
        ("5e5", 500_000),
        ("12k", 12_000),
        ("1.5 G", 1.5e9),
        ("1B params", 1e9),
        (".5Mparams", 500_000),
    ],
)
def test_parameters_are_written_with_a_prefix(text, value):
    assert parse_count(text, "params") == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("60MMACs", 60e6), ("60M", 60e6), ("60MACs", 60), ("1.2GMACs", 1.2e9), ("60 m macs", 60e6)],
)
def test_macs_are_written_with_their_unit(text, value):
    assert parse_count(text, "macs") == value


@pytest.mark.parametrize("text", ["", "M", "-1", "0", "nan", "inf", "1e999", "5 apples", "3ms"])
def test_what_is_no_count_is_named_with_an_example(text):
    with pytest.raises(InvalidInput, match=r"0\.5M") as caught:
        parse_count(text, "params")
    assert repr(text) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_flops_are_told_apart_from_macs():
    with pytest.raises(InvalidInput, match="two FLOPs"):
        parse_count("120MFLOPs", "macs")


@pytest.mark.parametrize(
    ("text", "value"), [("3ms", 3e-3), ("250us", 250e-6), ("250µs", 250e-6), ("0.5s", 0.5)]
)
def test_times_are_written_with_a_unit(text, value):
    assert parse_seconds(text) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("text", ["3", "0ms", "-3ms", "ms", "3 minutes"])
def test_times_without_a_unit_are_refused(text):
    with pytest.raises(InvalidInput, match="3ms"):
        parse_seconds(text)


@given(
    st.floats(1, 1e12, allow_nan=False),
    st.floats(1, 1e12),
    st.integers(1, 10**12),
    st.floats(1e-6, 100),
)
def test_budgets_survive_the_configuration_file(params, macs, bytes_, seconds):
    budgets = Budgets(params, macs, float(bytes_), seconds)
    written = budgets.to_options()
    again = Budgets.of(*(written[f"max_{n}"] for n in ("params", "macs", "memory", "latency")))
    assert again == budgets


def test_one_unreadable_budget_is_refused_before_anything_is_done(tmp_path):
    with pytest.raises(InvalidInput, match="8MiB"):
        SearchConfig(out=tmp_path / "run", max_memory="0")
    with pytest.raises(InvalidInput, match="3ms"):
        SearchConfig(out=tmp_path / "run", max_latency="3")
    assert not (tmp_path / "run").exists()


def test_equal_budgets_written_differently_are_one_search(tmp_path):
    for text in ("4k", "4000", 4000):
        search.run(
            SearchConfig(
                out=tmp_path / "run", space="digits-vit", score="params", max_params=text, jobs=1
            )
        )


# ---- memory --------------------------------------------------------------------------------------


def test_memory_is_weights_and_the_most_that_is_alive_at_once():
    def build():
        return nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 4, 3, padding=1), nn.Flatten()
        )

    found = memory(build, (3, 16, 16), batch=2)
    image, wide = 2 * 3 * 256 * 4, 2 * 8 * 256 * 4
    # The images are held by the caller; the convolution's output and what ReLU makes of it are
    # alive together; afterwards only the latter and the narrower last output are.
    assert found.activations == image + 2 * wide
    assert found.weights == sum(p.numel() * 4 for p in build().parameters())
    assert found.total == found.weights + found.activations


def test_memory_counts_buffers_and_no_views():
    plain = memory(lambda: nn.Sequential(nn.Flatten()), (2, 4, 4))
    assert (plain.weights, plain.activations) == (0, 2 * 16 * 4)
    norm = memory(lambda: nn.BatchNorm2d(6, affine=False), (6, 4, 4))
    assert norm.weights == 2 * 6 * 4 + 8  # running mean and variance, and an int64 counter


def test_memory_of_more_images_is_more_activations_only():
    def build():
        return VIT.build(VIT.decode(ALL[100]))

    # Of a single image, some tensors lie in memory as they should already and are not copied.
    one, two, four = (memory(build, VIT.input_shape, n) for n in (1, 2, 4))
    assert one.weights == two.weights == four.weights
    assert 2 * one.activations <= 2 * two.activations == four.activations


def test_memory_at_a_stated_batch_is_a_budget(tmp_path):
    limit = memory(lambda: VIT.build(VIT.decode(ALL[100])), VIT.input_shape, 1).total
    found = [
        search.run(
            SearchConfig(
                out=tmp_path / str(n),
                space="digits-vit",
                score="params",
                max_memory=limit,
                images_at_once=n,
                candidates=30,
                jobs=1,
            )
        )
        for n in (1, 4)
    ]
    assert all(s["memory"] <= limit for each in found for s in each["students"])
    assert found[1]["within_budget"] < found[0]["within_budget"] < 30


# ---- latency -------------------------------------------------------------------------------------


class Sleeper(nn.Module):
    """Takes 2 ms, and counts."""

    def __init__(self) -> None:
        super().__init__()
        self.passes: list[tuple[int, bool, bool]] = []

    def forward(self, x):
        self.passes.append((len(x), self.training, torch.is_inference_mode_enabled()))
        time.sleep(2e-3 if len(self.passes) > 3 else 2e-2)
        return x


def test_latency_is_the_median_after_warming_up():
    network = Sleeper()
    found = time_network(network, (1, 2, 2), batch=3, warm_up=3, repeats=20)
    assert network.passes == [(3, False, True)] * 23
    assert 2e-3 <= found.low <= found.median <= found.high
    assert found.median < 2e-2
    assert (found.repeats, found.batch, found.device) == (20, 3, "cpu")


@pytest.mark.parametrize("wrong", [{"batch": 0}, {"repeats": 19}, {"warm_up": 0}])
def test_too_few_passes_are_refused(wrong):
    with pytest.raises(InvalidInput, match=str(next(iter(wrong.values())))):
        time_network(Sleeper(), (1, 2, 2), **wrong)


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is there")
def test_cuda_is_refused_where_there_is_none(tmp_path, capfd):
    for option in ("--latency-device", "--device"):
        status = main(["search", option, "cuda", "--out", str(tmp_path / "run")])
        assert status == 2
        err = capfd.readouterr().err
        assert err.count("\n") == 1
        assert "cuda" in err


def test_on_cuda_events_are_read_after_synchronising(monkeypatch):
    happened = []

    class Event:
        def __init__(self, enable_timing):
            assert enable_timing

        def record(self):
            happened.append("record")

        def elapsed_time(self, end):
            happened.append("read")
            return 2.5

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: happened.append("synchronise"))
    seconds = latency_module._once_cuda(lambda images: happened.append("run"), torch.zeros(1))
    assert happened == ["synchronise", "record", "run", "record", "synchronise", "read"]
    assert seconds == pytest.approx(2.5e-3)


@pytest.mark.gpu
def test_on_cuda_work_that_takes_longer_is_timed_longer():
    small, large = nn.Linear(64, 64), nn.Sequential(*[nn.Linear(4096, 4096) for _ in range(16)])
    one = time_network(small, (1, 1, 64), batch=64, device="cuda")
    many = time_network(large, (1, 1, 4096), batch=4096, device="cuda")
    assert many.median > 10 * one.median > 0


def test_only_what_fits_otherwise_is_timed_and_timings_are_kept(tmp_path, monkeypatch):
    timed = []

    def fake(network, shape, *, batch, device):
        timed.append(sum(p.numel() for p in network.parameters()))
        return latency_module.Latency(timed[-1] * 1e-6, 0.0, 1.0, 30, batch, device, 1)

    monkeypatch.setattr("autodas.steps.search.limits.time_network", fake)
    config = SearchConfig(
        out=tmp_path / "run",
        space="digits-vit",
        score="params",
        max_params="4k",
        max_latency="3ms",
        jobs=1,
    )
    results = search.run(config)
    assert timed
    assert max(timed) <= 4000
    assert results["within_budget"] == sum(params <= 3000 for params in timed)
    assert all(s["latency"]["median"] <= 3e-3 for s in results["students"])
    assert results["networks_timed"] == len(timed)
    before, again = len(timed), search.run(config)
    assert len(timed) == before
    assert again["students"] == results["students"]
    with pytest.raises(InvalidInput, match=r"fits the budget \(.*0\.001 ms latency\).* take .* ms"):
        search.run(
            SearchConfig(
                out=tmp_path / "fast",
                space="digits-vit",
                score="params",
                max_params="4k",
                max_latency="1us",
                jobs=1,
            )
        )


def test_what_is_exported_can_be_timed(tmp_path):
    pytest.importorskip("onnxruntime")
    config = SearchConfig(
        out=tmp_path / "run",
        space="digits-vit",
        score="params",
        candidates=2,
        max_latency="1s",
        latency_of="onnx",
        jobs=1,
    )
    results = search.run(config)
    assert results["timed_on"].startswith("ONNX Runtime, ")
    first = results["students"][0]
    space = get_space("digits-vit")
    arch = space.decode(first["arch"])
    network = space.build(arch, num_classes=10, input_shape=(1, 8, 8))
    # A network this small is several times faster without Python between its operations.
    assert first["latency"]["median"] < time_network(network, (1, 8, 8)).median


def test_onnx_is_timed_on_the_cpu_alone(monkeypatch):
    monkeypatch.setattr(latency_module, "check_device", lambda name: None)
    with pytest.raises(InvalidInput, match="take --latency-device cpu, got 'cuda'"):
        search.run(SearchConfig(space="digits-vit", latency_of="onnx", latency_device="cuda"))


def timing(low, median, high):
    return latency_module.Latency(median * 1e-3, low * 1e-3, high * 1e-3, 30, 1, "cpu", 1)


@pytest.mark.parametrize(
    ("quartiles", "limit", "doubted"),
    [
        ((1.2, 1.5, 25.7), None, True),
        ((1.2, 1.5, 25.7), 2.0, True),
        ((1.4, 1.5, 1.6), None, False),
        ((1.4, 1.5, 1.6), 2.0, False),
        ((1.4, 1.5, 1.6), 1.69, True),
        ((1.4, 1.5, 1.6), 1.31, True),
        ((1.4, 1.5, 1.6), 1.71, False),
        ((1.31, 1.5, 1.69), None, True),
        ((1.32, 1.5, 1.69), None, False),
    ],
)
def test_wide_quartiles_are_told(quartiles, limit, doubted):
    said = timing(*quartiles).doubt(None if limit is None else limit * 1e-3)
    assert (said is not None) is doubted
    if said:
        low, median, high = quartiles
        assert f"passes is {median} ms, the middle half of them took {low} to {high} ms" in said


@pytest.mark.parametrize("wide", [True, False])
def test_a_choice_by_uncertain_timings_says_so_everywhere(wide, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "autodas.steps.search.limits.time_network",
        lambda *given, **how: timing(1.2, 1.5, 25.7) if wide else timing(1.49, 1.5, 1.51),
    )
    out = tmp_path / "run"
    arguments = ["search", "--space", "digits-vit", "--score", "params", "--candidates", "5"]
    assert main([*arguments, "--max-latency", "2ms", "--out", str(out)]) == 0
    doubt = json.loads((out / "results.json").read_text())["latency_doubt"]
    page = (out / "report.html").read_text()
    assert "at most 2 ms latency" in page
    assert "max_latency" not in page.partition("Do it again")[0]
    if not wide:
        assert doubt is None
        return
    assert "the middle half of them took 1.2 to 25.7 ms" in doubt
    assert "5 of 5 students that were timed have the limit between their quartiles" in doubt
    assert doubt in page


def test_limits_are_told_with_their_units():
    limits = Budgets.of("2k", "3MMACs", "8MiB", "2ms")
    assert limits.in_words() == (
        "at most 2,000 parameters and 3,000,000 MACs and 8 MiB memory and 2 ms latency"
    )


@pytest.mark.parametrize(
    ("options", "called"),
    [
        ({}, "the largest that fits"),
        ({"candidates": 9, "seed": 3}, "the largest drawn"),
        ({"strategy": "random", "evaluations": 9}, "the largest that fits"),
    ],
)
def test_the_largest_of_a_part_of_the_space_is_not_called_that_of_all(options, called, tmp_path):
    space = get_space("digits-vit")
    found = search.run(SearchConfig(out=tmp_path, space=space.name, score="params", **options))
    most = max(space.cost(arch).params for arch in space.enumerate())
    assert found["largest"]["called"] == called
    assert (found["largest"]["params"] == most) is (called == "the largest that fits")


# ---- what is said if nothing fits ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "unit"),
    [({"max_macs": "10"}, "MACs"), ({"max_memory": "10B"}, "KiB"), ({"max_params": 1}, "param")],
)
def test_an_impossible_budget_is_refused_with_the_real_range(tmp_path, limit, unit):
    config = SearchConfig(
        out=tmp_path / "run", space="digits-vit", score="params", candidates=20, jobs=1, **limit
    )
    with pytest.raises(InvalidInput, match=f"its students have .* to .* ?{unit}") as caught:
        search.run(config)
    assert "\n" not in str(caught.value)
    if unit == "MACs":
        macs = [VIT.cost(VIT.decode(text)).macs for text in space_sample(VIT, 20, 0)]
        assert f"{min(macs):,} to {max(macs):,} MACs" in str(caught.value)


def test_budgets_that_exclude_each_other_name_the_second(tmp_path):
    some = space_sample(VIT, 20, 0)
    cost = min((VIT.cost(VIT.decode(text)) for text in some), key=lambda cost: cost.params)
    config = SearchConfig(
        out=tmp_path / "run",
        space="digits-vit",
        score="params",
        max_params=cost.params,
        max_macs=1,
        candidates=20,
        jobs=1,
    )
    with pytest.raises(InvalidInput, match=f"those within the rest have {cost.macs:,} MACs$"):
        search.run(config)


def test_a_large_space_finds_its_range_without_being_counted_through(tmp_path):
    """The exact ends are known: all choices at their smallest and at their largest."""
    space = ChoiceSpace(
        "toy",
        "a billion sizes",
        {f"width{i}": tuple(range(1, 9)) for i in range(10)},
        lambda arch, classes, shape: nn.Linear(1, sum(dict(arch).values()), bias=False),
        depth=lambda arch: 1,
        input_shape=(1, 1, 1),
        num_classes=2,
    )
    book = CostBook(space)
    limits = Limits(Budgets(params=9), book, None, 0)
    with pytest.raises(InvalidInput, match="its students have 10 to 80 parameters"):
        limits.starts()
    assert 0 < book.counted < 3_000
    (found,) = Limits(Budgets(params=10), book, None, 0).starts()
    assert book.one("params", found) == 10
    grown = Limits(Budgets(params=55), book, None, 0).largest([found])
    assert book.one("params", grown) == 55


def test_named_data_decide_what_students_are_built_for(tmp_path):
    out = {}
    for name, protocol in (
        ("own", Protocol()),
        ("given", Protocol(data="digits", resolution=16)),
    ):
        config = SearchConfig(
            out=tmp_path / name, space="digits-vit", score="params", protocol=protocol, jobs=1
        )
        search.run(config)
        out[name] = json.loads(Path(tmp_path / name / "results.json").read_text())
    assert out["own"]["students"][0]["macs"] * 3 < out["given"]["students"][0]["macs"]

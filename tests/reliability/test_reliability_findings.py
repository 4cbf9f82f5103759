"""What fuzzing has found, each once and for all."""

from __future__ import annotations

from pathlib import Path

import fuzz_targets
import pytest
from fuzz_targets import TARGETS, mutated, run, seeds
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autodas.core.errors import FileProblem, InvalidInput
from autodas.tables import read_table
from autodas.workbench.budgets import Budgets


def test_a_file_of_nothing_but_a_byte_order_mark_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf")
    with pytest.raises(FileProblem, match=r"a.csv: .*no rows"):
        read_table(tmp_path / "a.csv")


@pytest.mark.parametrize("option", ["max_params", "max_macs", "memory", "latency"])
@pytest.mark.parametrize(
    "text", ["9" * 400, "9" * 10**4, "1e999", "inf", "-1", "nan", "9" * 400 + "s"]
)
def test_a_budget_beyond_all_numbers_is_refused(option: str, text: str) -> None:
    place = ["max_params", "max_macs", "memory", "latency"].index(option)
    given = [None] * 4
    given[place] = text
    with pytest.raises(InvalidInput) as caught:
        Budgets.of(*given)
    assert len(str(caught.value)) <= 2_000


@pytest.mark.parametrize(
    "number", [b"1" + b"0" * 299, b"9" * 400, b"1e308", b"true", b'"70"', b"[]"]
)
def test_an_accuracy_beyond_all_numbers_is_refused(tmp_path: Path, number: bytes) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'[{"arch":{"hidden_dim":192},"c100_kd_acc":%s}]' % number)
    if number == b'"70"':
        assert read_table(path).targets["c100_kd_acc"].values.tolist() == [70.0]
        return
    with pytest.raises(FileProblem) as caught:
        read_table(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("name", TARGETS)
def test_known_inputs_and_changes_of_them_do_no_harm(name: str) -> None:
    rng = fuzz_targets.np.random.default_rng(3)
    known = seeds()[name]
    accepted = [run(TARGETS[name], data) for data in known]
    assert any(accepted)
    assert not all(accepted)
    short = [data for data in known if len(data) < 2_000]
    for _ in range(100):
        run(TARGETS[name], mutated(short[int(rng.integers(len(short)))], rng, short))


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_do_no_harm(name: str) -> None:
    @settings(max_examples=60)
    @given(
        data=st.binary(max_size=200)
        | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))
    )
    @example(data=b"")
    @example(data=b"\xef\xbb\xbf")
    def check(data: bytes) -> None:
        run(TARGETS[name], data)

    check()


@pytest.mark.parametrize("name", ["proxy", "table"])
def test_any_json_does_no_harm(name: str) -> None:
    import json

    keys = st.sampled_from(
        ["arch", "kd_acc", "format", "terms", "formula", "weight", "scales", "seal"]
    )
    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(2),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=6),
        max_leaves=20,
    )

    @settings(max_examples=80)
    @given(value=values)
    def check(value: object) -> None:
        run(TARGETS[name], json.dumps(value).encode())

    check()

"""The Python interface: cheap to import, typed, and the same as the command line."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import json
import re
import subprocess
import sys
import typing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autodas
import option_types
from autodas import api
from autodas.core.errors import AutodasError, FileProblem, InvalidInput, UnknownName
from autodas.scores import Proxy, Term, get_score, resolve
from autodas.scores.score import parse_score
from autodas.steps import MODULES
from autodas.steps.label.run import LabelConfig
from autodas.steps.search.run import SearchConfig

ARCHITECTURES = ['{"depth":[1,1,1],"width":[8,8,8]}', '{"depth":[2,1,1],"width":[16,8,16]}']


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def archs() -> list[str]:
    space = autodas.get_space("digits-cnn")
    rng = np.random.default_rng(0)
    return [space.encode(space.sample(rng)) for _ in range(4)]


def test_importing_is_cheap() -> None:
    code = (
        "import sys, time\nstart = time.perf_counter()\nimport autodas\n"
        "seconds = time.perf_counter() - start\n"
        "heavy = {'torch', 'numpy', 'scipy'} & set(sys.modules)\n"
        "print(seconds, *heavy)"
    )
    shown = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(3)
    ]
    assert [heavy for _, *heavy in shown] == [[], [], []]
    assert min(float(seconds) for seconds, *_ in shown) < 0.1


def test_editors_know_every_option() -> None:
    written = option_types.TARGET.read_text(encoding="utf-8")
    made, found = (ast.dump(ast.parse(text)) for text in (option_types.text(), written))
    assert made == found, "run python tests/option_types.py"
    hints = inspect.signature(autodas.search).parameters["options"].annotation
    assert hints == "Unpack[SearchOptions]"


@pytest.mark.parametrize("name", autodas.__all__)
def test_every_name_is_there_and_documented(name: str) -> None:
    found = getattr(autodas, name)
    assert name in dir(autodas)
    if name != "__version__":
        assert found.__doc__


def test_names_are_those_that_type_checkers_see() -> None:
    assert set(autodas.__all__) == {*autodas._HOMES, "__version__"}
    # `distill` is the package of that name, whatever was imported before.
    assert not callable(autodas.distill)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = autodas.nothing


@pytest.mark.parametrize("step", ["discover", "benchmark", "search", "run", "label", "measure"])
def test_a_wrong_option_is_named(step: str) -> None:
    with pytest.raises(UnknownName, match="unknown option 'spaec'"):
        getattr(autodas, step)(spaec="digits-cnn")


DOCUMENTED = {
    step: re.findall(r"``(\w+)``", getattr(api, step).__doc__.partition("Returns:")[0])
    for step in ("discover", "benchmark", "search", "distill_student", "run", "explain", "label")
}


@pytest.mark.parametrize("step", DOCUMENTED)
def test_the_options_that_a_function_speaks_of_are_there(step: str) -> None:
    named = [name for name in DOCUMENTED[step] if name not in {"Config", "distill"}]
    config = importlib.import_module(MODULES[step.removesuffix("_student")]).Config
    hints = typing.get_type_hints(config)
    assert len(named) >= 3
    assert set(named) <= hints.keys() | {field.name for field in dataclasses.fields(api.Protocol)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"score": len}, "score must be text, a number or a list of them, got <built-in"),
        ({"top": lambda: 3}, "top must be text, a number or a list of them, got <function"),
        ({"init_seed": dict}, "init_seed must be text, .*, got <class 'dict'>"),
        ({"max_params": {"a": 1}}, r"max_params must be .*, got \{'a': 1\}"),
        ({"cache": object}, "cache must be .*, got <class 'object'>"),
    ],
)
def test_a_value_of_a_kind_that_no_option_is_of_is_named(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        autodas.search(space="digits-cnn", **options)
    assert "\n" not in str(caught.value)
    with pytest.raises(InvalidInput, match="scores must be text"):
        autodas.benchmark(scores=["params", len])


def test_numbers_of_numpy_are_numbers() -> None:
    assert api._configured(SearchConfig, {"top": np.int64(3), "max_params": np.float32(2)}) == (
        SearchConfig(top=3, max_params=2.0)
    )


def test_one_text_is_a_list_of_one_also_where_none_is_accepted() -> None:
    assert api._configured(LabelConfig, {"losses": "kd=1"}).losses == ("kd=1",)


def test_search_is_the_command(archs: list[str], tmp_path: Path) -> None:
    found = autodas.search(space="digits-cnn", score="params", max_params=20_000, top=3)
    assert len(found["students"]) == 3
    assert found["students"][0]["params"] <= 20_000
    out = Path(found["out"])
    assert out.parent == Path("runs")
    assert json.loads((out / "results.json").read_text())["students"] == found["students"]
    # The same call goes on in the same folder, another one has its own.
    assert (
        autodas.search(space="digits-cnn", score="params", max_params=20_000, top=3)["out"]
        == (found["out"])
    )
    other = autodas.search(space="digits-cnn", score="params", max_params=10_000, top=3)
    assert other["out"] != found["out"]
    named = autodas.search(space="digits-cnn", score="params", out=str(tmp_path / "here"), top=1)
    assert named["out"] == str(tmp_path / "here")


def test_options_find_their_place() -> None:
    config = api._configured(
        SearchConfig, {"space": "pit", "teacher": "timm:deit", "batch_size": 8, "cache": "c"}
    )
    assert config.protocol.teacher == "timm:deit"
    assert config.protocol.batch_size == 8
    assert config.cache == Path("c")
    assert api._configured(SearchConfig, {}) == SearchConfig()

    @dataclasses.dataclass(frozen=True)
    class Config:
        tables: tuple[str, ...] = ()
        folder: Path | None = None
        protocol: api.Protocol = dataclasses.field(default=api.Protocol(init_seed=7))

    hints = typing.get_type_hints

    def with_locals(kind: type) -> dict[str, object]:
        return hints(kind, localns={"api": api, "dataclasses": dataclasses})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api.typing, "get_type_hints", with_locals)
        found = api._configured(Config, {"tables": ["a", "b"], "folder": Path("x")})
        assert found == Config(("a", "b"), Path("x"))
        assert api._configured(Config, {"tables": "a"}).tables == ("a",)


def test_explain_needs_a_score() -> None:
    with pytest.raises(UnknownName, match="unknown score 'parms'; did you mean 'params'"):
        autodas.explain("parms")


def test_scores_are_numbers_in_order(archs: list[str]) -> None:
    space = autodas.get_space("digits-cnn")
    values = autodas.score("params", "digits-cnn", archs)
    expected = [space.cost(space.decode(arch)).params for arch in archs]
    assert values.dtype == np.float64
    assert values.tolist() == expected
    # Values of the space's own, repeated and in another order.
    decoded = [space.decode(archs[i]) for i in (2, 0, 2)]
    assert autodas.score("params", space, decoded).tolist() == [expected[i] for i in (2, 0, 2)]


def test_scores_are_measured(archs: list[str], tmp_path: Path) -> None:
    formula = "layers_sum(sum(abs(weight_grad)))"
    first = autodas.score(formula, "digits-cnn", archs)
    proxy = Proxy("mine", (Term(parse_score(formula)),))
    proxy.save(tmp_path / "mine.json")
    for same in (proxy, get_score(formula), tmp_path / "mine.json", str(tmp_path / "mine.json")):
        np.testing.assert_array_equal(autodas.score(same, "digits-cnn", archs), first)
    assert len(set(first)) == len(archs)
    # The protocol matters, and its options stand beside the others.
    assert not np.array_equal(autodas.score(formula, "digits-cnn", archs, init_seed=1), first)


def test_what_cannot_be_scored_is_said(archs: list[str]) -> None:
    with pytest.raises(InvalidInput, match="no architectures"):
        autodas.score("params", "digits-cnn", [])
    with pytest.raises(UnknownName, match="unknown space"):
        autodas.score("params", "digits-ccn", archs)
    with pytest.raises(UnknownName, match="unknown option 'seed'"):
        autodas.score("params", "digits-cnn", archs, seed=1)
    with pytest.raises(AutodasError, match="has no values on digits-cnn"):
        autodas.score("layers_mean(attention_entropy)", "digits-cnn", archs[:1])


def test_a_space_that_is_not_known_by_name_is_refused() -> None:
    class Mine(autodas.ChoiceSpace):
        """Nobody knows it."""

    known = autodas.get_space("digits-cnn")
    mine = Mine.__new__(Mine)
    mine.__dict__.update(known.__dict__)
    with pytest.raises(InvalidInput, match="is not the one known by that name"):
        autodas.score("params", mine, ["x"])


def test_proxies_are_loaded_by_name_or_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolve, "FOLDER", tmp_path)
    Proxy("general", (Term(parse_score("layers_mean(cka)")),)).save(tmp_path / "general.json")
    for name in ("general", "proxy:general", tmp_path / "general.json"):
        assert autodas.load_proxy(name).formula == "layers_mean(cka)"
    with pytest.raises(UnknownName, match="unknown proxy 'genral'; did you mean 'general'"):
        autodas.load_proxy("genral")
    with pytest.raises(FileProblem):
        autodas.load_proxy(tmp_path / "absent.json")

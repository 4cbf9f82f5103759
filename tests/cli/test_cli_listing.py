"""``autodas list`` shows every catalogue."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from autodas.cli.listing import CATALOGS, PATTERNS, ListConfig, What, run
from autodas.cli.main import main
from autodas.core.errors import FileProblem
from autodas.scores import Proxy, Term, get_score, resolve
from autodas.scores.score import parse_score


def test_every_kind_has_a_catalog() -> None:
    assert set(get_args(What)) == CATALOGS.keys() | {"proxies"}
    assert PATTERNS.keys() <= set(get_args(What))


@pytest.mark.parametrize("what", CATALOGS)
def test_every_item_has_a_name_and_one_line(what: What) -> None:
    items = run(ListConfig(what))["items"]
    assert items
    names = [item["name"] for item in items]
    assert len(set(names)) == len(names)
    for item in items:
        assert item["description"].strip(), item["name"]
        assert "\n" not in item["description"]


@pytest.mark.parametrize("what", PATTERNS)
def test_what_else_may_be_written_is_said(what: What, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["list", what]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    after = lines[lines.index("also") + 1 :]
    for pattern in PATTERNS[what]:
        assert any(line.startswith(f"{pattern}  ") for line in after)


FORMULA = "layers_mean(cka)"


def test_the_formula_that_is_shown_is_one() -> None:
    (shown,) = re.findall(r"\S+\(.*\)", PATTERNS["scores"]["a formula"])
    assert get_score(shown).leaves == {"weight_grad"}


def test_shipped_proxies_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(resolve, "FOLDER", tmp_path)
    results = {"search_tau": 0.71234, "verdict": ["no collapse"], "shown": True}
    terms = (Term(parse_score(FORMULA)),)
    Proxy("general", terms, results=results).save(tmp_path / "general.json")
    assert main(["list", "proxies"]) == 0
    line = capfd.readouterr().out.splitlines()[0]
    assert line.split() == ["proxy:general", f"{FORMULA};", "search", "tau", "0.712"]
    (tmp_path / "general.json").write_text("{}")
    with pytest.raises(FileProblem, match="is not a proxy"):
        run(ListConfig("proxies"))


def test_a_long_sum_is_listed_in_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolve, "FOLDER", tmp_path)
    terms = tuple(Term(parse_score(FORMULA), float(weight)) for weight in range(2, 14))
    pairs = [{"space": "resnet"}, {"space": "digits-cnn"}, {"space": "resnet"}]
    Proxy("many", terms, {"pairs": pairs}, {"search_tau": 0.5}).save(tmp_path / "many.json")
    (item,) = run(ListConfig("proxies"))["items"]
    assert item["description"] == (
        "sum of 12 formulas; found on digits-cnn, resnet; search tau 0.5"
    )


@pytest.mark.parametrize("folder", ["", "absent"])
def test_no_proxies_is_no_error(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolve, "FOLDER", tmp_path / folder)
    found = run(ListConfig("proxies"))
    assert found["items"] == []
    assert found["summary"][0] == "no proxies yet"


def test_teachers_say_what_is_known_of_their_accuracy() -> None:
    texts = {item["name"]: item["description"] for item in run(ListConfig("teachers"))["items"]}
    assert "93.62 % published, 92.72 % measured on 1017" in texts["cifar10-resnet56"]
    # Nothing was published with these, and nothing is said to have been.
    assert "72.05 % measured on 916 images of CIFAR-100" in texts["cifar100-resnet32w"]
    assert "published" not in texts["cifar100-resnet32w"]


def test_lists_are_json(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "spaces", "--json"]) == 0
    items = json.loads(capfd.readouterr().out)["items"]
    assert "digits-cnn" in {item["name"] for item in items}


def test_lists_fit_a_page(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "primitives"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert any(line.startswith("log ") for line in lines)


def test_a_wrong_kind_gets_advice(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "space"]) == 2
    assert "unknown value 'space'; did you mean 'spaces'?" in capfd.readouterr().err


def test_a_table_that_is_here_needs_no_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AUTODAS_DATA", str(tmp_path))
    (tmp_path / "pit_kd.json").write_text("[]")
    assert main(["fetch", "pit"]) == 0
    assert capfd.readouterr().out == f"{tmp_path / 'pit_kd.json'}\n"


def test_a_table_that_cannot_be_downloaded_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AUTODAS_DATA", raising=False)
    assert main(["fetch", "autoformer"]) == 2
    err = capfd.readouterr().err
    assert "needs autoformer_kd.json" in err
    assert err.count("\n") == 1
    assert main(["fetch", "autofromer"]) == 2
    assert "did you mean 'autoformer'?" in capfd.readouterr().err

"""``autodas list`` shows every catalogue."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from autodas.cli.listing import CATALOGS, ListConfig, What, run
from autodas.cli.main import main


def test_every_kind_has_a_catalog() -> None:
    assert set(get_args(What)) == CATALOGS.keys()


@pytest.mark.parametrize("what", CATALOGS)
def test_every_item_has_a_name_and_one_line(what: What) -> None:
    items = run(ListConfig(what))["items"]
    assert items
    names = [item["name"] for item in items]
    assert len(set(names)) == len(names)
    for item in items:
        assert item["description"].strip(), item["name"]
        assert "\n" not in item["description"]


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

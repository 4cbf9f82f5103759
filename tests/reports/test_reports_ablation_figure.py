"""The figure of an ablation stands alone and shows every variant that has a ranking."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from autodas.core.errors import FileProblem
from autodas.core.files import write_json
from autodas.reports.figures.ablation import ablation, write_ablation


def row(study: str, variant: str, table: str | None, tau: float | None, **more: object) -> dict:
    ends = (None, None) if tau is None else (tau - 0.05, tau + 0.05)
    return {
        "study": study,
        "variant": variant,
        "table": table,
        "target": "distilled",
        "held_out": False,
        "tau": tau,
        "tau_low": ends[0],
        "tau_high": ends[1],
    } | more


ROWS = [
    row("selection", "adaptive", "digits-cnn", 0.6),
    row("selection", "adaptive", "digits-vit", 0.5),
    row("selection", "random", "digits-cnn", 0.4),
    row("selection", "broken", None, None),
    row("spaces", "without-digits-cnn", "digits-cnn", 0.2, held_out=True),
    row("spaces", "one-seed", "digits-cnn", 0.3, tau_low=None, tau_high=None),
]


def test_every_ranking_is_a_point_that_says_what_it_is(tmp_path: Path):
    write_json(tmp_path / "results.json", {"command": "ablate", "rows": ROWS})
    file = write_ablation(tmp_path)
    assert file == tmp_path / "ablation.svg"
    text = file.read_text()
    ET.fromstring(text)
    assert "var(--" not in text
    tips = re.findall(r"<title>([^<]* on [^<]*: τ [^<]*)</title>", text)
    assert sorted(tips) == [
        "adaptive on digits-cnn:distilled: τ 0.60",
        "adaptive on digits-vit:distilled: τ 0.50",
        "one-seed on digits-cnn:distilled: τ 0.30",
        "random on digits-cnn:distilled: τ 0.40",
        "without-digits-cnn on digits-cnn:distilled, held out: τ 0.20",
    ]
    for words in ("selection", "spaces", "held out", "without-digits-cnn"):
        assert f">{words}<" in text
    assert "broken" not in text


def test_nothing_to_draw_is_said(tmp_path: Path):
    assert ablation(ROWS[3:4]) is None
    write_json(tmp_path / "results.json", {"command": "ablate", "rows": ROWS[3:4]})
    assert write_ablation(tmp_path) is None
    assert not (tmp_path / "ablation.svg").exists()
    write_json(tmp_path / "results.json", {"command": "ablate", "rows": [{}]})
    with pytest.raises(FileProblem, match="KeyError"):
        write_ablation(tmp_path)

"""Figures as PDF for papers."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import fake_runs

from autodas.cli.main import main


def painted(pdf: bytes) -> set[tuple[float, ...]]:
    """Colours that a PDF sets, of three numbers each."""
    found = set()
    for packed in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        try:
            text = zlib.decompress(packed)
        except zlib.error:
            continue
        for line in re.findall(rb"([\d.]+) ([\d.]+) ([\d.]+) (?:rg|RG)\b", text):
            found.add(tuple(round(255 * float(each)) for each in line))
    return found


def test_every_figure_is_there_in_the_colours_of_the_light_page(tmp_path: Path) -> None:
    run = fake_runs.write_demo(tmp_path / "demo")
    assert main(["report", str(run)]) == 0
    page = (run / "report.html").read_bytes()
    assert not list((run / "figures").glob("*.pdf"))
    assert main(["report", str(run), "--pdf"]) == 0
    assert (run / "report.html").read_bytes() == page
    names = {path.stem for path in (run / "figures").glob("*.svg")}
    figures = {path.stem: path.read_bytes() for path in (run / "figures").glob("*.pdf")}
    assert figures.keys() == names
    for name, figure in figures.items():
        assert figure.startswith(b"%PDF"), name
        # Drawing is done in stand-ins, next to black, that no figure may show.
        assert not {each for each in painted(figure) if each[:2] in {(1, 2), (10, 1)}}, name
    assert (11, 108, 184) in painted(figures["students-1"])
    assert main(["report", str(run), "--pdf"]) == 0
    assert {p.stem: p.read_bytes() for p in (run / "figures").glob("*.pdf")} == figures

"""The figures of a page as files of their own, for papers and other pages."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

from autodas.core.files import write_text

__all__ = ["write_figures"]

CHART = re.compile(
    r'<svg class="chart"[^>]*aria-labelledby="([a-z0-9-]+)-title.*?</svg>', re.DOTALL
)


def write_figures(page: str, folder: Path) -> list[Path]:
    """Write every figure of a report as ``NAME.svg``.

    Args:
        page: The report.
        folder: Made if need be.

    Returns:
        The files, in order of the page. Each stands alone, in the page's light colours.
    """
    colours = _light_colours()
    written = []
    for chart in CHART.finditer(page):
        path = folder / f"{chart[1]}.svg"
        write_text(path, _alone(chart[0], colours) + "\n")
        written.append(path)
    return written


def _alone(svg: str, colours: dict[str, str]) -> str:
    svg = re.sub(r"var\((--[a-z0-9-]+)\)", lambda match: colours[match[1]], svg)
    svg = svg.replace('<svg class="chart"', '<svg font-family="sans-serif"', 1)
    background = f'<rect width="100%" height="100%" fill="{colours["--paper"]}"/>'
    return re.sub(r"(<svg[^>]*>)", lambda match: match[1] + background, svg, count=1)


def _light_colours() -> dict[str, str]:
    style = resources.files("autodas.reports").joinpath("templates/style.css").read_text("utf-8")
    light = style[: style.index("@media")]
    return dict(re.findall(r"(--[a-z0-9-]+):\s*(#[0-9a-f]{6})", light))

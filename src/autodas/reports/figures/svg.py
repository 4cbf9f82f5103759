"""Figures as SVG text that belongs to the page: its colours, its font, unique names.

matplotlib writes fixed colours. Ours are drawn in marker colours that no one would choose and
that become CSS variables afterwards, so that a figure follows the page into the dark and onto
paper. In a file of its own, for papers and other pages, it has the page's light colours.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from functools import cache
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from autodas.core.files import write_text
from autodas.reports.figures.pdf import collect

__all__ = ["INK", "MUTED", "PAPER", "SERIES", "Drawing", "formula_svg", "inline", "write_figures"]

INK, MUTED, GRID, PAPER = "#010203", "#010204", "#010205", "#010206"
SERIES = ("#0a0101", "#0a0102", "#0a0103", "#0a0104", "#0a0105")
"""Colours of data, told apart by people with any colour vision; see the style sheet."""

VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--line",
    PAPER: "--paper",
    **{colour: f"--series-{i}" for i, colour in enumerate(SERIES, start=1)},
}

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: it can be searched, copied and read aloud
    "font.family": "sans-serif",
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "lines.linewidth": 1.8,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "mathtext.fontset": "cm",
    # Names come out of files: a dollar sign in one is no mathematics.
    "text.parse_math": False,
}

LONGEST_FORMULA = 5_000  # characters; more take seconds to draw


def inline(svg: str | None) -> Markup | None:
    """SVG of ours: made by matplotlib, which escapes text; titles are escaped here."""
    return Markup(svg) if svg else None  # noqa: S704 - see above


class Drawing:
    """A figure in the making; use as a context manager and call :meth:`svg` at the end.

    Args:
        name: Unique on the page.
        width, height: In inches of 72 points.
        rows, columns: Of panels.
        ratios: Relative heights of the rows.
        share: ``"x"`` or ``"y"`` if all panels have that axis in common.
    """

    def __init__(
        self,
        name: str,
        *,
        width: float = 8.6,
        height: float = 3.2,
        rows: int = 1,
        columns: int = 1,
        ratios: tuple[float, ...] | None = None,
        share: str = "",
    ) -> None:
        self._name = name
        self._size = (width, height)
        self._grid = (rows, columns)
        self._ratios = ratios
        self._share = share
        self._tooltips: dict[str, Sequence[str]] = {}

    def __enter__(self) -> Drawing:
        # Names inside the SVG then depend on the content alone: equal runs give equal files.
        self._context = rc_context({**STYLE, "svg.hashsalt": self._name})
        self._context.__enter__()
        self.figure = Figure(figsize=self._size, layout="constrained")
        rows, columns = self._grid
        grid = {"height_ratios": self._ratios} if self._ratios else None
        panels = self.figure.subplots(
            rows,
            columns,
            squeeze=False,
            gridspec_kw=grid,
            sharex=self._share == "x",
            sharey=self._share == "y",
        )
        self.panels: list[Axes] = list(panels.flat)
        return self

    def __exit__(self, *error: object) -> None:
        self._context.__exit__(None, None, None)

    def svg(self, title: str, description: str) -> str:
        """The figure as inline SVG.

        Args:
            title: What it shows, in a few words.
            description: What a reader who cannot see it needs to know.
        """
        text = _inline(self.figure, self._name, title, description)
        for group, tooltips in self._tooltips.items():
            text = _with_tooltips(text, f'<g id="{self._name}-{group}">', tooltips)
        return text

    def add_tooltips(self, points: Artist, tooltips: Sequence[str]) -> None:
        """Say of each point of a scatter or a line of markers what it is.

        Args:
            points: All of them finite and drawn with one marker.
            tooltips: One text per point, in order.
        """
        group = f"points-{len(self._tooltips) + 1}"
        points.set_gid(group)
        self._tooltips[group] = tooltips


def _with_tooltips(text: str, start: str, tooltips: Sequence[str]) -> str:
    """The SVG with a title in each marker of a group: shown where a pointer rests."""
    begin = text.index(start)
    following = re.compile(r'<g id="').search(text, begin + len(start))
    end = following.start() if following else len(text)
    markers = re.findall(r"<use [^>]*/>", text[begin:end])
    if len(markers) != len(tooltips):
        return text  # a clipped point: better none is named than all of them wrongly
    titles = iter(tooltips)
    titled = re.sub(
        r"<use ([^>]*)/>",
        lambda match: f"<use {match[1]}><title>{escape(next(titles))}</title></use>",
        text[begin:end],
    )
    return text[:begin] + titled + text[end:]


def formula_svg(latex: str, name: str) -> str | None:
    """A formula drawn as SVG; None if matplotlib's mathematics does not know all of it.

    Nor is one drawn that is longer than ``LONGEST_FORMULA`` or nested very deep.
    """
    if len(latex) > LONGEST_FORMULA:
        return None
    text = re.sub(r"\\operatorname\{", r"\\mathrm{", latex)
    text = text.replace(r"\lVert", r"\Vert").replace(r"\rVert", r"\Vert")
    with rc_context({**STYLE, "svg.hashsalt": name, "svg.fonttype": "path"}):
        figure = Figure(figsize=(0.1, 0.1))
        figure.text(0, 0, f"${text}$", fontsize=15, color=INK, parse_math=True)
        try:
            return _inline(
                figure, name, "Formula", "The formula is given as text below.", tight=True
            )
        except (ValueError, RecursionError):
            return None


def _inline(figure: Figure, name: str, title: str, description: str, *, tight: bool = False) -> str:
    target = io.StringIO()
    with warnings.catch_warnings():
        # The reader's fonts draw the text; that ours lack a character does not matter.
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(
            target,
            format="svg",
            # Nothing of when and by what: equal runs give equal pages without addresses in them.
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
            bbox_inches="tight" if tight else None,
            pad_inches=0.04,
        )
    light = _light_colours()
    collect(figure, name, {each: light[of] for each, of in VARIABLES.items()}, tight=tight)
    text = target.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"\n\s*", "\n", text)
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    # The page's font: some releases of matplotlib write one property, others several.
    text = re.sub(r"\bfont-family: [^;\"]*;? ?", "", text)
    text = re.sub(r"\bfont: ([^;\"']*?)([\d.]+)px[^;\"]*", _font, text)
    return _named(text, name, title, description, natural=tight)


def _font(match: re.Match[str]) -> str:
    weight = "font-weight: bold; " if "bold" in match[1] or "700" in match[1] else ""
    return f"{weight}font-size: {match[2]}px"


def _named(text: str, name: str, title: str, description: str, *, natural: bool) -> str:
    """Names that are unique on a page of many figures, and words for those who cannot see it."""
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(xlink:href|href)="#', rf'\1="#{name}-', text)
    text = text.replace("url(#", f"url(#{name}-")
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)
    width = f' style="width: {box[1]}pt"' if box and natural else ""
    head = (
        f'<svg class="chart" xmlns="http://www.w3.org/2000/svg" '
        f'xmlns:xlink="http://www.w3.org/1999/xlink" {box[0] if box else ""}{width} role="img" '
        f'aria-labelledby="{name}-title {name}-description">'
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-description">{escape(description)}</desc>'
    )
    return re.sub(r"<svg[^>]*>", lambda _: head, text, count=1)


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
        write_text(path, _standalone(chart[0], colours) + "\n")
        written.append(path)
    return written


def _standalone(svg: str, colours: dict[str, str]) -> str:
    svg = re.sub(r"var\((--[a-z0-9-]+)\)", lambda match: colours[match[1]], svg)
    svg = svg.replace('<svg class="chart"', '<svg font-family="sans-serif"', 1)
    background = f'<rect width="100%" height="100%" fill="{colours["--paper"]}"/>'
    return re.sub(r"(<svg[^>]*>)", lambda match: match[1] + background, svg, count=1)


@cache
def _light_colours() -> dict[str, str]:
    style = resources.files("autodas.reports").joinpath("templates/style.css").read_text("utf-8")
    light = style[: style.index("@media")]
    return dict(re.findall(r"(--[a-z0-9-]+):\s*(#[0-9a-f]{6})", light))

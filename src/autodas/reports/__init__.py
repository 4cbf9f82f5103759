"""One self-contained HTML page from a run directory, or from several.

A report reads what the steps left in files and knows none of them: :mod:`read` loads run
directories, :mod:`sentences` says in plain words what came out, the modules of :mod:`figures` draw,
:mod:`explained` lays out explanations, collapse checks and ablations, and :mod:`page` puts it all
into a page that needs no network, prints well, follows the reader's light or dark preference and
can be read aloud. :mod:`compare` sets runs side by side.
"""

from autodas.reports.compare import compare, render_comparison
from autodas.reports.page import build, render

__all__ = ["build", "compare", "render", "render_comparison"]

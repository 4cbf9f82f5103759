"""One self-contained HTML page from a run directory.

A report reads what the steps left in files and knows none of them: :mod:`read` loads run
directories, :mod:`sentences` says in plain words what came out, :mod:`tables` and :mod:`figures`
lay out the numbers, and :mod:`page` puts them into a page that needs no network, prints well,
follows the reader's light or dark preference and can be read aloud.
"""

from autodas.reports.page import build, render

__all__ = ["build", "render"]

"""Ground truth: accuracies of architectures that somebody trained.

A :class:`Table` holds architectures of one space and, for each, one or more targets. A
:class:`Target` says on which data set, with which training (distilled, vanilla, supernet) and on
which images (test, validation) its accuracies were measured; these are never mixed.

:func:`load_table` reads a table by name or path; the format is recognised by its columns. What
architectures are called it leaves to a ``spelling``, since spaces are not known here.
:func:`split` says which architectures may be seen when, by digest. :func:`write_labels` makes
tables of our own. Nothing here imports torch or unpickles a file.
"""

from autodas.tables.catalog import TABLES, TableSource, fetch, load_table
from autodas.tables.convert import CONVERTERS, convert
from autodas.tables.labels import LabelRow, write_labels
from autodas.tables.noise import Noise, label_noise
from autodas.tables.read import read_table
from autodas.tables.split import FRACTIONS, Split, split
from autodas.tables.table import OtherSpace, Part, Table, Target, Training

__all__ = [
    "CONVERTERS",
    "FRACTIONS",
    "TABLES",
    "LabelRow",
    "Noise",
    "OtherSpace",
    "Part",
    "Split",
    "Table",
    "TableSource",
    "Target",
    "Training",
    "convert",
    "fetch",
    "label_noise",
    "load_table",
    "read_table",
    "split",
    "write_labels",
]

"""Data sets and the fixed batches on which networks are probed.

A data set is two fixed parts held in memory: a training part, from which students, teachers and
probe batches draw, and a test part, which only the final accuracy ever sees. A *probe batch* is
a small class-balanced draw from the training part; the same seed gives the same batch everywhere,
and its digest is part of the key of everything measured on it.

Names: ``load_data`` and ``DATASETS`` (by name), ``ImageData``, ``probe_batch`` and ``Batch``.
"""

from autodas.data.catalog import DATASETS, DataSource, load_data
from autodas.data.images import ImageData
from autodas.data.probe import Batch, probe_batch

__all__ = ["DATASETS", "Batch", "DataSource", "ImageData", "load_data", "probe_batch"]

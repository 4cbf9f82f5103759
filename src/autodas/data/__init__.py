"""Data sets and the fixed batches on which networks are probed.

A data set is two fixed parts held in memory: a training part, from which students, teachers and
probe batches draw, and a test part, which only the final accuracy ever sees. A *probe batch* is
a small class-balanced draw from the training part; the same seed gives the same batch everywhere,
and its digest is part of the key of everything measured on it.

Images of 8 bits are held as such and normalised when they are needed (``ImageData.ready``);
files are read without running anything they contain, decoded once and mapped from the cache.

Names: ``load_data``, ``check_data_name`` and ``DATASETS`` (by name), ``ImageData``,
``Normalisation``, ``probe_batch`` and ``Batch``, ``crop_and_flip`` (augmentation).
"""

from autodas.data.augment import crop_and_flip
from autodas.data.batch import Batch, probe_batch
from autodas.data.catalog import DATASETS, DataSource, check_data_name, load_data
from autodas.data.images import ImageData, Normalisation

__all__ = [
    "DATASETS",
    "Batch",
    "DataSource",
    "ImageData",
    "Normalisation",
    "check_data_name",
    "crop_and_flip",
    "load_data",
    "probe_batch",
]

"""The tables that have a name, and where to find them."""

from __future__ import annotations

import dataclasses
import importlib.resources
from dataclasses import dataclass
from pathlib import Path

from autodas.core.catalog import Catalog
from autodas.core.errors import MissingData, UnknownName
from autodas.core.fetch import Remote, download
from autodas.core.places import DATA_VARIABLE, cache_folder, data_folder, expanded
from autodas.tables.cells import Spelling, as_it_stands
from autodas.tables.convert import CONVERTERS, convert
from autodas.tables.read import read_table
from autodas.tables.table import OtherSpace, Table

__all__ = ["TABLES", "TableSource", "fetch", "load_table"]


@dataclass(frozen=True)
class TableSource:
    """A named table.

    Attributes:
        name: Its name.
        space: The space of its architectures; None if the file says it.
        description: What it holds, in one line.
        file: Name of the file.
        embedded: True if the file comes with this package; else it is looked for in the folder
            that ``AUTODAS_DATA`` names and among downloads.
        remotes: Originals that :func:`fetch` can download, to be converted if need be.
        originals: What its authors call the files of their own program, which are read as well
            where they lie in the folder that ``AUTODAS_DATA`` names.
        origin: Who published it.
    """

    name: str
    space: str | None
    description: str
    file: str
    embedded: bool = False
    remotes: tuple[Remote, ...] = ()
    originals: tuple[str, ...] = ()
    origin: str = ""

    @property
    def path(self) -> Path | None:
        """Where the file lies; None if it is nowhere."""
        places = [_embedded_folder()] if self.embedded else [data_folder(), _download_folder()]
        names = (self.file, *self.originals)
        files = [folder / name for folder in places if folder is not None for name in names]
        return next((file for file in files if file.exists()), None)


def _embedded_folder() -> Path:
    return Path(str(importlib.resources.files("autodas.tables"))) / "embedded"


def _download_folder() -> Path:
    return cache_folder() / "tables"


_DISWOT = (
    "https://raw.githubusercontent.com/lliai/DisWOT-CVPR2023/"
    "63c8ae2944a2d115f2dd5510192667cd5df2fb53/exps"
)

TABLES: Catalog[TableSource] = Catalog("table")
for _source in (
    TableSource(
        "digits-cnn",
        "digits-cnn",
        "convolutional students of the digits, distilled and vanilla",
        "digits-cnn.csv",
        embedded=True,
    ),
    TableSource(
        "digits-vit",
        "digits-vit",
        "transformer students of the digits, distilled and vanilla",
        "digits-vit.csv",
        embedded=True,
    ),
    TableSource(
        "fashion-cnn",
        "digits-cnn",
        "the same kind of convolutional students on Fashion-MNIST at 12 pixels, distilled",
        "fashion-cnn.csv",
        embedded=True,
    ),
    TableSource(
        "fashion-vit",
        "digits-vit",
        "the same kind of transformer students on Fashion-MNIST at 12 pixels, distilled",
        "fashion-vit.csv",
        embedded=True,
    ),
    TableSource(
        "digits-pairs-cnn",
        "digits-cnn",
        "32 convolutional students of the digits by thirteen ways to teach them",
        "digits-pairs-cnn.csv",
        embedded=True,
    ),
    TableSource(
        "digits-pairs-vit",
        "digits-vit",
        "32 transformer students of the digits by thirteen ways to teach them",
        "digits-pairs-vit.csv",
        embedded=True,
    ),
    TableSource(
        "fashion-pairs-cnn",
        "digits-cnn",
        "32 convolutional students of Fashion-MNIST at 12 pixels by eleven ways to teach them",
        "fashion-pairs-cnn.csv",
        embedded=True,
    ),
    TableSource(
        "fashion-pairs-vit",
        "digits-vit",
        "32 transformer students of Fashion-MNIST at 12 pixels by eleven ways to teach them",
        "fashion-pairs-vit.csv",
        embedded=True,
    ),
    TableSource(
        "s0",
        "resnet",
        "64 CIFAR ResNets on CIFAR-100, distilled and vanilla",
        "s0_resnet_cifar100.csv",
        remotes=(
            Remote(
                f"{_DISWOT}/s1-gt-cls.txt",
                "465d61399626e3b6abe08b2dbabcd2a09026b6ed5e83510d3ef87b14822317ad",
                "s1-gt-cls.txt",
            ),
            Remote(
                f"{_DISWOT}/s1-gt-kd.txt",
                "48d218437e37318b6685c8c489a380011e964cfe0584228d8a9bd530911705b6",
                "s1-gt-kd.txt",
            ),
        ),
        origin="DisWOT (Dong et al., CVPR 2023)",
    ),
    TableSource(
        "autoformer",
        "autoformer",
        "AutoFormers on CIFAR-100, Flowers and Chaoyang, distilled and vanilla",
        "autoformer_kd.json",
        origin="Auto-Prox (Wei et al., AAAI 2024)",
    ),
    TableSource(
        "pit",
        "pit",
        "PiTs on CIFAR-100, Flowers and Chaoyang, distilled and vanilla",
        "pit_kd.json",
        origin="Auto-Prox (Wei et al., AAAI 2024)",
    ),
    TableSource(
        "nasbench201",
        "nasbench201",
        "NAS-Bench-201 cells on CIFAR-10, CIFAR-100 and ImageNet16-120, vanilla",
        "nasbench201.csv",
        originals=("NATS-tss-v1_0-3ffb9-simple",),
        origin="NATS-Bench (Dong et al., TPAMI 2021)",
    ),
    TableSource(
        "nasbench201-scores",
        "nasbench201",
        "validation accuracy and published zero-cost scores of NAS-Bench-201 cells",
        "nasbench201_proxies.csv",
        origin="NAS-Bench-Suite-Zero (Krishnakumar et al., NeurIPS 2022)",
    ),
    TableSource(
        "nasbench101",
        "nasbench101",
        "NAS-Bench-101 cells on CIFAR-10, validation accuracy, with published zero-cost scores",
        "nasbench101.csv",
        origin="NAS-Bench-Suite-Zero (Krishnakumar et al., NeurIPS 2022)",
    ),
    TableSource(
        "nasbench301",
        "nasbench301",
        "DARTS cells on CIFAR-10, accuracy by a surrogate, with published zero-cost scores",
        "nasbench301.csv",
        origin="NAS-Bench-Suite-Zero (Krishnakumar et al., NeurIPS 2022)",
    ),
    TableSource(
        "transnas-macro",
        "transnas-macro",
        "ResNets of four to six modules on seven tasks, with published zero-cost scores",
        "transnas101_macro.csv",
        origin="NAS-Bench-Suite-Zero (Krishnakumar et al., NeurIPS 2022)",
    ),
    TableSource(
        "transnas-micro",
        "transnas-micro",
        "cells of six edges on seven tasks, with published zero-cost scores",
        "transnas101_micro.csv",
        origin="NAS-Bench-Suite-Zero (Krishnakumar et al., NeurIPS 2022)",
    ),
    TableSource(
        "apple-dr",
        None,
        "27 ImageNet students of ten families, distilled and vanilla, for 150 to 1,000 epochs",
        "apple_dr_imagenet_distilled.csv",
        origin="ml-dr (Faghri et al., ICCV 2023)",
    ),
    TableSource(
        "nasbench101-full",
        "nasbench101",
        "all 423,624 NAS-Bench-101 cells on CIFAR-10, vanilla, three trainings each (499 MB)",
        "nasbench101-full.csv",
        remotes=(
            Remote(
                "https://storage.googleapis.com/nasbench/nasbench_only108.tfrecord",
                "4c39c3936e36a85269881d659e44e61a245babcb72cb374eacacf75d0e5f4fd1",
                "nasbench_only108.tfrecord",
            ),
        ),
        originals=("nasbench_only108.tfrecord", "nasbench_full.tfrecord"),
        origin="NAS-Bench-101 (Ying et al., ICML 2019)",
    ),
):
    TABLES.add(_source.name, _source)


def load_table(
    name: str | Path, space: str | None = None, spelling: Spelling = as_it_stands
) -> Table:
    """A table by name or by path.

    Args:
        name: A name of :data:`TABLES`, or a file; what has a folder or an ending is a file.
        space: As of :func:`~autodas.tables.read.read_table`.
        spelling: The same.

    Raises:
        OtherSpace: it says itself that it is of another space.
        UnknownName: neither a table of that name nor such a file exists.
        MissingData: the table is known and its file is not here; the message says how to get it.
        FileProblem: the file cannot be used.
    """
    text = str(name)
    if isinstance(name, str) and name in TABLES:
        source = TABLES.get(name)
        if source.space is not None and space not in (None, source.space):
            raise OtherSpace(name, source.space, space)
        file = source.path
        if file is None:
            raise MissingData(_how_to_get(source))
        return dataclasses.replace(
            read_table(file, source.space or space, spelling), name=source.name
        )
    path = expanded(Path(text))
    if path.suffix or len(path.parts) > 1 or path.exists():
        return read_table(path, space, spelling)
    raise UnknownName("table", text, TABLES.names())


def _how_to_get(source: TableSource) -> str:
    if source.embedded:
        return f"table {source.name!r}: {source.file} is missing from this installation of autodas"
    ways = [f"set {DATA_VARIABLE} to a folder that holds it"]
    if source.remotes:
        ways.append(f"download it with autodas fetch {source.name}")
    if source.name in CONVERTERS:
        originals = ", ".join(CONVERTERS.get(source.name).sources)
        ways.append(f"make it from {originals} with autodas.tables.convert")
    return f"table {source.name!r} needs {source.file} of {source.origin}: {'; or '.join(ways)}"


def fetch(name: str) -> Path:
    """Download a public table to the cache, where :func:`load_table` finds it.

    Raises:
        UnknownName: there is no such table.
        MissingData: it cannot be downloaded, or the network did not deliver.
        FileProblem: what was delivered is not the expected file.
    """
    source = TABLES.get(name)
    if source.path is not None:
        return source.path
    if not source.remotes:
        raise MissingData(_how_to_get(source))
    folder = _download_folder()
    if name not in CONVERTERS:
        return download(source.remotes, folder)[0]
    return convert(name, download(source.remotes, folder / "originals"), folder / source.file)

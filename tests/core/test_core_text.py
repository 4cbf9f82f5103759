"""What editors of other systems leave in a file is read, or said in plain words: in every file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from autodas.core.errors import FileProblem
from autodas.core.files import read_json
from autodas.core.seals import read_sealed
from autodas.core.text import brief, csv_text
from autodas.core.toml import read_toml
from autodas.scores import read_proxy
from autodas.scores.resolve import shipped_path
from autodas.steps.benchmark.page import write_between
from autodas.tables import convert, read_table
from autodas.teachers import read_description

JSON_TABLE = """[
  {"arch": {"base_dim": 16, "depth": [1, 4, 2]}, "c100_kd_acc": 70.5},
  {"arch": {"base_dim": 24, "depth": [1, 4, 2]}, "c100_kd_acc": 71.5}
]
"""
DESCRIPTION = '{\n "format": "autodas-checkpoint",\n "version": 1,\n "sha256": "00"\n}\n'
LABELS = "arch,accuracy,seed,training\na,60,0,distilled\nb,70,0,distilled\n"
SCORES = '{"cifar10": {"(4, 0, 3, 1, 4, 3)": {"val_accuracy": 91.5}}}'
PROXY = shipped_path("general")
assert PROXY is not None

Reader = Callable[[Path], object]
Bytes = Callable[[str, bytes], object]
FILES: dict[str, tuple[str, Reader]] = {
    "table.csv": ("arch,kd_acc\n1-1-1,60\n3-5-7,70\n", lambda f: read_table(f).architectures),
    "labels.csv": (LABELS, lambda f: read_table(f, "mine").architectures),
    "table.json": (JSON_TABLE, lambda f: read_table(f).architectures),
    "run.toml": ('[protocol]\nteacher = "a"\ntables = ["b"]\n', read_toml),
    "some.json": ('{\n "a": ["b", 1]\n}\n', read_json),
    "sealed.json": ('{\n "a": ["b", 1]\n}\n', read_sealed),
    "proxy.json": (PROXY.read_text(encoding="utf-8"), lambda f: read_proxy(f).formula),
    "student.json": (DESCRIPTION, lambda f: read_description(f.with_suffix(".safetensors"))),
    "page.md": ("# A page\n\nof text\n", lambda f: write_between(f, ("<a>", "</a>"), "body")),
    "zc_nasbench201.json": (
        SCORES,
        lambda f: convert("nasbench201-scores", [f], f.with_suffix(".csv")).read_text(),
    ),
}
SYNTAX = [name for name in FILES if name != "page.md"]


@pytest.fixture
def of(tmp_path: Path) -> Callable[[str, bytes], object]:
    def read(name: str, data: bytes) -> object:
        path = tmp_path / name
        path.write_bytes(data)
        return FILES[name][1](path)

    return read


@pytest.mark.parametrize("name", FILES)
def test_a_byte_order_mark_and_line_ends_change_nothing(name: str, of: Bytes) -> None:
    text = FILES[name][0]
    plain = of(name, text.encode())
    assert of(name, text.encode("utf-8-sig")) == plain
    assert of(name, text.replace("\n", "\r\n").encode("utf-8-sig")) == plain


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("name", FILES)
def test_wide_characters_are_called_by_their_name(name: str, encoding: str, of: Bytes) -> None:
    with pytest.raises(FileProblem, match=r"UTF-16.*save it as UTF-8") as caught:
        of(name, FILES[name][0].encode(encoding))
    assert name in str(caught.value)


@pytest.mark.parametrize("name", FILES)
def test_a_nul_and_other_encodings_are_told_with_their_place(name: str, of: Bytes) -> None:
    data = FILES[name][0].encode()
    with pytest.raises(FileProblem, match=rf"{name}: holds a NUL \(byte {len(data)}\)$"):
        of(name, data + b"\0")
    with pytest.raises(FileProblem, match=rf"{name}: is not UTF-8 text \(byte {len(data)}\)$"):
        of(name, data + "ü".encode("latin-1"))


@pytest.mark.parametrize("quote", ["\u201c", "\u201e", "\u2019", "\u00bb"])
@pytest.mark.parametrize("name", SYNTAX)
def test_typographic_quotes_are_pointed_at(name: str, quote: str, of: Bytes) -> None:
    text = FILES[name][0]
    if '"' in text:
        text = text.replace('"', quote)
    else:
        text += f"{quote}a,b{quote},60,0,distilled\n"
    line = text[: text.index(quote)].count("\n") + 1
    with pytest.raises(FileProblem, match=f"line {line} has the typographic quote {quote}"):
        of(name, text.encode())


def test_quotes_in_text_that_can_be_read_are_text(of: Bytes) -> None:
    assert of("some.json", '{"a": "\u201cb\u201d"}'.encode()) == {"a": "\u201cb\u201d"}


def test_of_a_long_list_of_models_the_first_is_named() -> None:
    names = [f"mobilenetv{i}_050" for i in range(15)]
    assert brief("timm:" + ",".join(names)) == "timm:mobilenetv0_050 and 14 others"
    for short in ("digits-cnn", "timm:lcnet_050,lcnet_075", "list:" + "a" * 90):
        assert brief(short) == short


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("arch;kd_acc\n1,5;60\n", "semicolons"),
        ("arch\tkd_acc\n1\t60\n", "tabs"),
        ("\n \n\ufeffarch;kd_acc\n", "semicolons"),
    ],
)
def test_other_marks_between_columns_are_called_by_their_name(text: str, called: str) -> None:
    with pytest.raises(FileProblem, match=rf"t\.csv: has {called} between its columns; save it"):
        csv_text(text.encode(), "t.csv")


@pytest.mark.parametrize(
    "text",
    [
        "arch,kd_acc\n1;1;1,60\n",  # below the head they are part of a name
        "arch;x,kd\tacc\n",
        "arch\n1-1-1\n",
        "",
    ],
)
def test_columns_between_commas_may_hold_other_marks(text: str) -> None:
    assert csv_text(text.encode(), "t.csv") == text

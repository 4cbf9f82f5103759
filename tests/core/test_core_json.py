"""JSON is taken strictly and with limits, files with a limit on their size."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodas.core.errors import FileProblem
from autodas.core.files import DEEPEST, parse_json, read_bytes, read_json, write_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("ab\x1b\U0001f600"), inner),
    max_leaves=10,
)  # fmt: skip


@given(value=JSON)
def test_what_json_writes_is_read(value: object) -> None:
    assert parse_json(json.dumps(value).encode(), "x") == value
    assert parse_json(json.dumps(value, ensure_ascii=False).encode(), "x") == value


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), "deeper than 100"),
        (b'{"a":' * 200_000, "recursion|deep"),
        (b"[" + b"9" * 301 + b"]", "more than 300 digits"),
        (b"9" * 10**6, "more than 300 digits"),
        (b"[1e999]", "1e999 is no number"),
        (b"[-1E+400]", "no number"),
        (b"9" * 300 + b"e300", "no number"),
        (b"NaN", "NaN is no number"),
        (b"[Infinity]", "Infinity"),
        (b"[-Infinity]", "Infinity"),
        (b'"\\ud800"', "surrogate"),
        (b'{"\\udfff": 1}', "surrogate"),
        (b'[{"a": 1, "b": 2, "a": 1}]', "the key 'a' twice"),
        (b'{"a": 1, "\\u0061": 2}', "the key 'a' twice"),
        (b"", "Expecting value"),
        (b"{} {}", "Extra data"),
        (b'{"a": 1', "delimiter"),
    ],
)
def test_everything_else_is_refused_in_one_line(data: bytes, words: str) -> None:
    with pytest.raises(FileProblem, match=f"^some.json: is not valid JSON .*({words})") as caught:
        parse_json(data, "some.json")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def test_nesting_up_to_the_limit_and_pairs_of_surrogates_are_fine() -> None:
    assert parse_json(b"[" * DEEPEST + b"]" * DEEPEST, "x")
    assert parse_json(b'"\\ud83d\\ude00"', "x") == "\U0001f600"


def test_a_file_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    sparse = tmp_path / "sparse.json"
    with sparse.open("wb") as handle:
        handle.truncate(1 << 40)
    with pytest.raises(FileProblem, match="has 1099511627776 bytes; at most 16777216 are read"):
        read_json(sparse)
    with pytest.raises(FileProblem, match="at most 2147483648 are read"):
        read_bytes(sparse)


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(FileProblem, match="is not a regular file"):
            read_bytes(place)
    for place, why in (
        (tmp_path, "Is a directory"),
        (tmp_path / "nul\0", "embedded null byte"),
        (tmp_path / ("a" * 999), "File name too long"),
    ):
        with pytest.raises(FileProblem, match=f": cannot be read: {why}$"):
            read_bytes(place)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(FileProblem, match="cannot be read"):
        read_bytes(tmp_path / "loop")


def test_text_that_is_no_unicode_is_not_written(tmp_path: Path) -> None:
    said = r"cannot be written: '\\udcff' is no character$"
    with pytest.raises(FileProblem, match=said):
        write_json(tmp_path / "a.json", {"name": "\udcff"})
    assert not list(tmp_path.iterdir())

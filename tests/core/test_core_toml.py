"""TOML is read with limits, and whatever is wrong with it is one line."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from autodas.core.errors import FileProblem
from autodas.core.toml import LARGEST_TOML, read_toml


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = " + "[" * 50_000, "recursion"),
        ("a = " + "[" * 30 + "]" * 30, "deeper than 20"),
        ("a = " + "9" * 5_000, "digits"),
        (".".join(["a"] * 30_000) + " = 1", "500 dots"),
        ("a", "Expected '='"),
        ("a = 1\na = 2", "overwrite"),
        ("\1", "Invalid"),
    ],
)
def test_what_is_no_toml_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text)
    start = time.perf_counter()
    with pytest.raises(FileProblem, match=f"^{path}: is not valid TOML .*{words}") as caught:
        read_toml(path)
    assert time.perf_counter() - start < 1
    assert len(str(caught.value)) < 400


def test_the_worst_keys_that_are_allowed_take_less_than_a_second(tmp_path: Path) -> None:
    line = "a" + ".a" * 499
    text = "\n".join(f"{line}{i} = 1" for i in range(LARGEST_TOML // (len(line) + 10)))
    (tmp_path / "a.toml").write_text(text)
    start = time.process_time()
    with pytest.raises(FileProblem, match="deeper"):
        read_toml(tmp_path / "a.toml")
    assert time.process_time() - start < 1


def test_a_large_file_and_other_bytes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b"#" * (LARGEST_TOML + 1))
    with pytest.raises(FileProblem, match="at most 131072 are read"):
        read_toml(tmp_path / "a.toml")
    (tmp_path / "a.toml").write_bytes(b"a = '\xff'")
    with pytest.raises(FileProblem, match=r"is not UTF-8 text \(byte 5\)"):
        read_toml(tmp_path / "a.toml")


def test_what_is_as_large_and_as_deep_as_may_be_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("#" * 131_072)
    assert read_toml(path) == {}
    path.write_text(f"a = '{'.' * 500}'")
    assert read_toml(path) == {"a": "." * 500}
    path.write_text("a = " + "[" * 19 + "]" * 19)
    assert list(read_toml(path)) == ["a"]
    path.write_text("a = " + "[" * 20 + "]" * 20)
    with pytest.raises(FileProblem, match="deeper than 20"):
        read_toml(path)

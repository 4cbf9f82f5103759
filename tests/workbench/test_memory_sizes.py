"""Amounts of memory."""

import pytest

from autodas.core.errors import InvalidInput
from autodas.workbench.budgets import parse_bytes


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [
        ("0", 0),
        ("512MB", 512_000_000),
        ("512 mb", 512_000_000),
        ("2GiB", 2 << 30),
        ("1.5k", 1500),
        ("64KiB", 64 << 10),
        ("10g", 10**10),
        ("7B", 7),
    ],
)
def test_written_amounts(text, bytes_):
    assert parse_bytes(text) == bytes_


@pytest.mark.parametrize("text", ["", "MB", "-1MB", "1TB", "1 000", "nan", "1e9", "٣MB", "5iB"])
def test_anything_else_is_refused(text):
    with pytest.raises(InvalidInput, match="512MB"):
        parse_bytes(text)

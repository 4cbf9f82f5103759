"""The set of genomes that were asked before takes the same few bytes for each."""

import pickle
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from autodas.evolution import Asked


@given(st.lists(st.text(max_size=3), max_size=60), st.lists(st.text(max_size=3), max_size=20))
def test_it_is_a_set(added, asked):
    found = Asked()
    found.update(added)
    assert len(found) == len(set(added))
    assert [text in found for text in asked] == [text in set(added) for text in asked]
    assert [text in pickle.loads(pickle.dumps(found)) for text in asked] == [
        text in set(added) for text in asked
    ]


def test_a_file_name_that_is_no_text_can_be_asked():
    found = Asked()
    found.update(["\udcff"])
    assert "\udcff" in found
    assert "\udcfe" not in found


def test_64_bits_are_kept_of_each():
    found = Asked()
    found.update(["a", "a" * 1000])
    assert {8 * len(each) for each in found._digests} == {64}


def test_a_copy_goes_its_own_way():
    found = Asked()
    found.update(["a"])
    other = found.copy()
    other.update(["b"])
    assert "a" in other
    assert "b" not in found


def test_thousands_of_long_texts_take_160_bytes_each_at_most():
    count = 20_000
    tracemalloc.start()
    found = Asked()
    found.update(f"{number} {'x' * 200}" for number in range(count))
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) == count
    assert size <= 160 * count

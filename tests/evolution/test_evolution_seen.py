"""The set of genomes that were asked before takes the same few bytes for each."""

from hypothesis import given
from hypothesis import strategies as st

from autodas.evolution import seen
from autodas.evolution.seen import Seen


@given(st.lists(st.text(max_size=3), max_size=60), st.lists(st.text(max_size=3), max_size=20))
def test_it_is_a_set(added, asked):
    found = Seen()
    found.update(added)
    assert len(found) == len(set(added))
    assert [text in found for text in asked] == [text in set(added) for text in asked]


def test_thousands_of_long_texts_take_32_bytes_each_at_most():
    texts = [f"{number} {'x' * 200}" for number in range(20_000)]
    found = Seen()
    found.update(texts)
    assert len(found) == len(texts)
    assert all(text in found for text in texts)
    assert not any(text + "y" in found for text in texts[:1000])
    assert found.nbytes <= 32 * len(texts)


def test_texts_that_want_the_same_place_are_told_apart(monkeypatch):
    # All probes begin at the last slot and go on at the first.
    monkeypatch.setattr(seen, "_key", lambda text: int(text) * seen.SMALLEST - 1)
    found = Seen()
    found.update(str(number) for number in range(1, 200))
    assert len(found) == 199
    assert all(str(number) in found for number in range(1, 200))
    assert "200" not in found

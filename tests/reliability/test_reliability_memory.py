"""A discovery that goes on and on does not grow."""

import pytest

from benchmarks import endurance

PER_CANDIDATE = 400  # bytes; what is kept of each formula, and the allocator's unrest


@pytest.mark.slow
def test_the_second_half_of_a_discovery_needs_no_more_memory_than_the_first():
    found = endurance.main(candidates=60_000, memory="8MB")
    assert found["candidates"] > 55_000
    assert found["second half, bytes per candidate"] < PER_CANDIDATE

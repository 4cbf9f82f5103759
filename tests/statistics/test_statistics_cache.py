"""What is measured is kept on disk, and nothing else is ever believed."""

import multiprocessing
import os
import random
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from statistics_toys import ToyCNN, ToyViT, images, labels, signals

from autodas.core.digest import digest
from autodas.core.errors import FileProblem
from autodas.core.results import Failed, Ok
from autodas.statistics import STATISTICS, Cache, measure
from autodas.statistics.measurement import Measured

KEY, OTHER_KEY = digest("one"), digest("other")
NAMES = STATISTICS.names()
VALUES = {
    "weight": Ok(Measured((np.float32([1, 2, 3]), np.float32([4])), (3, 70_000))),
    "sample_gram": Ok(Measured((np.float32([[1, 2], [2, 5]]),), (4,))),
    "loss": Ok(Measured((np.array(0.25, np.float32),), (1,))),
    "attention_rank": Failed("the network has no attention layers"),
}


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "statistics")


def same(a, b):
    if isinstance(a, Failed) or isinstance(b, Failed):
        return a == b
    return a.value.counts == b.value.counts and all(
        np.array_equal(x, y) and x.shape == y.shape and x.dtype == y.dtype
        for x, y in zip(a.value.segments, b.value.segments, strict=True)
    )


def same_all(a, b):
    return a.keys() == b.keys() and all(same(a[name], b[name]) for name in a)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("network", [ToyCNN, ToyViT])
def test_everything_comes_back_exactly(cache, network, dtype):
    student, teacher = network().to(dtype), signals(ToyViT().to(dtype))
    found = measure(student, images().to(dtype), labels(), NAMES, teacher=teacher, entries=20)
    cache.write(KEY, found)
    assert same_all(Cache(cache.folder).read(KEY, NAMES), found)


def test_an_empty_cache_knows_nothing(cache):
    assert cache.read(KEY, NAMES) == {}
    assert not cache.folder.exists()


def test_failures_are_kept_with_their_reason(cache):
    cache.write(KEY, VALUES)
    assert cache.read(KEY, ["attention_rank"]) == {"attention_rank": VALUES["attention_rank"]}


segments = st.lists(
    npst.arrays(
        np.float32,
        npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
        elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
    ),
    max_size=4,
)


@given(segments=segments, counts=st.integers(0, 2**62))
def test_any_shapes_come_back_exactly(tmp_path_factory, segments, counts):
    cache = Cache(tmp_path_factory.mktemp("cache"))
    value = Ok(Measured(tuple(segments), (counts,) * len(segments)))
    cache.write(KEY, {"feature": value, "loss": Failed("no")})
    assert same_all(cache.read(KEY, ["feature", "loss"]), {"feature": value, "loss": Failed("no")})


def test_later_statistics_are_added(cache):
    first, second = dict(list(VALUES.items())[:2]), dict(list(VALUES.items())[2:])
    cache.write(KEY, first)
    cache.write(KEY, second)
    assert same_all(cache.read(KEY, NAMES), VALUES)
    assert same_all(cache.read(KEY, ["loss", "cka"]), {"loss": VALUES["loss"]})


def test_what_is_measured_again_replaces_what_was(cache):
    cache.write(KEY, VALUES)
    for changed in (
        {"loss": Failed("no longer"), "attention_rank": VALUES["sample_gram"]},
        {"loss": VALUES["weight"], "attention_rank": Failed("not any more")},
    ):
        cache.write(KEY, changed)
        assert same_all(cache.read(KEY, NAMES), {**VALUES, **changed})


def test_keys_do_not_share_files(cache):
    cache.write(KEY, VALUES)
    assert cache.read(OTHER_KEY, NAMES) == {}
    cache.write(OTHER_KEY, {"loss": Failed("another network")})
    assert same_all(cache.read(KEY, NAMES), VALUES)


def test_a_new_version_of_a_statistic_is_measured_again(cache, monkeypatch):
    cache.write(KEY, VALUES)
    newer = replace(STATISTICS.get("weight"), version=STATISTICS.get("weight").version + 1)
    monkeypatch.setitem(STATISTICS._items, "weight", newer)
    found = cache.read(KEY, NAMES)
    assert found.keys() == VALUES.keys() - {"weight"}
    cache.write(KEY, {"weight": VALUES["loss"]})
    assert same(cache.read(KEY, ["weight"])["weight"], VALUES["loss"])


def test_statistics_that_no_longer_exist_do_no_harm(cache, monkeypatch):
    cache.write(KEY, VALUES)
    # Another dictionary: what is put back into the same one comes last, and the order of
    # statistics decides what later discoveries of this process draw.
    others = {name: each for name, each in STATISTICS._items.items() if name != "weight"}
    monkeypatch.setattr(STATISTICS, "_items", others)
    cache.write(KEY, {"cka": Failed("no")})
    assert cache.read(KEY, ["loss", "cka"]).keys() == {"loss", "cka"}


# --- damage ------------------------------------------------------------------------------------


def absent_or_identical(cache):
    found = cache.read(KEY, VALUES)
    return all(same(found[name], VALUES[name]) for name in found)


def test_no_flipped_byte_is_believed(cache):
    cache.write(KEY, VALUES)
    path = cache.path(KEY)
    whole = path.read_bytes()
    header = int.from_bytes(whole[:8], "little") + 8
    chance = random.Random(0)
    # Every byte of the values and of the length, and a third of those of the header.
    places = [*range(8), *chance.sample(range(8, header), header // 3), *range(header, len(whole))]
    for place in places:
        for mask in (1 << chance.randrange(8), chance.randrange(1, 256)):
            damaged = bytearray(whole)
            damaged[place] ^= mask
            path.write_bytes(damaged)
            assert absent_or_identical(cache), (place, mask)
    assert len(whole) > 400


def test_a_flip_in_the_values_is_always_noticed(cache):
    cache.write(KEY, VALUES)
    whole = cache.path(KEY).read_bytes()
    for place in range(len(whole) - 4, len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        cache.path(KEY).write_bytes(damaged)
        assert cache.read(KEY, VALUES) == {}


@pytest.mark.parametrize("dtype", [b"I32", b"U32"])
def test_the_number_format_is_part_of_the_checksum(cache, dtype):
    """The same bytes under another name for their format are other values."""
    cache.write(KEY, VALUES)
    path = cache.path(KEY)
    path.write_bytes(path.read_bytes().replace(b'"F32"', b'"' + dtype + b'"'))
    assert cache.read(KEY, VALUES) == {}


def test_no_torn_file_is_believed(cache):
    cache.write(KEY, VALUES)
    whole = cache.path(KEY).read_bytes()
    for length in [*range(0, len(whole), 7), len(whole) - 1]:
        cache.path(KEY).write_bytes(whole[:length])
        assert cache.read(KEY, VALUES) == {}
    cache.path(KEY).write_bytes(whole + b"\0")
    assert absent_or_identical(cache)


def test_a_swapped_file_is_not_believed(cache):
    cache.write(KEY, VALUES)
    cache.write(OTHER_KEY, {"loss": Ok(Measured((np.array(99, np.float32),), (1,)))})
    shutil.copy(cache.path(OTHER_KEY), cache.path(KEY))
    assert cache.read(KEY, NAMES) == {}
    assert cache.read(OTHER_KEY, NAMES).keys() == {"loss"}


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 100, b"{}", b"\xff" * 64, b"\x08" + bytes(7)], ids=range(5)
)
def test_rubbish_counts_as_absent_and_is_replaced(cache, content):
    path = cache.path(KEY)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert cache.read(KEY, NAMES) == {}
    cache.write(KEY, VALUES)
    assert same_all(cache.read(KEY, NAMES), VALUES)


def test_a_folder_in_the_place_of_a_file_counts_as_absent(cache):
    cache.path(KEY).mkdir(parents=True)
    assert cache.read(KEY, NAMES) == {}
    with pytest.raises(FileProblem):
        cache.write(KEY, VALUES)


def test_a_folder_that_cannot_be_written_to_is_explained(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    cache = Cache(tmp_path / "file" / "statistics")
    assert cache.read(KEY, NAMES) == {}
    with pytest.raises(FileProblem, match="cannot be written") as caught:
        cache.write(KEY, VALUES)
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "file") in str(caught.value)


# --- several processes --------------------------------------------------------------------------


def scalar(number):
    return Ok(Measured((np.array(number, np.float32),), (1,)))


def _fill(folder, name, started):
    started.wait()
    cache = Cache(folder)
    for number in range(40):
        cache.write(KEY, {name: scalar(number)})


def test_two_processes_write_one_key_without_a_wrong_value(cache):
    """The last writer wins; what the other one wrote may be missing, never wrong."""
    context = multiprocessing.get_context("fork")
    started = context.Event()
    writers = [
        context.Process(target=_fill, args=(cache.folder, name, started))
        for name in ("loss", "logit_kl")
    ]
    for writer in writers:
        writer.start()
    started.set()
    seen, numbers = 0, [scalar(n) for n in range(40)]
    while any(writer.is_alive() for writer in writers):
        for value in cache.read(KEY, NAMES).values():
            seen += 1
            assert any(same(value, number) for number in numbers)
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    found = cache.read(KEY, NAMES)
    assert seen
    assert any(same(value, scalar(39)) for value in found.values())
    assert os.listdir(cache.path(KEY).parent) == [cache.path(KEY).name]  # noqa: PTH208 - no rest

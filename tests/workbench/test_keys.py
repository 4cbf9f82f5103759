"""Keys of caches name everything that decides a value."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
import torch

from autodas.core import keys
from autodas.core.keys import key_of, source_of
from autodas.networks import weights_digest
from autodas.spaces import get_space
from autodas.workbench import addresses, costs, measuring
from autodas.workbench.addresses import initial_weights, student_key
from autodas.workbench.costs import CostBook
from autodas.workbench.protocol import DIGITS
from autodas.workbench.source_digest import own_files, source_digest

SHAPE = (1, 8, 8)


@pytest.fixture(autouse=True)
def _forget():
    """What these tests change must not be remembered for others."""
    yield
    source_digest.cache_clear()
    initial_weights.cache_clear()


@pytest.fixture
def space():
    return get_space("digits-cnn")


def statistics_key(space):
    source_digest.cache_clear()
    initial_weights.cache_clear()
    return student_key(space, space.encode(next(iter(space.enumerate()))), DIGITS)


def costs_key(space):
    source_digest.cache_clear()
    return CostBook(space)._file


@pytest.mark.parametrize(
    ("key", "package"), [(statistics_key, "torch"), (statistics_key, "numpy"), (costs_key, "torch")]
)
def test_another_version_of_a_package_is_another_key(space, monkeypatch, key, package):
    before, version = key(space), keys._version
    assert key(space) == before
    monkeypatch.setattr(keys, "_version", lambda name: "0" if name == package else version(name))
    assert key(space) != before


@pytest.mark.parametrize("key", [statistics_key, costs_key])
def test_other_source_text_is_another_key(space, monkeypatch, key):
    before = key(space)
    for place in (addresses, costs):
        monkeypatch.setattr(place, "source_digest", lambda space, parts: f"other {parts}")
    assert key(space) != before


def test_other_initial_weights_are_another_key(space, monkeypatch):
    before = statistics_key(space)

    def drawn_otherwise(build, seed, *, double):
        network = build()
        torch.nn.init.constant_(next(network.parameters()), 0.5 + seed)
        return network

    monkeypatch.setattr(addresses, "seeded", drawn_otherwise)
    assert statistics_key(space) != before


def test_initial_weights_depend_on_what_decides_them(space):
    found = {
        initial_weights(space, 0, 10, SHAPE),
        initial_weights(space, 1, 10, SHAPE),
        initial_weights(space, 0, 11, SHAPE),
        initial_weights(space, 0, 10, (3, 8, 8)),
        initial_weights(get_space("digits-vit"), 0, 10, SHAPE),
    }
    assert len(found) == 5
    initial_weights.cache_clear()
    assert initial_weights(space, 0, 10, SHAPE) in found


def test_a_digest_of_weights_sees_every_entry_name_and_buffer():
    network = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    seen = {weights_digest(network)}
    with torch.no_grad():
        network[0].weight[2, 1] += 1e-6
        seen.add(weights_digest(network))
        network[1].running_var[0] = 2.0
        seen.add(weights_digest(network))
    seen.add(weights_digest(torch.nn.ModuleDict({"a": network[0], "b": network[1]})))
    seen.add(weights_digest(network.double()))
    assert len(seen) == 5


USER = """
from autodas.spaces import ChoiceSpace
from parts_of_mine import build
SPACE = ChoiceSpace("m", "d", {"a": (1, 2)}, build, input_shape=(1, 8, 8), num_classes=2)
"""


INNER = """
import numpy
from autodas.spaces import get_space
KNOWN = get_space("digits-cnn")
def build(*_):
    return KNOWN.build(next(KNOWN.enumerate()))
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "parts_of_mine").mkdir()
    (tmp_path / "parts_of_mine" / "__init__.py").write_text("from .inner import build\n")
    (tmp_path / "parts_of_mine" / "inner.py").write_text(INNER)
    (tmp_path / "space_of_mine.py").write_text(USER)
    (tmp_path / "other_of_mine.py").write_text("")
    __import__("other_of_mine")
    yield tmp_path
    for name in [name for name in sys.modules if "of_mine" in name]:
        del sys.modules[name]


def test_what_a_users_space_imports_is_part_of_the_key(mine):
    space = get_space("space_of_mine:SPACE")
    inner = mine / "parts_of_mine" / "inner.py"
    assert own_files(space) == {
        "parts_of_mine": mine / "parts_of_mine" / "__init__.py",
        "parts_of_mine.inner": inner,
        "space_of_mine": mine / "space_of_mine.py",
    }
    before = costs_key(space)
    inner.write_text(inner.read_text() + "# changed\n")
    assert costs_key(space) != before


def test_spaces_of_this_package_have_no_files_of_their_own(space):
    assert own_files(space) == {}


def test_a_key_tells_contents_apart_and_needs_its_parts():
    assert key_of("a", 1) == key_of("a", 1) != key_of("a", 2)
    assert key_of("a", code=("core",)) != key_of("a", code=("core/keys.py",)) != key_of("a")
    with pytest.raises(FileNotFoundError):
        source_of("no_such_part")


def test_a_protocol_of_another_size_builds_other_networks(space):
    arch = space.encode(next(iter(space.enumerate())))
    assert student_key(space, arch, DIGITS) != student_key(
        space, arch, replace(DIGITS, init_seed=1)
    )


def test_a_worker_whose_processor_draws_other_weights_delivers_what_was_asked(
    space, monkeypatch, tmp_path
):
    """As on a cluster of several kinds of machines, where the worker sees the cache or not."""
    text = space.encode(next(iter(space.enumerate())))
    asked = measuring._measure_one

    def elsewhere(shelf, architecture):
        with monkeypatch.context() as there:
            there.setattr(addresses, "initial_weights", lambda *_: "drawn by another processor")
            asked(shelf, architecture)

    monkeypatch.setattr(measuring, "_measure_one", elsewhere)
    found = measuring.measure_space(space, [text], ["numel"], DIGITS, cache=tmp_path)
    assert found.store.missing == {}
    assert measuring.measure_space(space, [text], ["numel"], DIGITS, cache=tmp_path).networks == 0

"""The bound on memory changes how fast a proxy is found, not which."""

import pytest

from autodas.core.errors import InvalidInput
from autodas.steps.discover import dispatch as discover
from autodas.steps.discover.dispatch import DiscoverConfig

SMALL = {"tables": ("digits-cnn",), "limit": 20, "population": 8, "generations": 4, "jobs": 1}


def test_the_proxy_does_not_depend_on_memory(tmp_path):
    files = []
    for memory in ("0", "3MB", "1GiB"):
        folder = tmp_path / memory
        discover.run(DiscoverConfig(out=folder, memory=memory, **SMALL))
        files.append([(folder / name).read_bytes() for name in ("config.toml", "proxy.json")])
    assert files[0] == files[1] == files[2]


def test_memory_is_checked_before_anything_is_measured(tmp_path):
    with pytest.raises(InvalidInput, match="'lots'"):
        discover.run(DiscoverConfig(out=tmp_path / "run", memory="lots", **SMALL))
    assert not (tmp_path / "run").exists()

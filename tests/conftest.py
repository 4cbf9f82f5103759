"""One thread, no network, no traces in the user's folders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# Before any test module loads NumPy or PyTorch: small networks run many times slower with two
# threads on a busy machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("MPLBACKEND", "agg")

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "autodas",
    # A machine that other people use as well must not fail a test by being slow.
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)
settings.load_profile("autodas")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs a GPU is skipped where there is none."""
    import torch

    if torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="needs a GPU: PyTorch sees no CUDA"))


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Statistics measured by tests go to a folder of this test session.

    From its start, because fixtures of modules measure as well: what another session left, or
    another processor, must not decide a test.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTODAS_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        yield


@pytest.fixture(autouse=True)
def _own_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plug-ins that a test asks for are not asked for by the next: runs say theirs."""
    monkeypatch.setattr("autodas.core.plugins._asked", set())


@pytest.fixture
def data_folder() -> Path:
    """The optional data beside the checkout; the test is skipped where there is none."""
    named = os.environ.get("AUTODAS_DATA")
    if not named:
        pytest.skip("AUTODAS_DATA is not set")
    return Path(named)

"""One thread, no network, no traces in the user's folders, memory given back."""

from __future__ import annotations

import ctypes
import functools
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType

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


def pytest_collection_finish() -> None:
    """What is loaded by now stays: millions of objects that no search for cycles need look at."""
    gc.collect()
    gc.freeze()


REMEMBERING = tuple(f"autodas.{room}." for room in ("data", "distill", "teachers", "workbench"))
_kept_megabytes = [500]  # PyTorch, scikit-learn and the rest, loaded


def pytest_runtest_logfinish() -> None:
    """What tests leave is collected as soon as it is large.

    Networks hang in cycles, and Python looks for these only when a quarter of all objects is new:
    of the millions that a test process holds, that is hardly ever. Looking takes a second, so it is
    not done after every test. What the package remembers, teachers and data sets, goes as well.
    """
    if _resident_megabytes() > _kept_megabytes[0] + 100:
        for name, module in list(sys.modules.items()):
            if name.startswith(REMEMBERING):
                _forget(module)
        gc.collect()
        with suppress(OSError, AttributeError):  # glibc has it
            ctypes.CDLL("libc.so.6").malloc_trim(0)
        _kept_megabytes[0] = _resident_megabytes()


def _forget(module: ModuleType) -> None:
    """Empty what functions of a module remember of their calls."""
    for value in list(vars(module).values()):
        if isinstance(value, functools._lru_cache_wrapper):
            value.cache_clear()


def _resident_megabytes() -> int:
    """Of this process; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


@pytest.fixture
def data_folder() -> Path:
    """The optional data beside the checkout; the test is skipped where there is none."""
    named = os.environ.get("AUTODAS_DATA")
    if not named:
        pytest.skip("AUTODAS_DATA is not set")
    return Path(named)

"""A Ray cluster of two CPUs on this machine that outlives the commands that use it."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

STORE = 100_000_000  # bytes of shared memory, near the least that Ray takes
PATIENCE = 200.0  # seconds for the servers to start: machines that run campaigns are busy
ADDRESS = re.compile(r"--address='([^']+)'")
SERVERS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")


class Head:
    """The head of a cluster and all its processes; a context manager.

    Whatever tokens lie in the home folder, this cluster has its own, which the commands that
    are started from this process know by their environment.

    Args:
        cpus: Units that run at a time.
    """

    def __init__(self, cpus: int = 2) -> None:
        self.cpus, self.address = cpus, ""

    def __enter__(self) -> Head:
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        # A busy machine takes longer to start its servers than the half minute Ray gives it.
        os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_raylet_start_wait_time_s": "120"}
        self.folder = Path(tempfile.mkdtemp(prefix="ray-"))
        words = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"]
        words += ["--port=0", f"--num-cpus={self.cpus}", "--include-dashboard=false"]
        words += [f"--object-store-memory={STORE}", f"--temp-dir={self.folder}"]
        with (self.folder / "said").open("wb") as said:
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
            )
        try:
            self._started()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _started(self) -> None:
        limit = time.monotonic() + PATIENCE
        while "Ray runtime started" not in (said := (self.folder / "said").read_text()):
            if self.process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError(f"Ray does not start: {said[-2000:]}")
            time.sleep(0.2)
        found = ADDRESS.search(said)
        if found is None:
            raise RuntimeError(f"Ray does not say where it is: {said[-2000:]}")
        self.address = found[1]

    def __exit__(self, *_: object) -> None:
        family = list(descendants(self.process.pid))
        self.process.terminate()
        try:
            self.process.wait(PATIENCE / 10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        # Children that have outlived it are nobody's now. Their numbers cannot be others' yet.
        for pid in family:
            if (words := _title(pid)) and ("ray" in words):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def workers(self) -> set[int]:
        """Processes that work for a command; Ray keeps idle ones for the next, as many as CPUs."""
        return {
            pid
            for pid in descendants(self.process.pid)
            if (title := _title(pid)).startswith("ray::")
            and not title.startswith((*SERVERS, "ray::IDLE"))
        }

    def busy(self) -> set[int]:
        """Workers that are at a unit of ours."""
        return {pid for pid in self.workers() if _title(pid).startswith("ray::execute")}


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("latin-1")
    except OSError:
        return ""


def descendants(pid: int) -> Iterator[int]:
    """Children of a process, and theirs, as far as they live now."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return
    for thread in threads:
        try:
            children = (thread / "children").read_text().split()
        except OSError:
            continue
        for child in map(int, children):
            yield child
            yield from descendants(child)

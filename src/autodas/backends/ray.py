"""Worker processes on this machine or on many, by Ray.

A unit is a task of Ray with one CPU. Ray starts the workers, keeps them for the next unit, and
notices when one dies; which units wait, which run and which have failed is known here.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from autodas.backends import ray_cluster
from autodas.backends.processes import TRIES
from autodas.backends.ray_unit import Setting, environment, execute
from autodas.core.errors import AutodasError, InvalidInput
from autodas.core.results import Failed, Result

__all__ = ["Ray"]

X = TypeVar("X")
Y = TypeVar("Y")

AHEAD = 2  # units handed out for each CPU: one runs, one is there when it ends
LOOK = 1.0  # seconds between two looks at how many CPUs there are
# A lost node is nobody's fault, but a unit that was there so many times probably took it down.
LOSSES = 5
SHRUNK = "AUTODAS_RAY_SHRUNK"  # how many times the cluster did


class Ray:
    """Runs units as tasks of a Ray cluster, as many at once as it has CPUs.

    Nodes may come and go meanwhile. Units whose worker or node is lost are run again elsewhere;
    one that kills its worker ``TRIES`` times becomes a failure. Items and the function are
    pickled by Ray; the function lies in the object store, once for each node.

    Args:
        jobs: CPUs of the cluster that is started on this machine if there is no other.
        address: ``HOST:PORT`` of a cluster that is there, or ``auto``.
        gpus: Share of a GPU that a unit asks Ray for.
    """

    def __init__(self, jobs: int, address: str | None = None, gpus: float = 0.0) -> None:
        self.jobs, self.address, self.gpus = jobs, address, gpus

    def run(
        self, fn: Callable[[X], Y | Failed], items: Sequence[X]
    ) -> Iterator[tuple[int, Result[Y]]]:
        """See :class:`autodas.backends.Backend`.

        Raises:
            MissingData: Ray is not installed.
            InvalidInput: the cluster cannot be used, has no GPU though one is asked for, or
                computes with other versions than this process.
        """
        if not items:
            return
        ray_cluster.connect(self.jobs, self.address)
        yield from _Run(fn, items, self.gpus).results()


class _Run:
    """The state of one call: what waits, what runs, who died over which unit."""

    def __init__(self, fn: Callable[[Any], Any], items: Sequence[Any], gpus: float) -> None:
        self.ray = ray_cluster.package()
        if gpus and not self.ray.cluster_resources().get("GPU"):
            raise InvalidInput("units ask for GPUs, and the Ray cluster has none; take device cpu")
        self.items = items
        self.known = 0
        self.waiting: deque[int] = deque()
        self.running: dict[Any, int] = {}
        self.deaths: Counter[int] = Counter()
        self.losses: Counter[int] = Counter()
        self.cpus, self.looked = 0, float("-inf")
        self.doubtful: set[Any] = set()
        self.setting = self.ray.put(Setting.here(fn))
        self.gpus, self.shrunk = gpus, 0
        self.task = self._task()

    def _task(self) -> Any:  # noqa: ANN401 - of Ray
        # Ray asks for workers of one environment through one queue, which stands still as long as
        # a lost node is not given up. Another environment has a queue of its own.
        variables = environment() | {SHRUNK: str(self.shrunk)}
        # Tried again by us, not by Ray, because it does not tell a guilty unit from others.
        return self.ray.remote(execute).options(
            num_cpus=1,
            num_gpus=self.gpus,
            max_retries=0,
            runtime_env={"env_vars": variables},
        )

    def results(self) -> Iterator[tuple[int, Result[Any]]]:
        try:
            while self._more():
                self._hand_out()
                finished = [(self.running.pop(ref), ref) for ref in self._finished()]
                self._hand_out()
                for number, ref in finished:
                    yield from self._read(number, ref)
        finally:
            for ref in self.running:
                self.ray.cancel(ref, force=True)

    def _more(self) -> bool:
        """Whether there is anything left to do, what was appended meanwhile included."""
        self.waiting.extend(range(self.known, len(self.items)))
        self.known = len(self.items)
        return bool(self.waiting or self.running)

    def _hand_out(self) -> None:
        """Submit units while there is room; what waits costs the cluster no memory.

        Of a node that vanishes without a word Ray tells at once that it is dead, but only after
        minutes that its units are. They take no room meanwhile.
        """
        if time.monotonic() - self.looked > LOOK:
            cpus = max(int(self.ray.cluster_resources().get("CPU", 0)), 1)
            if cpus < self.cpus:
                self.doubtful = set(self.running)
                self.shrunk += 1
                self.task = self._task()
            self.cpus, self.looked = cpus, time.monotonic()
        self.doubtful &= self.running.keys()
        while self.waiting and len(self.running) - len(self.doubtful) < AHEAD * self.cpus:
            number = self.waiting.popleft()
            self.running[self.task.remote(self.setting, self.items[number])] = number

    def _finished(self) -> list[Any]:
        """All that is finished, once anything is, or nothing after a while."""
        refs = list(self.running)
        first, rest = self.ray.wait(refs, num_returns=1, timeout=LOOK, fetch_local=False)
        if not first or not rest:
            return list(first)
        more, _ = self.ray.wait(rest, num_returns=len(rest), timeout=0, fetch_local=False)
        return [*first, *more]

    def _read(self, number: int, ref: Any) -> Iterator[tuple[int, Result[Any]]]:  # noqa: ANN401
        errors = self.ray.exceptions
        try:
            result = self.ray.get(ref)
        except (errors.WorkerCrashedError, errors.OutOfMemoryError) as error:
            self.deaths[number] += 1
            yield from self._again(number, error, self.deaths[number] < TRIES)
        except (errors.NodeDiedError, errors.LocalRayletDiedError, errors.ObjectLostError) as error:
            self.losses[number] += 1
            yield from self._again(number, error, self.losses[number] < LOSSES)
        except errors.RayTaskError as error:
            if isinstance(error.cause, AutodasError):
                raise InvalidInput(str(error.cause)) from None
            first_line = str(error.cause).partition("\n")[0]
            reason = f"{type(error.cause).__name__}: {first_line}"
            yield number, Failed(f"a Ray worker cannot do the unit: {reason}", str(error))
        else:
            yield number, result

    def _again(self, number: int, error: Exception, may: bool) -> Iterator[tuple[int, Result[Any]]]:
        if may:
            self.waiting.append(number)
            return
        why = _in_words(error)
        details = f"{self.deaths[number]} workers and {self.losses[number]} nodes died over it"
        yield number, Failed(f"the worker process died ({why})", f"{details}\n{error}")


def _in_words(error: Exception) -> str:
    kinds = {"WorkerCrashedError": "killed or crashed", "OutOfMemoryError": "out of memory"}
    return kinds.get(type(error).__name__, "its node was lost")

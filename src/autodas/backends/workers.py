"""Who does the work of a step: the options, and the backend that comes of them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias

from autodas.backends.base import Backend, backend
from autodas.backends.serial import Serial
from autodas.core.errors import InvalidInput

__all__ = ["Jobs", "Workers", "workers_of"]


@dataclass(frozen=True, kw_only=True)
class Workers:
    """The options of a step that say who does its work; steps inherit them."""

    jobs: int = field(default=2, metadata={"decides": False})
    """Processes."""
    backend: Literal["serial", "processes", "ray"] = field(
        default="processes", metadata={"decides": False}
    )
    """Where they run: all in this process, on this machine, or where Ray puts them."""
    ray_address: str | None = field(default=None, metadata={"decides": False})
    """HOST:PORT of a Ray cluster, whose CPUs are all used; by default RAY_ADDRESS, else Ray is
    started on this machine, with --jobs CPUs."""

    def __post_init__(self) -> None:
        """Refuse what no worker can do before a run claims its folder."""
        if self.jobs < 1:
            raise InvalidInput(f"the number of jobs must be at least 1, got {self.jobs}")

    @property
    def workers(self) -> Workers:
        """These options alone."""
        return Workers(**self.options)

    @property
    def alone(self) -> bool:
        """Whether there is one worker, so that this process may as well do the work."""
        return self.backend == "serial" or (self.backend == "processes" and self.jobs == 1)

    @property
    def options(self) -> dict[str, Any]:
        """These options by name, to pass them on to another step."""
        return {each.name: getattr(self, each.name) for each in fields(Workers)}

    def runner(
        self,
        *,
        small: bool = False,
        isolated: bool = False,
        device: str = "cpu",
        gpus: float = 1.0,
    ) -> Backend:
        """Where units run.

        Args:
            small: There is so little to do that starting workers would take longer.
            isolated: A unit that takes its process down must not take this one.
            device: What units compute on.
            gpus: Share of a GPU that a unit on ``cuda`` asks Ray for.

        Raises:
            InvalidInput: ``jobs`` is less than 1, or the device is one that Ray does not deal out.
        """
        if self.backend == "ray" and device not in ("cpu", "cuda"):
            raise InvalidInput(f"Ray deals out GPUs itself: take device cuda, not {device!r}")
        if not gpus > 0:
            raise InvalidInput(f"ray_gpus must be positive, got {gpus}")
        asked = 0.0 if device == "cpu" else gpus
        chosen = backend(self.backend, self.jobs, address=self.ray_address, gpus=asked)
        return Serial() if small or (self.alone and not isolated) else chosen


Jobs: TypeAlias = int | Workers
"""How many processes, or who does the work."""


def workers_of(jobs: Jobs) -> Workers:
    """What a number of processes stands for."""
    return jobs if isinstance(jobs, Workers) else Workers(jobs=jobs)

"""What an explanation is asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from autodas.backends.workers import Workers
from autodas.steps.explain.collapse import MOST
from autodas.workbench.protocol import Protocol

__all__ = ["ExplainConfig"]


@dataclass(frozen=True)
class ExplainConfig(Workers):
    """Which score to explain, and on which architectures."""

    proxy: str
    """A score, proxy:path/to/proxy.json, or a formula such as "layers_mean(cka)"."""
    out: Path = field(default=Path("runs/explain"), metadata={"decides": False})
    """Run directory."""
    table: str | None = None
    """Ground truth, TABLE or TABLE:TARGET; TABLE alone means all pairs of a table of pairs. The
    embedded one of digits-cnn if no space is named."""
    space: str | None = None
    """Space of the table, if it does not say; without a table, sampled architectures of this space
    are looked at, and contributions are to the score's own order."""
    architectures: int = MOST
    """Largest number of architectures."""
    protocol: Protocol = field(default_factory=Protocol)
    """Batch, teacher and initialisation the statistics are measured with."""
    other_teacher: str | None = None
    """Teacher to compare with in the collapse check; by default the same network untrained."""
    collapse: bool = True
    """Whether to do the collapse check, which measures every architecture up to five more times."""
    seed: int = 0
    """Seed of samples."""
    cache: Path | None = field(default=None, metadata={"decides": False})
    """Folder of the statistics cache."""

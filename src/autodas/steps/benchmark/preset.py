"""The benchmark over everything that is known: ``autodas benchmark --preset paper``."""

from __future__ import annotations

from autodas.core.errors import AutodasError
from autodas.tables import TABLES, Training, load_table

__all__ = ["PAPER_SAMPLE", "paper_pairs"]

PAPER_SAMPLE = 300
"""Of larger tables, so many architectures: enough for intervals of a few hundredths."""

# Which trainings of a table; a target that a table does not have is left out.
DISTILLED, BOTH = (Training.DISTILLED,), (Training.DISTILLED, Training.VANILLA)
PAPER: dict[str, tuple[Training, ...] | tuple[str, ...]] = {
    "digits-cnn": DISTILLED,
    "digits-vit": DISTILLED,
    "s0": BOTH,
    "autoformer": (*DISTILLED, "c100_base_acc"),
    "pit": DISTILLED,
    "nasbench201": (Training.VANILLA,),
    "nasbench101": (Training.VANILLA,),
}


def paper_pairs() -> list[str]:
    """``TABLE:TARGET`` of every table that is found on this machine and of every wanted target."""
    found = []
    for name, wanted in PAPER.items():
        if name not in TABLES or TABLES.get(name).path is None:
            continue
        try:
            table = load_table(name)
        except AutodasError:
            continue  # found and not readable: the other tables are still worth comparing on
        found += [
            f"{name}:{target.name}"
            for target in table.targets.values()
            if target.name in wanted or target.training in wanted
        ]
    return found

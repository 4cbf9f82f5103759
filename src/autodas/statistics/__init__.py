"""What can be measured on (student, teacher, one batch), and how it is kept.

A *statistic* is typed: weights and gradients are elements of layers, Grams are matrices of
stages, similarities are one number per stage. *Intrinsic* statistics see the student alone,
*teacher* statistics the teacher at the student's stages, *interaction* statistics both. All of
them come out of one forward and one backward pass, are cached on disk by content address, and
are laid out as columns over all architectures, so that a proxy is evaluated for all at once.

Names: ``STATISTICS``, ``statistic``, ``Need`` and ``check`` (declare and try your own), ``measure``
(one network), ``TeacherSignals``, ``Cache``; ``columns``, ``Store`` and ``spilled`` (many
networks), ``match_stages`` (which teacher stage a student stage is compared with).
"""

from autodas.statistics.catalog import CHECKS, STATISTICS, Statistic, statistic

# The order of declaration is that of the leaves of a grammar, and so decides what a seed draws.
# isort: off
from autodas.statistics.definitions import interaction, intrinsic  # noqa: F401
from autodas.statistics.definitions import (  # noqa: F401
    distillation_losses,
    saliency,
    whole_network,
    sizes,
    graphs,
    tangents,
)

# isort: on
from autodas.statistics.measurement import DEFAULT_ENTRIES, Measured, measure, measure_pairs
from autodas.statistics.need import Need, Unmeasurable
from autodas.statistics.passes.probe import Probe
from autodas.statistics.side_by_side import match_stages
from autodas.statistics.store.cache import Cache
from autodas.statistics.store.columns import Store, columns, spilled
from autodas.statistics.teacher_signals import TeacherSignals
from autodas.statistics.trial import check

__all__ = [
    "DEFAULT_ENTRIES",
    "STATISTICS",
    "Cache",
    "Measured",
    "Need",
    "Probe",
    "Statistic",
    "Store",
    "TeacherSignals",
    "Unmeasurable",
    "check",
    "columns",
    "match_stages",
    "measure",
    "measure_pairs",
    "spilled",
    "statistic",
]

# From here on, a declaration is somebody's own.
CHECKS.append(check)

"""What published matrices of teachers and students say of taking the more accurate teacher."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodas.tables.published_pairs import published_pairs


def published() -> dict[str, Any]:
    """What taking the more accurate of two teachers gives in published matrices."""
    better, pairs, gaps = 0.0, 0, []
    for table in published_pairs():
        taught = table.mean[:, :-1]
        own = np.array([table.facts[name]["accuracy"] or np.nan for name in table.teachers[:-1]])
        for row in taught:
            known = np.flatnonzero(np.isfinite(row) & np.isfinite(own))
            for i, j in ((i, j) for i in known for j in known if own[i] > own[j]):
                pairs += 1
                better += (row[i] > row[j]) + (row[i] == row[j]) / 2
                gaps.append((max(row[i], row[j]) - row[i], abs(row[i] - row[j]) / 2))
    loses, by_chance = np.mean(gaps, axis=0)
    return {
        "comparisons": pairs,
        "the more accurate teacher is better": better,
        "regret of the more accurate": float(loses),
        "regret of either at random": float(by_chance),
    }

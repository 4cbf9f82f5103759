"""What students are ranked by if nobody says: a proxy where it has seen labels, else #params.

On spaces left out of a discovery, sums of formulas ranked no better than #params; see
``docs/proxies.md``.
"""

from __future__ import annotations

from autodas.scores import get_score
from autodas.spaces import Space

__all__ = ["default_score"]

PROXY = "proxy:general"
SIZE = "params"


def default_score(space: Space) -> tuple[str, str]:
    """Name of the score for a space, and in one sentence why it is this one."""
    found_on = get_score(PROXY).found_on
    if space.known_as in found_on:
        return PROXY, (
            f"No score was named: students are ranked by {PROXY}, which was found on "
            f"{space.name} among others."
        )
    return SIZE, (
        f"No score was named: students are ranked by {SIZE}, because {PROXY} has not seen "
        f"{space.name}, and ranked no better than #params on spaces that it had not seen."
    )

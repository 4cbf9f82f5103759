"""What initial weights the networks of a space get: part of the key of what is measured of them."""

from __future__ import annotations

import re
from functools import lru_cache, partial

from autodas.core.digest import digest
from autodas.core.rng import derive
from autodas.networks import seeded
from autodas.networks.weights import weights_digest
from autodas.spaces import Space

__all__ = ["initial_weights"]

SAMPLE = 2
ADDRESS = re.compile("0x[0-9a-f]+")  # of an object without a name of its own


@lru_cache(maxsize=64)
def initial_weights(
    space: Space, seed: int, num_classes: int, input_shape: tuple[int, int, int]
) -> str:
    """Digest of the structure and the initial weights of two networks, built once per process.

    The weights of a network follow from its seed, the source text of spaces and networks and the
    versions of PyTorch and NumPy, which stand in the key by name. What no key can name is what else
    a user's build function reads, and which numbers the processor at hand makes PyTorch draw (they
    differ between kinds of vector units). Such a change changes the weights of all networks of
    the space or of many, hence of this sample; one that touches neither network of the sample goes
    unnoticed. Digesting every network would notice it, and cost at every hit of the cache what
    building costs: 0.2 s for an AutoFormer, fifty times as long as reading its statistics. The
    sample costs 12 ms for the digits and 0.4 s for AutoFormers, once.
    """
    rng = derive(0, "sample of initial weights", space.name)
    found = []
    for arch in (space.sample(rng) for _ in range(SAMPLE)):
        build = partial(space.build, arch, num_classes=num_classes, input_shape=input_shape)
        network = seeded(build, seed)
        structure = ADDRESS.sub("", str(network))
        found.append([space.encode(arch), structure, weights_digest(network)])
    return digest(found)

"""Make any classifier a student or a teacher."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from autodas.networks import StagedNetwork
from autodas.networks.trace import wrapped

__all__ = ["wrap"]


def wrap(
    module: nn.Module,
    *,
    input_shape: tuple[int, int, int] = (3, 224, 224),
    stages: Sequence[str] | None = None,
    classifier: str | None = None,
    prefix_tokens: int | None = None,
) -> StagedNetwork:
    """``module`` as a network that shows its stages.

    Stages are found by running one image through it: the last feature maps of each resolution, the
    last tokens of each width, and of a plain vision transformer every block.

    Args:
        module: Gives (B, K) logits of (B, C, H, W) images, or an object with ``logits``.
        input_shape: (C, H, W) of images that it takes.
        stages: Names of the modules whose outputs are its stages, such as ``layer1``.
        classifier: Name of its last linear layer.
        prefix_tokens: How many tokens at the front are no image patches, such as a class token.

    Returns:
        The same weights behind the interface; a network that has it already is returned as it is.

    Raises:
        InvalidInput: it cannot be run on such images, or what is missing is named.
    """
    if isinstance(module, StagedNetwork):
        return module
    return wrapped(
        module,
        input_shape,
        name=type(module).__name__,
        stages=stages,
        classifier=classifier,
        prefix_tokens=prefix_tokens,
    )

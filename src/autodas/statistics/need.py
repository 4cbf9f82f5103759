"""What has to be run for a statistic: announced by the statistic, looked up here.

A network may lack what is needed all the same: :class:`Unmeasurable`.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, StrEnum

from autodas.core.errors import AutodasError, InvalidInput

__all__ = ["MadeBy", "Need", "Unmeasurable", "needs_named", "require"]


class Unmeasurable(AutodasError):
    """A network has nothing that the statistic could be measured on."""


class MadeBy(Enum):
    """Which run of the network yields something."""

    BATCH = "the forward pass through the batch, once for all statistics"
    NOTES = "hooks that take notes during that pass"
    GRADIENTS = "a backward pass that starts from that pass"
    EXTRA = "passes of its own, made once and only if a statistic asks for them"
    TEACHER = "the teacher, once for all students"


class Need(StrEnum):
    """Something that a statistic needs; each is also the plain text of its name.

    Attributes:
        made_by: Which run yields it.
        runs: What is run for it beyond the forward pass through the batch; empty if nothing is.
        shared: Whether it comes out of the few passes that many statistics share. Those that need
            something else are not measured by a discovery unless it is told to.
    """

    made_by: MadeBy
    runs: str
    shared: bool

    def __new__(cls, text: str, made_by: MadeBy, runs: str, shared: bool) -> Need:
        """A member; an enumeration of text keeps more than its text this way."""
        member = str.__new__(cls, text)
        member._value_ = text
        member.made_by, member.runs, member.shared = made_by, runs, shared
        return member

    FORWARD = "forward", MadeBy.BATCH, "", True
    """Stage features and outputs."""
    CLASSIFIER = "classifier", MadeBy.NOTES, "", True
    """Input of the last linear layer."""
    NORMS = "norms", MadeBy.NOTES, "", True
    """Moments of the inputs of normalisation layers."""
    ACTIVATIONS = "activations", MadeBy.NOTES, "", True
    """Signs of the inputs of activation functions."""
    ATTENTION = "attention", MadeBy.NOTES, "", True
    """Queries and keys of self-attention."""
    SIZES = "sizes", MadeBy.NOTES, "", True
    """At how many positions each layer is applied."""
    OUTPUTS = "outputs", MadeBy.NOTES, "an eigenvalue problem at every layer", False
    """What meets at the outputs of layers, in the forward and in the backward pass."""
    BACKWARD = "backward", MadeBy.GRADIENTS, "a backward of the loss", True
    """Gradients of the loss at weights and at stage features."""
    JACOBIAN = "jacobian", MadeBy.GRADIENTS, "a backward to the images", True
    """Gradient of the summed outputs at the images."""
    BLOCKS = "blocks", MadeBy.EXTRA, "noise forward, and backward from block to block", False
    """Entropies of the blocks' outputs for noise, and gradients between them."""
    NOISE_LOSS = "noise_loss", MadeBy.EXTRA, "noise with drawn labels, forward and backward", False
    """How far layers spread noise, and how evenly drawn labels move parameters."""
    VIRTUAL = "virtual", MadeBy.EXTRA, "one image of ones, in double precision", True
    """SynFlow's data-free objective and its gradients: a forward and a backward."""
    HESSIAN = "hessian", MadeBy.EXTRA, "16 images forward, and twice backward", False
    """The Hessian of the loss times its gradient: second derivatives, the dearest of all."""
    HALVES = "halves", MadeBy.EXTRA, "each half of the batch, forward and backward", False
    """Gradients of the halves of the batch."""
    SINGLES = "singles", MadeBy.EXTRA, "8 images one by one, forward and backward", False
    """Signs of the gradients of single images."""
    TANGENT = "tangent", MadeBy.EXTRA, "8 images, one backward each", False
    """The neural tangent kernel: gradients of single outputs."""
    GAUSSIAN = "gaussian", MadeBy.EXTRA, "two forwards of 16 noise images", False
    """How far standard normal weights carry noise apart."""
    INFORMATION = "information", MadeBy.EXTRA, "16 noise images, one backward per class", False
    """Gradients of the logits of single noise images at one entry of every weight."""
    DISTILLING = "distilling", MadeBy.EXTRA, "forward and backward, for every teacher", False
    """Gradients of the distillation loss at weights."""
    CONSTANT = "constant", MadeBy.EXTRA, "two images of ones, forward and backward", False
    """Gradients for images without content."""
    TEACHER = "teacher", MadeBy.TEACHER, "", True
    """A teacher's signals on the same batch."""


def needs_named(names: Iterable[str], who: str) -> frozenset[Need]:
    """The needs of those names.

    Args:
        names: Members or their plain texts.
        who: Who asks, for the message.

    Raises:
        InvalidInput: one of them names no need.
    """
    known = {need.value: need for need in Need}
    found = [names] if isinstance(names, str) else list(names)
    if wrong := [name for name in found if name not in known]:
        raise InvalidInput(f"{who} needs {wrong[0]!r}; choose from: {', '.join(sorted(known))}")
    return frozenset(known[name] for name in found)


def require(need: Need, announced: frozenset[Need]) -> None:
    """Refuse what was not announced.

    Raises:
        InvalidInput: ``need`` is not among the announced ones.
    """
    if need not in announced:
        raise InvalidInput(f"what a statistic asks for must be announced: needs={{{str(need)!r}}}")

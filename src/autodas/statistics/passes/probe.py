"""Run a student on one batch, once, and keep what the statistics asked for.

A probe is the pass through the batch: forward, the backward passes that start from it, and the
notes taken on the way. Whatever runs the network again is an extra pass
(:class:`~autodas.statistics.passes.extra_passes.ExtraPasses`), found under ``probe.extra``.

The network leaves a probe exactly as it entered it: hooks, gradients, modes, buffers and the
global random state are untouched, also when something goes wrong on the way.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TypeAlias, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autodas.core.errors import InvalidInput
from autodas.networks import StagedNetwork, parameters, undisturbed
from autodas.statistics.need import MadeBy, Need, Unmeasurable, needs_named, require
from autodas.statistics.passes.attention_calls import AttentionCall
from autodas.statistics.passes.extra_passes import ExtraPasses
from autodas.statistics.passes.layer_outputs import LayerOutputs
from autodas.statistics.passes.losses import check_labels, check_outputs, labels_loss
from autodas.statistics.passes.memory_layout import channels_where_they_lie, laid_out
from autodas.statistics.passes.notes import PassNotes
from autodas.statistics.passes.views import alike, at_least_single
from autodas.statistics.passes.weights import (
    Layer,
    gradients_missing,
    layers_of,
    scripted_part,
    trainable_weights,
    why_unseen,
)
from autodas.statistics.passes.without_trace import measuring_mode, plain_weights
from autodas.statistics.teacher_signals import TeacherSignals

__all__ = ["Probe"]

S = TypeVar("S")
Views: TypeAlias = tuple[Callable[[Tensor], Tensor], ...]

ROUNDING = 1e-6  # a deviation below this share of a value is an error of single precision


@dataclass(frozen=True)
class _Passed:
    """What the pass through the batch leaves; nothing in it is part of a graph."""

    stages: list[Tensor]
    outputs: Tensor
    differentiable: bool
    weight_gradients: list[Tensor] | None = None
    stage_gradients: list[Tensor] | None = None
    jacobian: Tensor | None = None


class Probe:
    """One student on one batch; use as a context manager.

    Everything is computed on first use; what is used must be announced in ``needs``.

    Args:
        network: The student.
        images: ``(B, C, H, W)``.
        labels: ``(B,)`` class numbers, or those of another task (:func:`labels_loss`).
        needs: What will be asked for: members of :class:`~autodas.statistics.need.Need`, or their
            names.
        teacher: The teacher's signals on the same images, if any statistic needs them.

    Attributes:
        params: Number of trainable parameters.

    Raises:
        InvalidInput: images, labels and teacher disagree about the number of samples.
    """

    def __init__(
        self,
        network: StagedNetwork,
        images: Tensor,
        labels: Tensor,
        needs: Iterable[str],
        teacher: TeacherSignals | None = None,
    ) -> None:
        if part := scripted_part(network):
            raise InvalidInput(f"{part} is a program of torch.jit, whose layers cannot be seen")
        self.network = network
        self.images = laid_out(images, network)
        self.labels = labels
        self.face(teacher)
        self.needs = needs_named(needs, "a probe")
        self.params = parameters(network)
        self._notes = PassNotes(self.needs, len(images))
        self._views: dict[Views, list[Tensor]] = {}
        self._exit = contextlib.ExitStack()

    def __enter__(self) -> Probe:
        self._exit.enter_context(measuring_mode(self.network))
        self._exit.enter_context(plain_weights(self.network))
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    @cached_property
    def layers(self) -> list[Layer]:
        """The network's weights of two or more dimensions."""
        return layers_of(self.network)

    @cached_property
    def extra(self) -> ExtraPasses:
        """The extra passes, each made on first use."""
        return ExtraPasses(self.network, self.images, self.labels, self.layers, self.needs)

    def face(self, teacher: TeacherSignals | None) -> None:
        """Compare with another teacher, or with none; of the student nothing is run again.

        Raises:
            InvalidInput: images, labels and teacher disagree about the number of samples.
        """
        images, labels = len(self.images), len(self.labels)
        if not images == labels == (len(teacher.images) if teacher else images):
            raise InvalidInput(
                f"{images} images need as many labels and the teacher's signals on the same, "
                f"but got {labels} labels"
                + (f" and a teacher on {len(teacher.images)} images" if teacher else "")
            )
        self._teacher = teacher

    @property
    def teacher(self) -> TeacherSignals:
        """The teacher's signals.

        Raises:
            InvalidInput: the probe was made without a teacher.
        """
        if self._teacher is None:
            raise InvalidInput("this statistic compares with a teacher, and none was given")
        return self._teacher

    @cached_property
    def _pass(self) -> _Passed:
        require(Need.FORWARD, self.needs)
        differentiated = any(need.made_by is MadeBy.GRADIENTS for need in self.needs)
        # Also for gradients at stages: before the first there may be no weight.
        images = self.images.detach().requires_grad_(differentiated)
        with (
            undisturbed(self.network),
            torch.set_grad_enabled(differentiated),
            self._notes.taken(self.network, self.network.classifier),
        ):
            stages, outputs = self.network.forward_stages(images.clone())  # it may write into them
        _check_stages(stages)
        check_outputs(outputs)
        check_labels(outputs, self.labels)
        # All that needs the graph happens now: it is by far the largest thing in memory.
        return self._backward(images, stages, outputs)

    def _backward(self, images: Tensor, stages: list[Tensor], outputs: Tensor) -> _Passed:
        weights = [layer.weight for layer in self.layers]
        jacobian = gradients = None
        with torch.enable_grad():
            wanted = Need.BACKWARD in self.needs and not gradients_missing(self.layers)
            if Need.JACOBIAN in self.needs and outputs.requires_grad:
                (jacobian,) = torch.autograd.grad(
                    outputs.sum(),
                    [images],
                    retain_graph=wanted,
                    allow_unused=True,
                    materialize_grads=True,
                )
            if wanted and outputs.requires_grad:
                self._notes.layer_outputs.listening = True
                found = torch.autograd.grad(
                    labels_loss(outputs, self.labels),
                    [*weights, *(stage for stage in stages if stage.requires_grad)],
                    allow_unused=True,
                    materialize_grads=True,
                )
                gradients = [at_least_single(gradient) for gradient in found]
        whole = gradients is not None and all(stage.requires_grad for stage in stages)
        return _Passed(
            [alike(stage.detach(), images) for stage in stages],
            alike(outputs.detach(), images),
            outputs.requires_grad,
            None if gradients is None else gradients[: len(weights)],
            None if not whole else [alike(g, images) for g in (gradients or ())[len(weights) :]],
            None if jacobian is None else jacobian.flatten(1),
        )

    @property
    def stages(self) -> list[Tensor]:
        """Stage outputs, ``(B, C, H, W)`` or ``(B, N, D)`` each, without their graph."""
        return self._pass.stages

    @property
    def logits(self) -> Tensor:
        """``(B, K)``, without their graph.

        Raises:
            Unmeasurable: the network does not tell classes of images apart.
        """
        outputs = self._pass.outputs
        if outputs.ndim != 2 or self.labels.is_floating_point():
            raise Unmeasurable("the task of the network has no classes of images")
        return outputs

    @property
    def loss(self) -> Tensor:
        """What is differentiated, see :func:`labels_loss`."""
        return labels_loss(self._pass.outputs, self.labels)

    def viewed(self, *views: Callable[[Tensor], Tensor]) -> list[Tensor]:
        """A view of every stage output, or a view of that view and so on, each computed once
        however many statistics and teachers ask.
        """
        if views not in self._views:
            seen = self.viewed(*views[:-1]) if views[1:] else self.stages
            self._views[views] = [views[-1](each) for each in seen]
        return self._views[views]

    @property
    def norm_moments(self) -> list[tuple[Tensor, Tensor]]:
        """``(C,)`` mean and variance of the channels at the input of every normalisation layer, in
        order of execution (need ``norms``).
        """
        return self._noted(Need.NORMS, self._notes.norm_moments, "normalisation layers")

    @cached_property
    def activation_signs(self) -> list[Tensor]:
        """Whether the input of each activation unit is above its switch, ``(B, units)`` for every
        call (need ``activations``); the units of a call in the order of memory.
        """
        self._noted(Need.ACTIVATIONS, self._notes.seen.signs, "activation layers")
        batch = len(self.images)
        # Windows of an image may be laid out as a longer batch, one image after the other. What
        # has another length belongs to no image.
        whole = [s for s in self._notes.seen.signs if s.ndim > 1 and len(s) % batch == 0]
        if not whole:
            raise Unmeasurable("the network has no activation layers")
        return [channels_where_they_lie(signs).reshape(batch, -1) for signs in whole]

    @property
    def attentions(self) -> list[AttentionCall]:
        """Queries and keys of every self-attention in order of execution (need ``attention``)."""
        return self._noted(Need.ATTENTION, self._notes.seen.attentions, "attention layers")

    @property
    def classifier_input(self) -> Tensor:
        """``(B, D)``: what the last linear layer sees (need ``classifier``)."""
        found = self._noted(Need.CLASSIFIER, self._notes.classifier_inputs, "linear classifier")[-1]
        return alike(found, self.images)

    @property
    def output_positions(self) -> list[Fraction]:
        """Positions at which each of :attr:`layers` is applied per sample, over all its uses (need
        ``sizes``); of projections in one weight, their average.
        """
        require(Need.SIZES, self.needs)
        _ = self._pass
        found = self._notes.positions
        self._check_seen([layer for layer in self.layers if layer.key not in found])
        return [found.get(layer.key, Fraction(0)) for layer in self.layers]

    def _noted(self, need: Need, signals: list[S], what: str) -> list[S]:
        require(need, self.needs)
        _ = self._pass  # fills the list
        if not signals:
            raise Unmeasurable(f"the network has no {what}")
        return signals

    @property
    def weight_gradients(self) -> list[Tensor]:
        """Gradient of the mean loss at each layer's weight."""
        return self._differentiated(Need.BACKWARD, self._pass.weight_gradients)

    @property
    def stage_gradients(self) -> list[Tensor]:
        """Gradient of the mean loss at each stage output."""
        return self._differentiated(Need.BACKWARD, self._pass.stage_gradients)

    @property
    def jacobian(self) -> Tensor:
        """``(B, C·H·W)``: gradient of each sample's summed outputs at its input."""
        return self._differentiated(Need.JACOBIAN, self._pass.jacobian)

    def _differentiated(self, need: Need, value: S | None) -> S:
        require(need, self.needs)
        if value is None:
            passed = self._pass
            if need is Need.BACKWARD:
                trainable_weights(self.layers)  # says why there is none
            if need.made_by is MadeBy.GRADIENTS and not passed.differentiable:
                raise Unmeasurable("the network computes its outputs without gradients")
            if passed.weight_gradients is not None:
                raise Unmeasurable("the network computes some of its stages without gradients")
            raise InvalidInput(f"a statistic that needs {str(need)!r} must need 'forward' as well")
        return value

    @property
    def layer_outputs(self) -> LayerOutputs:
        """What met at the outputs of convolutions and linear layers (need ``outputs``).

        Raises:
            Unmeasurable: some layers are used without being called.
        """
        require(Need.OUTPUTS, self.needs)
        _ = self._pass
        if any(isinstance(module, nn.MultiheadAttention) for module in self.network.modules()):
            raise Unmeasurable("nn.MultiheadAttention does not show what its layers put out")
        notes = self._notes.layer_outputs
        self._check_seen([layer for layer in self.layers if not notes.saw(layer)])
        return notes

    def _check_seen(self, layers: list[Layer]) -> None:
        """Refuse layers that were not called and are used all the same.

        Raises:
            Unmeasurable: one of them is.
        """
        if layers and (reason := why_unseen(self.extra.used(layers))):
            raise Unmeasurable(reason)

    @cached_property
    def agreements(self) -> tuple[Tensor, int]:
        """``(B, B)`` activation units on the same side of zero, and their number."""
        batch = len(self.images)
        agreeing = torch.zeros(batch, batch, dtype=torch.float64, device=self.images.device)
        units = 0
        for signs in self.activation_signs:
            above = signs.float()
            both = above @ above.T  # whole numbers
            one = both.diagonal()
            agreeing += 2 * both - one - one[:, None] + signs.shape[1]
            units += signs.shape[1]
        return agreeing, units

    @cached_property
    def jacobian_correlation(self) -> Tensor:
        """``(B, B)``: correlations of the samples' input gradients.

        A gradient that vanishes, or is the same everywhere, tells an image apart from no other: its
        correlations count as 1.
        """
        gradients = self.jacobian.double()
        rows = gradients - gradients.mean(1, keepdim=True)
        lengths = rows.norm(dim=1, keepdim=True)
        rows = rows / lengths.clamp_min(1e-30)
        correlation: Tensor = rows @ rows.T
        flat = (lengths <= ROUNDING * gradients.norm(dim=1, keepdim=True)).flatten()
        correlation[flat], correlation[:, flat] = 1.0, 1.0
        return correlation

    @cached_property
    def logit_gradients(self) -> Tensor:
        """``(B, K)``: gradient of the mean cross-entropy at the logits, (softmax − onehot) / B."""
        logits = self.logits
        target = F.one_hot(self.labels, logits.shape[1]).to(logits.dtype)
        return (logits.softmax(1) - target) / len(logits)


def _check_stages(stages: Sequence[Tensor]) -> None:
    """Refuse what no stages are.

    Raises:
        InvalidInput: the message says what the network shows in their place.
    """
    if not stages:
        raise InvalidInput("the network shows no stage")
    for i, stage in enumerate(stages, 1):
        if not isinstance(stage, Tensor) or stage.ndim not in {3, 4}:
            what = tuple(stage.shape) if isinstance(stage, Tensor) else type(stage).__name__
            raise InvalidInput(
                f"stage {i} must be feature maps (B, C, H, W) or tokens (B, N, D), it is {what}"
            )

"""Run a student on one batch, once, and keep what the statistics asked for.

The network leaves a probe exactly as it entered it: hooks, gradients, modes, buffers and the
global random state are untouched, also when something goes wrong on the way.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from autodas.core.errors import AutodasError, InvalidInput
from autodas.networks import Cost, StagedNetwork, count
from autodas.statistics import views
from autodas.statistics.attention import Attention
from autodas.statistics.modes import measuring_mode
from autodas.statistics.teacher import TeacherSignals
from autodas.statistics.virtual import VirtualPass, virtual_pass
from autodas.statistics.watch import Watch

__all__ = ["NEEDS", "Layer", "Probe", "Unmeasurable"]

S = TypeVar("S")

NEEDS = frozenset(
    {
        "forward",  # stage features and logits
        "backward",  # gradients of the cross-entropy
        "classifier",  # input of the last linear layer
        "norms",  # moments of the inputs of normalisation layers
        "activations",  # inputs of activation functions
        "attention",  # queries and keys
        "sizes",  # output shapes of layers
        "jacobian",  # gradient of the summed logits at the input: a second backward
        "virtual",  # SynFlow's data-free pass: a second forward and backward
        "teacher",  # a teacher's signals on the same batch
    }
)
_NORMS = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)


class Unmeasurable(AutodasError):
    """A network has nothing that the statistic could be measured on."""


@dataclass(frozen=True)
class Layer:
    """A weight of at least two dimensions.

    Attributes:
        name: Dotted name of the parameter.
        weight: The parameter, ``(out, in, …)``.
        module: The module that owns it.
    """

    name: str
    weight: Tensor
    module: nn.Module


class Probe:
    """One student on one batch; use as a context manager.

    Everything is computed on first use; what is used must be announced in ``needs``.

    Args:
        network: The student.
        images: ``(B, C, H, W)``.
        labels: ``(B,)`` class numbers.
        needs: What will be asked for, a subset of ``NEEDS``.
        teacher: The teacher's signals on the same images, if any statistic needs them.

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
        if not len(images) == len(labels) == len(teacher.images if teacher else images):
            raise InvalidInput(
                f"{len(images)} images need as many labels and the teacher's signals on the same, "
                f"but got {len(labels)} labels"
                + (f" and a teacher on {len(teacher.images)} images" if teacher else "")
            )
        self.network = network
        self.images = images
        self.labels = labels
        self.needs = frozenset(needs)
        self._norm_moments: list[tuple[Tensor, Tensor]] = []
        self._watch = Watch(
            activations="activations" in self.needs, attention="attention" in self.needs
        )
        self._output_positions: dict[nn.Module, int] = {}
        self._classifier_inputs: list[Tensor] = []
        self._views: dict[Callable[[Tensor], Tensor], list[Tensor]] = {}
        self._teacher = teacher
        self._tracked_images = images
        self._hooks: list[RemovableHandle] = []
        self._exit = contextlib.ExitStack()

    def __enter__(self) -> Probe:
        self._exit.enter_context(measuring_mode(self.network))
        self._exit.callback(self._remove_hooks)
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def _remove_hooks(self) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    @cached_property
    def cost(self) -> Cost:
        """Parameters and MACs for one image."""
        with measuring_mode(self.network, batch_statistics=False):
            return count(self.network, self.images[:1])

    @cached_property
    def layers(self) -> list[Layer]:
        """All weights of two or more dimensions that a matrix product or convolution uses."""
        found = []
        for prefix, module in self.network.named_modules():
            if isinstance(module, nn.modules.conv._ConvNd | nn.Linear):
                found.append(Layer(f"{prefix}.weight", module.weight, module))
            elif isinstance(module, nn.MultiheadAttention) and module.in_proj_weight is not None:
                found.append(Layer(f"{prefix}.in_proj_weight", module.in_proj_weight, module))
        return found

    @property
    def teacher(self) -> TeacherSignals:
        """The teacher's signals.

        Raises:
            InvalidInput: the probe was made without a teacher.
        """
        if self._teacher is None:
            raise InvalidInput("this statistic compares with a teacher, and none was given")
        return self._teacher

    def _require(self, need: str) -> None:
        if need not in self.needs:
            raise InvalidInput(f"what a statistic asks for must be announced: needs={{{need!r}}}")

    @cached_property
    def _forward(self) -> tuple[list[Tensor], Tensor]:
        self._require("forward")
        self._install_hooks()
        track = bool(self.needs & {"backward", "jacobian"})
        if "jacobian" in self.needs:
            self._tracked_images = self.images.detach().clone().requires_grad_()
        try:
            with torch.set_grad_enabled(track), self._watched():
                stages, logits = self.network.forward_stages(self._tracked_images)
        finally:
            self._remove_hooks()
        if (largest := int(self.labels.max())) >= logits.shape[1]:
            raise InvalidInput(
                f"labels go up to {largest}, but the network has {logits.shape[1]} classes"
            )
        return stages, logits

    @cached_property
    def stages(self) -> list[Tensor]:
        """Stage outputs, ``(B, C, H, W)`` or ``(B, N, D)`` each, without their graph."""
        return [stage.detach() for stage in self._forward[0]]

    @cached_property
    def logits(self) -> Tensor:
        """``(B, K)``, without their graph."""
        return self._forward[1].detach()

    def viewed(self, view: Callable[[Tensor], Tensor]) -> list[Tensor]:
        """``view`` of every stage output, computed once however many statistics ask."""
        if view not in self._views:
            self._views[view] = [view(stage) for stage in self.stages]
        return self._views[view]

    @property
    def norm_moments(self) -> list[tuple[Tensor, Tensor]]:
        """``(C,)`` mean and variance of the channels at the input of every normalisation layer, in
        order of execution (need ``norms``).
        """
        return self._captured("norms", self._norm_moments, "normalisation layers")

    @property
    def activation_signs(self) -> list[Tensor]:
        """Whether each activation unit's input is positive (need ``activations``)."""
        return self._captured("activations", self._watch.signs, "activation layers")

    @property
    def attentions(self) -> list[Attention]:
        """Queries and keys of every self-attention in order of execution (need ``attention``)."""
        return self._captured("attention", self._watch.attentions, "attention layers")

    @property
    def classifier_input(self) -> Tensor:
        """``(B, D)``: what the last linear layer sees (need ``classifier``)."""
        return self._captured("classifier", self._classifier_inputs, "linear classifier")[-1]

    @property
    def output_positions(self) -> list[int]:
        """Positions at which each of :attr:`layers` is applied per sample (need ``sizes``)."""
        self._require("sizes")
        _ = self._forward
        return [self._output_positions.get(layer.module, 1) for layer in self.layers]

    def _captured(self, need: str, signals: list[S], what: str) -> list[S]:
        self._require(need)
        _ = self._forward  # the pass fills the list
        if not signals:
            raise Unmeasurable(f"the network has no {what}")
        return signals

    @cached_property
    def virtual(self) -> VirtualPass:
        """SynFlow's data-free objective and its gradients at each layer's weight."""
        self._require("virtual")
        return virtual_pass(self.network, [layer.weight for layer in self.layers], self.images)

    @cached_property
    def _gradients(self) -> tuple[list[Tensor], list[Tensor]]:
        self._require("backward")
        stages, logits = self._forward
        weights = [layer.weight for layer in self.layers]
        if not all(weight.requires_grad for weight in weights):
            raise Unmeasurable("the network has frozen weights, which have no gradient")
        with torch.enable_grad():
            loss = F.cross_entropy(logits, self.labels)
        gradients = torch.autograd.grad(
            loss,
            [*weights, *stages],
            retain_graph="jacobian" in self.needs,
            allow_unused=True,
            materialize_grads=True,
        )
        return list(gradients[: len(weights)]), list(gradients[len(weights) :])

    @property
    def weight_gradients(self) -> list[Tensor]:
        """Gradient of the mean cross-entropy at each layer's weight."""
        return self._gradients[0]

    @property
    def stage_gradients(self) -> list[Tensor]:
        """Gradient of the mean cross-entropy at each stage output."""
        return self._gradients[1]

    @cached_property
    def jacobian(self) -> Tensor:
        """``(B, C·H·W)``: gradient of each sample's summed logits at its input."""
        self._require("jacobian")
        _, logits = self._forward
        with torch.enable_grad():
            total = logits.sum()
        (gradient,) = torch.autograd.grad(
            total, [self._tracked_images], retain_graph="backward" in self.needs
        )
        return gradient.flatten(1)

    @cached_property
    def logit_gradients(self) -> Tensor:
        """``(B, K)``: gradient of the mean cross-entropy at the logits, (softmax − onehot) / B."""
        logits = self.logits
        target = F.one_hot(self.labels, logits.shape[1]).to(logits.dtype)
        return (logits.softmax(1) - target) / len(logits)

    def _watched(self) -> contextlib.AbstractContextManager[object]:
        # Watching costs time in every PyTorch call, so it is done only where it is needed.
        wanted = self._watch.activations or self._watch.attention
        return self._watch if wanted else contextlib.nullcontext()

    def _install_hooks(self) -> None:
        installers: dict[str, Callable[[nn.Module], None]] = {
            "norms": self._watch_norm,
            "sizes": self._watch_size,
        }
        wanted = [install for need, install in installers.items() if need in self.needs]
        for module in self.network.modules():
            for install in wanted:
                install(module)
        if "classifier" in self.needs:
            self._hooks.append(
                self.network.classifier.register_forward_pre_hook(
                    lambda _, inputs: self._classifier_inputs.append(inputs[0].detach())
                )
            )

    def _watch_norm(self, module: nn.Module) -> None:
        def keep(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            value = inputs[0].detach()
            # Tokens have their channels at the end, and so have some feature maps.
            is_last = isinstance(norm, nn.LayerNorm) and norm.normalized_shape == value.shape[-1:]
            # At once, because keeping the inputs would keep every activation alive.
            moments = views.channel_moments(value.movedim(-1, 1) if is_last else value)
            self._norm_moments.append(moments)

        if isinstance(module, _NORMS):
            self._hooks.append(module.register_forward_pre_hook(keep))

    def _watch_size(self, module: nn.Module) -> None:
        # Divided by the batch, not by the length of the output: windows of an image may be
        # laid out as a longer batch.
        batch = len(self.images)

        def keep(layer: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
            channels = output.shape[1 if isinstance(layer, nn.modules.conv._ConvNd) else -1]
            self._output_positions[layer] = output.numel() // (batch * channels)

        def keep_attention(layer: nn.Module, _: tuple[Tensor, ...], output: tuple[Tensor]) -> None:
            keep(layer, (), output[0])
            # It uses the weight of its output layer without calling that layer.
            keep(layer.get_submodule("out_proj"), (), output[0])

        if isinstance(module, nn.modules.conv._ConvNd | nn.Linear):
            self._hooks.append(module.register_forward_hook(keep))
        elif isinstance(module, nn.MultiheadAttention):
            self._hooks.append(module.register_forward_hook(keep_attention))

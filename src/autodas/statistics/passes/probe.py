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

from autodas.core.errors import InvalidInput
from autodas.networks import Cost, StagedNetwork, count
from autodas.statistics.passes import hooks
from autodas.statistics.passes.attention import Attention
from autodas.statistics.passes.blocks import BlockValues, block_values, blocks_of
from autodas.statistics.passes.extra_passes import FurtherPasses
from autodas.statistics.passes.modes import measuring_mode
from autodas.statistics.passes.outputs import LayerOutputs
from autodas.statistics.passes.virtual import VirtualPass, virtual_pass
from autodas.statistics.passes.watch import Watch
from autodas.statistics.teacher_signals import TeacherSignals
from autodas.statistics.unmeasurable import Unmeasurable

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
        "outputs",  # what meets at the outputs of layers
        "blocks",  # outputs of blocks, and the gradients between them: a backward in pieces
        "jacobian",  # gradient of the summed logits at the input: a second backward
        "virtual",  # SynFlow's data-free pass: a second forward and backward
        "hessian",  # Hessian times gradient: a forward and two backwards
        "halves",  # gradients of the halves of the batch: two forwards and backwards of half
        "singles",  # gradients of single images
        "tangent",  # gradients of single outputs
        "gaussian",  # two forwards of noise with standard normal weights
        "constant",  # a forward and backward of all-ones images
        "teacher",  # a teacher's signals on the same batch
    }
)


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


@dataclass(frozen=True)
class _Passed:
    """What the pass through the batch leaves; nothing in it is part of a graph."""

    stages: list[Tensor]
    logits: Tensor
    weight_gradients: list[Tensor] | None = None
    stage_gradients: list[Tensor] | None = None
    jacobian: Tensor | None = None
    blocks: BlockValues | None = None


class Probe(FurtherPasses):
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
        self._layer_outputs = LayerOutputs()
        self._blocks: list[Tensor] = []
        self._watch = Watch(
            activations="activations" in self.needs, attention="attention" in self.needs
        )
        self._output_positions: dict[nn.Module, int] = {}
        self._classifier_inputs: list[Tensor] = []
        self._views: dict[Callable[[Tensor], Tensor], list[Tensor]] = {}
        self._teacher = teacher
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
    def _pass(self) -> _Passed:
        self._require("forward")
        self._install_hooks()
        images = self.images
        if "jacobian" in self.needs:
            images = images.detach().clone().requires_grad_()
        try:
            with (
                torch.set_grad_enabled(bool(self.needs & {"backward", "jacobian", "blocks"})),
                self._watched(),
            ):
                stages, logits = self.network.forward_stages(images)
            if (largest := int(self.labels.max())) >= logits.shape[1]:
                raise InvalidInput(
                    f"labels go up to {largest}, but the network has {logits.shape[1]} classes"
                )
            # All that needs the graph happens now: it is by far the largest thing in memory.
            return self._backward(images, stages, logits)
        finally:
            self._remove_hooks()
            self._blocks.clear()

    def _backward(self, images: Tensor, stages: list[Tensor], logits: Tensor) -> _Passed:
        weights = [layer.weight for layer in self.layers]
        blocks = jacobian = gradients = None
        with torch.enable_grad():
            if "blocks" in self.needs:
                blocks = block_values(self._blocks if len(self._blocks) > 1 else stages)
            wanted = "backward" in self.needs and all(w.requires_grad for w in weights)
            if "jacobian" in self.needs:
                (jacobian,) = torch.autograd.grad(logits.sum(), [images], retain_graph=wanted)
            if wanted:
                self._layer_outputs.listening = True
                gradients = torch.autograd.grad(
                    F.cross_entropy(logits, self.labels),
                    [*weights, *stages],
                    allow_unused=True,
                    materialize_grads=True,
                )
        return _Passed(
            [stage.detach() for stage in stages],
            logits.detach(),
            None if gradients is None else list(gradients[: len(weights)]),
            None if gradients is None else list(gradients[len(weights) :]),
            None if jacobian is None else jacobian.flatten(1),
            blocks,
        )

    @property
    def stages(self) -> list[Tensor]:
        """Stage outputs, ``(B, C, H, W)`` or ``(B, N, D)`` each, without their graph."""
        return self._pass.stages

    @property
    def logits(self) -> Tensor:
        """``(B, K)``, without their graph."""
        return self._pass.logits

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
        _ = self._pass
        return [self._output_positions.get(layer.module, 1) for layer in self.layers]

    def _captured(self, need: str, signals: list[S], what: str) -> list[S]:
        self._require(need)
        _ = self._pass  # fills the list
        if not signals:
            raise Unmeasurable(f"the network has no {what}")
        return signals

    @cached_property
    def virtual(self) -> VirtualPass:
        """SynFlow's data-free objective and its gradients at each layer's weight."""
        self._require("virtual")
        return virtual_pass(self.network, [layer.weight for layer in self.layers], self.images)

    @property
    def weights(self) -> list[Tensor]:
        """The weights of :attr:`layers`, if they have gradients.

        Raises:
            Unmeasurable: some are frozen.
        """
        found = [layer.weight for layer in self.layers]
        if not all(weight.requires_grad for weight in found):
            raise Unmeasurable("the network has frozen weights, which have no gradient")
        return found

    @property
    def weight_gradients(self) -> list[Tensor]:
        """Gradient of the mean cross-entropy at each layer's weight."""
        return self._left("backward", self._pass.weight_gradients)

    @property
    def stage_gradients(self) -> list[Tensor]:
        """Gradient of the mean cross-entropy at each stage output."""
        return self._left("backward", self._pass.stage_gradients)

    @property
    def jacobian(self) -> Tensor:
        """``(B, C·H·W)``: gradient of each sample's summed logits at its input."""
        return self._left("jacobian", self._pass.jacobian)

    @property
    def blocks(self) -> BlockValues:
        """Entropies of the network's blocks, and gradients between them (need ``blocks``)."""
        return self._left("blocks", self._pass.blocks)

    def _left(self, need: str, value: S | None) -> S:
        self._require(need)
        if value is None:
            _ = self.weights  # says that they are frozen
            raise InvalidInput(f"a statistic that needs {need!r} must need 'forward' as well")
        return value

    @property
    def layer_outputs(self) -> LayerOutputs:
        """What met at the outputs of convolutions and linear layers (need ``outputs``).

        Raises:
            Unmeasurable: some layers are used without being called.
        """
        self._require("outputs")
        _ = self._pass
        if any(isinstance(module, nn.MultiheadAttention) for module in self.network.modules()):
            raise Unmeasurable("nn.MultiheadAttention does not show what its layers put out")
        return self._layer_outputs

    @cached_property
    def agreements(self) -> tuple[Tensor, int]:
        """``(B, B)`` activation units on the same side of zero, and their number."""
        batch = len(self.images)
        agreeing = torch.zeros(batch, batch, dtype=torch.float64)
        units = 0
        for signs in self.activation_signs:
            code = signs.flatten(1).float() * 2 - 1
            agreeing += (code @ code.T + code.shape[1]) / 2
            units += code.shape[1]
        return agreeing, units

    @cached_property
    def jacobian_correlation(self) -> Tensor:
        """``(B, B)``: correlations of the samples' input gradients; 0 where there is none."""
        rows = self.jacobian.double()
        rows = rows - rows.mean(1, keepdim=True)
        rows = rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-30)
        correlation: Tensor = rows @ rows.T
        return correlation

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
        installers: dict[str, Callable[[nn.Module], RemovableHandle | None]] = {
            "norms": lambda module: hooks.on_norm(module, self._norm_moments),
            "sizes": lambda module: hooks.on_size(module, len(self.images), self._output_positions),
            "outputs": lambda module: hooks.on_layer(module, self._layer_outputs),
        }
        wanted = [install for need, install in installers.items() if need in self.needs]
        found = [install(module) for module in self.network.modules() for install in wanted]
        if "blocks" in self.needs:
            found += [hooks.on_block(block, self._blocks) for block in blocks_of(self.network)]
        if "classifier" in self.needs:
            found.append(hooks.on_input(self.network.classifier, self._classifier_inputs))
        self._hooks += [handle for handle in found if handle is not None]

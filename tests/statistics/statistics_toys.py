"""Two tiny networks, and what they compute written a second time without modules.

The networks are ordinary PyTorch in single precision, unless ``.double()`` is asked for.
:func:`by_hand` evaluates the same
formulas in double precision from slices, sums and products alone, so that statistics can be
derived from it without any of the machinery under test.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autodas.networks import StagedNetwork
from autodas.statistics import TeacherSignals

BATCH, CHANNELS, SIDE, CLASSES = 5, 2, 6, 3


class ToyCNN(StagedNetwork):
    """conv 3×3 – BN – ReLU (stage 1), conv 1×1 – BN – in-place ReLU (stage 2), mean, linear."""

    def __init__(self, classes=CLASSES):
        super().__init__()
        self.conv1 = nn.Conv2d(CHANNELS, 3, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(3)
        self.conv2 = nn.Conv2d(3, 20, 1, stride=2)
        self.bn2 = nn.BatchNorm2d(20)
        self.relu = nn.ReLU(inplace=True)
        self.classifier = nn.Linear(20, classes)
        fill(self)

    def forward_stages(self, x):
        first = F.relu(self.bn1(self.conv1(x)))
        second = self.relu(self.bn2(self.conv2(first)))
        return [first, second], self.classifier(second.mean((2, 3)))


class ToyBlock(nn.Module):
    """Pre-norm attention with two heads and an MLP with GELU."""

    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(6), nn.LayerNorm(6)
        self.qkv, self.proj = nn.Linear(6, 18), nn.Linear(6, 6)
        self.fc1, self.fc2 = nn.Linear(6, 8), nn.Linear(8, 6)

    def forward(self, x):
        batch, tokens, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(batch, tokens, 3, 2, 3).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2)
        x = x + self.proj(mixed.reshape(batch, tokens, width))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class ToyViT(StagedNetwork):
    """3×3 patches, class token, three blocks (the stages), linear on the class token."""

    prefix_tokens = 1

    def __init__(self, classes=CLASSES):
        super().__init__()
        self.embed = nn.Conv2d(CHANNELS, 6, 3, stride=3)
        self.token = nn.Parameter(torch.empty(1, 1, 6))
        self.blocks = nn.ModuleList(ToyBlock() for _ in range(3))
        self.classifier = nn.Linear(6, classes)
        fill(self)

    def forward_stages(self, x):
        tokens = self.embed(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), 1, 6), tokens], 1)
        stages = []
        for block in self.blocks:
            x = block(x)
            stages.append(x)
        return stages, self.classifier(x[:, 0])


def fill(network: nn.Module) -> None:
    """Weights that are no constants, the same everywhere; BN has seen some other data."""
    with torch.no_grad():
        for k, (name, parameter) in enumerate(network.named_parameters()):
            # In double precision, because in single precision sines differ between machines.
            numbers = torch.arange(parameter.numel()).double()
            wave = torch.sin(1.3 * numbers**1.1 + k).view_as(parameter)
            is_norm_scale = parameter.ndim == 1 and name.endswith("weight")
            parameter.copy_(1 + 0.2 * wave if is_norm_scale else 0.6 * wave)
        for name, buffer in network.named_buffers():
            if name.endswith("running_mean"):
                buffer.copy_(0.1 * torch.arange(len(buffer)))
            elif name.endswith("running_var"):
                buffer.copy_(1 + 0.2 * torch.arange(len(buffer)))


def images(count=BATCH, channels=CHANNELS, side=SIDE) -> Tensor:
    values = torch.arange(count * channels * side * side).double()
    waves = torch.sin(0.7 * values) + torch.cos(0.013 * values**1.3)
    return waves.float().view(count, channels, side, side)


def labels(count=BATCH) -> Tensor:
    return torch.arange(count) % CLASSES


def signals(network: StagedNetwork, *, trained=False) -> TeacherSignals:
    """What a teacher shows of the toy batch, in the teacher's precision."""
    pixels = images().to(network.classifier.weight.dtype)
    return TeacherSignals(network, pixels, labels(), trained=trained, digest="toy")


# --- the second time ---------------------------------------------------------------------------


@dataclass
class ByHand:
    """Everything one pass computes, in double precision and still differentiable."""

    images: Tensor
    parameters: dict[str, Tensor]
    labels: Tensor = None
    layer_outputs: list[Tensor] = field(default_factory=list)
    stem: list[Tensor] = field(default_factory=list)
    stages: list[Tensor] = field(default_factory=list)
    norm_inputs: list[Tensor] = field(default_factory=list)
    activation_inputs: list[Tensor] = field(default_factory=list)
    attention: list[Tensor] = field(default_factory=list)
    classifier_input: Tensor = None
    logits: Tensor = None

    @property
    def weights(self) -> list[Tensor]:
        return [p for p in self.parameters.values() if p.ndim > 1 and p.shape != (1, 1, 6)]

    @property
    def loss(self) -> Tensor:
        shares = self.logits.exp() / self.logits.exp().sum(1, keepdim=True)
        return -sum(shares[b, y].log() for b, y in enumerate(self.labels)) / len(shares)

    def gradients(self, of: Tensor, at: list[Tensor]) -> list[np.ndarray]:
        return [g.numpy() for g in torch.autograd.grad(of, at, retain_graph=True)]


def by_hand(
    network: StagedNetwork, *, running=False, virtual=False, pixels=None, known=None, values=None
) -> ByHand:
    """The pass of a toy.

    Args:
        network: Where the numbers come from.
        running: Whether BN uses its running statistics.
        virtual: SynFlow's pass: absolute weights, one image of ones.
        pixels, known: Other images, other labels.
        values: Other parameters.
    """
    parameters = {
        name: (p.detach().double().abs() if virtual else p.detach().double()).requires_grad_()
        for name, p in (values or dict(network.named_parameters())).items()
    }
    x = images() if pixels is None else pixels
    x = torch.ones(1, CHANNELS, SIDE, SIDE) if virtual else x
    known = labels() if known is None else known
    found = ByHand(x.detach().double().requires_grad_(), parameters, known)
    buffers = {name: b.double() for name, b in network.named_buffers()} if running else None
    if isinstance(network, ToyCNN):
        _cnn(found, parameters, buffers)
    else:
        _vit(found, parameters)
    p = parameters
    found.logits = found.classifier_input @ p["classifier.weight"].T + p["classifier.bias"]
    found.layer_outputs.append(found.logits)
    return found


def _cnn(found, p, buffers):
    x = _conv(found.images, p["conv1.weight"], 1, 1)
    found.layer_outputs.append(x)
    x = _relu(found, _batch_norm(found, x, p, "bn1", buffers))
    found.stages.append(x)
    x = _conv(x, p["conv2.weight"], 2, 0) + p["conv2.bias"][:, None, None]
    found.layer_outputs.append(x)
    x = _relu(found, _batch_norm(found, x, p, "bn2", buffers))
    found.stages.append(x)
    found.classifier_input = x.sum((2, 3)) / (x.shape[2] * x.shape[3])


def _conv(x, weight, stride, pad):
    x = F.pad(x, (pad,) * 4)
    rows = range(0, x.shape[2] - weight.shape[2] + 1, stride)
    patches = torch.stack(
        [
            torch.stack(
                [x[:, :, r : r + weight.shape[2], c : c + weight.shape[3]] for c in rows], -1
            )
            for r in rows
        ],
        -2,
    )  # (B, C, kernel, kernel, H, W)
    return torch.einsum("bcijhw,ocij->bohw", patches, weight)


def _batch_norm(found, x, p, name, buffers):
    found.norm_inputs.append(x)
    mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
    if buffers:
        mean, var = buffers[f"{name}.running_mean"], buffers[f"{name}.running_var"]
    x = (x - mean[:, None, None]) / (var[:, None, None] + 1e-5).sqrt()
    return x * p[f"{name}.weight"][:, None, None] + p[f"{name}.bias"][:, None, None]


def _relu(found, x):
    found.activation_inputs.append(x)
    return x * (x > 0)


def _vit(found, p):
    x, weight = found.images, p["embed.weight"]
    patches = [x[:, :, r : r + 3, c : c + 3] for r in (0, 3) for c in (0, 3)]
    tokens = [torch.einsum("bcij,ocij->bo", patch, weight) + p["embed.bias"] for patch in patches]
    found.layer_outputs.append(torch.stack(tokens, 1))
    x = torch.cat([p["token"].expand(len(x), 1, 6), found.layer_outputs[-1]], 1)
    found.stem.append(x)  # what enters the first block; the CNN has no blocks
    for i in range(3):
        x = _block(found, x, {k[9:]: v for k, v in p.items() if k.startswith(f"blocks.{i}.")})
        found.stages.append(x)
    found.classifier_input = x[:, 0]


def _block(found, x, p):
    def linear(name, y):
        found.layer_outputs.append(y @ p[f"{name}.weight"].T + p[f"{name}.bias"])
        return found.layer_outputs[-1]

    qkv = linear("qkv", _layer_norm(found, x, p, "norm1"))
    mixed, maps = [], []
    for head in (0, 3):
        q, k, v = (qkv[..., start + head : start + head + 3] for start in (0, 6, 12))
        weights = (q @ k.transpose(1, 2) / math.sqrt(3)).exp()
        maps.append(weights / weights.sum(2, keepdim=True))
        mixed.append(maps[-1] @ v)
    found.attention.append(torch.stack(maps, 1))
    x = x + linear("proj", torch.cat(mixed, 2))
    hidden = linear("fc1", _layer_norm(found, x, p, "norm2"))
    found.activation_inputs.append(hidden)
    return x + linear("fc2", hidden * (1 + torch.erf(hidden / math.sqrt(2))) / 2)


def _layer_norm(found, x, p, name):
    found.norm_inputs.append(x)
    centred = x - x.mean(2, keepdim=True)
    x = centred / (centred.square().mean(2, keepdim=True) + 1e-5).sqrt()
    return x * p[f"{name}.weight"] + p[f"{name}.bias"]

"""All zero-cost scores from one set of shared passes, beside one after the other.

``plain`` holds every score in its usual form: a copy of the network, its own forward and backward.
Both compute the same numbers (a test compares them) on the same images; where a score looks at
the first few images only, so does its plain form. As published, ``grasp`` and ``gradsign`` take the
whole batch; what the plain forms cost then is a figure of its own.
"""

from __future__ import annotations

import copy
import itertools
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autodas.networks import StagedNetwork, count, seeded
from autodas.scores import SCORES
from autodas.spaces import get_space
from autodas.statistics import measure
from benchmarks.timing import interleaved

BATCH, REPEATS = 64, 1
# Images that the page of scores promises, said again: what is compared must not define itself.
OF_GRASP, OF_GRADSIGN, OF_NTK = 16, 8, 8
CELL = (  # every operation but the empty one, and no dead end
    "|nor_conv_3x3~0|+|nor_conv_1x1~0|skip_connect~1|"
    "+|avg_pool_3x3~0|nor_conv_3x3~1|skip_connect~2|"
)
CLASSICAL = (
    "grad_norm",
    "snip",
    "grasp",
    "synflow",
    "logsynflow",
    "fisher",
    "jacov",
    "naswot",
    "zen",
    "zico",
    "epe_nas",
    "plain",
    "l2_norm",
)


def main(repeats: int = REPEATS) -> dict[str, object]:
    """Processor seconds for one NAS-Bench-201 cell on a batch of 64, and their ratio."""
    torch.set_num_threads(1)
    space = get_space("nasbench201")
    network = seeded(lambda: space.build(space.decode(CELL)), 0)
    images = torch.randn(BATCH, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(BATCH) % 10

    def one_by_one() -> None:
        for score in plain().values():
            score(network, images, labels)

    def published(images_of_grasp: int, images_of_gradsign: int) -> None:
        _grasp(network, images, labels, images_of_grasp)
        _gradsign(network, images, labels, images_of_gradsign)

    seconds = interleaved(
        {
            "together": lambda: measure(network, images, labels, leaves(*plain())),
            "13 classical": lambda: measure(network, images, labels, leaves(*CLASSICAL)),
            "one by one": one_by_one,
            "few": lambda: published(OF_GRASP, OF_GRADSIGN),
            "whole": lambda: published(BATCH, BATCH),
        },
        repeats,
    )
    usual = seconds["one by one"] - seconds["few"] + seconds["whole"]
    return {
        "scores": len(plain()),
        "together, s": seconds["together"],
        "13 classical together, s": seconds["13 classical"],
        "one by one, s": seconds["one by one"],
        "together / one by one": seconds["together"] / seconds["one by one"],
        "one by one with the published images, s": usual,
        "together / that": seconds["together"] / usual,
        "autoformer, batch 16, all together, s": _autoformer(),
    }


def leaves(*names: str) -> list[str]:
    """Statistics that scores need."""
    return sorted(frozenset[str]().union(*(SCORES.get(name).leaves for name in names)))


def _autoformer() -> float:
    space = get_space("autoformer")
    arch = next(iter(space.enumerate()))
    network = seeded(lambda: space.build(arch), 0)
    images = torch.randn(16, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    start = time.process_time()
    measure(network, images, torch.arange(16), leaves(*plain(), "dss"))
    return time.process_time() - start


# --- the usual forms ---------------------------------------------------------------------------

Plain = Callable[[StagedNetwork, Tensor, Tensor], float]


def plain() -> dict[str, Plain]:
    """Score -> its usual form."""
    return {
        "grad_norm": lambda n, x, y: sum(float(w.grad.norm()) for w in _trained(n, x, y)),
        "snip": lambda n, x, y: sum(float((w * w.grad).abs().sum()) for w in _trained(n, x, y)),
        "plain": lambda n, x, y: sum(float((w * w.grad).sum()) for w in _trained(n, x, y)),
        "l2_norm": lambda n, _, __: sum(float(w.detach().norm()) for w in _weights(n)),
        "grasp": _grasp,
        "fisher": _fisher,
        "synflow": lambda n, x, _: _flow(n, x, log=False),
        "logsynflow": lambda n, x, _: _flow(n, x, log=True),
        "jacov": _jacov,
        "epe_nas": _epe_nas,
        "naswot": _naswot,
        "linear_regions": lambda n, x, _: float(len(torch.unique(_patterns(n, x), dim=0))),
        "swap": lambda n, x, _: float(len(torch.unique(_patterns(n, x).T, dim=0))),
        "zen": _zen,
        "zico": _zico,
        "ntk": _ntk,
        "gradsign": _gradsign,
        "meco": _meco,
        "expressivity": lambda n, x, _: float(_entropies(_features(n, x)).sum()),
        "progressivity": lambda n, x, _: float(_entropies(_features(n, x)).diff().min()),
        "trainability": _trainability,
        "complexity": lambda n, x, _: float(count(n, x[:1]).macs),
    }


def _copied(network: StagedNetwork) -> StagedNetwork:
    return copy.deepcopy(network).train()


def _layers(network: nn.Module) -> list[nn.Module]:
    return [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


def _weights(network: nn.Module) -> list[Tensor]:
    return [layer.weight for layer in _layers(network)]


def _trained(network: StagedNetwork, images: Tensor, labels: Tensor) -> list[Tensor]:
    """Weights after a forward and backward."""
    network = _copied(network)
    F.cross_entropy(network(images), labels).backward()
    return [weight.requires_grad_(False) for weight in _weights(network)]


def _grasp(network: StagedNetwork, images: Tensor, labels: Tensor, first: int = OF_GRASP) -> float:
    images, labels = images[:first], labels[:first]
    direction = [w.grad for w in _trained(network, images, labels)]
    network = _copied(network)
    weights = _weights(network)
    loss = F.cross_entropy(network(images), labels)
    gradients = torch.autograd.grad(loss, weights, create_graph=True)
    sum((g * d).sum() for g, d in zip(gradients, direction, strict=True)).backward()
    return -sum(float((w.detach() * w.grad).sum()) for w in weights)


def _fisher(network: StagedNetwork, images: Tensor, labels: Tensor) -> float:
    network, total = _copied(network), []

    def watch(layer: nn.Module, _: object, output: Tensor) -> None:
        def meet(gradient: Tensor) -> None:
            product = (output.detach() * gradient).flatten(2).sum(2) if output.ndim > 2 else None
            product = output.detach() * gradient if product is None else product
            total.append(float(product.square().mean(0).sum() / 2) * layer.weight[0].numel())

        output.register_hook(meet)

    for layer in _layers(network):
        layer.register_forward_hook(watch)
    F.cross_entropy(network(images), labels).backward()
    return sum(total)


def _flow(network: StagedNetwork, images: Tensor, *, log: bool) -> float:
    network = copy.deepcopy(network).double().eval()
    for value in network.state_dict().values():
        if value.is_floating_point():
            value.abs_()
    outputs = network(torch.ones(1, *images.shape[1:]).double())
    outputs.sum().backward()
    if log:
        return sum(float((w.detach() * w.grad.abs().log1p()).sum()) for w in _weights(network))
    flows = [(w.detach() * w.grad).abs().sum() for w in _weights(network)]
    return float(torch.stack(flows).sum().log())


def _correlation(network: StagedNetwork, images: Tensor) -> Tensor:
    images = images.clone().requires_grad_()
    _copied(network)(images).sum().backward()
    return torch.corrcoef(images.grad.flatten(1).double())


def _jacov(network: StagedNetwork, images: Tensor, _: Tensor) -> float:
    values = torch.linalg.eigvalsh(_correlation(network, images)) + 1e-5
    return float(-(values.log() + 1 / values).sum())


def _epe_nas(network: StagedNetwork, images: Tensor, labels: Tensor) -> float:
    logs = (_correlation(network, images).abs() + 1e-5).log()
    classes = [labels == label for label in labels.unique()]
    return sum(abs(float(logs[mine][:, mine].sum())) for mine in classes)


def _patterns(network: StagedNetwork, images: Tensor) -> Tensor:
    """``(B, units)`` signs at all ReLUs."""
    network, seen, relu = _copied(network), [], F.relu

    def watched(x: Tensor, *arguments: object, **options: object) -> Tensor:
        seen.append((x > 0).flatten(1))
        return relu(x, *arguments, **options)

    F.relu = watched
    try:
        with torch.no_grad():
            network(images)
    finally:
        F.relu = relu
    return torch.cat(seen, 1)


def _naswot(network: StagedNetwork, images: Tensor, _: Tensor) -> float:
    signs = _patterns(network, images).float()
    agreeing = signs @ signs.T + (1 - signs) @ (1 - signs).T
    return float(torch.linalg.slogdet(agreeing.double())[1])


def _zico(network: StagedNetwork, images: Tensor, labels: Tensor) -> float:
    halves = zip(images.tensor_split(2), labels.tensor_split(2), strict=True)
    gradients = [[w.grad for w in _trained(network, x, y)] for x, y in halves]
    total = 0.0
    for pair in zip(*gradients, strict=True):
        both = torch.stack(pair).double()
        deviations = both.std(0, correction=0)
        ratios = (both.abs().mean(0) / deviations)[deviations > 0].sum()
        total += float(ratios.log()) if ratios > 0 else 0.0
    return total


def _ntk(network: StagedNetwork, images: Tensor, _: Tensor) -> float:
    network, rows = _copied(network), []
    for logits in network(images[:OF_NTK]):
        gradients = torch.autograd.grad(logits.sum(), _weights(network), retain_graph=True)
        rows.append(torch.cat([g.flatten() for g in gradients]).double())
    values = torch.linalg.eigvalsh(torch.stack(rows) @ torch.stack(rows).T)
    return -float((values[-1] / values[0].clamp_min(1e-5 * values[-1])).log())


def _gradsign(
    network: StagedNetwork, images: Tensor, labels: Tensor, first: int = OF_GRADSIGN
) -> float:
    signs = [
        torch.cat([w.grad.sign().flatten() for w in _trained(network, x[None], y[None])])
        for x, y in zip(images[:first], labels[:first], strict=True)
    ]
    return float(torch.stack(signs).sum(0).abs().sum())


def _meco(network: StagedNetwork, images: Tensor, _: Tensor) -> float:
    network, total = _copied(network), []

    def watch(_: nn.Module, __: object, output: Tensor) -> None:
        if output.ndim < 4:
            return  # one position has no correlation
        correlations = torch.corrcoef(output[0].flatten(1).double()).nan_to_num()
        total.append(max(0.0, float(torch.linalg.eigvalsh(correlations)[0])))

    for layer in _layers(network):
        layer.register_forward_hook(watch)
    with torch.no_grad():
        network(images)
    return sum(total)


def _zen(network: StagedNetwork, images: Tensor, _: Tensor) -> float:
    network, generator = _copied(network), torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.weight.data.normal_(generator=generator)
            if module.bias is not None:
                module.bias.data.zero_()
    shape = (min(16, len(images)), *images.shape[1:])
    x, change = (torch.randn(shape, generator=generator) for _ in range(2))
    variances: list[Tensor] = []
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    # The last one may stand behind the last stage.
    behind = norms[-1] if getattr(network, "norm", None) is norms[-1] else None
    hooks = [
        norm.register_forward_pre_hook(
            lambda _, v: variances.append(v[0].var((0, 2, 3), correction=0).mean())
        )
        for norm in norms
        if norm is not behind
    ]
    with torch.no_grad():
        before = network.forward_stages(x)[0][-1]
        for hook in hooks:
            hook.remove()
        after = network.forward_stages(x + 0.01 * change)[0][-1]
    growth = (before - after).flatten(1).norm(dim=1).mean().log()
    return float(growth + torch.stack(variances).sqrt().log().sum())


def _features(network: StagedNetwork, images: Tensor) -> list[Tensor]:
    """What enters the first cell or block and what each puts out, for noise."""
    network, found = _copied(network), []
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(1))
    kinds = {"Cell201", "Reduction201", "BasicBlock"}
    for module in network.modules():
        if type(module).__name__ in kinds:
            module.register_forward_hook(lambda _, i, o: found.extend([o] if found else [i[0], o]))
    network(noise)
    return found


def _entropies(features: list[Tensor]) -> Tensor:
    found = []
    for feature in features:
        rows = feature.detach().movedim(1, -1).flatten(0, -2)
        values = torch.linalg.eigvalsh(torch.cov(rows.T, correction=0).double()).clamp_min(0)
        shares = values / values.sum()
        found.append(-(shares * (shares + 1e-8).log()).sum())
    return torch.stack(found)


def _trainability(network: StagedNetwork, images: Tensor, _: Tensor) -> float:
    features, found = _features(network, images), []
    for seed, (inner, outer) in enumerate(itertools.pairwise(features)):
        generator = torch.Generator().manual_seed(seed)
        entering = 2.0 * torch.randint(2, outer.shape, generator=generator) - 1
        (leaving,) = torch.autograd.grad(outer, inner, entering, retain_graph=True)
        leaving = F.pixel_unshuffle(leaving, leaving.shape[2] // outer.shape[2])
        a, b = (v.movedim(1, -1).flatten(0, -2) for v in (leaving, entering))
        largest = float(torch.linalg.matrix_norm(a.T @ b / len(b), 2))
        found.append(2 - largest - 1 / (largest + 1e-6))
    return sum(found) / len(found)

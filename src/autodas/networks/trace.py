"""Find the stages of a plain network by running one image through it.

A stage is the last output of a *form*: of feature maps, one resolution; of tokens, one width. What
is inside a block does not count, a block being a module with parts of its own in a list of modules.
Where fewer than two forms are met, as in a plain vision transformer, the blocks are the stages: the
outputs of the longest list of modules of one class.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from autodas.core.errors import InvalidInput
from autodas.networks.base import like_parameters
from autodas.networks.cost import NEEDS_NUMBERS
from autodas.networks.undisturbed import restored
from autodas.networks.wrapped import Stage, WrappedNetwork, features_of, logits_of, tensor_of

__all__ = ["wrapped"]

CLASS_TOKENS = ("cls_token", "class_token", "dist_token", "distillation_token")


@dataclass(frozen=True)
class _Output:
    """What a module has put out.

    Attributes:
        stage: Where it is seen.
        value: (1, C, H, W), (1, H, W, C) or (1, N, D).
        flows: Whether the logits depend on it.
    """

    stage: Stage
    value: Tensor
    flows: bool = True

    @property
    def form(self) -> tuple[int, ...]:
        """Resolution of a map, width of tokens."""
        shape = tuple(self.value.shape)
        if len(shape) == 3:
            return (shape[2],)
        return shape[1:3] if self.stage.channels_last else shape[2:]


def wrapped(
    model: nn.Module,
    input_shape: tuple[int, int, int],
    *,
    name: str,
    stages: Sequence[str] | None = None,
    classifier: str | None = None,
    prefix_tokens: int | None = None,
    image_size: tuple[int, ...] = (),
    features: bool = False,
) -> WrappedNetwork:
    """A plain network that shows its stages.

    Args:
        model: Gives (B, K) logits of (B, C, H, W) images, or features; its mode is left as it is.
        input_shape: (C, H, W) of images that it takes.
        name: What messages call it.
        stages: Names of the modules whose outputs are its stages; found if not given.
        classifier: Name of its last linear layer; found if not given.
        prefix_tokens: Tokens at the front that are no patches; by default as many as it has
            parameters named ``cls_token`` and the like.
        image_size: (H, W) of the only images it takes; empty if it takes any.
        features: It has features alone and no classifier.

    Raises:
        InvalidInput: it cannot be run, or something of the above is not to be found in it.
    """
    modules = dict(model.named_modules())
    for part in [*(stages or ()), *([] if classifier is None else [classifier])]:
        if part not in modules:
            raise InvalidInput(f"{name} has no module {part!r}; it has {_some(modules)}")
    outputs, classes = _run(model, input_shape, name, features_of if features else logits_of)
    found = _named(outputs, stages, name) if stages else _found(model, outputs)
    if not found:
        raise InvalidInput(
            f"{name} shows no stage: none of its modules puts out feature maps (B, C, H, W) or "
            "tokens (B, N, D) that the logits depend on; name stages, or derive it from "
            "autodas.networks.StagedNetwork"
        )
    head = None if features else classifier or _classifier(model, outputs, classes, name)
    if prefix_tokens is None:
        names = (each.rpartition(".")[2] for each, _ in model.named_parameters())
        prefix_tokens = sum(each in CLASS_TOKENS for each in names)
    return WrappedNetwork(
        model, found, head, name=name, prefix_tokens=prefix_tokens, image_size=image_size
    )


def _some(modules: dict[str, nn.Module]) -> str:
    names = [name for name in modules if name and name.count(".") < 2]
    return ", ".join(names[:12]) + (", …" if len(names) > 12 else "")


def _run(
    model: nn.Module,
    input_shape: tuple[int, int, int],
    name: str,
    last_of: Callable[[object, str], Tensor],
) -> tuple[list[_Output], int]:
    """Outputs of all modules that are called once, in the order they finish; and K.

    ``last_of`` finds the (B, K) logits, or features, in what the model puts out.
    """
    outputs: list[_Output] = []
    calls: Counter[str] = Counter()
    height, width = input_shape[1:]

    def note(module: str, output: object) -> None:
        calls[module] += 1
        value = tensor_of(output)
        if value is not None and value.requires_grad and len(value) == 1:
            last = value.ndim == 4 and _is_channels_last(value, height / width)
            outputs.append(_Output(Stage(module, last), value))

    handles = [
        module.register_forward_hook(lambda _, __, output, path=path: note(path, output))
        for path, module in model.named_modules()
        if path
    ]
    modes = {module: module.training for module in model.modules()}
    try:
        with restored(model), torch.enable_grad(), torch.random.fork_rng(devices=[]):
            for module in modes:
                module.training = False
            image = like_parameters(model, (1, *input_shape)).requires_grad_()
            logits = last_of(model(image.clone()), name)  # it may write into its images
            once = [each for each in outputs if calls[each.stage.module] == 1]
            values = [each.value for each in once]
            reached: Sequence[Tensor | None] = (
                torch.autograd.grad(logits.sum(), values, allow_unused=True) if values else ()
            )
    except InvalidInput:
        raise
    except (Exception, SystemExit) as error:  # a network of the user's own may raise anything
        if isinstance(error, NEEDS_NUMBERS) and torch.get_default_device().type == "meta":
            raise  # whoever asks for shapes alone tries again with weights
        why = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        shape = "×".join(map(str, input_shape))
        raise InvalidInput(f"{name} cannot be run on images of {shape}: {why}") from error
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes.items():
            module.training = training
    pairs = zip(once, reached, strict=True)
    return [replace(each, flows=grad is not None) for each, grad in pairs], logits.shape[1]


def _is_channels_last(value: Tensor, ratio: float) -> bool:
    """Whether (1, ?, ?, ?) has the images' proportions in front, and not at the end."""
    _, a, b, c = value.shape
    in_front, at_end = (abs(h - ratio * w) < max(1.0, ratio) for h, w in ((a, b), (b, c)))
    return in_front and not at_end


def _named(outputs: list[_Output], stages: Sequence[str], name: str) -> list[Stage]:
    known = {each.stage.module: each for each in outputs}
    for stage in stages:
        each = known.get(stage)
        if each is None or not each.flows or each.value.ndim not in (3, 4):
            raise InvalidInput(
                f"{name}: {stage!r} is no stage; a stage is called once and puts out feature maps "
                "(B, C, H, W) or tokens (B, N, D) that the logits depend on"
            )
    return [known[stage].stage for stage in stages]


def _found(model: nn.Module, outputs: list[_Output]) -> list[Stage]:
    usable = [each for each in outputs if each.flows and each.value.ndim in (3, 4)]
    usable = [each for each in usable if each.value.ndim == 3 or max(each.form) > 1]
    inside = tuple(f"{name}." for name in _blocks(model))
    usable = [each for each in usable if not each.stage.module.startswith(inside)]
    last = {each.form: each.stage for each in usable}  # the last of each form
    if len(last) > 1:
        order = {each.stage: number for number, each in enumerate(usable)}
        return sorted(last.values(), key=order.__getitem__)
    known = {each.stage.module: each.stage for each in usable}
    lists = [[known[name] for name in names if name in known] for names in _lists(model)]
    longest = max(lists, key=len, default=[])
    return longest if len(longest) > 1 else list(last.values())


def _blocks(model: nn.Module, path: str = "") -> Iterator[str]:
    """Names of the outermost modules in lists that have parts of their own."""
    listed = isinstance(model, nn.Sequential | nn.ModuleList)
    for name, child in model.named_children():
        whole = f"{path}.{name}".lstrip(".")
        is_list = isinstance(child, nn.Sequential | nn.ModuleList | nn.ModuleDict)
        if listed and not is_list and next(child.children(), None) is not None:
            yield whole
        else:
            yield from _blocks(child, whole)


def _lists(model: nn.Module) -> Iterator[list[str]]:
    """Names of the members of every list of modules of one class that have parts of their own."""
    for path, module in model.named_modules():
        if isinstance(module, nn.ModuleList | nn.Sequential):
            kinds = {type(child) for child in module}
            if len(kinds) == 1 and next(module[0].children(), None) is not None:
                yield [f"{path}.{i}".lstrip(".") for i in range(len(module))]


def _classifier(model: nn.Module, outputs: list[_Output], classes: int, name: str) -> str:
    """The last linear layer that puts out the logits."""
    modules = dict(model.named_modules())
    for each in reversed(outputs):
        module = modules[each.stage.module]
        if each.flows and isinstance(module, nn.Linear) and module.out_features == classes:
            return each.stage.module
    for each in reversed(outputs):
        module = modules[each.stage.module]
        if each.flows and isinstance(module, nn.Conv2d) and each.value.numel() == classes:
            return each.stage.module
    raise InvalidInput(
        f"{name} lacks a classifier: no linear layer that is called once puts out its {classes} "
        "logits"
    )

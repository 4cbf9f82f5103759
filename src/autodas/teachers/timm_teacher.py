"""Teachers from timm: ``timm:NAME`` with its published weights, ``timm:NAME@PATH`` with others.

Models that timm publishes without a classifier (DINO, CLIP and the like) are known by their
features alone, and so are others, if the file of weights has no classifier and one asks for it.

Published weights come as safetensors from the hub that timm names, through that hub's own cache;
nothing is unpickled, so models that are published in other forms only are not available. Without a
network a model that was never fetched is reported as missing; ``untrained:timm:NAME`` needs none.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from autodas.core.digest import digest, digest_file
from autodas.core.errors import FileProblem
from autodas.core.places import expanded
from autodas.core.seals import read_sealed
from autodas.data import Normalisation
from autodas.networks import seeded
from autodas.networks.checkpoint import (
    description_of,
    load_weights,
    not_safetensors,
    plainly_named,
)
from autodas.networks.timm_network import configuration, published_weights, timm_network
from autodas.teachers.blueprint import Blueprint
from autodas.teachers.teacher import Teacher, stated_normalisation

__all__ = ["TIMM", "load_timm_teacher", "timm_blueprint"]

TIMM = "timm:"


def timm_blueprint(name: str, *, features: bool = False) -> Blueprint:
    """The network called ``timm:NAME``, for the images and classes it was published for.

    Of ``timm:NAME@PATH`` the file says the number of classes; with ``features`` it may have none.

    Raises:
        UnknownName: timm has no such model.
        MissingData: timm cannot be imported.
        FileProblem: the file cannot be read, or is of another network.
    """
    model, own = _parts(name)
    about = configuration(model)
    channels, height, width = about.get("input_size", (3, 224, 224))
    published = int(about.get("num_classes", 1000))
    headless = features or published == 0
    classes = published if own is None else _classes(own, about, headless=headless)
    return Blueprint("timm", {"name": model}, classes, (channels, height, width))


def load_timm_teacher(name: str, *, features: bool = False) -> Teacher:
    """The teacher called ``timm:NAME`` or ``timm:NAME@PATH``.

    Args:
        name: With PATH, a safetensors file of the model's ``state_dict()``, for any number of
            classes.
        features: The file may lack the classifier.

    Raises:
        UnknownName: timm has no such model.
        InvalidInput: its stages or its classifier cannot be used here.
        MissingData: timm cannot be imported, or the weights are not to be had.
        FileProblem: the weights are damaged or of another network.
    """
    blueprint = timm_blueprint(name, features=features)
    model, own = _parts(name)
    about = configuration(model)
    network = seeded(lambda: timm_network(model, blueprint.num_classes, blueprint.input_shape), 0)
    weights = published_weights(model) if own is None else own
    sha256 = digest_file(weights)
    load_weights(network.model, weights, sha256)
    return Teacher(
        name=name,
        network=network.eval().requires_grad_(False),
        digest=digest(blueprint.to_json(), sha256),
        num_classes=blueprint.num_classes or None,
        accuracy=None,
        trained=True,
        description=f"{model} of timm, weights {own or about['hf_hub_id']}",
        normalisation=(own and _stated(own, sha256))
        or Normalisation(tuple(about["mean"]), tuple(about["std"])),
    )


def _stated(weights: Path, sha256: str) -> Normalisation | None:
    """What the description beside the weights says, if there is one and it is theirs.

    Raises:
        FileProblem: it was damaged; what else lies there under its name is none of ours.
    """
    path = description_of(weights)
    about = read_sealed(path) if path.is_file() else None
    if not isinstance(about, dict) or about.get("sha256") != sha256:
        return None
    return stated_normalisation(weights, about.get("normalisation"))


def _parts(name: str) -> tuple[str, Path | None]:
    """The model's name and the file of its weights, if one is named."""
    model, at, path = name.removeprefix(TIMM).partition("@")
    return model, expanded(Path(path)) if at else None


def _classes(weights: Path, about: Mapping[str, Any], *, headless: bool) -> int:
    """Number of classes that the file's classifier tells apart; 0 if it may lack one and does."""
    layer = f"{about.get('classifier') or 'head'}.weight"
    try:
        with safe_open(weights, framework="numpy") as file:
            own = plainly_named({name: name for name in file.keys()}, [layer])  # noqa: SIM118
            if layer not in own and headless:
                return 0
            if layer not in own:
                raise FileProblem(
                    weights,
                    f"lacks the tensor {layer!r} of its classifier; features:timm:… takes a model "
                    "by its features alone",
                )
            return int(file.get_slice(own[layer]).get_shape()[0])
    except OSError as error:
        raise FileProblem(weights, f"cannot be read ({error.strerror or error})") from None
    except SafetensorError as error:
        raise not_safetensors(weights, error) from None

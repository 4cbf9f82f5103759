"""Teachers from timm: ``timm:NAME`` with its published weights.

Weights come as safetensors from the hub that timm names, through that hub's own cache; nothing
is unpickled, so models that are published in other forms only are not available. Without a
network a model that was never fetched is reported as missing; ``untrained:timm:NAME`` needs none.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autodas.core.digest import digest, digest_file
from autodas.core.errors import MissingData
from autodas.data import Normalisation
from autodas.networks import seeded
from autodas.teachers.blueprint import Blueprint
from autodas.teachers.checkpoint import load_weights
from autodas.teachers.teacher import Teacher
from autodas.teachers.timm_network import TimmNetwork, configuration, timm_network

__all__ = ["TIMM", "load_timm_teacher", "timm_blueprint"]

TIMM = "timm:"
WEIGHTS = "model.safetensors"


def timm_blueprint(name: str) -> Blueprint:
    """The network called ``timm:NAME``, for the images and classes it was published for.

    Raises:
        UnknownName: timm has no such model.
        MissingData: timm cannot be imported.
    """
    model = name.removeprefix(TIMM)
    about = configuration(model)
    channels, height, width = about.get("input_size", (3, 224, 224))
    classes = int(about.get("num_classes", 1000))
    return Blueprint("timm", {"name": model}, classes, (channels, height, width))


def load_timm_teacher(name: str) -> Teacher:
    """The teacher called ``timm:NAME``.

    Raises:
        UnknownName: timm has no such model.
        InvalidInput: its stages or its classifier cannot be used here.
        MissingData: timm cannot be imported, or the weights are not to be had.
        FileProblem: the weights are damaged or of another network.
    """
    blueprint = timm_blueprint(name)
    model = name.removeprefix(TIMM)
    about = configuration(model)
    network: TimmNetwork = seeded(
        lambda: timm_network(model, blueprint.num_classes, blueprint.input_shape), 0
    )
    weights = _fetch(name, about)
    sha256 = digest_file(weights)
    load_weights(network.model, weights, sha256)
    return Teacher(
        name=name,
        network=network.eval().requires_grad_(False),
        digest=digest(blueprint.to_json(), sha256),
        num_classes=blueprint.num_classes,
        accuracy=None,
        trained=True,
        description=f"{model} of timm, weights {about['hf_hub_id']}",
        normalisation=Normalisation(tuple(about["mean"]), tuple(about["std"])),
    )


def _fetch(name: str, about: Mapping[str, Any]) -> Path:
    repository = about.get("hf_hub_id")
    if not repository:
        raise MissingData(
            f"no safetensors weights of {name} are published; untrained:{name} has initial ones"
        )
    try:
        hub = importlib.import_module("huggingface_hub")
        return Path(hub.hf_hub_download(repository, WEIGHTS))
    except Exception as error:  # the hub's client raises errors of several libraries
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise MissingData(
            f"the weights of {name} ({repository}, {WEIGHTS}) are neither cached nor delivered: "
            f"{why}"
        ) from None

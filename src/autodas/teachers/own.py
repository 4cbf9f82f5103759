"""Teachers that a function of one's own makes: ``package.module:function``.

The function is called without arguments and gives a trained network, a plain ``nn.Module`` as well.
If that has an attribute ``num_classes`` of 0, as models of timm have, it has features alone. If the
network has an attribute ``normalisation`` (:class:`autodas.data.Normalisation`), images are
normalised so for it; otherwise it sees them as the data set has them.
"""

from __future__ import annotations

from torch import nn

from autodas.core.digest import digest
from autodas.core.errors import InvalidInput
from autodas.core.plugins import named_object
from autodas.data import Normalisation
from autodas.networks import StagedNetwork, seeded, weights_digest
from autodas.networks.trace import wrapped
from autodas.teachers.teacher import Teacher

__all__ = ["load_own_teacher"]

SIZES = (224, 64, 32, 28, 16, 8)  # pixels: the first at which a network can be run shows its stages


def load_own_teacher(reference: str, *, features: bool = False) -> Teacher:
    """The teacher that the function called ``reference`` makes.

    Args:
        reference: ``package.module:function``.
        features: It may lack a classifier.

    Raises:
        InvalidInput: it cannot be imported or called, or makes no classifier; the message says
            what is missing.
    """
    function = named_object(reference, "teacher")
    if not callable(function):
        raise InvalidInput(f"teacher {reference!r} is a {type(function).__name__}, not a function")
    try:
        made = seeded(function, 0)
    except (Exception, SystemExit) as error:  # the user's own may raise anything
        why = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise InvalidInput(f"teacher {reference!r} cannot be made ({why})") from error
    if not isinstance(made, nn.Module):
        raise InvalidInput(
            f"teacher {reference!r} makes a {type(made).__name__}, not a torch.nn.Module"
        )
    features = features or getattr(made, "num_classes", None) == 0
    network = _staged(made, reference, features=features).eval().requires_grad_(False)
    normalisation = getattr(made, "normalisation", None)
    if normalisation is not None and not isinstance(normalisation, Normalisation):
        raise InvalidInput(
            f"teacher {reference!r}: its 'normalisation' must be an autodas.data.Normalisation, "
            f"got a {type(normalisation).__name__}"
        )
    return Teacher(
        name=reference,
        network=network,
        digest=digest("own", reference, str(made), weights_digest(made)),
        num_classes=None if features else network.classifier.out_features,
        accuracy=None,
        trained=True,
        description=f"made by {reference}",
        normalisation=normalisation,
    )


def _staged(made: nn.Module, reference: str, *, features: bool) -> StagedNetwork:
    if isinstance(made, StagedNetwork):
        return made
    first = next((m for m in made.modules() if isinstance(m, nn.Conv2d)), None)
    channels = 3 if first is None else first.in_channels
    problem: InvalidInput | None = None
    for size in SIZES:
        try:
            shape, name = (channels, size, size), f"teacher {reference!r}"
            return wrapped(made, shape, name=name, features=features)
        except InvalidInput as error:
            problem = problem or error
    raise problem or InvalidInput(f"teacher {reference!r} cannot be run")

"""The spaces that have a name, and the way to those of the user's own."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from torch import nn

from autodas.core.catalog import Catalog
from autodas.core.errors import AutodasError, InvalidInput
from autodas.core.plugins import is_reference, named_object
from autodas.core.rng import derive
from autodas.networks import StagedNetwork, seeded, weights_digest, without_weights
from autodas.spaces.base import Space
from autodas.spaces.convolutional import DIGITS_CNN, MOBILE, RESNET, RESNET_WIDE
from autodas.spaces.listed import LIST, ListSpace, space_of_list, timm_space
from autodas.spaces.nasbench101 import NASBENCH101
from autodas.spaces.nasbench201 import NASBENCH201
from autodas.spaces.nasbench301 import NASBENCH301
from autodas.spaces.transnas import TRANSNAS_MACRO, TRANSNAS_MICRO
from autodas.spaces.vision_transformers import AUTOFORMER, DIGITS_VIT, PIT
from autodas.students import TIMM, Student, is_network

__all__ = ["SPACES", "get_space"]

LONGEST = 200  # characters of a name
SPACES: Catalog[Space] = Catalog("space")
for _space in (
    DIGITS_CNN,
    DIGITS_VIT,
    RESNET,
    RESNET_WIDE,
    MOBILE,
    AUTOFORMER,
    PIT,
    NASBENCH101,
    NASBENCH201,
    NASBENCH301,
    TRANSNAS_MACRO,
    TRANSNAS_MICRO,
):
    SPACES.add(_space.name, _space)


def get_space(name: str) -> Space:
    """The space of that name; always the same object.

    Args:
        name: A name in ``SPACES``; or ``package.module:object``; or ``timm:PATTERN,…``, models of
            timm; or ``list:FILE.toml``, students by name (:mod:`autodas.spaces.listed`).

    Raises:
        UnknownName: no space has this name, or timm has no model of it.
        InvalidInput: a module cannot be imported or the object is no space.
        FileProblem: the list, or weights that it names, cannot be read.
        MissingData: timm, or weights that are asked for, are not there.
    """
    if name.startswith(TIMM):
        return timm_space(name)
    if name.startswith(LIST):
        return space_of_list(name)
    return _load(name) if is_reference(name) else SPACES.get(name)


@lru_cache(maxsize=64)
def _load(reference: str) -> Space:
    """Import the space called ``package.module:object``.

    Args:
        reference: The object is a :class:`Space`, or a class or function that makes one when
            called without arguments; or it makes a network, which is then the only student.
            The module is looked for where Python looks, then in the current folder.

    Raises:
        InvalidInput: the module cannot be imported, or there is no space in it.
    """
    found = named_object(reference, "space")
    if is_network(found):
        return ListSpace(reference, {reference: Student(reference)})
    if not isinstance(found, Space) and callable(found):
        try:
            found = found()
        except TypeError as error:
            raise InvalidInput(
                f"space {reference!r}: cannot be made without arguments ({error})"
            ) from error
        except AutodasError:
            raise
        except (Exception, SystemExit) as error:
            # What is the user's own may raise anything; the chained traceback says where.
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise InvalidInput(f"space {reference!r}: cannot be made ({reason})") from error
    if not isinstance(found, Space):
        student = "; what makes a single student takes num_classes"
        raise InvalidInput(
            f"space {reference!r} is a {type(found).__name__}, not an autodas.spaces.Space"
            + (student if isinstance(found, nn.Module) else "")
        )
    _check_name(found, reference)
    _check_network(found, reference)
    if found.name not in SPACES:
        # One of ours under another name stays what it is: other users of it must not be told.
        found.reference = reference
    return found


def _check_name(space: Space, reference: str) -> None:
    """Refuse a name that messages and files cannot hold, and one that means another space.

    Raises:
        InvalidInput: it is such a name, or there is none.
    """
    name: object = getattr(space, "name", None)
    fits = isinstance(name, str) and name.isprintable() and 0 < len(name) <= LONGEST
    if not isinstance(name, str) or not fits or name != name.strip():
        raise InvalidInput(
            f"space {reference!r}: a space's name has 1 to {LONGEST} printable characters and no "
            f"blanks around them, got {name!r}"
        )
    if name in SPACES and SPACES.get(name) is not space:
        raise InvalidInput(
            f"space {reference!r} is called {name!r}, as a space of autodas is; give it another "
            "name"
        )


def _check_network(space: Space, reference: str) -> None:
    """Build one network, and refuse it if it does not show its stages.

    Raises:
        InvalidInput: it cannot be built, or is a plain module.
    """
    text = ""
    try:
        arch = space.sample(derive(0, "a first network", space.name))
        text = space.encode(arch)
        network = seeded(lambda: without_weights(lambda: space.build(arch)), 0)
        if isinstance(network, nn.Module):
            _check_repeats(lambda: space.build(arch), reference)
    except AutodasError:
        raise
    except (Exception, SystemExit) as error:
        # What is the user's own may raise anything; the chained traceback says where.
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InvalidInput(
            f"space {reference!r}: a network cannot be built, of {text or 'a sample'} ({reason})"
        ) from error
    stages = getattr(type(network), "forward_stages", StagedNetwork.forward_stages)
    lacks = (
        []
        if stages is not StagedNetwork.forward_stages
        else ["forward_stages(x), which gives a list of its stages' outputs and the logits"]
    )
    if not isinstance(getattr(network, "classifier", None), nn.Module):
        lacks.append("classifier, its last linear layer")
    if lacks:
        raise InvalidInput(
            f"space {reference!r}: its networks ({type(network).__name__}) lack "
            f"{' and '.join(lacks)}; derive them from autodas.networks.StagedNetwork"
        )


def _check_repeats(build: Callable[[], StagedNetwork], reference: str) -> None:
    """Refuse a network that comes out otherwise each time, whatever is kept of it.

    Raises:
        InvalidInput: of one seed, it has different weights.
    """
    first, second = (weights_digest(seeded(build, 0)) for _ in range(2))
    if first != second:
        raise InvalidInput(
            f"space {reference!r}: of one seed, a network has other weights each time it is built; "
            "let it draw all of them from PyTorch's generator, not from NumPy's or Python's"
        )

"""Declaring primitives: one decorated function each, probed on the spot."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable

from autodas.core.catalog import Catalog
from autodas.core.errors import InvalidInput, UnknownName
from autodas.core.values import FloatArray, Kind
from autodas.primitives.primitive import FORMS, Form, Primitive
from autodas.primitives.trial import probe

__all__ = ["PRIMITIVES", "primitive"]

PRIMITIVES: Catalog[Primitive] = Catalog("primitive")
"""Every primitive a formula may use."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


def primitive(
    name: str,
    *,
    form: str,
    kinds: Iterable[Kind] | None = None,
    commutative: bool = False,
    rowwise: bool = False,
    latex: str = "",
    after: Callable[[FloatArray], FloatArray] | None = None,
    catalog: Catalog[Primitive] | None = None,
) -> Callable[[Callable[..., FloatArray]], Primitive]:
    """Declare the decorated function as a primitive.

    The number of positional parameters is the arity; a keyword-only parameter ``weight`` asks
    for the sketch weights. The function is called at once on awkward values: a primitive that
    would fail in the middle of a search fails where it is defined. ::

        @primitive("log1p", form="elementwise")
        def log1p(x):
            "Logarithm of one plus the magnitude."
            return np.log1p(np.abs(x))

    Args:
        name: Lower-case identifier, unique.
        form: A :class:`~autodas.primitives.Form` or its value.
        kinds: Kinds accepted; those of the form if not given.
        commutative: Whether swapping two arguments changes nothing, to the last bit.
        rowwise: See :class:`~autodas.primitives.Primitive`.
        latex: Template with ``{0}``, ``{1}``.
        after: A costly map of the only argument, whose result the decorated function receives.
        catalog: Where to register; :data:`PRIMITIVES` if not given.

    Raises:
        InvalidInput: a bad name, form, arity or kind, or the function fails the probe.
    """
    shape, into = _form(form), PRIMITIVES if catalog is None else catalog

    def register(function: Callable[..., FloatArray]) -> Primitive:
        _check_name(name)
        arity, weighted = _signature(name, function)
        chosen = _kinds_of(name, shape, arity, kinds)
        _check_template(name, latex, arity)
        made = Primitive(
            name=name,
            form=shape,
            arity=arity,
            function=function if after is None else _chain(after, function),
            kinds=chosen,
            commutative=commutative,
            rowwise=rowwise,
            weighted=weighted,
            description=(inspect.getdoc(function) or "").split("\n\n")[0].replace("\n", " "),
            latex=latex,
            after=after,
            rest=None if after is None else function,
        )
        probe(made)
        return into.add(name, made)

    return register


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"{name!r} cannot name a primitive; use lower-case letters, digits")


def _kinds_of(name: str, form: Form, arity: int, kinds: Iterable[Kind] | None) -> frozenset[Kind]:
    """The kinds a primitive accepts, once they and its arity are found to suit its form."""
    spec = FORMS[form]
    if arity not in spec.arities:
        allowed = " or ".join(map(str, spec.arities))
        raise InvalidInput(
            f"primitive {name!r}: form {form} is of {allowed} arguments, not {arity}"
        )
    chosen = spec.kinds if kinds is None else frozenset(kinds)
    if not chosen or not chosen <= spec.kinds:
        allowed = ", ".join(kind for kind in Kind if kind in spec.kinds)
        raise InvalidInput(f"primitive {name!r}: {form} accepts some of {allowed}")
    return chosen


def _chain(
    first: Callable[[FloatArray], FloatArray], then: Callable[..., FloatArray]
) -> Callable[..., FloatArray]:
    return lambda x: then(first(x))


def _form(form: str) -> Form:
    try:
        return Form(form)
    except ValueError:
        raise UnknownName("form", form, [known.value for known in Form]) from None


def _check_template(name: str, latex: str, arity: int) -> None:
    try:
        latex.format(*"xy"[:arity])
    except (IndexError, KeyError, ValueError) as error:
        raise InvalidInput(
            f"primitive {name!r}: the LaTeX template {latex!r} is not usable ({error}); "
            "write {0} and {1} for arguments and double all other braces"
        ) from None


def _signature(name: str, function: Callable[..., FloatArray]) -> tuple[int, bool]:
    """Number of arguments, and whether sketch weights are wanted."""
    arity, weighted = 0, False
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise InvalidInput(
            f"primitive {name!r}: cannot tell how many arguments {function!r} takes; "
            "wrap it in a function"
        ) from None
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.name == "weight":
            weighted = True
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            arity += parameter.default is parameter.empty
        elif parameter.default is parameter.empty:
            raise InvalidInput(
                f"primitive {name!r}: parameter {parameter.name!r} is neither an argument "
                "nor the keyword 'weight'"
            )
    return arity, weighted

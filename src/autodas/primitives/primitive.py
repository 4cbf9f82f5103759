"""A primitive is a value: a function, and the form that says how it is typed and lifted."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from autodas.core.errors import InvalidInput
from autodas.core.values import SCALAR, FloatArray, Kind, Type, reduced

__all__ = ["ENTRIES", "FORMS", "Form", "FormSpec", "Primitive"]

ENTRIES = frozenset({Kind.ELEMENTS, Kind.SPECTRUM, Kind.GRAM, Kind.LOGITS})
"""Kinds whose segments hold many entries (float32)."""


class Form(enum.StrEnum):
    """How a primitive is typed and what its function receives.

    Functions are written for m segments of equal shape at once. ``n`` is the number of entries
    of a segment; matrices are flattened unless the form says otherwise.
    """

    ELEMENTWISE = "elementwise"  # T (, T) -> T, any shape -> the same shape
    SEGMENTWISE = "segmentwise"  # T -> T, (m, n) -> (m, n); rows of logits count as segments
    REDUCTION = "reduction"  # T -> number per segment, (m, n) -> (m,)
    DISTANCE = "distance"  # T, T -> number per segment, (m, n), (m, n) -> (m,)
    MATRIX_MAP = "matrix_map"  # gram -> gram, (m, n, n) -> (m, n, n)
    MATRIX_REDUCTION = "matrix_reduction"  # gram -> number per segment, (m, n, n) -> (m,)
    MATRIX_DISTANCE = "matrix_distance"  # gram, gram -> number per segment
    SPECTRUM = "spectrum"  # gram -> spectrum, (m, n, n) -> (m, n)
    AGGREGATION = "aggregation"  # vector -> scalar, (m, layers) -> (m,)
    OVER_TEACHERS = "over_teachers"  # scalar beside each teacher -> scalar, (m, teachers) -> (m,)


@dataclass(frozen=True)
class FormSpec:
    """What a form accepts.

    Attributes:
        arities: Allowed numbers of arguments.
        kinds: Kinds accepted by default.
        result: Type of the result from the common type of the arguments.
    """

    arities: tuple[int, ...]
    kinds: frozenset[Kind]
    result: Callable[[Type], Type]


def _same(of: Type) -> Type:
    return of


def _number(of: Type) -> Type:
    # A distance between two vectors compares them as wholes.
    return SCALAR if of.kind is Kind.VECTOR else reduced(of)


def _spectrum(of: Type) -> Type:
    return Type(Kind.SPECTRUM, of.over, of.layout)


_GRAM = frozenset({Kind.GRAM})

FORMS: dict[Form, FormSpec] = {
    Form.ELEMENTWISE: FormSpec((1, 2), frozenset(Kind), _same),
    Form.SEGMENTWISE: FormSpec((1,), ENTRIES, _same),
    Form.REDUCTION: FormSpec((1,), ENTRIES, _number),
    Form.DISTANCE: FormSpec((2,), ENTRIES | {Kind.VECTOR}, _number),
    Form.MATRIX_MAP: FormSpec((1,), _GRAM, _same),
    Form.MATRIX_REDUCTION: FormSpec((1,), _GRAM, _number),
    Form.MATRIX_DISTANCE: FormSpec((2,), _GRAM, _number),
    Form.SPECTRUM: FormSpec((1,), _GRAM, _spectrum),
    Form.AGGREGATION: FormSpec((1,), frozenset({Kind.VECTOR}), _number),
    Form.OVER_TEACHERS: FormSpec((1, 2), frozenset({Kind.SCALAR}), _same),
}


@dataclass(frozen=True)
class Primitive:
    """A typed operation on statistics.

    Attributes:
        name: How it is written in formulas; unique over all forms.
        form: How it is typed and lifted over columns.
        arity: Number of arguments, all of one type.
        function: The operation on dense blocks, see :class:`Form`. Total: finite results
            within [-LIMIT, LIMIT] for all arguments within; deterministic; never writes to its
            arguments.
        kinds: Kinds of value it accepts.
        commutative: Whether the order of two arguments never matters, to the last bit.
        rowwise: Reductions and distances only: on logits it works on each row (the classes of
            one sample), and the mean over rows is the result.
        weighted: Whether ``function`` takes a keyword ``weight``: how many entries of the whole
            tensor each stored entry of a segment stands for (1 unless sketched), in a shape
            that broadcasts against the result.
        description: One line for listings.
        latex: Template with ``{0}`` and ``{1}`` for the arguments; empty for a plain call.
        after: A costly map of the argument, ``(m, n, n)`` to ``(m, n)``, with which ``function``
            begins; primitives that share it compute it once for each column.
        rest: What ``function`` does after that.
    """

    name: str
    form: Form
    arity: int
    function: Callable[..., FloatArray]
    kinds: frozenset[Kind]
    commutative: bool = False
    rowwise: bool = False
    weighted: bool = False
    description: str = ""
    latex: str = ""
    after: Callable[[FloatArray], FloatArray] | None = None
    rest: Callable[[FloatArray], FloatArray] | None = None

    def result_type(self, types: tuple[Type, ...]) -> Type:
        """The type of the result for arguments of ``types``.

        Raises:
            InvalidInput: wrong number of arguments, a kind that is not accepted, or two
                arguments of different type.
        """
        if len(types) != self.arity:
            wanted = "1 argument" if self.arity == 1 else f"{self.arity} arguments"
            raise InvalidInput(f"{self.name} takes {wanted}, got {len(types)}")
        for position, given in enumerate(types, start=1):
            if given.kind not in self.kinds:
                accepted = ", ".join(kind for kind in Kind if kind in self.kinds)
                raise InvalidInput(
                    f"argument {position} of {self.name} is a {given}; accepted: {accepted}"
                )
        if len(set(types)) > 1:
            raise InvalidInput(
                f"{self.name} needs two arguments of one type, got {types[0]} and {types[1]}"
            )
        return FORMS[self.form].result(types[0])

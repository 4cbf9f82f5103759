"""Declaring one's own: what works, and what is refused on the spot."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from primitive_samples import sample

from autodas.core.catalog import Catalog
from autodas.core.errors import InvalidInput, UnknownName
from autodas.core.values import Kind
from autodas.primitives import PRIMITIVES, Form, Primitive, apply, bounded, primitive
from autodas.primitives.trial import probe_blocks


@pytest.fixture
def catalog():
    return Catalog[Primitive]("primitive")


def test_one_decorated_function_is_a_primitive(catalog):
    @primitive("log1p", form="elementwise", catalog=catalog)
    def log1p(x):
        """Logarithm of one plus the magnitude."""
        return np.log1p(np.abs(x))

    made = catalog.get("log1p")
    assert made is log1p
    assert (made.form, made.arity, made.kinds) == (Form.ELEMENTWISE, 1, frozenset(Kind))
    assert made.description == "Logarithm of one plus the magnitude."
    column = sample(Kind.ELEMENTS, 0)
    np.testing.assert_allclose(apply(made, (column,)).data, np.log1p(np.abs(column.data)))
    assert "log1p" not in PRIMITIVES


def test_a_reduction_may_ask_for_sketch_weights(catalog):
    @primitive("energy", form="reduction", catalog=catalog, kinds={Kind.ELEMENTS})
    def energy(x, *, weight):
        return bounded(np.square(x.astype(np.float64)).sum(axis=1) * weight)

    assert energy.weighted
    column = sample(Kind.ELEMENTS, 0, stretch=4.0)
    plain = sample(Kind.ELEMENTS, 0)
    np.testing.assert_allclose(apply(energy, (column,)).data, 4 * apply(energy, (plain,)).data)


counter = itertools.count()


def scribble(x):
    x[0] = 1.0
    return x * 1.0


@pytest.mark.parametrize(
    ("form", "function", "message"),
    [
        ("elementwise", lambda x: np.log(1 + x), "values beyond ±1e+30 or no numbers on"),
        ("elementwise", lambda x: np.sqrt(x + 0), "or no numbers on"),
        ("elementwise", lambda x: x**3, "protect it"),
        ("elementwise", lambda x, y: x / y, "no numbers on zeros and zeros"),
        (
            "elementwise",
            lambda x: 1.0,
            "into an array of shape (3, 5), gave float",
        ),
        ("elementwise", lambda x: x.sum(axis=1), "gave (3,)"),
        (
            "elementwise",
            lambda x, y, z: x,
            "form elementwise is of 1 or 2 arguments, not 3",
        ),
        ("elementwise", lambda: 1, "form elementwise is of 1 or 2 arguments, not 0"),
        ("elementwise", lambda *xs: xs[0], "parameter 'xs' is neither an argument nor"),
        ("elementwise", scribble, "writes to its argument"),
        ("elementwise", lambda x: x * 0 + next(counter), "is not deterministic"),
        ("elementwise", lambda x: x.upper(), "fails on ordinary values: AttributeError"),
        ("reduction", lambda x: x.mean(), "must turn (3, 5) into an array of shape (3,)"),
        ("reduction", lambda x, y: x, "form reduction is of 1 arguments, not 2"),
        ("distance", lambda x, y: ((x - y) ** 2).sum(axis=1), "values beyond"),
        ("matrix_map", lambda g: g[:, 0], "must turn (3, 5, 5) into an array of shape (3, 5, 5)"),
        ("spectrum", lambda g: g, "into an array of shape (3, 5)"),
        (
            "segmentwise",
            lambda x: np.tanh(x) - np.tanh(x).mean(),
            "must treat segments (rows) independently",
        ),
        ("reduction", lambda x: np.full(len(x), x.max()), "must treat segments"),
        ("aggregation", lambda x: 1 / x.mean(axis=1), "on zeros"),
    ],
)
def test_unsound_functions_are_refused_where_they_are_defined(catalog, form, function, message):
    with pytest.raises(InvalidInput) as caught:
        primitive("mine", form=form, catalog=catalog)(function)
    assert "primitive 'mine'" in str(caught.value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "mine" not in catalog


def test_wrongly_declared_commutative(catalog):
    with pytest.raises(InvalidInput, match="'mine' is declared commutative, but is not"):
        primitive("mine", form="elementwise", commutative=True, catalog=catalog)(
            lambda x, y: bounded(x - y)
        )


def test_wrong_form_kind_name_and_template(catalog):
    with pytest.raises(UnknownName, match="unknown form 'elementwis'; did you mean 'elementwise'"):
        primitive("mine", form="elementwis", catalog=catalog)
    with pytest.raises(InvalidInput, match="matrix_reduction accepts some of gram"):
        primitive("mine", form="matrix_reduction", kinds={Kind.LOGITS}, catalog=catalog)(
            lambda g: g[:, 0, 0]
        )
    for name in ("Mine", "1st", "a b", "", "x" * 50):
        with pytest.raises(InvalidInput, match="cannot name a primitive"):
            primitive(name, form="elementwise", catalog=catalog)(np.abs)
    with pytest.raises(InvalidInput, match="LaTeX template"):
        primitive("mine", form="elementwise", latex=r"\frac{1}{{0}", catalog=catalog)(
            lambda x: abs(x) + 0
        )


def test_a_function_without_a_signature_is_refused(catalog):
    with pytest.raises(InvalidInput, match="cannot tell how many arguments"):
        primitive("mine", form="elementwise", catalog=catalog)(max)


def test_names_are_unique():
    with pytest.raises(InvalidInput, match="primitive 'log' is already defined"):
        primitive("log", form="elementwise")(lambda x: abs(x) + 0)


def test_awkward_values_are_as_awkward_as_their_names():
    blocks = dict(probe_blocks(Form.ELEMENTWISE))  # the last of each name: two rows of one
    first = {}
    for name, block in probe_blocks(Form.ELEMENTWISE):
        first.setdefault(name, block)
    assert blocks.keys() == first.keys()
    tiny, many = np.abs(first["tiny values"]), np.abs(first["values of many sizes"])
    assert 0 < tiny.min() <= tiny.max() < 1e-28
    assert 1e-29 <= many.min() < 1e-15
    assert 1e15 < many.max() <= 1e29
    signs = np.sign(first["values of many sizes"])
    assert {-1.0, 1.0} == set(signs.ravel())
    assert {-1e30, 1e30} == set(first["huge values of both signs"].ravel())
    denormal = np.abs(first["denormal values"].astype(np.float32))
    assert 0 < denormal.min() <= denormal.max() < np.finfo(np.float32).tiny


@pytest.mark.parametrize("form", ["reduction", "matrix_reduction"])
def test_one_number_alone_is_tried_and_several_rows_of_one(form):
    sides = 2 if form == "matrix_reduction" else 1
    shapes = {block.shape for _, block in probe_blocks(Form(form))}
    assert (1,) + (1,) * sides in shapes
    assert any(rows > 1 and set(rest) == {1} for rows, *rest in shapes)


def test_huge_values_meet_huge_values_of_the_other_sign(catalog):
    with pytest.raises(InvalidInput, match="on huge values and huge values of both signs"):
        primitive("mine", form="elementwise", catalog=catalog)(lambda x, y: x - y)


def test_another_rounding_in_company_is_no_dependence(catalog):
    """As matrix products have it, whose order of summing depends on how many rows there are."""
    primitive("mine", form="aggregation", catalog=catalog)(
        lambda x: np.tanh(x).mean(axis=1) + 1e-8 * (len(x) > 3)
    )
    assert "mine" in catalog


def test_a_primitive_made_by_hand_sees_whole_segments_in_order_and_no_weights():
    made = Primitive("gap", Form.DISTANCE, 2, lambda x, y: x.max(1) - y.min(1), frozenset(Kind))
    x, y = (sample(Kind.LOGITS, seed) for seed in (0, 1))
    whole = [block.reshape(3, -1) for column in (x, y) for _, block in column.blocks()]
    np.testing.assert_array_equal(apply(made, (x, y)).data, whole[0].max(1) - whole[1].min(1))
    assert not made.commutative
    assert made in {made}  # a value: of sets and keys


def test_the_costly_half_is_not_done_twice(catalog):
    calls = []

    def halved(x):
        calls.append(len(x))
        return x / 2

    @primitive("half_sum", form="reduction", after=halved, kinds={Kind.ELEMENTS}, catalog=catalog)
    def half_sum(x):
        return bounded(x.astype(np.float64).sum(axis=1))

    column = sample(Kind.ELEMENTS, 0)
    calls.clear()
    found = apply(half_sum, (column,)).data
    whole = apply(PRIMITIVES.get("sum"), (column,)).data
    np.testing.assert_allclose(found, whole / 2, rtol=1e-5)
    assert len(calls) == len(column.layout.groups)


def test_only_a_keyword_called_weight_asks_for_the_weights_of_a_sketch(catalog):
    def halved(weight):
        return weight / 2

    def weighted(x, *, weight):
        return bounded(x.sum(axis=1) * weight)

    plain = primitive("halved", form="elementwise", catalog=catalog)(halved)
    other = primitive("weighted", form="reduction", catalog=catalog)(weighted)
    assert (plain.arity, plain.weighted) == (1, False)
    assert (other.arity, other.weighted) == (1, True)

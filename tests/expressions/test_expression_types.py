"""Typing: what formulas mean, and what is said of those that mean nothing."""

from __future__ import annotations

import pytest
from expression_samples import TYPES

from autodas.core.errors import InvalidInput, UnknownName
from autodas.core.values import SCALAR
from autodas.expressions import annotate, parse, type_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("add(layers_mean(log(l2(weight_grad))), layers_last(cka))", "scalar"),
        ("l2(mul(weight, weight_grad))", "vector[layer]"),
        ("mul(l2(weight), numel)", "vector[layer]"),
        ("kl_t4(logits, teacher_logits)", "scalar"),
        ("cka(sample_gram, teacher_sample_gram)", "vector[stage]"),
        ("add(l2(feature), cka)", "vector[stage]"),
        ("spectrum(centre(channel_gram))", "spectrum[stage/channel]"),
        ("pearson(cka, l2(feature))", "scalar"),
        ("mean(log_softmax(logits))", "scalar"),
        ("softmax(norm_mean)", "elements[norm/channel]"),
    ],
)
def test_well_typed(text, expected):
    assert str(type_of(parse(text), TYPES)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "layers_mean(add(l2(weight), cka))",
            "in 'add(l2(weight), cka)': add needs two arguments of one type, "
            "got vector[layer] and vector[stage]",
        ),
        (
            "layers_mean(weight)",
            "in 'layers_mean(weight)': argument 1 of layers_mean is a elements[layer/weight]; "
            "accepted: vector",
        ),
        ("layers_mean(cka, cka)", "layers_mean takes 1 argument, got 2"),
        ("log(add(cka))", "in 'add(cka)': add takes 2 arguments, got 1"),
        ("cka(sample_gram, channel_gram)", "got gram[stage/sample] and gram[stage/channel]"),
        ("add(weight, feature)", "got elements[layer/weight] and elements[stage/feature]"),
        ("trace(logits)", "argument 1 of trace is a logits; accepted: gram"),
        ("log", "'log' is a primitive and needs arguments: log(…)"),
        ("weight(cka)", "'weight' is a statistic and takes no arguments"),
    ],
)
def test_type_errors_quote_the_part_and_say_what_is_accepted(text, message):
    with pytest.raises(InvalidInput) as caught:
        type_of(parse(text), TYPES)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("l2(wieght)", "unknown statistic 'wieght'; did you mean 'weight'?"),
        ("layer_mean(cka)", "unknown primitive 'layer_mean'; did you mean 'layers_mean'?"),
        ("layers_mean(zzzzzzz)", "unknown statistic 'zzzzzzz'; choose from "),
    ],
)
def test_unknown_names_suggest_the_nearest(text, message):
    with pytest.raises(UnknownName) as caught:
        type_of(parse(text), TYPES)
    assert message in str(caught.value)


def test_long_formulas_are_quoted_in_part():
    text = "add(" + "neg(" * 30 + "cka" + ")" * 30 + ", weight)"
    with pytest.raises(InvalidInput) as caught:
        type_of(parse(text), TYPES)
    assert "…" in str(caught.value)
    assert len(str(caught.value)) < 250


def test_annotate_types_every_part():
    expression = parse("layers_mean(log(l2(weight)))")
    found = {str(node): str(kind) for node, kind in annotate(expression, TYPES).items()}
    assert found == {
        "weight": "elements[layer/weight]",
        "l2(weight)": "vector[layer]",
        "log(l2(weight))": "vector[layer]",
        "layers_mean(log(l2(weight)))": str(SCALAR),
    }

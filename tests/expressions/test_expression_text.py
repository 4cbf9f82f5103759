"""Text and JSON: exact round trips, and one-line explanations of what cannot be read."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodas.core.errors import InvalidInput
from autodas.expressions import (
    MAX_DEPTH,
    MAX_LENGTH,
    MAX_NODES,
    Call,
    Leaf,
    at,
    check_limits,
    from_json,
    grow,
    parse,
    replace,
    to_json,
    to_text,
    walk,
)

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
EXPRESSIONS = st.recursive(
    NAMES.map(Leaf),
    lambda inner: st.builds(Call, NAMES, st.lists(inner, min_size=1, max_size=3).map(tuple)),
    max_leaves=25,
)


@given(EXPRESSIONS)
def test_text_round_trip_is_exact(expression):
    text = to_text(expression)
    assert parse(text) == expression
    assert to_text(parse(text)) == text


@given(EXPRESSIONS)
def test_json_round_trip_is_exact_also_through_a_file(expression):
    written = json.dumps(to_json(expression))
    assert from_json(json.loads(written)) == expression


@given(EXPRESSIONS)
def test_copies_are_equal_and_hash_alike(expression):
    rebuilt = parse(str(expression))
    assert rebuilt is not expression
    assert hash(rebuilt) == hash(expression)
    assert pickle.loads(pickle.dumps(expression)) == expression
    assert copy.deepcopy(expression) == expression
    assert len({expression, rebuilt}) == 1


@given(EXPRESSIONS)
def test_size_depth_leaves_and_paths(expression):
    nodes = list(walk(expression))
    assert expression.size == len(nodes)
    assert expression.depth == 1 + max(len(path) for path, _ in nodes)
    assert expression.leaves == {n.name for _, n in nodes if isinstance(n, Leaf)}
    for path, node in nodes:
        assert at(expression, path) == node
        assert replace(expression, path, node) == expression
    assert replace(expression, (), Leaf("other")) == Leaf("other")


def test_a_hash_does_not_travel_to_another_process():
    # Hashes of strings differ between processes; a pickled expression must hash anew.
    program = (
        "import pickle, sys; from autodas.expressions import parse;"
        "e = pickle.load(sys.stdin.buffer); assert {e: 1}[parse('add(l2(w), l1(w))')] == 1"
    )
    data = pickle.dumps(parse("add(l2(w), l1(w))"))
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-c", program], input=data, env={"PYTHONHASHSEED": seed}, check=True
        )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("weight", Leaf("weight")),
        (" weight ", Leaf("weight")),
        ("l2(weight)", Call("l2", (Leaf("weight"),))),
        ("l2 ( weight )", Call("l2", (Leaf("weight"),))),
        ("add(a,\n  b)", Call("add", (Leaf("a"), Leaf("b")))),
        ("f(g(h(x)))", Call("f", (Call("g", (Call("h", (Leaf("x"),)),)),))),
    ],
)
def test_valid_text(text, expected):
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "formula '': expected the name of a statistic or a primitive, found the end of the"),
        ("   ", "found the end of the text"),
        ("l2(", "expected the name of a statistic or a primitive, found the end of the text"),
        ("l2()", "expected the name of a statistic or a primitive, found ')' at character 4"),
        ("l2(weight", "expected ',' or ')', found the end of the text"),
        ("l2(weight))", "expected the end of the text, found ')' at character 11"),
        ("add(a b)", "expected ',' or ')', found 'b' at character 7"),
        ("add(a,,b)", "found ',' at character 7"),
        ("add(a,)", "found ')' at character 7"),
        ("a b", "formula 'a b': expected the end of the text, found 'b' at character 3"),
        ("a + b", "expected the end of the text, found '+' at character 3"),
        ("2(a)", "expected the name of a statistic or a primitive, found '2' at character 1"),
        (
            "add(a, 0.5)",
            "name of a statistic or a primitive, found '0' at character 8",
        ),
        ("__import__('os').system('x')", 'found "\'" at character 12'),
        ("größe", "formula 'größe': expected the end of the text, found 'ö' at character 3"),
        ("f" * (MAX_LENGTH + 1), f"formula of {MAX_LENGTH + 1} characters; at most {MAX_LENGTH}"),
        ("f(" * MAX_DEPTH + "x" + ")" * MAX_DEPTH, f"formula nested deeper than {MAX_DEPTH}"),
        ("f(" * 4900, "formula nested deeper than"),
        (f"f({', '.join(['x'] * MAX_NODES)})", f"expression of {MAX_NODES + 1} nodes; at most"),
    ],
)
def test_invalid_text_names_the_offending_token(text, message):
    with pytest.raises(InvalidInput) as caught:
        parse(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@settings(max_examples=200)
@given(st.text(alphabet="ab(), \n1+_", max_size=30))
def test_any_text_is_either_read_or_refused(text):
    try:
        expression = parse(text)
    except InvalidInput as refusal:
        message = str(refusal)
    else:
        message = ""
        assert parse(to_text(expression)) == expression
    assert "\n" not in message


def test_limits_are_reachable():
    deepest = "f(" * (MAX_DEPTH - 1) + "x" + ")" * (MAX_DEPTH - 1)
    assert parse(deepest).depth == MAX_DEPTH
    assert parse(f"f({', '.join(['x'] * (MAX_NODES - 1))})").size == MAX_NODES
    assert check_limits(parse(deepest)) == parse(deepest)


def test_json_writes_shared_parts_once():
    shared = parse("l2(weight)")
    assert to_json(Call("add", (shared, Call("log", (shared,))))) == {
        "nodes": [
            {"leaf": "weight"},
            {"call": "l2", "args": [0]},
            {"call": "log", "args": [1]},
            {"call": "add", "args": [1, 2]},
        ]
    }


def chain(levels: int) -> dict:
    return {
        "nodes": [{"leaf": "x"}] + [{"call": "neg", "args": [n]} for n in range(levels)],
    }


def bomb(levels: int) -> dict:
    return {
        "nodes": [{"leaf": "x"}] + [{"call": "add", "args": [n, n]} for n in range(levels)],
    }


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, 'an expression in JSON is {"nodes": [...]}'),
        ([], 'an expression in JSON is {"nodes": [...]}'),
        ({}, 'an expression in JSON is {"nodes": [...]}'),
        ({"nodes": []}, "with at least one node"),
        ({"nodes": [{"leaf": "a"}], "more": 1}, 'an expression in JSON is {"nodes": [...]}'),
        ({"nodes": ["a"]}, "node 0 of the expression is 'a'; accepted:"),
        ({"nodes": [{"leaf": 1}]}, "node 0"),
        ({"nodes": [{"leaf": "a b"}]}, "node 0"),
        ({"nodes": [{"leaf": "a", "x": 1}]}, "node 0"),
        ({"nodes": [{"leaf": "a"}, {"call": "f"}]}, "node 1"),
        ({"nodes": [{"leaf": "a"}, {"call": "f", "args": []}]}, "node 1"),
        ({"nodes": [{"leaf": "a"}, {"call": "f", "args": [1]}]}, "node 1 of the expression"),
        (
            {"nodes": [{"leaf": "a"}, {"call": "f", "args": [-1]}]},
            "accepted: an earlier node, 0",
        ),
        ({"nodes": [{"leaf": "a"}, {"leaf": "b"}, {"call": "f", "args": [True]}]}, "to True"),
        ({"nodes": [{"leaf": "a"}, {"call": "f", "args": [0.0]}]}, "refers to 0.0"),
        ({"nodes": [{"leaf": "a"}, {"call": "f(", "args": [0]}]}, "node 1"),
        ({"nodes": [{"leaf": "a"}] * 501}, "expression of 501 nodes"),
        (chain(MAX_DEPTH), f"expression of depth {MAX_DEPTH + 1}; at most {MAX_DEPTH} allowed"),
        (bomb(60), "expression of 511 nodes; at most 500 allowed"),
    ],
)
def test_invalid_json_is_refused(value, message):
    with pytest.raises(InvalidInput) as caught:
        from_json(value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_grown_expressions_round_trip(grammar):
    rng = np.random.default_rng(0)
    for _ in range(100):
        expression = grow(grammar, rng)
        assert parse(to_text(expression)) == expression
        assert from_json(to_json(expression)) == expression

"""Published scores: signs, ranks, what they are worth for a perfect match, and their page."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from autodas.core.results import Failed, Ok
from autodas.core.values import SCALAR, Column, Layout
from autodas.networks import seeded
from autodas.scores import SCORES, Subjects, distillation, zero_cost
from autodas.scores.rank_sums import rank_sum
from autodas.spaces import get_space
from autodas.statistics import TeacherSignals, columns, measure

PAGE = Path(__file__).parents[2] / "docs" / "scores.md"
NAMES = [name for name in SCORES.names() if name != "depth"]
ARCHITECTURES = {
    "digits-cnn": ('{"depth":[1,2,1],"width":[4,8,4]}', '{"depth":[2,2,3],"width":[8,8,16]}'),
    "digits-vit": (
        '{"depth":2,"heads":2,"mlp_ratio":2.0,"width":24}',
        '{"depth":4,"heads":4,"mlp_ratio":4.0,"width":48}',
    ),
}
IMAGES = torch.randn(12, 1, 8, 8, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(12) % 10


def network(space, code, seed):
    chosen = get_space(space)
    return seeded(lambda: chosen.build(chosen.decode(code)), seed)


def scored(space, teacher, names=NAMES):
    leaves = sorted(frozenset().union(*(SCORES.get(name).leaves for name in names)))
    signals = TeacherSignals(teacher, IMAGES, LABELS, trained=False, digest="t")
    codes = ARCHITECTURES[space]
    measured = [
        measure(network(space, code, 0), IMAGES, LABELS, leaves, teacher=signals) for code in codes
    ]
    store = columns(codes, measured, leaves)
    subjects = Subjects(codes, np.ones(len(codes)), store.columns, store.missing)
    return {name: SCORES.get(name).compute(subjects) for name in names}


@pytest.fixture(scope="module")
def values():
    """Every score of convolutional and transformer students, each with a teacher of the other."""
    cnn, vit = (network(space, codes[1], 5) for space, codes in ARCHITECTURES.items())
    return {"digits-cnn": scored("digits-cnn", vit), "digits-vit": scored("digits-vit", cnn)}


@pytest.mark.parametrize("space", ARCHITECTURES)
@pytest.mark.parametrize("name", NAMES)
def test_every_score_is_defined_for_both_families(name, space, values):
    found = values[space][name]
    if (name, space) == ("dss", "digits-cnn"):
        assert isinstance(found, Failed)
        assert "attention" in found.reason
        return
    assert isinstance(found, Ok), found
    assert np.isfinite(found.value).all()


def test_every_published_score_says_where_it_is_from():
    for name in NAMES:
        score = SCORES.get(name)
        assert score.description, name
        assert score.reference or name in {"params", "macs"}, name


def test_signs_are_those_in_the_formulas():
    """A loss or a condition number is negated, and the score says so."""
    negated = {name for name in NAMES if SCORES.get(name).sign == -1}
    assert negated == {name for name, *_ in distillation.LOSSES} | {"ntk"}
    assert all(SCORES.get(name).formula.startswith("neg(") for name in negated)


@pytest.mark.parametrize("name", [name for name, *_ in distillation.LOSSES])
def test_no_student_scores_higher_than_its_own_teacher(name):
    space, (code, _) = "digits-cnn", ARCHITECTURES["digits-cnn"]
    same, other = (scored(space, network(space, code, seed), [name])[name] for seed in (0, 1))
    assert same.value[0] == pytest.approx(0, abs=1e-5)
    assert other.value[0] < -1e-5


def subjects_of(**leaves):
    count = len(next(iter(leaves.values())))
    layout = Layout.of_segments([[()]] * count, [[1]] * count)
    found = {name: Column(SCALAR, np.array(v, float), layout) for name, v in leaves.items()}
    return Subjects(tuple("abcd"[:count]), np.ones(count), found, {"macs": "nobody counted"})


def test_ranks_are_added_and_ties_share_theirs():
    score = rank_sum("mine", ("progressivity", "swap"), "test", "", np.log)
    subjects = subjects_of(entropy_step=[0.1, 0.3, 0.2, 0.2], distinct_units=[4, 3, 2, 1])
    first, second = np.array([1, 4, 2.5, 2.5]) / 4, np.array([4, 3, 2, 1]) / 4
    np.testing.assert_allclose(score.compute(subjects).value, np.log(first) + np.log(second))
    assert score.leaves == {"entropy_step", "distinct_units"}


def test_no_architectures_have_no_ranks():
    found = SCORES.get("te_nas").compute(subjects_of(tangent_condition=[], linear_regions=[]))
    assert found.value.tolist() == []


def test_a_rank_sum_fails_with_its_terms():
    score = rank_sum("mine", ("progressivity", "complexity"), "test", "")
    found = score.compute(subjects_of(entropy_step=[1, 2]))
    assert isinstance(found, Failed)
    assert "nobody counted" in found.reason


@pytest.mark.parametrize(
    ("leaf", "closed"),
    [
        ("log_softmax_norm", lambda w: w.numel() ** 0.5 * np.log(len(w))),
        ("log_softmax_tanh", lambda w: np.tanh(np.log(len(w)))),
        ("log_log_softmax", lambda w: np.log(np.log(len(w)))),
    ],
)
def test_the_published_instincts_are_closed_forms_of_shapes(leaf, closed):
    """Gradients are small, and little but the number of channels is left of their softmax."""
    student = network("digits-cnn", ARCHITECTURES["digits-cnn"][1], 0)
    found = measure(student, IMAGES, LABELS, [leaf])[leaf].value.segments
    weights = [m.weight for m in student.modules() if isinstance(m, torch.nn.Conv2d)]
    assert found[: len(weights)] == pytest.approx([closed(w) for w in weights], rel=0.05)


def test_synflow_is_the_log_of_the_published_sum():
    """On a network small enough to have the sum itself as a number."""
    student = network("digits-cnn", ARCHITECTURES["digits-cnn"][0], 0).eval().double()
    for value in student.state_dict().values():
        if value.is_floating_point():
            value.abs_()
    student(torch.ones(1, 1, 8, 8).double()).sum().backward()
    layers = [m for m in student.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    total = sum(float((m.weight * m.weight.grad).abs().sum().detach()) for m in layers)
    found = scored("digits-cnn", student.float(), ["synflow"])["synflow"]
    assert found.value[0] == pytest.approx(np.log(total), rel=1e-5)


def test_the_page_names_every_score_with_its_formula_and_sign():
    text = PAGE.read_text(encoding="utf-8")
    found = re.findall(r"^\| `(\w+)` \| ([^|]*) \| ([+−]) \|", text, re.MULTILINE)
    rows, signs = {row[0]: row[1] for row in found}, {row[0]: row[2] for row in found}
    assert set(rows) == set(SCORES.names())
    for name in NAMES:
        formula = SCORES.get(name).formula
        assert formula is None or rows[name] == f"`{formula}`", name
        assert signs[name] == ("−" if SCORES.get(name).sign < 0 else "+"), name


def test_lists_of_scores_are_complete():
    listed = {name for name, *_ in (*zero_cost.SCORES_, *distillation.LOSSES)}
    others = {"params", "macs", "depth", "diswot", "diswot_relation", "diswot_semantic"}
    sums = {"az_nas", "te_nas", "tvt"}
    assert set(SCORES.names()) >= listed | others | sums
    assert distillation.AUTO_DAS

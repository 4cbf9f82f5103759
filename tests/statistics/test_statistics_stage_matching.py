"""Which teacher stage a student stage is compared with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodas.core.errors import InvalidInput
from autodas.statistics import match_stages

DEPTHS = st.integers(1, 40)


@pytest.mark.parametrize(
    ("student", "teacher", "expected"),
    [
        (1, 1, (0,)),
        (1, 4, (3,)),
        (4, 1, (0, 0, 0, 0)),
        (2, 4, (1, 3)),
        (4, 2, (0, 0, 1, 1)),  # 3/4 is as near to 1/2 as to 1: the deeper
        (3, 4, (0, 2, 3)),  # 1/3 to 1/4, 2/3 to 3/4
        (4, 3, (0, 1, 1, 2)),  # 1/2 is as near to 1/3 as to 2/3: the deeper
        (2, 3, (1, 2)),
        (3, 3, (0, 1, 2)),
        (5, 3, (0, 0, 1, 1, 2)),
    ],
)
def test_by_hand(student, teacher, expected):
    assert match_stages(student, teacher) == expected


@given(DEPTHS, DEPTHS)
def test_last_matches_last_and_order_is_kept(student, teacher):
    matched = match_stages(student, teacher)
    assert len(matched) == student
    assert matched[-1] == teacher - 1
    assert list(matched) == sorted(matched)
    assert set(matched) <= set(range(teacher))


@given(DEPTHS)
def test_equal_depths_correspond_one_to_one(stages):
    assert match_stages(stages, stages) == tuple(range(stages))


@given(DEPTHS, DEPTHS)
def test_no_other_stage_is_nearer(student, teacher):
    for i, chosen in enumerate(match_stages(student, teacher)):
        # Distances times student · teacher, in whole numbers.
        distances = [abs((i + 1) * teacher - (j + 1) * student) for j in range(teacher)]
        assert distances[chosen] == min(distances)
        assert all(distances[j] > distances[chosen] for j in range(chosen + 1, teacher))


@given(DEPTHS, st.integers(1, 6))
def test_a_teacher_of_multiple_depth_is_met_exactly(student, factor):
    matched = match_stages(student, student * factor)
    assert matched == tuple(factor * (i + 1) - 1 for i in range(student))


@pytest.mark.parametrize(("student", "teacher"), [(0, 3), (3, 0), (-1, 1)])
def test_networks_without_stages_are_refused(student, teacher):
    with pytest.raises(InvalidInput, match=f"student={student}, teacher={teacher}"):
        match_stages(student, teacher)

"""Tasks are those of TransNAS-Bench-101, whose published sizes count the outputs."""

import pytest

from autodas.core.tasks import OUTPUTS, SIDE


@pytest.mark.parametrize(
    ("task", "outputs"),
    [
        ("segmentsemantic", 17),
        ("normal", 3),
        ("autoencoder", 3),
        ("room_layout", 9),
        ("jigsaw", 1000),
    ],
)
def test_a_task_has_the_outputs_of_the_benchmark(task, outputs):
    assert OUTPUTS[task] == outputs


def test_a_jigsaw_has_nine_pieces():
    assert SIDE == 3

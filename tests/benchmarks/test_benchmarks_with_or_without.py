"""What is lost by deciding about the teacher at a part of a training."""

import numpy as np
import pytest
from benchmarks.finalists import WAYS, Row
from benchmarks.with_or_without import NINTH, THIRD, Leads, lost, of_one_teacher

from autodas.workbench.ground_truth import load_table


def test_each_rule_pays_for_the_students_it_gets_wrong():
    seen = Leads(
        third=np.array([[0.3], [0.06], [-0.1], [0.2]]),
        ninth=np.array([[0.1], [0.2], [-0.4], [0.1]]),
        gain=np.array([[-8.0], [4.0], [2.0], [-1.0]]),
        best=np.zeros(4),
    )
    assert lost(seen) == {
        "who is ahead": pytest.approx(4 / 4),  # the second should have been taught
        "ahead by 0.05 nats": pytest.approx(4 / 4),
        "ahead by 0.1 nats": pytest.approx(0),
        "ahead by 0.25 nats": pytest.approx(1 / 4),
        "where both rungs lead to": pytest.approx(2 / 4),  # the third is on its way to labels alone
        "always taught": pytest.approx((8 + 1) / 4),
        "never taught": pytest.approx((4 + 2) / 4),
    }


def test_labels_alone_are_ahead_where_their_loss_is_lower():
    row = Row(load_table("digits-vit"))
    seen = of_one_teacher(row)
    taught, alone = (row.rungs[THIRD, way].calibrated_cross_entropy[5].mean() for way in WAYS)
    assert seen.third[5, 0] == pytest.approx(taught - alone)
    taught, alone = (row.rungs[NINTH, way].calibrated_cross_entropy[5].mean() for way in WAYS)
    assert seen.ninth[5, 0] == pytest.approx(taught - alone)
    taught, alone = (row.table.target(way).values[5] for way in WAYS)
    assert seen.gain[5, 0] == pytest.approx(taught - alone)
    assert seen.best[5] == max(taught, alone)

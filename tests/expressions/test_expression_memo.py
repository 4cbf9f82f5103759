"""The memory of sub-expressions is bounded by what it really takes."""

import tracemalloc

import numpy as np

from autodas.core.values import SCALAR, Column, Layout
from autodas.expressions import Evaluator, parse

ARCHITECTURES = 12
LIMIT = 1 << 20


def test_values_of_a_small_table_keep_to_the_limit():
    layout = Layout.of_segments([[()]] * ARCHITECTURES, [[1.0]] * ARCHITECTURES)
    values = np.arange(1.0, 1.0 + ARCHITECTURES)
    leaves = [f"statistic_{number}" for number in range(60)]
    columns = {name: Column(SCALAR, values + i, layout) for i, name in enumerate(leaves)}
    evaluator = Evaluator(columns, LIMIT)
    evaluator.evaluate(parse("add(statistic_0, statistic_1)"))
    pairs = [f"add({a}, log({b}))" for a in leaves for b in leaves]  # 96 bytes of numbers each
    tracemalloc.start()
    for text in pairs:
        evaluator.evaluate(parse(text))
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken < LIMIT

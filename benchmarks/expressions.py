"""How many random formulas are evaluated in a second, for 64 architectures at once."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from autodas.core.results import Failed
from autodas.core.values import Column, Kind, Layout, Type
from autodas.expressions import Evaluator, Expression, Grammar, crossover, grow, mutate

ARCHITECTURES, STAGES, BATCH, CHANNELS, CLASSES, SKETCH = 64, 4, 32, 48, 100, 512
FIXED = frozenset({"teacher_logits", "teacher_sample_gram"})


def columns(seed: int = 0) -> dict[str, Column]:
    """Statistics of the sizes that small networks have; 8 to 40 layers, sketched to 512 entries."""
    rng = np.random.default_rng(seed)
    depths = [int(depth) for depth in rng.integers(8, 41, ARCHITECTURES)]

    def layout(shapes: list[list[tuple[int, ...]]], sketched: bool = False) -> Layout:
        counts = [
            [float(rng.integers(1, 50) if sketched else 1) * np.prod(shape) for shape in mine]
            for mine in shapes
        ]
        return Layout.of_segments(shapes, counts)

    weights = layout([[(SKETCH,)] * depth for depth in depths], sketched=True)
    features = layout([[(SKETCH,)] * STAGES] * ARCHITECTURES, sketched=True)
    samples = layout([[(BATCH, BATCH)] * STAGES] * ARCHITECTURES)
    channels = layout([[(CHANNELS, CHANNELS)] * STAGES] * ARCHITECTURES)
    logits = layout([[(BATCH, CLASSES)]] * ARCHITECTURES)
    stages = layout([[()] * STAGES] * ARCHITECTURES)

    def entries(kind: Type, where: Layout, scale: float) -> Column:
        data = rng.standard_normal(where.size) * scale
        return Column(kind, data.astype(np.float32), where)

    def grams(name: str, where: Layout, *, fixed: bool = False) -> Column:
        side = where.shapes[0][0]
        segments = []
        for number in range(where.segments):
            source = np.random.default_rng([seed, number % STAGES]) if fixed else rng
            feature = np.maximum(source.standard_normal((side, 2 * side)), 0)
            segments.append(feature @ feature.T)
        return Column.of_arrays(Type(Kind.GRAM, "stage", name), where, segments)

    weight = Type(Kind.ELEMENTS, "layer", "weight")
    feature = Type(Kind.ELEMENTS, "stage", "feature")
    return {
        "weight": entries(weight, weights, 0.1),
        "weight_grad": entries(weight, weights, 1e-3),
        "feature": entries(feature, features, 1.0),
        "feature_grad": entries(feature, features, 1e-4),
        "sample_gram": grams("sample", samples),
        "teacher_sample_gram": grams("sample", samples, fixed=True),
        "channel_gram": grams("channel", channels),
        "logits": entries(Type(Kind.LOGITS), logits, 1.0),
        "teacher_logits": entries(Type(Kind.LOGITS), logits, 2.0),
        "cka": Column(Type(Kind.VECTOR, "stage"), rng.random(stages.segments), stages),
    }


def evolved(grammar: Grammar, count: int, rng: np.random.Generator) -> list[Expression]:
    """What an evolution evaluates: children of a small population, not unrelated formulas."""
    population = [grow(grammar, rng) for _ in range(60)]
    for _ in range(count - len(population)):
        first, second = (population[int(rng.integers(len(population)))] for _ in range(2))
        child = (
            mutate(first, grammar, rng)
            if rng.random() < 0.5
            else crossover(first, second, grammar, rng)
        )
        population.append(child)
    return population


def evaluate(
    expressions: list[Expression], measured: dict[str, Column], memo: int
) -> dict[str, Any]:
    """Rate, and what failed."""
    evaluator = Evaluator(measured, memo)
    start = time.process_time()
    results = [evaluator.evaluate(expression) for expression in expressions]
    seconds = time.process_time() - start
    failed = sum(isinstance(result, Failed) for result in results)
    return {
        "candidates_per_second": len(expressions) / seconds,
        "milliseconds_per_candidate": 1e3 * seconds / len(expressions),
        "failed_share": failed / len(expressions),
    }


def main(count: int = 1000) -> dict[str, Any]:
    """Rates of growing, varying and evaluating, with and without memory."""
    measured = columns()
    start = time.process_time()
    grammar = Grammar({name: column.type for name, column in measured.items()}, fixed=FIXED)
    built = time.process_time() - start
    rng = np.random.default_rng(0)
    start = time.process_time()
    unrelated = [grow(grammar, rng) for _ in range(count)]
    grown = time.process_time() - start
    start = time.process_time()
    population = evolved(grammar, count, rng)
    varied = time.process_time() - start
    return {
        "architectures": ARCHITECTURES,
        "megabytes_of_statistics": sum(column.nbytes for column in measured.values()) / 1e6,
        "seconds_to_build_the_grammar": built,
        "grown_per_second": count / grown,
        "varied_per_second": count / varied,
        "unrelated formulas, 512 MB memo": evaluate(unrelated, measured, 1 << 29),
        "unrelated formulas, no memo": evaluate(unrelated, measured, 0),
        "a population, 512 MB memo": evaluate(population, measured, 1 << 29),
        "a population, no memo": evaluate(population, measured, 0),
    }

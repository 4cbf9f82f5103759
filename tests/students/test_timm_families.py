"""Models of timm of as many families as possible are measured, at 64 pixels; takes minutes."""

import importlib.util
import os
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed
from autodas.networks import seeded
from autodas.spaces import get_space
from autodas.statistics import TeacherSignals, measure
from autodas.teachers import load_teacher

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("timm") is None, reason='the extra is missing: "autodas[timm]"'
    ),
]
ENOUGH = 100
SECONDS = float(os.environ.get("AUTODAS_SECONDS", "1500"))
MODELS = (Path(__file__).parent / "timm_families.txt").read_text().split()
"""The smallest model of each family (what stands before the first underscore), small ones first."""
NOT_MEASURED = {
    "crossvit_tiny_240": "The size of tensor a (26) must match",  # patches of 12 and 16 pixels
    # Blocks of 8 positions, of which the last maps of 64 pixels have 2.
    "halonet_h1": "cannot be run on images of 3×64×64: AssertionError",
    "haloregnetz_b": "cannot be run on images of 3×64×64: AssertionError",
    "halonet26t": "cannot be run on images of 3×64×64: AssertionError",
    "sehalonet33ts": "cannot be run on images of 3×64×64: AssertionError",
    "lamhalobotnet50ts_256": "cannot be run on images of 3×64×64: AssertionError",
    "halo2botnet50ts_256": "cannot be run on images of 3×64×64: AssertionError",
    "halonet50ts": "cannot be run on images of 3×64×64: AssertionError",
    "bat_resnext26ts": "cannot be run on images of 3×64×64: AssertionError",
    # A grid of 7 × 7 positions, whatever the images.
    "efficientformer_l1": "The size of tensor a (4) must match the size of tensor b (49)",
    # One statistic of many.
    "visformer_tiny": "virtual_saliency is not finite",
}
"""Why a model cannot be made for, or run on, images of 64 pixels."""
MEASURED = (
    "weight", "gradient_norm", "feature", "feature_grad", "norm_mean", "activation_kernel",
    "logits", "jacobian_spread", "class_gradient_gram", "attention_entropy", "layer_macs", "params",
    "macs", "virtual_saliency", "cka", "logit_kl", "teacher_sample_gram",
)  # fmt: skip
"""At least one for every pass with the batch, forward and backward, alone and with a teacher."""
LACKS = ("the network has no", "the outputs for ones sum up to 0")
"""What a sound network may not have: attention, normalisation, or a virtual output."""


def signals():
    images = torch.from_numpy(np.random.default_rng(0).standard_normal((4, 3, 64, 64), np.float32))
    teacher = load_teacher("untrained:cifar-resnet20/10")
    known = TeacherSignals(
        teacher.network, images, torch.arange(4), trained=False, digest=teacher.digest
    )
    return images, torch.arange(4), known


def problem_of(name, images, labels, teacher):
    """Why a model cannot be measured; empty if it can."""
    space = get_space(f"timm:{name}")
    arch = space.decode(name)
    try:
        network = seeded(lambda: space.build(arch, num_classes=10, input_shape=(3, 64, 64)), 0)
        found = measure(network, images, labels, MEASURED, teacher=teacher)
    except InvalidInput as error:
        return str(error)
    reasons = {name: value.reason for name, value in found.items() if isinstance(value, Failed)}
    odd = {n: why for n, why in reasons.items() if not any(lack in why for lack in LACKS)}
    return f"{odd}" if odd else ""


def test_families_are_measured():
    images, labels, teacher = signals()
    problems, count, start = {}, 0, time.monotonic()
    for name in MODELS:
        if time.monotonic() - start > SECONDS:
            break
        count += 1
        if problem := problem_of(name, images, labels, teacher):
            problems[name] = problem
    print(f"{count - len(problems)} of {count} models measured in {time.monotonic() - start:.0f} s")
    for name, problem in problems.items():
        print(f"{name}: {problem}")
    assert count - len(problems) >= ENOUGH
    tried = MODELS[:count]
    assert problems.keys() == {name for name in NOT_MEASURED if name in tried}
    for name, problem in problems.items():
        assert NOT_MEASURED[name] in problem

"""No score chooses a network that cannot learn, and none stops at an unusual one."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations

from autodas.core.results import Failed, Ok
from autodas.networks import StagedNetwork, seeded
from autodas.scores import SCORES, Subjects, get_score, needed, scored
from autodas.scores.resolve import shipped_proxies
from autodas.statistics import STATISTICS, TeacherSignals, columns, measure

B, WIDTH = 6, 6


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(WIDTH)

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)))


class Live(StagedNetwork):
    """stem, three blocks (the stages), mean over positions, linear."""

    def __init__(self, classes=3):
        super().__init__()
        self.stem = nn.Conv2d(2, WIDTH, 3, padding=1)
        self.blocks = nn.ModuleList(self.made())
        self.classifier = nn.Linear(WIDTH, classes)

    def made(self):
        return [Block() for _ in range(3)]

    def changed(self, x):
        """What the first block is given instead of what the stem puts out."""
        return x

    def forward_stages(self, x):
        x, stages = self.stem(x), []
        for i, block in enumerate(self.blocks):
            x = block(self.changed(x) if i == 0 else x)
            stages.append(x)
        return stages, self.classifier(x.mean((2, 3)))


class Dead(Live):
    """Nothing passes its stem."""

    def changed(self, x):
        return x * 0


class Constant(Live):
    """The same features for all images, and gradients at all layers but the stem."""

    def changed(self, x):
        return x * 0 + 1


class OneLayer(StagedNetwork):
    """A classifier of pixels."""

    def __init__(self):
        super().__init__()
        self.classifier = nn.Linear(2 * 64, 3)

    def forward_stages(self, x):
        return [x * 1], self.classifier(x.flatten(1))


class CalledTwice(Live):
    def made(self):
        first, last = Block(), Block()
        return [first, first, last]


class Tied(Live):
    def made(self):
        blocks = super().made()
        blocks[1].conv.weight = blocks[0].conv.weight
        return blocks


class WeightNormed(Live):
    def made(self):
        blocks = super().made()
        for block in blocks:
            parametrizations.weight_norm(block.conv)
        return blocks


class Casting(Live):
    def forward_stages(self, x):
        return super().forward_stages(x.float())


class Recurrent(StagedNetwork):
    """Rows of a picture, one after the other."""

    def __init__(self):
        super().__init__()
        self.rows, self.classifier = nn.LSTM(16, 5, batch_first=True), nn.Linear(5, 3)

    def forward_stages(self, x):
        tokens, _ = self.rows(x.transpose(1, 2).flatten(2))
        return [tokens], self.classifier(tokens[:, -1])


PIXELS = torch.randn(B, 2, 8, 8, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(B) % 3
SILENT = {  # network, images
    "dead": (Dead, PIXELS),
    "constant features": (Constant, PIXELS),
    "equal images": (Live, PIXELS[:1].expand(B, -1, -1, -1).contiguous()),
}
UNUSUAL = {  # network, labels
    "one class": (Live, torch.zeros(B, dtype=torch.int64)),
    "101 classes": (lambda: Live(101), 50 + torch.arange(B)),
    "one layer": (OneLayer, LABELS),
    "a layer called twice": (CalledTwice, LABELS),
    "tied weights": (Tied, LABELS),
    "weight normalisation": (WeightNormed, LABELS),
    "a cast": (Casting, LABELS),
    "recurrent": (Recurrent, LABELS),
}
OWN = [s.name for s in STATISTICS if s.measure.__module__.startswith("autodas.")]
NAMES = [*SCORES.names(), *(f"proxy:{name}" for name in shipped_proxies())]
OF_SIZES = {"params", "macs", "depth", "complexity", "layers"}
"""Right for a network without a signal as well: they say how large it is, and claim no more."""


def measured(make, pixels=PIXELS, labels=LABELS, seed=0):
    network = seeded(make, seed)
    classes = network.classifier.out_features
    teacher = TeacherSignals(
        seeded(lambda: Live(classes), 9), pixels, labels, trained=False, digest="t"
    )
    return measure(network, pixels, labels, OWN, teacher=teacher)


def subjects(*found):
    store = columns("abcdefgh"[: len(found)], found, OWN)
    return Subjects(store.architectures, np.ones(len(found)), store.columns, store.missing, "toy")


def score_of(name, *found):
    """What a search sees of a score: each architecture's, or why it has none."""
    score, seen = get_score(name), subjects(*found)
    if score.calibrate is not None and score.unscaled("toy"):
        fitted = score.calibrate("toy", reference())
        if isinstance(fitted, Failed):
            return [fitted] * len(found)
        score = fitted.value
    each = scored(score, seen)
    return [each] * len(found) if isinstance(each, Failed) else each.value


@lru_cache(maxsize=1)
def reference():
    """What a score without a scale is brought to scale on."""
    return subjects(*(measured(Live, seed=seed) for seed in range(8)))


@pytest.fixture(scope="module")
def live():
    return measured(Live)


@pytest.fixture(scope="module")
def alone():
    return [measured(make, PIXELS[:1], LABELS[:1]) for make in (Dead, Live)]


@pytest.fixture(scope="module")
def silent():
    return {what: measured(make, pixels) for what, (make, pixels) in SILENT.items()}


@pytest.fixture(scope="module")
def unusual():
    return {what: measured(make, labels=labels) for what, (make, labels) in UNUSUAL.items()}


@pytest.mark.parametrize("what", SILENT)
@pytest.mark.parametrize("name", NAMES)
def test_no_network_without_a_signal_has_a_score(name, what, silent, live):
    (found,) = score_of(name, silent[what])
    if name in OF_SIZES:
        assert isinstance(found, Ok)
        return
    assert isinstance(found, Failed)
    (best,) = score_of(name, live)
    # Transformers only; all others have a value for a network that works.
    assert isinstance(best, Ok) or "attention" in best.reason, best


@pytest.mark.parametrize("name", NAMES)
def test_beside_a_network_without_a_signal_others_keep_their_score(name, silent, live):
    score = get_score(name)
    both = score_of(name, live, silent["constant features"])
    if name in OF_SIZES or score.formula is None or isinstance(both[0], Failed):
        return
    assert isinstance(both[1], Failed)
    assert both[0].value == pytest.approx(score_of(name, live)[0].value, rel=1e-9)


ANYTHING_GOES = {
    **dict.fromkeys(
        ("kd", "fitnet", "at", "nst", "kd_svd", "autodas_nb101"),
        "a distance to the teacher, and a constant may be near to it",
    ),
    **dict.fromkeys(("plain", "grasp"), "a sum of both signs, and zero lies in the middle"),
    **dict.fromkeys(("autodas_s0", "autodas_nb201", "autodas_vit"), "nearly a size"),
    **dict.fromkeys(
        ("az_nas", "te_nas", "tvt", "vkdnw_agg"), "of ranks, which one network alone has not"
    ),
    "l2_norm": "of the weights alone, which are those of a live network",
}
"""Score -> why its formula may be higher for a network without a signal."""


@pytest.mark.parametrize("name", sorted(set(SCORES.names()) - OF_SIZES - ANYTHING_GOES.keys()))
def test_a_formula_itself_ranks_what_is_dead_behind(name, silent, live):
    """In a benchmark, and in other formulas, it stands alone."""
    score = get_score(name)
    dead, best = (score.compute(subjects(found)) for found in (silent["dead"], live))
    if isinstance(best, Ok) and isinstance(dead, Ok):
        assert dead.value[0] < best.value[0]
    else:
        assert isinstance(dead, Failed)


@pytest.mark.parametrize("what", UNUSUAL)
@pytest.mark.parametrize("name", NAMES)
def test_an_unusual_network_has_a_score_or_a_reason(name, what, unusual):
    (found,) = score_of(name, unusual[what])
    if isinstance(found, Ok):
        assert np.isfinite(found.value)
    else:
        assert found.reason


@pytest.mark.parametrize("what", [*SILENT, *UNUSUAL])
def test_every_statistic_of_an_unusual_network_has_a_value_or_a_reason(what, silent, unusual):
    for name, result in {**silent, **unusual}[what].items():
        if isinstance(result, Ok):
            assert all(np.isfinite(segment).all() for segment in result.value.segments), name
        else:
            assert result.reason, name


class Even(OneLayer):
    """Its input gradient is the same at all pixels, but for errors of rounding."""

    def forward_stages(self, x):
        errors = torch.rand(len(x), 128, generator=torch.Generator().manual_seed(2))
        factor = 0.3 + 3e-8 * errors.round()
        total = torch.tanh((x.flatten(1) * factor).sum(1, keepdim=True))
        return [x * 1], self.classifier(total.expand(-1, 128))


def test_rounding_errors_of_an_even_input_gradient_are_no_pattern():
    generator = torch.Generator().manual_seed(1)
    pixels = 0.05 * torch.randn(B, 2, 8, 8, generator=generator)
    found = measured(Even, pixels)
    np.testing.assert_array_equal(found["jacobian_gram"].value.segments[0], np.ones((B, B)))
    spread = found["jacobian_spread"].value.segments[0]
    assert spread == pytest.approx(-(B - 1) * (np.log(1e-5) + 1e5), rel=1e-3)


def test_a_kernel_of_one_direction_has_the_worst_condition():
    """Of one image, seen several times, it knows nothing but that image."""
    found = measured(Live, PIXELS[:1].expand(B, -1, -1, -1).contiguous())
    assert found["tangent_condition"].value.segments[0] == pytest.approx(np.log(1e5))
    assert measured(Dead)["tangent_condition"].value.segments[0] == pytest.approx(np.log(1e5))
    assert 0 < measured(Live)["tangent_condition"].value.segments[0] < np.log(1e5)


@pytest.mark.parametrize("name", NAMES)
def test_of_one_image_alone_nobody_knows_of_a_signal(name, alone):
    """The losses to a teacher find a dead network the best."""
    for found in score_of(name, *alone):
        assert isinstance(found, Ok if name in OF_SIZES else Failed)
    if name == "l2_norm":
        (found,) = score_of(name, alone[0])
        assert found == Failed(
            "whether outputs differ between images takes a batch of two images or more"
        )


def test_outputs_that_differ_by_rounding_are_no_signal(live):
    seen = subjects(live)
    logits = seen.columns["logits"]
    noise = np.random.default_rng(0).normal(size=logits.data.shape).astype(np.float32)
    for size, silent in ((1e-8, True), (1e-4, False)):
        column = type(logits)(logits.type, 3 + size * noise, logits.layout)
        changed = Subjects(("a",), np.ones(1), {**seen.columns, "logits": column}, {}, "toy")
        (found,) = scored(get_score("l2_norm"), changed).value
        assert isinstance(found, Failed) == silent


def test_a_score_of_sizes_needs_no_outputs():
    assert all("logits" not in needed(get_score(name)) for name in OF_SIZES)
    assert "logits" in needed(get_score("l2_norm"))


def test_without_its_outputs_nothing_is_known_of_a_network(live):
    seen = subjects(live)
    kept = {name: column for name, column in seen.columns.items() if name != "logits"}
    found = scored(
        get_score("l2_norm"), Subjects(("a",), np.ones(1), kept, {"logits": "not finite"}, "toy")
    )
    assert found == Failed("missing statistic logits: not finite")


def test_without_a_gradient_or_a_kernel_student_and_teacher_agree_least(silent, live):
    for name, worst in (("gradient_agreement", -1.0), ("tangent_alignment", 0.0)):
        assert silent["dead"][name].value.segments[0] == worst
        assert worst < live[name].value.segments[0] <= 1.0
    # Images that are the same are not told apart, by the teacher neither.
    assert silent["equal images"]["tangent_alignment"] == Failed(
        "the teacher's tangent kernel tells no images apart"
    )
    assert silent["constant features"]["tangent_alignment"].value.segments[0] == 0.0

"""Features in the shapes that comparisons need, whatever the family of the network."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from autodas.core.results import Failed
from autodas.networks import ResNet, VisionTransformer, seeded
from autodas.statistics import STATISTICS, TeacherSignals, measure
from autodas.statistics.passes import views
from autodas.statistics.passes.probe import Probe

SHAPES = [(3, 5, 6, 6), (3, 5, 1, 1), (3, 40, 3, 7), (3, 100, 4, 4)]
TOKENS = [(3, 16, 8), (3, 17, 8), (3, 7, 30), (3, 1, 8), (3, 2, 8), (3, 50, 90)]


def random(shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_tokens_are_laid_out_row_by_row():
    tokens = torch.arange(9.0).reshape(1, 9, 1) * torch.tensor([1.0, 100.0])
    square = views.spatial(tokens)
    assert square.shape == (1, 2, 3, 3)
    assert square[0, 0].tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert torch.equal(square[0, 1], 100 * square[0, 0])


def test_a_leading_class_token_is_left_out():
    tokens = random((2, 16, 5))
    with_class = torch.cat([torch.full((2, 1, 5), 99.0), tokens], 1)
    assert torch.equal(views.spatial(with_class), views.spatial(tokens))
    assert torch.equal(views.attention_map(with_class), views.attention_map(tokens))


@pytest.mark.parametrize(
    ("tokens", "grid"),
    [(1, (1, 1)), (2, (1, 1)), (3, (3, 1)), (4, (2, 2)), (5, (2, 2)), (6, (6, 1)), (8, (8, 1))],
)
def test_grids_of_token_counts(tokens, grid):
    feature = random((2, tokens, 3))
    square = views.spatial(feature)
    assert square.shape == (2, 3, *grid)
    kept = grid[0] * grid[1]
    assert torch.equal(square.flatten(2).transpose(1, 2), feature[:, tokens - kept :])


def test_feature_maps_stay_as_they_are():
    feature = random((2, 3, 4, 5))
    assert views.spatial(feature) is feature


def test_what_classifiers_see_is_averaged_over_positions():
    maps, tokens, rows = random((2, 3, 4, 5)), random((2, 4, 3)), random((2, 3))
    torch.testing.assert_close(views.vectors(maps), maps.flatten(2).sum(2) / 20)
    torch.testing.assert_close(views.vectors(tokens), tokens.sum(1) / 4)
    assert views.vectors(rows) is rows
    assert views.vectors(rows.half()).dtype == torch.float32


def test_views_of_views_are_made_once_each():
    made = []

    def add(number):
        return lambda value: made.append(number) or value + number

    one, two, three = map(add, (1, 2, 4))
    with Probe(cnn(), random((2, 1, 8, 8)), torch.arange(2), ["forward"]) as probe:
        chain = probe.viewed(one, two, three)
        for stage, found in zip(probe.stages, chain, strict=True):
            torch.testing.assert_close(found, stage + 7)
        assert probe.viewed(one, two, three) is chain
        probe.viewed(one, two)
        assert made == [1] * 3 + [2] * 3 + [4] * 3
        probe.viewed(two)
        assert made[9:] == [2] * 3


@pytest.mark.parametrize("channels", [1, 2])
def test_directions_that_are_rounding_alone_are_no_factors(channels):
    found = views.spatial_factors(random((3, channels, 4, 4)))
    assert (found[..., channels:] == 0).all()
    assert (found[..., :channels].norm(dim=1) > 1e-3).all()


@pytest.mark.parametrize("shape", SHAPES + TOKENS)
def test_attention_maps_are_distributions(shape):
    found = views.attention_map(random(shape))
    assert found.shape == (3, 16)
    assert (found >= 0).all()
    torch.testing.assert_close(found.sum(1), torch.ones(3))


def test_attention_of_nothing_is_even():
    feature = torch.zeros(2, 3, 8, 8)
    feature[1, :, 0, 0] = 1
    found = views.attention_map(feature)
    assert (found[0] == 1 / 16).all()
    assert found[1, 0] == 1


def test_attention_ignores_scale_and_sign():
    feature = random((3, 5, 8, 8))
    torch.testing.assert_close(views.attention_map(-7 * feature), views.attention_map(feature))


def test_sample_grams_of_equal_images_are_their_mean_square():
    feature = torch.full((2, 3, 4, 4), 3.0)
    assert views.sample_gram(feature).tolist() == [[9, 9], [9, 9]]
    # Twice as wide and four times the resolution: the scale stays.
    assert views.sample_gram(torch.full((2, 6, 8, 8), 3.0)).tolist() == [[9, 9], [9, 9]]


@pytest.mark.parametrize("shape", SHAPES + TOKENS)
@pytest.mark.parametrize("view", [views.sample_gram, views.channel_gram, views.projected_gram])
def test_grams_are_symmetric_and_have_no_negative_eigenvalue(view, shape):
    gram = view(random(shape))
    channels = shape[1] if len(shape) == 4 else shape[2]
    side = {"sample_gram": 3, "channel_gram": min(channels, 64), "projected_gram": 16}
    assert gram.shape == (side[view.__name__],) * 2
    torch.testing.assert_close(gram, gram.T)
    assert torch.linalg.eigvalsh(gram.double()).min() > -1e-5


@pytest.mark.parametrize("view", [views.channel_gram, views.projected_gram])
@pytest.mark.parametrize("channels", [4, 30, 100])
def test_maps_and_tokens_of_the_same_numbers_have_the_same_channel_grams(view, channels):
    feature = random((3, channels, 4, 4)).double()
    tokens = feature.flatten(2).transpose(1, 2)
    torch.testing.assert_close(view(feature), view(tokens), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("view", [views.sample_gram, views.channel_gram, views.projected_gram])
def test_views_ignore_memory_order(view):
    feature = random((3, 20, 4, 4))
    other = feature.to(memory_format=torch.channels_last)
    torch.testing.assert_close(view(feature), view(other))


@pytest.mark.parametrize(("width", "to"), [(17, 16), (64, 16), (100, 64), (192, 16)])
def test_projections_are_fixed_orthogonal_and_keep_mean_energy(width, to):
    state = torch.random.get_rng_state()
    basis = views._projection(width, to, torch.float32)
    assert torch.equal(basis, views._projection(width, to, torch.float32))
    assert torch.equal(torch.random.get_rng_state(), state)
    expected = torch.eye(to) * width / to
    torch.testing.assert_close(basis.T @ basis, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("view", "width", "energies"),
    [
        (views.projected_gram, 20, [0.9332237532774, 1.0022588697944, 1.2163346541132]),
        (views.channel_gram, 70, [1.0248532193152, 0.9808311750307, 1.0509972694587]),
    ],
)
def test_projections_stay_those_of_the_values_in_caches(view, width, energies):
    channels = torch.eye(width, dtype=torch.float64)[:3]
    found = [float(view(channel.view(1, -1, 1, 1)).trace()) for channel in channels]
    assert found == pytest.approx(energies, rel=1e-9)


@pytest.mark.parametrize(("view", "width"), [(views.projected_gram, 64), (views.channel_gram, 200)])
def test_projections_keep_the_energy_of_white_features(view, width):
    assert float(view(random((50, width, 8, 8))).trace()) == pytest.approx(width, rel=0.02)


@given(st.integers(1, 6), st.integers(1, 40), st.integers(1, 70), st.integers(0, 9))
def test_every_token_grid_has_every_view(batch, tokens, width, seed):
    feature = random((batch, tokens, width), seed)
    for view in (views.sample_gram, views.channel_gram, views.projected_gram, views.attention_map):
        assert torch.isfinite(view(feature)).all()


def cnn(width=4, depths=(1, 1, 1), channels=1):
    return seeded(lambda: ResNet(depths, (width, 2 * width, 3 * width), channels=channels), 0)


def vit(width=12, depth=4, patch=2, side=8, **options):
    return seeded(
        lambda: VisionTransformer(
            width,
            (2,) * depth,
            (1.0,) * depth,
            patch=patch,
            input_shape=(1, side, side),
            num_classes=10,
            **options,
        ),
        1,
    )


STUDENTS = {
    "cnn": cnn,
    "wide cnn": lambda: cnn(width=30),
    "vit": vit,
    "vit with class token": lambda: vit(class_token=True, pool="token"),
    "vit of other width and tokens": lambda: vit(width=20, patch=4, depth=2),
}
ATTENTION = {"attention_entropy", "attention_rank"}
CONVOLUTION_ONLY = {"cnn", "wide cnn"}


@pytest.mark.parametrize("student", STUDENTS)
@pytest.mark.parametrize("teacher", STUDENTS)
def test_any_family_teaches_any_other(student, teacher):
    """Other widths, resolutions and token counts; the teacher may even see larger images."""
    batch = 6
    small, large = random((batch, 1, 8, 8)), random((batch, 1, 16, 16))
    labels = torch.arange(batch) % 10
    is_cnn = teacher in CONVOLUTION_ONLY
    signals = TeacherSignals(
        STUDENTS[teacher](), large if is_cnn else small, labels, trained=False, digest="t"
    )
    network = STUDENTS[student]()
    stages = len(network.forward_stages(small)[0])
    names = [s.name for s in STATISTICS if s.origin != "intrinsic"] + sorted(ATTENTION)
    found = measure(network, small, labels, names, teacher=signals)
    for name in names:
        if name in ATTENTION and student in CONVOLUTION_ONLY:
            assert isinstance(found[name], Failed)
            continue
        type_ = STATISTICS.get(name).type
        shapes = [segment.shape for segment in found[name].value.segments]
        shape = {"sample": (6, 6), "projected": (16, 16), "attention": (96,), "class": (10, 10)}
        expected = (6, 10) if type_.kind == "logits" else shape.get(type_.layout, ())
        count = {"stage": stages, "attention": len(shapes)}.get(type_.over, 1)
        assert shapes == [expected] * count, name


def test_a_network_is_most_similar_to_itself():
    images, labels = random((6, 1, 8, 8)).double(), torch.arange(6)
    signals = TeacherSignals(cnn().double(), images, labels, trained=False, digest="t")
    names = [s.name for s in STATISTICS if s.origin == "interaction"]
    found = {
        name: np.array(result.value.segments)
        for name, result in measure(cnn().double(), images, labels, names, teacher=signals).items()
    }
    best = {"cka", "gram_cosine", "relation_correlation", "attention_cosine", "logit_cosine"}
    best |= {"tangent_alignment"}
    assert best < set(names)
    names.remove("pooled_product")  # neither a distance nor a similarity
    names.remove("gradient_agreement")
    assert found["gradient_agreement"] == -1.0, "it can teach itself nothing"
    for name in names:
        np.testing.assert_allclose(found[name], float(name in best), atol=1e-12, err_msg=name)

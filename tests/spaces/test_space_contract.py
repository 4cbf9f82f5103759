"""What every space promises, tried on every space that has a name."""

import contextlib
import itertools
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autodas.core.errors import InvalidInput
from autodas.networks import cost, parameters, seeded
from autodas.spaces import SPACES, get_space

SEEDS = st.integers(0, 2**32 - 1)
QUICK = settings(max_examples=20, deadline=None)
# Small images keep the suite fast; each space is tried at two sizes and two numbers of channels.
IMAGES = {
    "digits-cnn": ((1, 8, 8), (3, 13, 10)),
    "digits-vit": ((1, 8, 8), (3, 12, 6)),
    "nasbench101": ((3, 8, 8), (1, 9, 7)),
    "nasbench201": ((3, 16, 16), (1, 13, 10)),
    "nasbench301": ((3, 8, 8), (1, 9, 7)),
}
GARBAGE = (
    "", " ", "{}", "[]", "null", "1", "-1", "nonsense", "{", '{"depth": 3}', "9-9-9-9", "3-5-",
    "999", "3--5", "|", "|none~0|", "[" * 100_000, "9" * 5000, "é", "\x00", '{"a":NaN}', "True",
    "0;1", ";",
)  # fmt: skip


@pytest.fixture(params=SPACES.names(), scope="module")
def space(request):
    return get_space(request.param)


def draw(space, count=8, seed=0):
    rng = np.random.default_rng(seed)
    return [space.sample(rng) for _ in range(count)]


def images(space):
    return IMAGES.get(space.name, ((3, 32, 32), (1, 48, 48)))


def test_what_is_no_architecture_of_the_space_is_not_written(space):
    text = space.encode(draw(space)[0])
    for wrong in (text, None, 3, [], {"depth": 3}, np.zeros(2)):
        with pytest.raises(InvalidInput, match=f"space '{space.name}': an architecture is") as said:
            space.encode(wrong)
        assert "\n" not in str(said.value)


def test_samples_are_hashable_varied_and_repeatable(space):
    archs = draw(space, 30)
    assert len(set(archs)) > 10
    assert archs == draw(space, 30)
    assert archs != draw(space, 30, seed=1)


def test_enumeration_agrees_with_size(space):
    if space.size is not None and space.size <= 20_000:
        archs = list(space.enumerate())
        assert len(archs) == len(set(archs)) == space.size
        assert set(draw(space, 50)) <= set(archs)
    else:
        archs = list(itertools.islice(space.enumerate(), 300))
        assert len(set(archs)) == 300
    for arch in archs[:: max(1, len(archs) // 300)]:
        assert space.decode(space.encode(arch)) == arch


@QUICK
@given(seed=SEEDS)
def test_mutant_is_another_member(space, seed):
    rng = np.random.default_rng(seed)
    parent = space.sample(rng)
    text = space.encode(parent)
    mutant = space.mutate(parent, rng)
    assert mutant != parent
    assert space.encode(mutant) != text
    assert space.encode(parent) == text
    assert space.decode(space.encode(mutant)) == mutant


@QUICK
@given(seed=SEEDS)
def test_child_is_a_member_and_parents_stay(space, seed):
    rng = np.random.default_rng(seed)
    a, b = space.sample(rng), space.sample(rng)
    texts = space.encode(a), space.encode(b)
    child = space.crossover(a, b, rng)
    assert (space.encode(a), space.encode(b)) == texts
    assert space.decode(space.encode(child)) == child
    assert space.crossover(a, a, rng) == a


def test_children_mix_their_parents(space):
    rng = np.random.default_rng(3)
    pairs = [(space.sample(rng), space.sample(rng)) for _ in range(40)]
    assert any(space.crossover(a, b, rng) not in (a, b) for a, b in pairs)


@QUICK
@given(seed=SEEDS)
def test_text_is_exact(space, seed):
    arch = space.sample(np.random.default_rng(seed))
    text = space.encode(arch)
    assert space.decode(text) == arch
    assert hash(space.decode(text)) == hash(arch)
    assert space.encode(space.decode(text)) == text
    assert "\n" not in text


@pytest.mark.parametrize("text", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_is_refused_in_one_line(space, text):
    with pytest.raises(InvalidInput) as caught:
        space.decode(text)
    assert "\n" not in str(caught.value)
    assert 0 < len(str(caught.value)) < 400


@QUICK
@given(seed=SEEDS, data=st.data())
def test_damaged_text_is_refused_or_means_a_member(space, seed, data):
    text = space.encode(space.sample(np.random.default_rng(seed)))
    i = data.draw(st.integers(0, len(text) - 1))
    damaged = text[:i] + data.draw(st.characters()) + text[i + data.draw(st.integers(0, 2)) :]
    # Nothing but InvalidInput may be raised; a typing error may also turn one member into another.
    with contextlib.suppress(InvalidInput):
        arch = space.decode(damaged)
        assert space.decode(space.encode(arch)) == arch


def test_networks_of_any_size(space):
    for arch, shape, classes in zip(draw(space, 2), images(space), (3, 11), strict=True):
        network = seeded(
            lambda a=arch, k=classes, s=shape: space.build(a, num_classes=k, input_shape=s), 0
        )
        x = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
        stages, logits = network.forward_stages(x)
        assert logits.shape == (2, classes)
        assert network.classifier.out_features == classes
        assert 1 <= len(stages) <= 6
        assert all(s.ndim in (3, 4) and len(s) == 2 for s in stages)
        assert torch.isfinite(logits).all()
        # A loss has a gradient at every stage: stage outputs lie on the way to the logits.
        gradients = torch.autograd.grad(logits.logsumexp(1).sum(), stages)
        assert all(torch.isfinite(g).all() for g in gradients)
        network.eval()
        with torch.no_grad():
            torch.testing.assert_close(network(x), network.forward_stages(x)[1])


def test_initial_weights_depend_on_the_seed_alone(space):
    arch, shape = draw(space, 1)[0], images(space)[0]

    def weights(seed):
        return seeded(lambda: space.build(arch, input_shape=shape), seed).state_dict()

    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    first = weights(5)
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.manual_seed(2)
    again, other = weights(5), weights(6)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


def test_cost_counts_and_allocates_nothing(space):
    arch, shape = draw(space, 1, seed=2)[0], images(space)[0]
    state = torch.random.get_rng_state()
    found = space.cost(arch, input_shape=shape)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert found.params == parameters(space.build(arch, input_shape=shape))
    assert found.macs > 0
    assert space.cost(arch, input_shape=shape) is found
    assert space.cost(arch, num_classes=3, input_shape=shape).params != found.params


def test_cost_class_costs_the_same(space):
    shape = images(space)[0]
    for arch in draw(space, 2, seed=4):
        measured = cost(lambda a=arch: space.build(a, input_shape=shape), shape)
        assert space.cost(arch, input_shape=shape) == measured


def test_sizes_are_checked(space):
    arch = draw(space, 1)[0]
    with pytest.raises(InvalidInput, match="classes"):
        space.build(arch, num_classes=0)
    with pytest.raises(InvalidInput, match="positive"):
        space.cost(arch, input_shape=(3, 0, 8))


def test_features_and_depth_are_numbers(space):
    archs = draw(space, 30)
    table = [space.features(arch) for arch in archs]
    assert len({row.shape for row in table}) == 1
    assert np.isfinite(table).all()
    # Different architectures look different to a predictor.
    assert len({tuple(row) for row in table}) == len(set(archs))
    depths = [space.depth(arch) for arch in archs]
    assert all(isinstance(d, int) and d >= 0 for d in depths)


def test_architectures_travel_between_processes(space):
    archs = draw(space)
    assert pickle.loads(pickle.dumps(archs)) == archs
    copy = pickle.loads(pickle.dumps(space))
    assert copy.name == space.name
    assert copy.encode(archs[0]) == space.encode(archs[0])


def test_space_describes_itself(space):
    assert space.name in repr(space)
    assert space.description
    assert "\n" not in space.description
    assert len(space.input_shape) == 3
    assert space.num_classes >= 2

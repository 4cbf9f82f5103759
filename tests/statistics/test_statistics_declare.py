"""A statistic of the user's own is one decorated function, tried when it is declared."""

import subprocess
import sys

import pytest
import torch
from statistics_toys import ToyCNN, ToyViT, images, labels, signals

from autodas.core.errors import AutodasError, InvalidInput
from autodas.core.values import SCALAR, Kind, Type
from autodas.statistics import STATISTICS, Cache, Unmeasurable, check, columns, measure, statistic

STAGE_VECTOR = Type(Kind.VECTOR, "stage")
FEATURE = Type(Kind.ELEMENTS, "stage", "feature")
STAGE_GRAM = Type(Kind.GRAM, "stage", "own")
SAMPLE_GRAM = Type(Kind.GRAM, "stage", "sample")
STAGE_SPECTRUM = Type(Kind.SPECTRUM, "stage", "own")
OWN = [s.name for s in STATISTICS if s.measure.__module__.startswith("autodas.")]


@pytest.fixture(autouse=True)
def _forget():
    """What a test declares is forgotten after it."""
    before = STATISTICS.names()
    yield
    for name in set(STATISTICS.names()) - set(before):
        STATISTICS.remove(name)


@pytest.mark.parametrize("name", OWN)
def test_the_packages_own_statistics_pass_the_check(name):
    check(STATISTICS.get(name))


def test_a_declared_function_is_a_statistic_like_any_other(tmp_path):
    @statistic(STAGE_VECTOR, needs={"forward"}, origin="interaction", reference="nobody", version=3)
    def energy_ratio(probe):
        """Energy of the student's first stage over the teacher's.

        More than one sentence is not shown in lists.
        """
        teacher = probe.teacher.stages[0].square().mean()
        return [float(stage.square().mean() / teacher) for stage in probe.stages]

    made = STATISTICS.get("energy_ratio")
    assert made.description == "Energy of the student's first stage over the teacher's."
    assert made.needs == {"forward", "teacher"}
    assert (made.version, made.reference, made.size) == (3, "nobody", False)
    student, teacher = ToyViT(), ToyCNN()
    found = measure(student, images(), labels(), ["energy_ratio"], teacher=signals(teacher))
    first = signals(teacher).stages[0].square().mean()
    with torch.no_grad():
        stages = student.forward_stages(images())[0]
    expected = [stage.square().mean() / first for stage in stages]
    assert [float(s) for s in found["energy_ratio"].value.segments] == pytest.approx(
        [float(value) for value in expected], rel=1e-5
    )
    cache = Cache(tmp_path)
    cache.write("0" * 64, found)
    again = cache.read("0" * 64, ["energy_ratio"])
    assert columns(["a"], [again], ["energy_ratio"]).columns["energy_ratio"].data.size == 3


def test_a_statistic_may_exist_for_one_family_only():
    @statistic(SCALAR, needs={"forward"})
    def tokens(probe):
        """Number of tokens."""
        if probe.stages[0].ndim != 3:
            raise Unmeasurable("the network has no tokens")
        return [probe.stages[0].shape[1]]

    assert "tokens" in STATISTICS


def test_segments_of_a_new_sort_are_free():
    """Nothing of the package ranges over halves, so their number is the declaration's own."""

    @statistic(Type(Kind.VECTOR, "half"), needs={"forward"})
    def halves(probe):
        """Mean of each half of the batch."""
        return [part.mean() for part in probe.logits.chunk(2)]

    assert "halves" in STATISTICS


def good(probe):
    """Mean of every stage."""
    return [float(stage.mean()) for stage in probe.stages]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "Upper"}, "name 'Upper' must be lower-case"),
        ({"name": "a-b"}, "name 'a-b' must be lower-case"),
        ({"name": "9lives"}, "name '9lives' must be lower-case"),
        ({"needs": {"forwards"}}, "'mine' needs 'forwards'; choose from: .*forward"),
        ({"name": "weight"}, "statistic 'weight' is already defined"),
    ],
)
def test_bad_declarations_are_explained(options, message):
    before = STATISTICS.names()
    with pytest.raises(InvalidInput, match=message) as caught:
        statistic(STAGE_VECTOR, **{"name": "mine", "needs": {"forward"}, **options})(good)
    assert "\n" not in str(caught.value)
    assert STATISTICS.names() == before


def test_a_statistic_says_what_it_measures():
    with pytest.raises(InvalidInput, match="'silent' needs a docstring"):
        statistic(SCALAR, name="silent")(lambda probe: [0.0])


# type, needs, function, what the message says
FAULTS = {
    "not a list": (SCALAR, "", lambda p: 1.0, "must return a list, got float"),
    "a bare tensor": (FEATURE, "forward", lambda p: p.stages[0], "must return a list, got Tensor"),
    "a generator": (SCALAR, "", lambda p: (i for i in [1.0]), "a list, got generator"),
    "two scalars": (SCALAR, "", lambda p: [1.0, 2.0], "one value per network, got 2"),
    "no scalar": (SCALAR, "", lambda p: [], "one value per network, got 0"),
    "text": (SCALAR, "", lambda p: ["much"], "a number, got 'much' of type str"),
    "a vector for a number": (SCALAR, "", lambda p: [torch.ones(3)], r"a tensor of shape \(3,\)"),
    "infinite": (SCALAR, "", lambda p: [float("inf")], "is not finite"),
    "not a number": (
        FEATURE,
        "forward",
        lambda p: [torch.log(s - s - 1) for s in p.stages],
        "is not finite",
    ),
    "one value for all stages": (
        STAGE_VECTOR,
        "forward",
        lambda p: [0.5],
        "2 values, one per stage, got 1",
    ),
    "layers for stages": (
        STAGE_VECTOR,
        "",
        lambda p: [float(layer.weight.numel()) for layer in p.layers],
        "2 values, one per stage, got 7",
    ),
    "other features": (
        FEATURE,
        "forward",
        lambda p: [s.flatten()[:-1] for s in p.stages],
        r"must correspond to 'feature', whose entries are \[1024, 1280\], got \[1023, 1279\]",
    ),
    "numbers for features": (FEATURE, "forward", lambda p: [1.0, 2.0], "tensors with entries"),
    "empty tensors": (
        FEATURE,
        "forward",
        lambda p: [s[:0] for s in p.stages],
        r"with entries, got a tensor of shape \(0, 4, 8, 8\)",
    ),
    "another Gram": (
        SAMPLE_GRAM,
        "forward",
        lambda p: [torch.eye(5) for _ in p.stages],
        r"must correspond to 'sample_gram', whose entries are \[\(4, 4\), \(4, 4\)\]",
    ),
    "a Gram that is not symmetric": (
        STAGE_GRAM,
        "forward",
        lambda p: [torch.arange(9.0).view(3, 3) for _ in p.stages],
        r"symmetric matrices, got a tensor of shape \(3, 3\)",
    ),
    "a Gram that is not square": (
        STAGE_GRAM,
        "forward",
        lambda p: [s.flatten(1) for s in p.stages],
        "symmetric matrices",
    ),
    "an ascending spectrum": (
        STAGE_SPECTRUM,
        "forward",
        lambda p: [torch.arange(4.0) for _ in p.stages],
        "largest entry first",
    ),
    "a spectrum of two dimensions": (
        STAGE_SPECTRUM,
        "forward",
        lambda p: [torch.ones(2, 2) for _ in p.stages],
        "largest entry first",
    ),
    "logits of half the batch": (
        Type(Kind.LOGITS),
        "forward",
        lambda p: [p.logits[:2]],
        "4 rows, one per sample",
    ),
    "an error": (SCALAR, "", lambda p: [1 / 0], "fails: ZeroDivisionError: division by zero"),
    "too many arguments": (SCALAR, "", lambda p, q: [1.0], "fails: TypeError"),
    "its own randomness": (
        SCALAR,
        "",
        lambda p: [float(torch.rand(()))],
        "draws from PyTorch's global random generator",
    ),
    "a counter": (SCALAR, "", lambda p, n=[0]: [n.append(0) or len(n)], "gives other values"),
    "never": (
        SCALAR,
        "",
        lambda p: (_ for _ in ()).throw(Unmeasurable("it is Monday")),
        "can never be measured: it is Monday",
    ),
    "overwritten features": (
        SCALAR,
        "forward",
        lambda p: [float(p.stages[0].relu_().add_(1).sum())],
        "writes into the network or into what the probe holds",
    ),
    "overwritten weights": (
        SCALAR,
        "",
        lambda p: [float(p.layers[0].weight.data.mul_(2).sum())],
        "writes into the network",
    ),
    "overwritten gradients": (
        SCALAR,
        "forward backward",
        lambda p: [float(p.weight_gradients[0].zero_().sum())],
        "writes into",
    ),
}
UNANNOUNCED = {
    "forward": lambda p: p.logits,
    "backward": lambda p: p.weight_gradients,
    "jacobian": lambda p: p.jacobian,
    "norms": lambda p: p.norm_moments,
    "activations": lambda p: p.activation_signs,
    "attention": lambda p: p.attentions,
    "classifier": lambda p: p.classifier_input,
    "sizes": lambda p: p.output_positions,
    "virtual": lambda p: p.extra.virtual,
}


def declare(type_, needs, function):
    def mine(*args):
        """Something wrong."""
        return function(*args)

    statistic(type_, needs=set(needs.split()))(mine)


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_found_and_explained_in_one_line(fault):
    type_, needs, function, message = FAULTS[fault]
    state = torch.random.get_rng_state()
    with pytest.raises(InvalidInput, match=message) as caught:
        declare(type_, needs, function)
    assert "'mine'" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "mine" not in STATISTICS
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("need", UNANNOUNCED)
def test_what_is_used_must_be_announced(need):
    others = " ".join({"forward"} - {need})
    with pytest.raises(InvalidInput, match=rf"must be announced: needs={{'{need}'}}"):
        declare(SCALAR, others, lambda p: [float(bool(UNANNOUNCED[need](p)))])


def test_a_teacher_must_be_announced():
    with pytest.raises(InvalidInput, match="compares with a teacher, and none was given"):
        declare(SCALAR, "forward", lambda p: [float(p.teacher.logits.sum())])


def test_what_damages_the_trial_networks_does_not_disturb_the_next():
    type_, needs, function, _ = FAULTS["overwritten weights"]
    with pytest.raises(InvalidInput):
        declare(
            type_, needs, lambda p: [function(p)[0] + float(p.layers[0].weight.data.log_().sum())]
        )
    declare(SCALAR, "forward", lambda p: [p.logits.sum()])


def test_an_error_of_many_lines_is_told_in_one():
    def shout(probe):
        raise ValueError("first line\n  second line\n")

    with pytest.raises(AutodasError, match="ValueError: first line second line"):
        declare(SCALAR, "", shout)


def test_the_import_tries_nothing():
    """Trying the package's own statistics would cost more than loading them."""
    code = (
        "from autodas.statistics import trial; "
        "print(trial._trials.cache_info().misses, len(trial.STATISTICS) > 40)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "True"]

"""A probe leaves no trace in the network, and nothing around it leaves a trace in the numbers."""

import contextlib
import copy
import gc
import random
import weakref

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from statistics_toys import ToyCNN, ToyViT, fill, images, labels, signals
from torch import nn

from autodas.core.errors import InvalidInput, UnknownName
from autodas.core.results import Failed, Ok
from autodas.core.values import SCALAR
from autodas.networks import StagedNetwork
from autodas.statistics import STATISTICS, Need, TeacherSignals, measure
from autodas.statistics.catalog import Statistic
from autodas.statistics.passes import views

OWN = [s.name for s in STATISTICS if s.measure.__module__.startswith("autodas.")]
MORE = {"backward", "jacobian", "virtual", "blocks", "hessian", "halves", "singles", "tangent"}
MORE |= {"constant", "gaussian", "information", "noise_loss"}
OF_CELLS = [n for n in OWN if n.startswith("graph_")]
FORWARD_ONLY = [n for n in OWN if not STATISTICS.get(n).needs & MORE]


class Sloppy(ToyCNN):
    """Has dropout, random noise in every mode, and a layer that only trains the second half."""

    def __init__(self):
        super().__init__()
        self.dropout = nn.Dropout(0.5)
        self.frozen_norm = nn.BatchNorm2d(3).eval()
        fill(self)

    def forward_stages(self, x):
        first = self.dropout(self.frozen_norm(F.relu(self.bn1(self.conv1(x)))))
        second = F.dropout(self.relu(self.bn2(self.conv2(first))), 0.5, training=True)
        return [first, second], self.classifier(second.mean((2, 3)))


NETWORKS = {"cnn": ToyCNN, "vit": ToyViT, "sloppy": Sloppy}


@contextlib.contextmanager
def declared(function, needs=frozenset(), type_=SCALAR, name="extra"):
    """A statistic of the test's own, unchecked and forgotten afterwards."""
    origin = "interaction" if "teacher" in needs else "intrinsic"
    STATISTICS.add(name, Statistic(name, type_, function, frozenset(needs), 1, origin, False, ""))
    try:
        yield name
    finally:
        STATISTICS.remove(name)


def trace(network, pixels):
    """Everything about a network and the process that a measurement could have changed."""
    hooks = [
        (name, kind, len(getattr(module, kind)))
        for name, module in network.named_modules()
        for kind in vars(module)
        if kind.endswith("_hooks")
    ]
    return {
        "state": {k: v.clone() for k, v in network.state_dict().items()},
        "gradients": [p.grad if p.grad is None else p.grad.clone() for p in network.parameters()],
        "require": [p.requires_grad for p in network.parameters()],
        "modes": [m.training for m in network.modules()],
        "attributes": [
            {k: v for k, v in vars(m).items() if isinstance(v, int | float | str | None)}
            for m in network.modules()
        ],
        "hooks": hooks,
        "pixels": (pixels.clone(), pixels.requires_grad, pixels.grad),
        "torch": torch.random.get_rng_state(),
        "numpy": np.random.get_state()[1].copy(),
        "python": random.getstate(),
        "grad mode": torch.is_grad_enabled(),
        "fused attention": torch.backends.mha.get_fastpath_enabled(),
        "function modes": torch._C._len_torch_function_stack(),
    }


def same(a, b):
    if isinstance(a, torch.Tensor | np.ndarray):
        return bool((a == b).all()) and a.shape == b.shape
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def assert_untouched(before, after):
    assert [key for key in before if not same(before[key], after[key])] == []


def prepared(kind, mode):
    """A network in the middle of a training: gradients, mixed modes."""
    network = NETWORKS[kind]()
    network.train(mode == "train")
    if mode == "mixed":
        for i, module in enumerate(network.modules()):
            module.training = i % 2 == 0
    for i, parameter in enumerate(network.parameters()):
        if i % 2:
            parameter.grad = torch.full_like(parameter, float(i))
    return network


def equal(a, b):
    """Whether two measurements are the same to the last bit."""
    return a.keys() == b.keys() and all(same_result(a[name], b[name]) for name in a)


def same_result(a, b):
    if isinstance(a, Failed):
        return a == b
    return a.value.counts == b.value.counts and same(a.value.segments, b.value.segments)


@pytest.mark.parametrize("mode", ["train", "eval", "mixed"])
@pytest.mark.parametrize("kind", NETWORKS)
def test_network_and_process_are_left_as_they_were(kind, mode):
    network, teacher, pixels = prepared(kind, mode), prepared("cnn", mode), images()
    torch.backends.mha.set_fastpath_enabled(True)
    before, before_teacher = trace(network, pixels), trace(teacher, pixels)
    measure(network, pixels, labels(), OWN, teacher=signals(teacher))
    assert_untouched(before, trace(network, pixels))
    assert_untouched(before_teacher, trace(teacher, pixels))


@pytest.mark.parametrize("wants_gradient", [False, True])
def test_images_keep_their_gradient_flag(wants_gradient):
    pixels = images().requires_grad_(wants_gradient)
    before = trace(network := ToyCNN(), pixels)
    measure(network, pixels, labels(), ["jacobian_gram", "weight_grad"])
    assert_untouched(before, trace(network, pixels))


class Boom(RuntimeError):
    pass


def explode(*_):
    raise Boom


@pytest.mark.parametrize("where", ["conv1", "bn2", "classifier"])
@pytest.mark.parametrize("error", [Boom, KeyboardInterrupt])
def test_a_failing_network_is_left_as_it_was(where, error, monkeypatch):
    network, pixels, teacher = prepared("cnn", "mixed"), images(), signals(ToyCNN())
    before = trace(network, pixels)

    def fail(_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(network.get_submodule(where), "forward", fail)
        with pytest.raises(error):
            measure(network, pixels, labels(), OWN, teacher=teacher)
    assert_untouched(before, trace(network, pixels))


@pytest.mark.parametrize("name", ["cka", "virtual_grad", "macs"])
def test_a_failure_in_any_other_pass_leaves_no_trace(name, monkeypatch):
    network, teacher, pixels = prepared("cnn", "mixed"), prepared("vit", "mixed"), images()
    before, before_teacher = trace(network, pixels), trace(teacher, pixels)
    failing = teacher if name == "cka" else network
    with monkeypatch.context() as patch:
        patch.setattr(failing.classifier, "forward", explode)
        with pytest.raises(Boom):
            measure(network, pixels, labels(), [name], teacher=signals(teacher))
    assert_untouched(before, trace(network, pixels))
    assert_untouched(before_teacher, trace(teacher, pixels))


def test_a_failing_statistic_leaves_no_trace():
    network, pixels, teacher = prepared("cnn", "mixed"), images(), signals(ToyCNN())
    before = trace(network, pixels)

    def fails_halfway(probe):
        probe.stage_gradients[0].sum()
        raise Boom

    with declared(fails_halfway, frozenset(Need) - {"teacher"}) as name, pytest.raises(Boom):
        measure(network, pixels, labels(), [*FORWARD_ONLY, name], teacher=teacher)
    assert_untouched(before, trace(network, pixels))


def test_networks_are_freed_at_once():
    """Reference cycles would keep the graphs of many networks until the collector runs."""
    seen = []

    def spy(probe):
        seen.append(weakref.ref(probe))
        seen.append(weakref.ref(probe.stages[0]))
        return [0.0]

    gc.collect()
    gc.disable()
    try:
        with declared(spy, {"forward"}) as name:
            measure(ToyViT(), images(), labels(), [*OWN, name], teacher=signals(ToyCNN()))
        assert [reference() for reference in seen] == [None, None]
    finally:
        gc.enable()


# --- passes -----------------------------------------------------------------------------------


@pytest.fixture
def passes(monkeypatch):
    """Counts of forward passes of a toy and of backward passes."""
    found = {"forward": 0, "backward": 0}
    forward, backward = ToyCNN.forward_stages, torch.autograd.grad

    def counted_forward(self, x):
        found["forward"] += 1
        return forward(self, x)

    def counted_backward(*args, **kwargs):
        found["backward"] += 1
        return backward(*args, **kwargs)

    monkeypatch.setattr(ToyCNN, "forward_stages", counted_forward)
    monkeypatch.setattr(torch.autograd, "grad", counted_backward)
    return found


@pytest.mark.parametrize(
    ("names", "forward", "backward"),
    [
        (["weight", "numel", "weight_spectrum"], 0, 0),
        ([n for n in FORWARD_ONLY if n not in ("params", "macs")], 1, 0),
        (["weight_grad", "feature_grad", "grad_gram", "cka", "norm_var"], 1, 1),
        (["jacobian_gram", "logits"], 1, 1),
        (["jacobian_gram", "weight_grad"], 1, 2),
        (["virtual_grad", "virtual_output"], 1, 1),
        (["gradient_norm", "saliency", "fisher_information", "log_softmax_norm"], 1, 1),
        (["block_entropy", "entropy_step", "gradient_balance"], 1, 1),  # one pair of stages
        (["hessian_saliency", "signed_saliency"], 2, 3),
        (["gradient_stability"], 2, 2),
        (["sign_agreement"], 5, 5),  # five images
        (["tangent_kernel"], 1, 5),
        (["tangent_alignment"], 1, 5 + 5),  # the student and the teacher
        (["gradient_agreement"], 2, 2),
        (["constant_gradient_inverse"], 1, 1),
        (["perturbation_growth"], 2, 0),
        (["log_participation", "gradient_health"], 1, 1),
        (["information_rank"], 2, 3),  # how many classes, and one backward for each of three
        # the batch, counted operations, blocks, data-free, Hessian, halves, singles, tangent,
        # constant, noise, information, distilling; backward: blocks, jacobian, loss, data-free, …,
        # distilling, tangent of the teacher
        (
            OWN,
            1 + 1 + 1 + 1 + 1 + 2 + 5 + 1 + 1 + 2 + 2 + 1 + 1,
            1 + 1 + 1 + 1 + 2 + 2 + 5 + 5 + 1 + 3 + 1 + 5 + 1,
        ),
    ],
)
def test_as_few_passes_as_possible(passes, names, forward, backward):
    teacher = signals(ToyViT())
    measure(ToyCNN(), images(), labels(), names, teacher=teacher)
    assert passes == {"forward": forward, "backward": backward}


class NoBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * 1

    @staticmethod
    def backward(ctx, gradient):
        raise Boom


class ForwardOnly(ToyCNN):
    recorded = False

    def forward_stages(self, x):
        stages, logits = super().forward_stages(NoBackward.apply(x))
        self.recorded |= logits.requires_grad
        return stages, logits


def test_forward_statistics_do_not_even_record_a_graph():
    network = ForwardOnly()
    found = measure(network, images(), labels(), FORWARD_ONLY, teacher=signals(ToyCNN()))
    assert not network.recorded
    assert [n for n, result in found.items() if isinstance(result, Failed)] == [
        "attention_entropy",
        "attention_rank",
        *OF_CELLS,
    ]
    with pytest.raises(Boom):
        measure(network, images(), labels(), ["jacobian_gram"])


def test_every_view_is_taken_once(monkeypatch):
    """Of the student for all statistics, of the teacher for all students."""
    seen = []
    teacher = signals(ToyViT())
    for name in ("sample_gram", "channel_gram", "projected_gram", "attention_map"):
        view = getattr(views, name)

        def counted(feature, view=view):
            seen.append(tuple(feature.shape))
            return view(feature)

        monkeypatch.setattr(views, name, counted)
    names = [n for n in OWN if n not in ("grad_gram", "covariance_spectrum")]
    student, other = (5, 3, 6, 6), (5, 5, 6)
    measure(ToyCNN(), images(), labels(), names, teacher=teacher)
    assert seen.count(student) == 4
    assert seen.count(other) == 3 * 3
    measure(ToyCNN(), images(), labels(), names, teacher=teacher)
    assert seen.count(student) == 4 * 2
    assert seen.count(other) == 3 * 3


@pytest.mark.parametrize(
    ("names", "forward"),
    [
        ([name for name in OWN if name != "tangent_alignment"], 1),
        (["tangent_alignment"], 1),
        (OWN, 2),
    ],
)
def test_the_teacher_runs_once_for_many_students(passes, names, forward):
    teacher = signals(ToyCNN())
    for _ in range(3):
        measure(ToyViT(), images(), labels(), names, teacher=teacher)
    assert passes["forward"] == forward  # through all images, and with gradients of the first


# --- the same numbers ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", NETWORKS)
def test_measuring_twice_gives_the_same_bits(kind):
    def once():
        return measure(NETWORKS[kind](), images(), labels(), OWN, teacher=signals(ToyViT()))

    torch.manual_seed(1)
    first = once()
    torch.manual_seed(2)
    assert equal(first, once())


@pytest.mark.parametrize("kind", ["cnn", "vit"])
def test_a_statistic_does_not_depend_on_what_else_is_asked_for(kind):
    network, teacher = NETWORKS[kind]().double(), signals(ToyViT().double())
    pixels = images().double()
    together = measure(network, pixels, labels(), OWN, teacher=teacher)
    backwards = measure(network, pixels, labels(), OWN[::-1], teacher=teacher)
    for name in OWN:
        alone = measure(network, pixels, labels(), [name], teacher=teacher)[name]
        assert type(alone) is type(together[name])
        if isinstance(alone, Ok):
            for a, b, c in zip(
                alone.value.segments,
                together[name].value.segments,
                backwards[name].value.segments,
                strict=True,
            ):
                # Without gradients, PyTorch may choose another algorithm.
                np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12, err_msg=name)
                np.testing.assert_allclose(c, b, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("context", [torch.no_grad, torch.enable_grad])
def test_the_callers_gradient_mode_does_not_matter(context):
    expected = measure(ToyCNN(), images(), labels(), OWN, teacher=signals(ToyViT()))
    with context():
        found = measure(ToyCNN(), images(), labels(), OWN, teacher=signals(ToyViT()))
    assert equal(found, expected)


@pytest.mark.parametrize("mode", ["train", "eval", "mixed"])
def test_the_networks_mode_does_not_matter(mode):
    expected = measure(
        prepared("sloppy", "eval"), images(), labels(), OWN, teacher=signals(ToyViT())
    )
    found = measure(prepared("sloppy", mode), images(), labels(), OWN, teacher=signals(ToyViT()))
    assert equal(found, expected)


def test_measured_values_survive_later_training():
    network, teacher = ToyCNN(), ToyCNN()
    teacher_signals = signals(teacher)
    found = measure(network, images(), labels(), OWN, teacher=teacher_signals)
    kept = copy.deepcopy(found)
    with torch.no_grad():
        for parameter in (*network.parameters(), *teacher.parameters()):
            parameter.zero_()
        for tensor in (*teacher_signals.stages, teacher_signals.logits):
            tensor.zero_()
    assert equal(found, kept)


# --- what cannot be measured ----------------------------------------------------------------


class Plain(StagedNetwork):
    """A linear map: no activation, no normalisation, no attention."""

    def __init__(self, classes=3):
        super().__init__()
        self.hidden = nn.Linear(72, 8)
        self.classifier = nn.Linear(8, classes)

    def forward_stages(self, x):
        hidden = self.hidden(x.flatten(1))
        return [hidden[:, None]], self.classifier(hidden)


def reasons(network, names, **options):
    found = measure(network, images(), labels(), names, **options)
    return {name: r.reason for name, r in found.items() if isinstance(r, Failed)}


def test_what_a_network_does_not_have_is_named():
    names = ["norm_mean", "activation_kernel", "attention_rank", "feature_grad", "weight"]
    assert reasons(Plain(), names) == {
        "norm_mean": "the network has no normalisation layers",
        "activation_kernel": "the network has no activation layers",
        "attention_rank": "the network has no attention layers",
    }


def test_values_that_are_not_finite_are_failures():
    network = ToyCNN()
    network.conv2.weight.data[3] = torch.inf
    found = reasons(network, ["weight", "logits", "weight_grad", "numel"])
    assert found == {n: f"{n} is not finite" for n in ("weight", "logits", "weight_grad")}


def test_spectra_that_do_not_converge_are_failures():
    network = ToyCNN()
    network.conv2.weight.data[3] = torch.nan
    assert set(reasons(network, ["weight_spectrum"])) == {"weight_spectrum"}


def test_frozen_weights_have_no_gradient_and_say_so():
    frozen = ToyCNN().requires_grad_(False)
    found = reasons(
        frozen, ["weight", "sample_gram", "weight_grad", "feature_grad", "jacobian_gram"]
    )
    assert set(found) == {"weight_grad", "feature_grad"}
    assert "frozen" in found["weight_grad"]


def test_a_teacher_of_other_classes_can_still_be_compared_by_features():
    teacher = signals(ToyCNN(classes=7))
    found = reasons(ToyCNN(), OWN, teacher=teacher)
    logits = ("logit_kl", "logit_kl_t4", "logit_cosine", "class_gradient_distance")
    logits += ("square_logit_distance", "sample_softmax_kl", "gradient_agreement")
    assert {n: found[n] for n in logits} == dict.fromkeys(
        logits, "the student has 3 classes, the teacher 7"
    )
    attention = ("attention_entropy", "attention_rank", "diversity_saliency")
    assert set(found) == {*logits, *attention, *OF_CELLS}


def test_a_teacher_that_knows_too_few_classes_has_no_class_gradient():
    (reason,) = reasons(
        ToyCNN(), ["teacher_class_gradient_gram", "cka"], teacher=signals(ToyCNN(classes=2))
    ).values()
    assert reason == "labels go up to 2, but the teacher has 2 classes"


def teacher_of(count):
    return TeacherSignals(ToyCNN(), images(count), labels(count), trained=False, digest="t")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"names": ["cka"]}, "compares with a teacher, and none was given"),
        ({"names": ["wieght"]}, "unknown statistic 'wieght'; did you mean 'weight'"),
        ({"labels": torch.arange(4)}, "5 images .* 4 labels"),
        ({"teacher": teacher_of(4)}, "5 images .* teacher on 4 images"),
        ({"labels": torch.arange(5)}, "labels go up to 4, but the network has 3 classes"),
    ],
)
def test_input_that_cannot_be_right_is_refused_in_one_line(change, message):
    arguments = {"images": images(), "labels": labels(), "names": ["logits"], "teacher": None}
    network = ToyCNN()
    before = trace(network, images())
    with pytest.raises(InvalidInput, match=message) as caught:
        measure(network, **{**arguments, **change})
    assert "\n" not in str(caught.value)
    assert_untouched(before, trace(network, images()))


def test_unknown_names_are_noticed_before_any_work(passes):
    with pytest.raises(UnknownName):
        measure(ToyCNN(), images(), labels(), ["logits", "nonsense"])
    assert passes["forward"] == 0

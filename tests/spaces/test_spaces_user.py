"""A space of the user's own, in a module that autodas has never seen."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch

from autodas.core.errors import InvalidInput, UnknownName
from autodas.core.plugins import load_plugins
from autodas.spaces import ChoiceSpace, Each, get_space

MODULE = '''
"""A space in about twenty lines."""
import sys
import numpy
from torch import nn
from autodas.networks import StagedNetwork
from autodas.spaces import ChoiceSpace, Each


class Mlp(StagedNetwork):
    def __init__(self, widths, activation, inputs, classes):
        super().__init__()
        sizes = [inputs, *widths]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, widths))
        self.activation = getattr(nn, activation)()
        self.classifier = nn.Linear(widths[-1], classes)

    def forward_stages(self, x):
        x, stages = x.flatten(1), []
        for layer in self.layers:
            x = self.activation(layer(x))
            stages.append(x[:, None])
            x = stages[-1][:, 0]
        return stages, self.classifier(x)


def build(arch, num_classes, input_shape):
    c, h, w = input_shape
    return Mlp(arch["width"], arch["activation"], c * h * w, num_classes)


SPACE = ChoiceSpace(
    "mlp", "two-layer perceptrons",
    {"width": Each.of((8, 16, 32), 2), "activation": ("ReLU", "GELU")},
    build, valid=lambda arch: arch["width"][0] >= arch["width"][1],
    input_shape=(1, 8, 8), num_classes=10,
)


def make():
    return SPACE


def fresh():
    mlp = lambda arch, classes, shape: Mlp([8, 8], "ReLU", 64, classes)
    return ChoiceSpace("f", "d", {"a": (1, 2)}, mlp, input_shape=(1, 8, 8), num_classes=10)


class Named:
    inner = SPACE


class Plain(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.classifier = nn.Linear(64, classes)

    def forward(self, x):
        return self.classifier(x.flatten(1))


class Headless(Mlp):
    def __init__(self, *given):
        super().__init__(*given)
        self.head = self.classifier
        del self.classifier


def of(make):
    return ChoiceSpace("p", "d", {"a": (1, 2)}, make, input_shape=(1, 8, 8), num_classes=10)


PLAIN = of(lambda arch, classes, shape: Plain(classes))
HEADLESS = of(lambda arch, classes, shape: Headless([8, 8], "ReLU", 64, classes))
RAISES = of(lambda arch, classes, shape: Mlp([8 // (arch["a"] - 1)], "ReLU", 64, classes))
NOTHING = of(lambda arch, classes, shape: arch["a"] == 2 and Mlp([8], "ReLU", 64, classes) or None)
FORWARD = of(lambda arch, classes, shape: Mlp([8], "ReLU", 62 + arch["a"], classes))


def shaken(arch, classes, shape):
    made = Mlp([8], "ReLU", 64, classes)
    nn.init.constant_(made.classifier.bias, numpy.random.random())
    return made


SHAKEN = of(shaken)
LEAVES = of(lambda arch, classes, shape: sys.exit(3))
LATER = of(lambda arch, c, shape: arch["a"] == 1 and sys.exit(3) or Mlp([8], "ReLU", 64, c))


def called(name):
    mlp = lambda arch, classes, shape: Mlp([8, 8], "ReLU", 64, classes)
    return ChoiceSpace(name, "d", {"a": (1, 2)}, mlp, input_shape=(1, 8, 8), num_classes=10)


EMPTY, BLANK, LINES = called(""), called(" mine"), called("two\\nlines")
HIDDEN, OURS, NUMBERED = called("a\\x1b[31m"), called("resnet"), called(3)
LONG = called("a" * 201)


def leaves():
    sys.exit("good\\nbye")


BROKEN = of(lambda arch, classes, shape: Plain(undefined))


def fails():
    raise ValueError("two\\nlines")


def alone():
    return nn.Linear(1, 1)


def needs(argument):
    return SPACE


NUMBER = 3
'''


@pytest.fixture
def module(tmp_path, monkeypatch, request):
    name = f"my_space_{abs(hash(request.node.name))}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    return name


def test_a_module_in_the_current_folder_is_a_space(module):
    space = get_space(f"{module}:SPACE")
    assert space is get_space(f"{module}:SPACE")
    assert space is get_space(f"{module}:make")
    assert get_space(f"{module}:fresh") is get_space(f"{module}:fresh")
    assert space is get_space(f"{module}:Named.inner")
    assert space.size == 6 * 2
    rng = np.random.default_rng(0)
    arch = space.sample(rng)
    assert space.decode(space.encode(arch)) == arch
    for _ in range(20):
        child = space.crossover(arch, space.mutate(arch, rng), rng)
        assert child["width"][0] >= child["width"][1]
    stages, logits = space.build(arch).forward_stages(torch.zeros(2, 1, 8, 8))
    assert logits.shape == (2, 10)
    assert len(stages) == 2
    a, b = arch["width"]
    assert space.cost(arch).params == 65 * a + (a + 1) * b + (b + 1) * 10
    assert space.depth(arch) == 3
    # Two widths, and one indicator for each of the two activations.
    assert space.features(arch).shape == (4,)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("no_such_module:SPACE", "cannot import no_such_module"),
        ("{}:MISSING", "has no 'MISSING'"),
        ("{}:NUMBER", "is a int"),
        ("{}:needs", "without arguments"),
        ("{}:Mlp", "without arguments"),
    ],
)
def test_what_is_no_space_is_refused(module, reference, message):
    with pytest.raises(InvalidInput, match=message) as caught:
        get_space(reference.format(module))
    assert "\n" not in str(caught.value)


def test_errors_inside_the_module_are_told_in_one_line(tmp_path, monkeypatch):
    (tmp_path / "broken_space.py").write_text("raise RuntimeError('two\\nlines')")
    (tmp_path / "leaving_space.py").write_text("raise SystemExit(3)")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InvalidInput, match=r"cannot import leaving_space \(SystemExit: 3\)"):
        get_space("leaving_space:SPACE")
    with pytest.raises(InvalidInput, match=r"'leaving_space' cannot be imported \(SystemExit: 3"):
        load_plugins(["leaving_space"])
    with pytest.raises(InvalidInput, match=r"RuntimeError: two lines"):
        get_space("broken_space:SPACE")


def test_names_that_are_no_reference_are_looked_up():
    with pytest.raises(UnknownName, match="did you mean 'resnet'"):
        get_space("resnett")
    for name in ("a b:c", "a:", ":b", "a:b:c", "../x:y"):
        with pytest.raises(UnknownName):
            get_space(name)


def test_reference_works_in_a_fresh_process(module, tmp_path):
    script = textwrap.dedent(f"""
        import pickle, numpy as np
        from autodas.spaces import get_space
        space = get_space("{module}:SPACE")
        print(space.encode(space.sample(np.random.default_rng(5))))
    """)
    (tmp_path / "script.py").write_text(script)
    runs = {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=tmp_path,
            env={"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    space = get_space(f"{module}:SPACE")
    assert runs == {space.encode(space.sample(np.random.default_rng(5))) + "\n"}


def test_choice_space_refuses_useless_choices():
    def space(**choices):
        return ChoiceSpace("s", "d", choices, None, input_shape=(1, 8, 8), num_classes=2)

    for wrong in ((), (1, 1), (1, 1.0), (1, True)):
        with pytest.raises(InvalidInput, match="different"):
            space(a=wrong)
    with pytest.raises(InvalidInput, match="different"):
        space(a=Each(((1, 2), ())))
    single, rng = space(a=(1,)), np.random.default_rng(0)
    with pytest.raises(InvalidInput, match="single architecture"):
        single.mutate(single.sample(rng), rng)


def test_rule_that_forbids_everything_is_reported():
    space = ChoiceSpace(
        "s", "d", {"a": (1, 2)}, None, valid=lambda _: False, input_shape=(1, 8, 8), num_classes=2
    )
    assert space.size == 0
    with pytest.raises(InvalidInput, match="validity rule"):
        space.sample(np.random.default_rng(0))


def test_rule_without_neighbours_still_mutates():
    # Only (0, 0) and (1, 1) are valid: no single change leads from one to the other.
    space = ChoiceSpace(
        "s", "d", {"a": (0, 1), "b": (0, 1)}, None,
        valid=lambda arch: arch["a"] == arch["b"], input_shape=(1, 8, 8), num_classes=2,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    first, second = space.enumerate()
    assert space.mutate(first, rng) == second
    assert space.mutate(second, rng) == first
    assert {space.crossover(first, second, rng) for _ in range(20)} == {first, second}


def test_crossover_without_valid_mixtures_returns_either_parent():
    # Twelve equal genes: a random mixture of the two parents is practically never valid.
    space = ChoiceSpace(
        "s", "d", {"a": Each.of((0, 1), 12)}, None,
        valid=lambda arch: len(set(arch["a"])) == 1, input_shape=(1, 8, 8), num_classes=2,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    first, second = space.enumerate()
    assert {space.crossover(first, second, rng) for _ in range(20)} == {first, second}


def test_text_is_read_strictly():
    space = ChoiceSpace("s", "d", {"a": (1, 2)}, None, input_shape=(1, 8, 8), num_classes=2)
    assert space.decode('{"a": 1.0}') == space.decode('{"a":1}')
    for wrong in ('{"a":true}', '{"a":"1"}', '{"a":[1]}', '{"a":1,"a":1}', '{"a":1,"b":1}'):
        with pytest.raises(InvalidInput):
            space.decode(wrong)
    flag = ChoiceSpace("s", "d", {"a": (False, True)}, None, input_shape=(1, 8, 8), num_classes=2)
    assert flag.decode('{"a":true}')["a"] is True
    with pytest.raises(InvalidInput):
        flag.decode('{"a":1}')


def test_sampling_is_uniform_over_valid_combinations():
    space, rng = get_space("pit"), np.random.default_rng(0)
    heads = [space.sample(rng)["num_heads"] for _ in range(4000)]
    counts = [heads.count(h) for h in set(heads)]
    assert len(counts) == 10
    # 400 expected each, standard deviation 19.
    assert 310 < min(counts) < max(counts) < 490


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("PLAIN", r"networks \(Plain\) lack forward_stages\(x\).*StagedNetwork"),
        ("HEADLESS", r"networks \(Headless\) lack classifier.*StagedNetwork"),
        ("BROKEN", r"cannot be built.*NameError.*undefined"),
        ("SHAKEN", r"of one seed, .* other weights each time .* PyTorch's generator"),
        ("LEAVES", r"cannot be built.*\(SystemExit: 3\)"),
        ("leaves", r"leaves': cannot be made \(SystemExit: good bye\)"),
        ("EMPTY", r"a space's name has 1 to 200 printable characters.*, got ''"),
        ("BLANK", r"printable characters.*, got ' mine'"),
        ("LINES", r"printable characters.*, got 'two\\nlines'"),
        ("HIDDEN", r"printable characters.*, got 'a\\x1b\[31m'"),
        ("NUMBERED", r"printable characters.*, got 3"),
        ("LONG", r"printable characters.*, got 'aaa"),
        ("OURS", r"is called 'resnet', as a space of autodas is; give it another name"),
        ("fails", r"fails': cannot be made \(ValueError: two lines\)"),
        ("alone", r"is a Linear, not an.*; what makes a single student takes num_classes"),
    ],
)
def test_a_space_whose_networks_cannot_be_used_is_refused_when_it_is_loaded(module, name, words):
    with pytest.raises(InvalidInput, match=words) as caught:
        get_space(f"{module}:{name}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("RAISES", r"'p': the network cannot be built, of '{\"a\":1}' \(ZeroDivisionError: .*\)"),
        (
            "NOTHING",
            r"cannot be built, of '{\"a\":1}' \(TypeError: a NoneType is no torch.nn.Module",
        ),
        ("LATER", r"cannot be built, of '{\"a\":1}' \(SystemExit: 3\)"),
        ("FORWARD", r"cannot be run on images of 1×8×8, of '{\"a\":1}' \(RuntimeError: .*\)"),
    ],
)
def test_one_network_that_cannot_be_had_is_told_in_one_line(module, name, words):
    space = get_space(f"{module}:{name}")
    bad, good = space.enumerate()
    assert space.cost(good).params > 0
    with pytest.raises(InvalidInput, match=words) as caught:
        space.cost(bad)
    assert "\n" not in str(caught.value)


def test_a_rule_and_a_depth_that_raise_are_told_in_one_line(module):
    space = get_space(f"{module}:fresh")
    space._valid = space._depth = lambda arch: arch["b"]
    with pytest.raises(
        InvalidInput, match=r"the validity rule cannot be asked, of '{\"a\":1}' \(Key"
    ):
        space.size  # noqa: B018
    with pytest.raises(InvalidInput, match=r"the depth cannot be asked, of '{\"a\":1}' \(KeyErr"):
        space.depth(space._select([1]))


def test_what_has_no_order_is_no_choice():
    """A set of words has another order in each process, and so would the space."""
    for wrong in ({"a", "b"}, frozenset((1, 2)), (x for x in (1, 2))):
        with pytest.raises(InvalidInput, match="the options of 'a' must have an order"):
            ChoiceSpace("s", "d", {"a": wrong}, None, input_shape=(1, 8, 8), num_classes=2)
    with pytest.raises(InvalidInput, match="the options of 'a' must have an order"):
        ChoiceSpace("s", "d", {"a": Each(({1, 2},))}, None, input_shape=(1, 8, 8), num_classes=2)


def test_a_shape_may_be_a_list_and_a_precision_is_a_known_one(module):
    made = get_space(f"{module}:SPACE")
    space = ChoiceSpace(
        "s", "d", {"a": (1, 2)}, lambda *_: made.build(next(made.enumerate())),
        input_shape=[1, 8, 8], num_classes=10,
    )  # fmt: skip
    assert space.cost(next(space.enumerate())) == made.cost(next(made.enumerate()))
    with pytest.raises(InvalidInput, match="precision is single or double, not 'half'"):
        ChoiceSpace(
            "s", "d", {"a": (1,)}, None, input_shape=(1, 8, 8), num_classes=2, precision="half"
        )

"""Networks of any size that a line of text asks for are refused before anything is built."""

import json
import shutil
import time
import tracemalloc
from importlib import resources
from pathlib import Path

import pytest

from autodas.core.errors import AutodasError, FileProblem, InvalidInput
from autodas.distill.export import save_student
from autodas.networks import seeded
from autodas.spaces import get_space
from autodas.teachers import Blueprint, load_teacher, start_from
from autodas.workbench.load_student import load_student

NAME = "digits-cnn-teacher"
WEIGHTS = Path(str(resources.files("autodas.teachers"))) / "weights" / NAME
SECONDS, BYTES = 2.0, 1 << 26
RESNET = {"depths": [1], "widths": [4]}


@pytest.fixture(scope="module", autouse=True)
def _meta_device_is_warm():
    # Its first use imports for seconds what PyTorch knows of shapes.
    seeded(Blueprint("resnet", RESNET).build, 0)


def refused(call, error=AutodasError, match=None):
    """Refuses in one line, soon, and with little memory of Python's."""
    tracemalloc.start()
    start = time.process_time()  # of this process: the machine may be busy
    with pytest.raises(error, match=match) as caught:
        call()
    seconds = time.process_time() - start
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seconds < SECONDS
    assert most < BYTES
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    return str(caught.value)


@pytest.mark.parametrize(
    ("family", "arguments"),
    [
        ("resnet", {"depths": [10**6], "widths": [4]}),
        ("resnet", {"depths": [400, 400, 400], "widths": [4, 4, 4]}),
        ("resnet", {"depths": [1] * 10**6, "widths": [1] * 10**6}),
        ("resnet", {"depths": [1], "widths": [10**9]}),
        ("resnet", {"depths": [1], "widths": [2**16]}),
        ("resnet", {"depths": [1], "widths": [64], "kernels": [65535]}),
        ("resnet", {"depths": [1], "widths": [4], "stem": 10**12}),
        ("resnet", {"depths": [[10**9]], "widths": [4]}),
        ("resnet", {"depths": {"a": 10**9}, "widths": [4]}),
        ("resnet", {"depths": [1], "widths": [4], "x" * 10**6: 1}),
        ("resnet", {"depths": [1], "widths": [4], "shortcut": "x" * 10**6}),
        ("linear-resnet", {"blocks": 10**6}),
        ("cifar-resnet", {"layers": 6 * 10**5 + 2}),
        ("wide-resnet", {"layers": 6 * 10**5 + 4, "widening": 1}),
        ("wide-resnet", {"layers": 16, "widening": 4096}),
        ("vgg", {"layers": 10**9}),
        ("vit", {"width": 2**16, "heads": [1] * 12, "mlp_ratios": [4.0] * 12, "patch": 4}),
        ("vit", {"width": 64, "heads": [1] * 1001, "mlp_ratios": [1] * 1001, "patch": 4}),
        ("vit", {"width": 64, "heads": [1], "mlp_ratios": [float("inf")], "patch": 4}),
        ("vit", {"width": 64, "heads": [1], "mlp_ratios": [1e300], "patch": 4}),
        ("vit", {"width": 64, "heads": [0], "mlp_ratios": [1], "patch": 4}),
        ("vit", {"width": 64, "heads": [1], "mlp_ratios": [1], "patch": 0}),
    ],
)
def test_a_network_without_measure_is_refused(family, arguments):
    refused(lambda: seeded(Blueprint(family, arguments).build, 0), InvalidInput)


@pytest.mark.parametrize(
    ("classes", "shape"),
    [(10**12, (3, 32, 32)), (10**6 + 1, (3, 8, 8)), (10, (3, 10**6, 8)), (10, (10**9, 8, 8))],
)
@pytest.mark.parametrize("family", ["resnet", "timm"])
def test_too_many_classes_or_pixels_are_refused(family, classes, shape):
    arguments = {"name": "resnet18"} if family == "timm" else RESNET
    blueprint = Blueprint(family, arguments, classes, shape)
    refused(blueprint.build, InvalidInput, "a network has at most")
    refused(lambda: Blueprint.of_json(blueprint.to_json()), InvalidInput, "at most")


@pytest.mark.parametrize("classes", ["1" + "0" * 12, "9" * 5000, "1000001"])
def test_untrained_networks_of_too_many_classes_are_refused(classes):
    refused(lambda: load_teacher(f"untrained:cifar-resnet20/{classes}"), InvalidInput, "classes")


def test_going_on_for_too_many_classes_is_refused():
    refused(lambda: start_from("untrained:vgg13", 10**7, (3, 32, 32), 0), InvalidInput, "at most")


@pytest.mark.parametrize(
    "change",
    [
        {"num_classes": 10**12},
        {"input_shape": [1, 10**6, 10**6]},
        {"input_shape": [[1] * 10**5, 8, 8]},
        {"arguments": {"depths": [10**6], "widths": [16]}},
        {"arguments": {"depths": [1] * 10**5, "widths": [1] * 10**5}},
        {"arguments": {"depths": [1], "widths": [40_000]}},
        {"arguments": {"depths": [1], "widths": [16_384]}},
    ],
)
def test_the_description_of_a_huge_teacher_is_refused(tmp_path, change):
    about = json.loads(WEIGHTS.with_suffix(".json").read_text())
    about["network"] |= change
    about.pop("seal", None)
    shutil.copy(WEIGHTS.with_suffix(".safetensors"), tmp_path / "t.safetensors")
    (tmp_path / "t.json").write_text(json.dumps(about))
    load_teacher.cache_clear()
    message = refused(lambda: load_teacher(str(tmp_path / "t.safetensors")), FileProblem)
    assert message.startswith(str(tmp_path))


def student(folder, **changes):
    space = get_space("digits-cnn")
    arch = next(iter(space.enumerate()))
    about = {
        "space": "digits-cnn",
        "arch": space.encode(arch),
        "num_classes": 10,
        "input_shape": [1, 8, 8],
    }
    save_student(seeded(lambda: space.build(arch), 0), folder, about)
    content = json.loads((folder / "student.json").read_text()) | changes
    if changes:
        content.pop("seal")
    (folder / "student.json").write_text(json.dumps(content))
    return folder


def test_a_student_is_read(tmp_path):
    assert load_student(student(tmp_path)).classifier.out_features == 10


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"num_classes": 10**12}, "at most 1000000 classes"),
        ({"num_classes": 10**6}, "its network needs"),
        ({"num_classes": "10"}, "whole numbers"),
        ({"input_shape": [1, 10**9, 8]}, "pixels along a side"),
        ({"input_shape": [10**9, 8, 8]}, "channels"),
        ({"input_shape": [1] * 10**5}, "not described as a student"),
        ({"arch": "x" * 10**6}, "not described as a student"),
        ({"space": "hostile_module:SPACE"}, "import its module"),
        ({"space": "x" * 10**5}, "import its module"),
    ],
)
def test_the_description_of_a_hostile_student_is_refused(tmp_path, monkeypatch, change, words):
    (tmp_path / "hostile_module.py").write_text("raise SystemExit('ran')")
    monkeypatch.chdir(tmp_path)
    folder = student(tmp_path / "run", **change)
    message = refused(lambda: load_student(folder), FileProblem, words)
    assert message.startswith(str(folder))

"""Models of timm as teachers; skipped where the extra is not installed."""

import importlib.util
import sys
import types

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from autodas.core.errors import FileProblem, InvalidInput, MissingData, UnknownName
from autodas.data import Batch, Normalisation
from autodas.networks import cost
from autodas.networks import import_timm as guard
from autodas.statistics import TeacherSignals
from autodas.teachers import Blueprint, load_teacher, start_from

needs_timm = pytest.mark.skipif(
    importlib.util.find_spec("timm") is None, reason='the extra is missing: "autodas[timm]"'
)
# Published numbers of parameters for ImageNet, timm's own listing.
MODELS = {
    "resnet18": (11_689_512, 5),
    "vit_tiny_patch16_224": (5_717_416, 12),
    "deit_tiny_patch16_224": (5_717_416, 12),
    "mobilenetv3_small_100": (2_542_856, 5),
    "convnext_atto": (3_695_520, 4),
    "efficientnet_b0": (5_288_548, 5),
}


def images(size=224):
    return torch.from_numpy(np.random.default_rng(0).random((2, 3, size, size), np.float32))


@needs_timm
@pytest.mark.parametrize("name", MODELS)
def test_stages_lie_on_the_way_to_the_logits(name):
    teacher = load_teacher(f"untrained:timm:{name}/7")
    assert (teacher.num_classes, teacher.trained) == (7, False)
    network = teacher.network.requires_grad_(True)
    stages, logits = network.forward_stages(images())
    assert logits.shape == (2, 7)
    assert network.classifier.out_features == 7
    assert len(stages) == MODELS[name][1]
    assert all(stage.ndim == (3 if "vit" in name or "deit" in name else 4) for stage in stages)
    gradients = torch.autograd.grad(logits.square().sum(), stages)
    assert all(gradient.abs().sum() > 0 for gradient in gradients)
    assert torch.equal(network(images()), logits)
    assert not any(module._forward_hooks for module in network.modules())
    network.requires_grad_(False)


@needs_timm
@pytest.mark.parametrize("name", MODELS)
def test_sizes_are_as_published(name):
    blueprint = Blueprint("timm", {"name": name}, 1000, (3, 224, 224))
    assert cost(blueprint.build, (3, 224, 224)).params == MODELS[name][0]


@needs_timm
def test_class_tokens_and_layouts():
    assert load_teacher("untrained:timm:deit_tiny_patch16_224/7").network.prefix_tokens == 1
    assert load_teacher("untrained:timm:resnet18/7").network.prefix_tokens == 0
    from autodas.networks.import_timm import import_timm
    from autodas.networks.timm_network import wrapped_timm

    # Swin holds its maps with the channels last.
    small = {"embed_dim": 12, "depths": (1, 1, 1, 1), "num_heads": (1, 1, 1, 1), "num_classes": 7}
    model = import_timm().create_model("swin_tiny_patch4_window7_224", **small).eval()
    network = wrapped_timm(model, "swin", (3, 224, 224))
    stages, logits = network.forward_stages(images())
    assert [tuple(stage.shape[1:]) for stage in stages] == [
        (12, 56, 56),
        (24, 28, 28),
        (48, 14, 14),
        (96, 7, 7),
    ]
    assert torch.equal(model(images()), logits)
    gradients = torch.autograd.grad(logits.square().sum(), stages)
    assert all(gradient.abs().sum() > 0 for gradient in gradients)


@needs_timm
def test_is_the_same_network_every_time():
    first = load_teacher("untrained:timm:mobilenetv3_small_100/7")
    load_teacher.cache_clear()
    again = load_teacher("untrained:timm:mobilenetv3_small_100/7")
    assert first.digest == again.digest
    assert torch.equal(first.network(images(64)), again.network(images(64)))


@needs_timm
def test_serves_as_a_teacher():
    teacher = load_teacher("untrained:timm:mobilenetv3_small_100/7")
    batch = Batch(images(64), torch.tensor([0, 3]), 7, "0", "noise")
    signals = TeacherSignals(
        teacher.network, batch.images, batch.labels, trained=False, digest=teacher.digest
    )
    assert len(signals.stages) == 5
    assert signals.class_gradient.shape == (7, 1024)


@needs_timm
def test_what_cannot_be_used_is_said():
    with pytest.raises(UnknownName, match="did you mean 'resnet18'"):
        load_teacher("untrained:timm:resnt18")
    for evil in ("hf-hub:someone/model", "local-dir:/tmp/x"):
        with pytest.raises(UnknownName):
            load_teacher(f"untrained:timm:{evil}")
    with pytest.raises(InvalidInput, match=r"sees 224×224 pixels, the images 32×32"):
        load_teacher("untrained:timm:deit_tiny_patch16_224/7").network(images(32))
    with pytest.raises(InvalidInput, match="cannot be built from"):
        Blueprint("timm", {"name": "resnet18", "checkpoint_path": "evil.pth"}).build()


@needs_timm
def test_published_weights(tmp_path, monkeypatch):
    import huggingface_hub

    from autodas.networks.import_timm import import_timm

    model = import_timm().create_model("mobilenetv3_small_100")
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    asked = []

    def deliver(repository, file):
        asked.append((repository, file))
        return str(tmp_path / file)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", deliver)
    load_teacher.cache_clear()
    teacher = load_teacher("timm:mobilenetv3_small_100")
    assert asked == [("timm/mobilenetv3_small_100.lamb_in1k", "model.safetensors")]
    assert (teacher.trained, teacher.num_classes) == (True, 1000)
    assert teacher.normalisation == Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert torch.equal(teacher.network(images(64)), model.eval()(images(64)))
    # A file of another network, and a pickle in its place.
    (tmp_path / "model.safetensors").write_bytes(b"\x80\x04K\x01.")
    load_teacher.cache_clear()
    with pytest.raises(FileProblem, match="not a safetensors file"):
        load_teacher("timm:mobilenetv3_small_100")
    save_file({"x": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(FileProblem, match="lacks the tensor"):
        load_teacher("timm:mobilenetv3_small_100")


@needs_timm
def test_weights_of_ones_own(tmp_path):
    """A model somebody trained with timm for 7 classes, saved as its state_dict()."""
    from autodas.networks.import_timm import import_timm

    model = import_timm().create_model("mobilenetv3_small_100", num_classes=7)
    save_file(model.state_dict(), tmp_path / "mine.safetensors")
    name = f"timm:mobilenetv3_small_100@{tmp_path / 'mine.safetensors'}"
    teacher = load_teacher(name)
    assert (teacher.trained, teacher.num_classes) == (True, 7)
    assert torch.equal(teacher.network(images(64)), model.eval()(images(64)))
    blueprint, network = start_from(name, 3, (3, 64, 64), seed=0)
    assert blueprint.num_classes == 3
    first = next(iter(model.state_dict()))
    assert torch.equal(network.model.state_dict()[first], model.state_dict()[first])
    for content, message in (
        (b"\x80\x04K\x01.", "not a safetensors file"),
        (None, "cannot be read"),
    ):
        path = tmp_path / "bad.safetensors"
        path.unlink(missing_ok=True)
        if content:
            path.write_bytes(content)
        with pytest.raises(FileProblem, match=message):
            load_teacher(f"timm:mobilenetv3_small_100@{path}")
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(FileProblem, match="of its classifier"):
        load_teacher(f"timm:mobilenetv3_small_100@{tmp_path / 'other.safetensors'}")


@needs_timm
def test_weights_that_are_not_to_be_had(monkeypatch, tmp_path):
    import huggingface_hub

    def fail(*_):
        raise OSError("no route to host\nmore")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fail)
    load_teacher.cache_clear()
    with pytest.raises(MissingData, match=r"neither cached nor delivered: no route to host$"):
        load_teacher("timm:resnet18")
    with pytest.raises(MissingData, match="no safetensors weights of timm:mixer_s16_224"):
        load_teacher("timm:mixer_s16_224")


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """An import system without timm and torchvision, in which a test may plant its own."""
    for name in [n for n in sys.modules if n.partition(".")[0] in ("timm", "torchvision")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(guard, "OPERATOR", guard.re.compile(r"\bautodastest::(\w+)"))
    monkeypatch.setattr(guard, "NAMESPACE", "autodastest")
    monkeypatch.syspath_prepend(str(tmp_path))
    guard.import_timm.cache_clear()
    yield tmp_path
    guard.import_timm.cache_clear()


def plant(folder, name, text):
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text(text)


def test_missing_operators_are_declared_and_the_import_tried_again(fresh):
    """torchvision beside a PyTorch it was not built for, in small."""
    plant(
        fresh,
        "torchvision",
        "import torchvision.extension\nfrom torch import library\ntorchvision.extension.flag\n"
        'for name in ("first", "second"):\n'
        '    library.register_fake(f"autodastest::{name}", lambda x: x)\n'
        "# autodastest::first and autodastest::second\n",
    )
    (fresh / "torchvision" / "extension.py").write_text("flag = True\n")
    plant(fresh, "timm", "import torchvision\nanswer = 42\n")
    with pytest.raises(RuntimeError, match="operator autodastest::first does not exist"):
        importlib.import_module("timm")
    del sys.modules["torchvision.extension"]  # what a failed import leaves behind
    found = guard.import_timm()
    assert isinstance(found, types.ModuleType)
    assert found.answer == 42
    assert guard.import_timm() is found


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import nowhere_to_be_found", "No module named 'nowhere_to_be_found'"),
        ("raise RuntimeError('operator autodastest::never does not exist')", "autodastest::never"),
        ("raise OSError('libsomething.so:\\ncannot open')", "libsomething.so: cannot open"),
    ],
)
def test_an_import_that_fails_says_how_to_get_timm(fresh, text, why):
    plant(fresh, "timm", text)
    with pytest.raises(MissingData, match='pip install "autodas\\[timm\\]"') as caught:
        load_teacher.__wrapped__("timm:resnet18")
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)

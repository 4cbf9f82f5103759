"""Averages, mixing, accumulation, memory, and going on after a kill."""

import json
import shutil
from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from autodas.core import keys
from autodas.core.errors import FileProblem, InvalidInput, MissingData
from autodas.data import load_data
from autodas.distill import OutOfMemory, OutOfTime, Recipe, get_recipe, train
from autodas.distill.engine import SingleDevice
from autodas.distill.loop import StudentWithLoss, moving_average
from autodas.distill.mixing import Labels, mix
from autodas.distill.training_loss import combined
from autodas.networks import ResNet, VisionTransformer, seeded
from autodas.teachers import at_native_size, load_teacher, native_size

RICH = Recipe(
    "rich",
    "everything at once",
    epochs=4,
    batch_size=50,
    optimizer="adamw",
    learning_rate=5e-3,
    weight_decay=0.05,
    padding=1,
    flip=True,
    mixup=0.8,
    cutmix=1.0,
    label_smoothing=0.1,
    losses={"kd": 0.5, "fitnet": 1.0, "at": 10.0},
    ema=0.9,
    accumulate=2,
    drop_path=0.3,
)


def cnn(seed=0):
    return seeded(lambda: ResNet((1, 1, 1), (4, 4, 8), channels=1), seed)


def vit(seed=0, **changes):
    options = {"patch": 2, "init": "fan-in", "input_shape": (1, 8, 8), "num_classes": 10}
    return seeded(lambda: VisionTransformer(12, (2, 2), (1.0, 1.0), **options | changes), seed)


def state(network):
    return torch.cat([v.flatten().double() for v in network.state_dict().values()])


class Killed(BaseException):
    pass


class DiesAfter:
    """A listener that kills the training after so many epochs."""

    def __init__(self, epochs):
        self.left = epochs
        self.notes = []

    def start(self, task, total, done=0):
        pass

    def advance(self, n=1):
        self.left -= 1
        if self.left == 0:
            raise Killed

    def note(self, text):
        self.notes.append(text)

    def finish(self):
        pass


@pytest.mark.parametrize(("optimizer", "after"), [("sgd", 1), ("adamw", 2)])
def test_a_killed_training_ends_with_the_same_bits(tmp_path, optimizer, after):
    data, teacher = load_data("digits/100"), load_teacher("digits-cnn-teacher")
    recipe = replace(RICH, optimizer=optimizer)
    whole = vit()
    expected = train(whole, data, recipe, seed=5, teacher=teacher)
    path = tmp_path / "c.safetensors"
    with pytest.raises(Killed):
        train(
            vit(), data, recipe, seed=5, teacher=teacher, checkpoint=path, progress=DiesAfter(after)
        )
    resumed = vit()
    found = train(resumed, data, recipe, seed=5, teacher=teacher, checkpoint=path)
    assert found.history == expected.history
    assert found.quality == expected.quality
    assert torch.equal(state(whole), state(resumed))


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    data, path = load_data("digits"), tmp_path / "c.safetensors"
    recipe = replace(get_recipe("digits-cnn-short"), epochs=1)
    train(cnn(), data, recipe, seed=0, checkpoint=path)
    for changes in ({"seed": 1}, {"teacher": load_teacher("digits-cnn-teacher")}):
        with pytest.raises(FileProblem, match="checkpoint of another training"):
            train(cnn(), data, recipe, checkpoint=path, **{"seed": 0, **changes})
    for network in (cnn(seed=1), vit()):  # other initial weights, another architecture
        with pytest.raises(FileProblem, match="checkpoint of another training"):
            train(network, data, recipe, seed=0, checkpoint=path)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(FileProblem, match="damaged checkpoint"):
        train(cnn(), data, recipe, seed=0, checkpoint=path)
    shutil.copy(__file__, path)
    with pytest.raises(FileProblem, match="damaged checkpoint"):
        train(cnn(), data, recipe, seed=0, checkpoint=path)


@pytest.mark.parametrize("package", ["torch", "numpy", ""])
def test_a_checkpoint_of_other_code_or_versions_is_refused(tmp_path, monkeypatch, package):
    data, path = load_data("digits"), tmp_path / "c.safetensors"
    recipe = replace(get_recipe("digits-cnn-short"), epochs=1)
    train(cnn(), data, recipe, seed=0, checkpoint=path)
    version = keys._version
    if package:
        monkeypatch.setattr(keys, "_version", lambda n: "0" if n == package else version(n))
    else:
        monkeypatch.setattr(keys, "source_of", lambda *parts: f"other {parts}")
    with pytest.raises(FileProblem, match="of another training or of another version"):
        train(cnn(), data, recipe, seed=0, checkpoint=path)


def test_a_full_disk_is_said_in_one_line(tmp_path):
    folder = tmp_path / "file"
    folder.write_text("not a folder")
    recipe = replace(get_recipe("digits-cnn-short"), epochs=1)
    with pytest.raises(FileProblem, match="cannot be written"):
        train(cnn(), load_data("digits"), recipe, seed=0, checkpoint=folder / "c.safetensors")


def test_no_time_left_leaves_a_checkpoint(tmp_path):
    recipe = replace(get_recipe("digits-cnn-short"), epochs=50)
    path = tmp_path / "c.safetensors"
    with pytest.raises(OutOfTime):
        train(cnn(), load_data("digits"), recipe, seed=0, checkpoint=path, time_left=0.2)
    assert path.exists()


def test_several_parts_of_a_batch_give_the_same_gradient():
    # Without batch normalisation, whose statistics are of a part: a transformer.
    data = load_data("digits")
    recipe = replace(get_recipe("digits-vit-short"), epochs=1, optimizer="sgd", learning_rate=0.01)
    one, three = vit(), vit()
    first = train(one, data, recipe, seed=0)
    second = train(three, data, replace(recipe, accumulate=3), seed=0)
    assert torch.allclose(state(one), state(three), atol=1e-5)
    assert first.history[0]["loss"] == pytest.approx(second.history[0]["loss"], rel=1e-4)


def fails_above(limit, monkeypatch):
    """A GPU on which at most ``limit`` images fit."""
    usual = StudentWithLoss.forward

    def forward(self, images, *rest):
        if len(images) > limit:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return usual(self, images, *rest)

    monkeypatch.setattr(StudentWithLoss, "forward", forward)


def test_out_of_memory_halves_the_batch_and_says_so(monkeypatch):
    data = load_data("digits")
    recipe = replace(get_recipe("digits-vit-short"), epochs=1, optimizer="sgd", learning_rate=0.01)
    undisturbed, halved, heard = vit(), vit(), DiesAfter(0)
    train(undisturbed, data, recipe, seed=0)
    fails_above(15, monkeypatch)
    train(halved, data, recipe, seed=0, progress=heard)
    assert [note.partition(" from now on")[0] for note in heard.notes] == [
        "out of GPU memory: batches of 50 are computed in 2 parts of 25",
        "out of GPU memory: batches of 50 are computed in 4 parts of 13",
    ]
    assert torch.allclose(state(undisturbed), state(halved), atol=1e-5)


def test_not_even_one_image_fits(monkeypatch):
    fails_above(0, monkeypatch)
    with pytest.raises(OutOfMemory, match="runs out of memory with 1 of the images"):
        train(vit(), load_data("digits"), get_recipe("digits-vit-short"), seed=0)


def test_the_average_follows_its_formula():
    network = torch.nn.Linear(1, 1, bias=False)
    values = [1.0, 3.0, -2.0]
    network.weight.data.fill_(values[0])
    average = moving_average(network, 0.2)
    expected = values[0]
    for step, value in enumerate(values[1:], 1):
        network.weight.data.fill_(value)
        average.update_parameters(network)
        decay = min(0.2, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    assert average.module.weight.item() == pytest.approx(expected)


def test_the_average_is_what_is_evaluated_and_kept():
    data = load_data("digits")
    recipe = replace(get_recipe("digits-cnn-short"), epochs=2)
    plain, averaged = cnn(), cnn()
    train(plain, data, recipe, seed=0)
    train(averaged, data, replace(recipe, ema=0.99), seed=0)
    assert not torch.allclose(state(plain), state(averaged), atol=1e-3)


@pytest.mark.parametrize(("mixup", "cutmix"), [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0)])
def test_mixed_images_are_labelled_by_their_shares(mixup, cutmix):
    recipe = replace(RICH, mixup=mixup, cutmix=cutmix)
    # The class k is an image of the one value k + 1: the mean tells who is there by how much.
    labels = torch.arange(8)
    images = (labels + 1.0).view(-1, 1, 1, 1).expand(8, 1, 10, 10).contiguous()
    rng = np.random.default_rng(0)
    shares = set()
    for _ in range(20):
        mixed, said = mix(images, labels, recipe, rng)
        expected = said.share * (said.first + 1.0) + (1 - said.share) * (said.second + 1.0)
        assert torch.allclose(mixed.mean(dim=(1, 2, 3)), expected, atol=1e-4)
        assert 0.45 < said.share <= 1
        if not mixup:
            assert set(mixed.unique().tolist()) <= set(images.unique().tolist())
        shares.add(round(said.share, 3))
    assert len(shares) > 5
    assert torch.equal(images[:, 0, 0, 0], labels + 1.0)


def test_mixed_labels_are_a_mixture_of_losses():
    logits = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    first, second = torch.tensor([0, 1, 2]), torch.tensor([3, 3, 0])
    soft = 0.7 * torch.nn.functional.one_hot(first, 4) + 0.3 * torch.nn.functional.one_hot(
        second, 4
    )
    soft = 0.9 * soft + 0.1 / 4
    expected = -(soft * logits.log_softmax(1)).sum(1).mean()
    found = Labels(first, second, 0.7).cross_entropy(logits, 0.1)
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)


def test_several_teachers():
    logits = [torch.tensor([[4.0, 0.0], [0.0, 2.0]]), torch.tensor([[0.0, 1.0], [3.0, 3.0]])]
    labels = torch.tensor([0, 1])
    assert combined(logits, labels, "mean").tolist() == [[2.0, 0.5], [1.5, 2.5]]
    for i in range(2):
        entropies = [-z[i].log_softmax(0)[labels[i]].item() for z in logits]
        shares = np.exp(entropies) / np.exp(entropies).sum()
        weights = 1 - shares  # (1 − softmax) / (M − 1), M = 2
        expected = weights[0] * logits[0][i].numpy() + weights[1] * logits[1][i].numpy()
        found = combined(logits, labels, "confidence")[i].numpy()
        assert found == pytest.approx(expected, rel=1e-5)


def test_two_equal_teachers_are_one():
    data, teacher = load_data("digits"), load_teacher("digits-cnn-teacher")
    recipe = replace(get_recipe("digits-cnn-short"), epochs=1)
    one, two = cnn(), cnn()
    train(one, data, recipe, seed=0, teacher=teacher)
    train(two, data, recipe, seed=0, teacher=[teacher, teacher])
    assert torch.allclose(state(one), state(two), atol=1e-5)


@pytest.mark.parametrize("name", ["dkd", "dist", "at", "sp", "rkd", "fitnet", "ickd"])
@pytest.mark.parametrize("make", [cnn, vit])
def test_every_loss_brings_every_student_nearer_to_the_teacher(name, make):
    data, teacher = load_data("digits"), load_teacher("digits-cnn-teacher")
    recipe = replace(get_recipe("digits-vit-short"), epochs=3, losses={name: 1.0}, ce_weight=0.0)
    losses = [e["loss"] for e in train(make(), data, recipe, seed=0, teacher=teacher).history]
    assert losses[-1] < 0.99 * losses[0]


def test_a_teacher_of_another_size_sees_resized_images():
    teacher = vit(input_shape=(1, 12, 12))
    assert native_size(teacher) == (12, 12)
    assert at_native_size(teacher, torch.zeros(2, 1, 8, 8)).shape == (2, 1, 12, 12)
    assert native_size(cnn()) is None


def test_devices_that_are_not_there_are_refused():
    with pytest.raises(InvalidInput, match="unknown"):
        SingleDevice("gpu0")
    with pytest.raises(InvalidInput, match="half precision needs a CUDA device"):
        SingleDevice("cpu", amp=True)
    if not torch.cuda.is_available():
        with pytest.raises(InvalidInput, match="sees no CUDA device"):
            SingleDevice("cuda")


def test_tracking_without_tensorboard_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingData, match=r"autodas\[tracking\]"):
        train(cnn(), load_data("digits"), RICH, seed=0, tracking=tmp_path)


def test_the_description_of_a_recipe_is_all_of_it():
    described = json.loads(json.dumps(RICH.describe()))
    assert described.keys() == {field.name for field in fields(Recipe)}
    assert replace(Recipe(**described), milestones=()) == RICH


@pytest.mark.gpu
@pytest.mark.parametrize("amp", [False, True])
def test_a_gpu_learns_too(amp):
    data, teacher = load_data("digits"), load_teacher("digits-cnn-teacher")
    recipe = replace(RICH, epochs=10)
    training = train(cnn(), data, recipe, seed=0, teacher=teacher, device="cuda", amp=amp)
    assert training.accuracy > 40

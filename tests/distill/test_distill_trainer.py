"""The training loop: it learns, it is deterministic, it says when it fails."""

import copy
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch import nn

from autodas.core.errors import InvalidInput
from autodas.data import load_data
from autodas.distill import TrainingDiverged, evaluate, get_recipe, train
from autodas.distill.shifted_views import Views
from autodas.distill.teacher_logits import evaluating, teacher_logits
from autodas.networks import ResNet, seeded
from autodas.spaces import get_space
from autodas.teachers import load_teacher

CNN = replace(get_recipe("digits-cnn-short"), epochs=6)


def small(seed=0):
    return seeded(lambda: ResNet((1, 1, 1), (8, 8, 8), channels=1), seed)


def linear():
    return seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), 0)


def weights(network):
    return torch.cat([p.detach().ravel() for p in network.parameters()])


def test_training_learns():
    data = load_data("digits")
    network = small()
    before = evaluate(network, data.test_images, data.test_labels)
    training = train(network, data, CNN, seed=0)
    assert training.accuracy > before + 30
    assert training.accuracy == evaluate(network, data.test_images, data.test_labels)
    losses = [entry["loss"] for entry in training.history]
    assert len(losses) == CNN.epochs
    assert losses[-1] < 0.8 * losses[0]
    assert not network.training


def test_a_teacher_changes_what_is_learnt_and_nothing_else():
    data, teacher = load_data("digits"), load_teacher("digits-cnn-teacher")
    recipe = replace(CNN, epochs=1, kd_weight=0.0, ce_weight=1.0)
    vanilla, same, taught = linear(), linear(), linear()
    train(vanilla, data, recipe, seed=3)
    train(same, data, recipe, seed=3, teacher=teacher)
    train(taught, data, CNN, seed=3, teacher=teacher)
    # With no weight on the teacher the same images came in the same order.
    assert torch.equal(weights(vanilla), weights(same))
    assert not torch.allclose(weights(vanilla), weights(taught), atol=1e-3)


class Writing(ResNet):
    """Writes into the images that it is given."""

    def forward_stages(self, x):
        return super().forward_stages(x.mul_(2))


class Reading(ResNet):
    def forward_stages(self, x):
        return super().forward_stages(x * 2)


@pytest.mark.parametrize("losses", [{"kd": 0.9}, {"at": 100.0}])
def test_what_a_network_writes_into_its_images_nobody_else_sees(losses):
    data, teacher = load_data("digits"), load_teacher("digits-cnn-teacher")
    kept = data.train_images.clone(), data.test_images.clone()
    recipe = replace(CNN, epochs=1, batch_size=512, losses=losses)
    found = []
    for kind in (Writing, Reading):
        network, teaches = (
            seeded(lambda: kind((1, 1), (4, 4), channels=1), seed)  # noqa: B023
            for seed in (0, 1)
        )
        taught = replace(teacher, network=teaches, digest=kind.__name__)
        found.append(train(network, data, recipe, seed=0, teacher=taught))
        evaluate(network, data.test_images, data.test_labels)
    assert [entry["loss"] for entry in found[0].history] == [
        pytest.approx(entry["loss"], rel=1e-5) for entry in found[1].history
    ]
    assert found[0].accuracy == pytest.approx(found[1].accuracy, abs=0.5)
    assert torch.equal(kept[0], data.train_images)
    assert torch.equal(kept[1], data.test_images)


def test_distilling_brings_the_student_towards_the_teacher():
    data, teacher = load_data("digits"), load_teacher("digits-cnn-teacher")
    recipe = replace(CNN, epochs=20)
    gaps = {}
    for name, taught in (("distilled", teacher), ("vanilla", None)):
        network = small()
        train(network, data, recipe, seed=0, teacher=taught)
        with torch.no_grad():
            difference = network(data.test_images) - teacher.network(data.test_images)
        difference -= difference.mean(dim=1, keepdim=True)
        gaps[name] = difference.square().mean().item()
    assert gaps["distilled"] < 0.8 * gaps["vanilla"]


@pytest.mark.parametrize("shift", [0, 1])
def test_teacher_logits_looked_up_are_teacher_logits_asked_for(shift):
    # Too few epochs for the table of all views: then the teacher sees every batch.
    data, teacher = load_data("digits"), load_teacher("digits-cnn-teacher")
    views = Views(data.train_images, shift)
    view = torch.arange(200) % views.views
    index = torch.arange(200)
    known = teacher_logits(teacher, data, shift)
    with torch.no_grad():
        asked = teacher.network(views.images(view, index))
    assert known.shape == ((2 * shift + 1) ** 2, 200, 10)
    assert torch.allclose(known[view, index], asked, atol=1e-4)


def test_shifts_are_shifts():
    images = torch.arange(16.0).reshape(1, 1, 4, 4)
    views = Views(images, 1)
    assert views.views == 9
    zero = torch.tensor([0])
    still = views.images(torch.tensor([4]), zero)
    down = views.images(torch.tensor([1]), zero)  # the window one row higher, same column
    assert torch.equal(still, images)
    assert torch.equal(down[0, 0, 1:], images[0, 0, :-1])
    assert torch.equal(down[0, 0, 0], images[0, 0, 0])  # the border is repeated


def test_the_seed_decides_the_result():
    data = load_data("digits")
    recipe = replace(CNN, shift=1, epochs=2)
    runs = []
    for seed in (0, 0, 1):
        network = small()
        train(network, data, recipe, seed=seed)
        runs.append(weights(network))
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


def test_the_global_generator_is_left_alone():
    recipe = replace(get_recipe("digits-vit-short"), epochs=1, drop_path=0.5)
    space = get_space("digits-vit")
    network = seeded(lambda: space.build(next(space.enumerate())), 0)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    train(network, load_data("digits"), recipe, seed=0)
    assert torch.equal(before, torch.get_rng_state())


def test_two_fresh_processes_agree_to_the_last_bit():
    code = """
import torch
torch.set_num_threads(1)
from dataclasses import replace
from autodas.core.digest import digest_bytes
from autodas.data import load_data
from autodas.distill import get_recipe, train
from autodas.networks import seeded
from autodas.spaces import get_space
from autodas.teachers import load_teacher
space = get_space("digits-vit")
arch = space.decode('{"depth":2,"heads":3,"mlp_ratio":2.0,"width":24}')
network = seeded(lambda: space.build(arch), 0)
recipe = replace(get_recipe("digits-vit-short"), epochs=2, shift=1, drop_path=0.2)
training = train(
    network, load_data("digits"), recipe, seed=1, teacher=load_teacher("digits-cnn-teacher")
)
bits = b"".join(p.detach().numpy().tobytes() for p in network.parameters())
print(training.accuracy, digest_bytes(bits))
"""
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            text=True,
            env={"PYTHONHASHSEED": str(i), "OMP_NUM_THREADS": "1"},
        )
        for i in (0, 1)
    ]
    first, second = (run.communicate(timeout=120)[0] for run in runs)
    assert first == second
    assert len(first.split()[1]) == 64


def test_divergence_is_reported_in_one_line():
    recipe = replace(CNN, learning_rate=1e30)
    with pytest.raises(
        TrainingDiverged, match=r"^training diverged in epoch 1 of 6 .* below 1e\+30$"
    ):
        train(linear(), load_data("digits"), recipe, seed=0)


def test_a_network_ruined_by_its_last_step_has_no_accuracy():
    """The loss of every step is finite: that of the last is taken before it."""
    data = load_data("digits")
    one_step = replace(CNN, epochs=1, batch_size=len(data.train_labels), learning_rate=3e38)
    with pytest.raises(TrainingDiverged, match=r"diverged in its last step .*nan") as told:
        train(linear(), data, one_step, seed=0)
    assert "below 3e+38" in str(told.value)


@pytest.mark.parametrize("flip", [False, True], ids=["logits looked up", "asked every batch"])
def test_a_teacher_in_training_mode_teaches_the_same_and_comes_back_as_it_was(flip):
    data, known = load_data("digits"), load_teacher("digits-cnn-teacher")
    recipe = replace(CNN, epochs=1, shift=0, flip=flip, losses={"kd": 0.9})
    mine = replace(known, network=copy.deepcopy(known.network))
    mine.network.train()
    mine.network.layer1.eval()
    modes = [module.training for module in mine.network.modules()]
    before = {name: each.clone() for name, each in mine.network.state_dict().items()}
    students = [small(), small()]
    accuracies = [
        train(student, data, recipe, seed=0, teacher=teacher).accuracy
        for student, teacher in zip(students, (known, mine), strict=True)
    ]
    assert accuracies[0] == accuracies[1]
    assert torch.equal(weights(students[0]), weights(students[1]))
    assert all(torch.equal(each, before[n]) for n, each in mine.network.state_dict().items())
    assert [module.training for module in mine.network.modules()] == modes
    assert any(modes)
    assert not all(modes)


def test_modes_come_back_after_a_failure_too():
    network = nn.Sequential(nn.Linear(1, 1), nn.Dropout())
    network[0].eval()

    def stopped():
        with evaluating([network]):
            assert not any(module.training for module in network.modules())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert [module.training for module in network.modules()] == [True, False, True]


def test_a_teacher_of_other_classes_is_refused():
    teacher = load_teacher("untrained:digits-cnn-teacher/7")
    with pytest.raises(InvalidInput, match="knows 7 classes, data set 'digits' has 10"):
        train(linear(), load_data("digits"), CNN, seed=0, teacher=teacher)


def test_weight_decay_spares_biases_and_positions():
    space = get_space("digits-vit")
    network = seeded(lambda: space.build(next(space.enumerate())), 0)
    recipe = replace(
        get_recipe("digits-vit-short"), epochs=1, learning_rate=1e-12, weight_decay=1e11
    )
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    train(network, load_data("digits"), recipe, seed=0)
    kept = {n for n, p in network.named_parameters() if torch.allclose(before[n], p, atol=1e-6)}
    assert "pos_embed" in kept
    assert "classifier.bias" in kept
    assert "classifier.weight" not in kept
    assert "blocks.0.norm1.weight" in kept


def test_progress_hears_of_every_epoch():
    heard = []

    class Listener:
        def start(self, task, total, done=0):
            heard.append(total)

        def advance(self, n=1):
            heard.append(n)

        def note(self, text):
            pass

        def finish(self):
            heard.append("end")

    train(linear(), load_data("digits"), replace(CNN, epochs=3), seed=0, progress=Listener())
    assert heard == [3, 1, 1, 1, "end"]

"""Teachers that are known by their features alone."""

import importlib.util
import json
import math

import pytest
import torch
from safetensors.torch import save_file

from autodas.cli.main import main
from autodas.core.errors import FileProblem, InvalidInput
from autodas.core.results import Failed, Ok
from autodas.data import load_data
from autodas.distill import get_recipe, train
from autodas.networks import cifar_resnet, seeded
from autodas.spaces import get_space
from autodas.statistics import STATISTICS, measure
from autodas.steps import run, teachers
from autodas.steps.distill import run as distill
from autodas.steps.label import run as label
from autodas.steps.search import run as search
from autodas.teachers import load_teacher, matched, start_from
from autodas.workbench import families
from autodas.workbench.protocol import Protocol, resolved, signals
from autodas.workbench.teacher_check import AnyTeacher, check_teacher

needs_timm = pytest.mark.skipif(
    importlib.util.find_spec("timm") is None, reason='the extra is missing: "autodas[timm]"'
)
MODULE = """
import torch
from torch import nn


def backbone():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, 2, 1), nn.ReLU(), nn.Conv2d(4, 8, 3, 2, 1), nn.ReLU(),
    )


def declared():
    network = backbone()
    network.num_classes = 0
    return network


def constant():
    network = backbone()
    for weight in network.parameters():
        nn.init.zeros_(weight)
    return network


def infinite():
    network = backbone()
    network[2].bias.data[0] = float("inf")
    return network


def words():
    class Words(nn.Module):
        def forward(self, x):
            return "features"

    return Words()
"""
ARCH = '{"depth":1,"kernel":3,"width":4}'
OWN = "features:my_backbones:backbone"


@pytest.fixture(autouse=True)
def _module(tmp_path, monkeypatch):
    (tmp_path / "my_backbones.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "my_backbones", raising=False)
    load_teacher.cache_clear()


def student():
    space = get_space("digits-cnn")
    return space.encode(next(iter(space.enumerate())))


def test_a_network_without_a_classifier_shows_its_features():
    teacher = load_teacher(OWN)
    assert (teacher.num_classes, teacher.trained, teacher.accuracy) == (None, True, None)
    stages, features = teacher.network.forward_stages(torch.rand(3, 1, 8, 8))
    assert [tuple(stage.shape) for stage in stages] == [(3, 4, 4, 4), (3, 8, 2, 2)]
    assert torch.equal(features, stages[-1].mean((2, 3)))
    assert load_teacher("my_backbones:declared").num_classes is None
    with pytest.raises(InvalidInput, match="must put out logits"):
        load_teacher("my_backbones:backbone")
    with pytest.raises(InvalidInput, match=r"must put out features .* it gives str"):
        load_teacher("features:my_backbones:words")


def test_any_teacher_may_be_taken_by_its_features():
    known = load_teacher("digits-cnn-teacher")
    silent = load_teacher("features:digits-cnn-teacher")
    assert (silent.num_classes, silent.name) == (None, "features:digits-cnn-teacher")
    assert silent.network.state_dict().keys() == known.network.state_dict().keys()
    assert silent.digest != known.digest
    data = load_data("digits")
    stranger = "untrained:digits-cnn-teacher/7"
    assert matched(load_teacher(f"features:{stranger}"), data).num_classes is None
    with pytest.raises(
        InvalidInput, match=f"or learn from its features alone, features:{stranger}"
    ):
        matched(load_teacher(stranger), data)


def test_statistics_of_logits_have_a_reason_and_others_are_those_of_the_network():
    space = get_space("digits-cnn")
    network = seeded(lambda: space.build(space.decode(student())), 0, double=True)
    names = ["logit_kl_t4", "class_gradient", "distance_to_teacher_features"]
    names = [each.name for each in STATISTICS if not each.alone]
    found = {}
    for teacher in ("digits-cnn-teacher", "features:digits-cnn-teacher"):
        protocol = resolved(Protocol(teacher=teacher, batch_size=20), space)
        batch, seen = signals(protocol, space.precision)
        found[teacher] = measure(network, batch.images, batch.labels, names, teacher=seen)
    known, silent = found.values()
    reasons = {name for name, each in silent.items() if isinstance(each, Failed)}
    assert {"logit_kl_t4"} <= reasons < set(names)
    assert all(
        silent[name].reason == "the teacher has features alone, no logits" for name in reasons
    )
    for name in set(names) - reasons:
        assert isinstance(silent[name], Ok)
        for a, b in zip(silent[name].value.segments, known[name].value.segments, strict=True):
            assert (a == b).all()


def test_features_are_checked_in_place_of_classes(tmp_path):
    check = check_teacher(OWN, "digits", AnyTeacher(), cache=tmp_path)
    assert (check.images, check.stages, check.broken, check.usable) == (64, 2, None, True)
    data = load_data("digits")
    chosen = [i for i in range(len(data.train_labels)) if i % (len(data.train_labels) // 64) == 0]
    images = data.ready(data.train_images[torch.tensor(chosen[:64])])
    last = load_teacher(OWN).network.forward_stages(images)[0][-1].mean((2, 3)).double()
    spread = ((last - last.mean(0)) ** 2).mean() / (last**2).mean()
    assert check.spread == pytest.approx(float(spread))
    assert (
        "has features alone, at 2 stages; on 64 training images they are finite" in check.sentence
    )
    assert json.dumps(check.to_json())
    for name, problem in (
        ("constant", "they are the same for all images"),
        ("infinite", "those of stage 2 of 2 are not finite"),
    ):
        with pytest.raises(InvalidInput, match=f"{problem}.*--any-teacher"):
            check_teacher(f"features:my_backbones:{name}", "digits", AnyTeacher(), cache=tmp_path)
        used = check_teacher(
            f"features:my_backbones:{name}", "digits", AnyTeacher(any_teacher=True), cache=tmp_path
        )
        assert used.sentence.endswith(f"{problem}, and it is used all the same.")


def test_features_of_untrained_networks_are_not_looked_at():
    assert check_teacher("features:untrained:digits-cnn-teacher", "digits", AnyTeacher()) is None


def test_losses_on_features_teach_and_those_on_logits_are_refused():
    data, teacher = load_data("digits"), load_teacher(OWN)
    recipe = get_recipe("digits-cnn-short").changed(epochs=1)
    network = seeded(lambda: cifar_resnet(layers=8, num_classes=10, channels=1), 0)
    with pytest.raises(InvalidInput) as said:
        train(network, data, recipe, seed=0, teacher=teacher)
    message = str(said.value)
    assert message.startswith(f"teacher '{OWN}' has features alone, and the loss 'kd' compares")
    assert "(at, sp, rkd, fitnet, ickd) with --losses or --try-losses" in message
    every = dict.fromkeys(("at", "sp", "rkd", "fitnet", "ickd"), 1.0)
    before = [weight.detach().clone() for weight in network.parameters()]
    taught = train(network, data, recipe.changed(losses=every), seed=0, teacher=teacher)
    assert math.isfinite(taught.history[0]["loss"])
    assert any(not torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))


def small(step, tmp_path, **options):
    return step(out=tmp_path / "out", epochs=1, backend="serial", **options)


def test_commands_say_what_applies(tmp_path):
    config = small(
        distill.Config,
        tmp_path,
        arch=student(),
        teacher=OWN,
        seeds=1,
        vanilla=False,
        losses=("at=9",),
    )
    done = distill.run(config)
    assert done["teacher_checks"][0]["stages"] == 2
    protocol = Protocol(data="digits", teacher=OWN)
    (tmp_path / "out").rename(tmp_path / "before")
    refused = "has features alone, and the loss 'kd' compares logits"
    for step, options in (
        (distill, {"arch": student(), "teacher": OWN}),
        (run, {"space": "digits-cnn", "protocol": protocol}),
        (
            search,
            {"space": "digits-cnn", "protocol": protocol, "score": "params", "trainings": 3.0},
        ),
        (label, {"space": "digits-cnn", "teacher": OWN, "students": 2}),
    ):
        with pytest.raises(InvalidInput, match=refused):
            step.run(small(step.Config, tmp_path, **options))
        assert not (tmp_path / "out" / "journal.jsonl").exists()
    with pytest.raises(
        InvalidInput, match=f"compared by what they answer, and '{OWN}' has features"
    ):
        teachers.run(small(teachers.Config, tmp_path, candidates=(OWN, "none"), space="digits-cnn"))


@pytest.mark.parametrize("trainings", [1.0, 3.0])
def test_run_learns_from_features(tmp_path, trainings):
    config = small(
        run.Config,
        tmp_path,
        space="digits-cnn",
        score="params",
        strategy="random",
        evaluations=3,
        trainings=trainings,
        try_losses=("at=9",),
        protocol=Protocol(data="digits", teacher=OWN),
    )
    done = run.run(config)
    told = json.loads((config.out / "distill" / "results.json").read_text())
    assert any("has features alone, at 2 stages" in line for line in done["why"])
    if trainings == 1:
        assert told["recipe"]["losses"] == {"at": 9.0}


def test_a_backbone_that_a_table_names_is_not_called():
    class Table:
        name = "labels"
        meta = {"dataset": "digits", "teacher": {"name": OWN}}  # noqa: RUF012

    with pytest.raises(InvalidInput, match="which is code; if you trust it"):
        families.as_labelled(Protocol(), Table())


def test_the_command_line_says_it_in_one_line(capsys):
    assert main(["distill", "--arch", student(), "--teacher", OWN, "--jobs", "1"]) == 2
    assert capsys.readouterr().err.count("has features alone") == 1


@needs_timm
def test_timm_models_without_a_classifier(tmp_path):
    from autodas.networks.import_timm import import_timm

    timm = import_timm()
    whole = timm.create_model("test_resnet", num_classes=0)
    save_file(whole.state_dict(), tmp_path / "backbone.safetensors")
    name = f"timm:test_resnet@{tmp_path / 'backbone.safetensors'}"
    with pytest.raises(FileProblem, match="features:timm:… takes a model by its features alone"):
        load_teacher(name)
    teacher = load_teacher(f"features:{name}")
    assert teacher.num_classes is None
    images = torch.rand(2, 3, 32, 32)
    stages, features = teacher.network.forward_stages(images)
    assert torch.equal(features, whole.eval()(images))
    assert len(stages) == 5
    # With a classifier it may keep it: nobody asks.
    save_file(
        timm.create_model("test_resnet", num_classes=5).state_dict(), tmp_path / "w.safetensors"
    )
    assert (
        load_teacher(f"features:timm:test_resnet@{tmp_path / 'w.safetensors'}").num_classes is None
    )


@needs_timm
def test_timm_models_that_are_published_without_a_classifier(tmp_path):
    from autodas.networks.import_timm import import_timm

    model = "eva02_tiny_patch14_224"
    whole = import_timm().create_model(model, num_classes=0).eval()
    save_file(whole.state_dict(), tmp_path / "eva.safetensors")
    name = f"timm:{model}@{tmp_path / 'eva.safetensors'}"
    teacher = load_teacher(name)
    assert teacher.num_classes is None
    images = torch.rand(1, 3, 224, 224)
    stages, features = teacher.network.forward_stages(images)
    assert torch.allclose(features, whole(images))
    assert (len(stages), teacher.network.prefix_tokens) == (12, 1)
    # It may be trained on, with a classifier that is drawn anew.
    _, network = start_from(name, 4, (3, 224, 224), 0)
    assert network.classifier.out_features == 4
    assert torch.equal(network.model.pos_embed, whole.pos_embed)
    with pytest.raises(InvalidInput, match="classes"):
        load_teacher(f"untrained:timm:{model}")

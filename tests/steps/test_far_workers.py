"""Workers that do not see the folders of the driver: same results, sent home."""

from contextlib import contextmanager
from dataclasses import replace

import pytest
from safetensors import safe_open

from autodas.core.errors import FileProblem
from autodas.distill import get_recipe
from autodas.spaces import get_space
from autodas.steps.distill import run as distill
from autodas.steps.distill.run import DistillConfig
from autodas.steps.label import run as label
from autodas.steps.label.run import LabelConfig
from autodas.workbench import measuring
from autodas.workbench.measuring import measure_space
from autodas.workbench.protocol import Protocol
from autodas.workbench.shared_folder import Home
from autodas.workbench.training import Kept, Setup, Unit

VIT = get_space("digits-vit")
ARCH = VIT.encode(next(VIT.enumerate()))


def unseen(folder, runner):
    """What `home` gives a worker on a machine that does not have the folder."""
    return Home(folder.absolute(), "a mark that is not there")


@pytest.fixture
def far(monkeypatch):
    """All units are done as if on another machine."""

    @contextmanager
    def home(folder, runner):
        yield unseen(folder, runner)

    monkeypatch.setattr(measuring, "home", home)
    monkeypatch.setattr(distill, "home", home)
    monkeypatch.setattr(label, "home", home)


def contents(folder):
    """What the cache holds; the order of metadata in its files is chance."""
    found = {}
    for path in sorted(folder.rglob("*.safetensors")):
        with safe_open(path, framework="numpy") as handle:
            found[path.name] = handle.metadata(), handle.get_tensor("values").tobytes()
    return found


def statistics(folder, names=("numel", "weight")):
    texts = [VIT.encode(arch) for arch, _ in zip(VIT.enumerate(), range(3), strict=False)]
    measure_space(VIT, texts, names, Protocol(), cache=folder, jobs=1)
    return contents(folder)


def test_statistics_come_home(tmp_path, request):
    near = statistics(tmp_path / "near")
    request.getfixturevalue("far")
    assert len(near) == 3
    assert statistics(tmp_path / "far") == near


def test_what_the_cache_knew_already_stays(tmp_path, request):
    statistics(tmp_path / "near", ["weight"])
    near = statistics(tmp_path / "near")
    statistics(tmp_path / "far", ["weight"])
    request.getfixturevalue("far")
    statistics(tmp_path / "far", ["numel"])
    assert contents(tmp_path / "far") == near


def test_the_student_comes_home(tmp_path, request):
    config = DistillConfig(
        space="digits-vit", arch=ARCH, data="digits/50", epochs=1, jobs=1, seeds=1, vanilla=False
    )
    near = distill.run(replace(config, out=tmp_path / "near"))
    request.getfixturevalue("far")
    distant = distill.run(replace(config, out=tmp_path / "far"))
    assert distant["accuracy"] == near["accuracy"]
    for name in ("student.safetensors", "student.json"):
        assert (tmp_path / "far" / name).read_bytes() == (tmp_path / "near" / name).read_bytes()


def test_what_cannot_be_sent_home_says_what_it_needs(tmp_path):
    with pytest.raises(FileProblem, match="ablations need a shared folder"):
        unseen(tmp_path, None).require("ablations")
    Home(tmp_path).require("ablations")


def test_a_training_far_from_its_run_leaves_nothing_there(tmp_path):
    setup = Setup("digits-vit", ARCH, (), "digits", get_recipe("digits-vit-short"), 0)
    near = Unit(setup, kept=Kept(Home(tmp_path), tracking="curves"))
    assert near.checkpoint.parent == tmp_path / "checkpoints"
    assert near.kept.curves == tmp_path / "curves"
    far = near.at(unseen(tmp_path, None))
    assert (far.checkpoint, far.kept.curves) == (None, None)


def test_labels_of_far_workers_are_the_same(tmp_path, request, monkeypatch):
    config = LabelConfig(
        space="digits-vit", data="digits/50", students=1, seeds=1, epochs=1, backend="serial"
    )
    label.run(replace(config, out=tmp_path / "near"))
    request.getfixturevalue("far")
    monkeypatch.setattr(label, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(Unit, "forget_checkpoint", lambda unit: None)
    label.run(replace(config, out=tmp_path / "far"))
    assert not (tmp_path / "far/checkpoints").exists()
    tables = [(tmp_path / name / "table.csv").read_bytes() for name in ("near", "far")]
    assert tables[0] == tables[1]

"""What a protocol leaves open is filled in by the space, and decides what is measured."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
import torch

from autodas.core.errors import InvalidInput, UnknownName
from autodas.networks import VisionTransformer
from autodas.spaces import SPACES, get_space
from autodas.tables import load_table
from autodas.teachers import TEACHERS as KNOWN
from autodas.teachers import Teacher
from autodas.workbench.addresses import pair_key, student_key
from autodas.workbench.families import as_labelled
from autodas.workbench.protocol import PROTOCOLS, TEACHERS, Protocol, resolved, signals
from autodas.workbench.source_digest import source_digest

DIGITS = Protocol("digits", "digits-cnn-teacher", 20)


@pytest.mark.parametrize("name", SPACES.names())
def test_every_space_has_a_protocol_without_open_ends(name: str) -> None:
    found = resolved(Protocol(), get_space(name))
    assert None not in (found.data, found.teacher, found.batch_size)
    assert set(PROTOCOLS) <= set(SPACES.names())
    assert found.teacher in KNOWN.names()


def test_what_is_given_stays_and_other_data_bring_their_own_teacher() -> None:
    space = get_space("resnet")
    assert resolved(Protocol(teacher="untrained:cifar-resnet56"), space).teacher == (
        "untrained:cifar-resnet56"
    )
    assert resolved(Protocol(data="cifar10-sample"), space).teacher == TEACHERS["cifar10-sample"]
    given = Protocol("digits", "digits-cnn-teacher", 7, 12, 3, "noise", True, 2, 9)
    assert resolved(given, space) == given


def test_vision_transformers_see_the_size_they_were_published_with() -> None:
    assert resolved(Protocol(), get_space("pit")).resolution == 224
    assert resolved(Protocol(resolution=64), get_space("pit")).resolution == 64


def test_data_without_a_known_teacher_need_one_to_be_named() -> None:
    with pytest.raises(InvalidInput, match=r"'fashion-mnist'.*--teacher"):
        resolved(Protocol(data="fashion-mnist"), get_space("digits-cnn"))


def test_any_part_of_the_images_has_the_teacher_of_the_whole() -> None:
    found = resolved(Protocol(data="fashion-mnist@12/4000"), get_space("digits-cnn"))
    assert found.teacher == "fashion-cnn-teacher"


def test_a_table_brings_the_data_and_the_teacher_of_its_students() -> None:
    table = load_table("fashion-cnn")
    found = as_labelled(Protocol(), table)
    assert (found.data, found.teacher) == ("fashion-mnist@12/4000", "fashion-cnn-teacher")
    assert as_labelled(Protocol(teacher="other"), table).teacher == "other"
    # Its teacher was not trained on other data than its own.
    assert as_labelled(Protocol(data="digits"), table) == Protocol(data="digits")
    assert as_labelled(Protocol(), replace(table, meta={})) == Protocol()


@pytest.mark.parametrize("resolution", [0, -3, 10_000])
def test_impossible_resolutions_are_refused(resolution: int) -> None:
    with pytest.raises(InvalidInput, match=str(resolution)):
        resolved(Protocol(resolution=resolution), get_space("digits-cnn"))


@pytest.mark.parametrize("entries", [0, -5])
def test_fewer_entries_than_one_are_refused(entries: int) -> None:
    with pytest.raises(InvalidInput, match=f"entries must be at least 1, got {entries}"):
        resolved(Protocol(entries=entries), get_space("digits-cnn"))


def test_an_open_protocol_gives_no_signals() -> None:
    with pytest.raises(InvalidInput, match="teacher"):
        signals(Protocol(data="digits"), "single")


def test_students_see_the_resolution_and_the_teacher_the_images_as_they_are() -> None:
    plain, _ = signals(DIGITS, "single")
    batch, teacher = signals(replace(DIGITS, resolution=16), "single")
    assert batch.images.shape == (20, 1, 16, 16)
    assert torch.equal(teacher.images, plain.images)
    # Doubling the size by interpolation keeps the mean of every image.
    means = batch.images.mean((1, 2, 3)), plain.images.mean((1, 2, 3))
    assert torch.allclose(*means, atol=0.05)


def test_shuffled_labels_are_the_same_labels_on_other_images() -> None:
    plain, _ = signals(DIGITS, "single")
    batch, teacher = signals(replace(DIGITS, shuffled_labels=True), "single")
    assert torch.equal(batch.images, plain.images)
    assert not torch.equal(batch.labels, plain.labels)
    assert torch.equal(batch.labels.sort().values, plain.labels.sort().values)
    assert torch.equal(teacher.labels, batch.labels)


def test_every_part_of_a_protocol_is_part_of_the_address_of_what_is_measured() -> None:
    space = get_space("digits-cnn")
    arch = space.encode(next(space.enumerate()))
    others = [
        replace(DIGITS, batch_size=30),
        replace(DIGITS, resolution=16),
        replace(DIGITS, batch_seed=1),
        replace(DIGITS, batch_kind="noise"),
        replace(DIGITS, shuffled_labels=True),
        replace(DIGITS, init_seed=1),
        replace(DIGITS, entries=9),
        replace(DIGITS, teacher="untrained:digits-cnn-teacher"),
    ]
    students = [student_key(space, arch, protocol) for protocol in [DIGITS, *others]]
    assert students[0] == students[-1], "whoever teaches"
    assert len(set(students)) == len(others)
    pairs = zip(students, [DIGITS, *others], strict=True)
    keys = [pair_key(student, space, each) for student, each in pairs]
    assert len(set(keys)) == len(keys)


def test_a_users_build_function_is_part_of_the_address(tmp_path, monkeypatch):
    """Also of a space that is an object of this package's own class."""
    module = tmp_path / "their_space.py"
    text = (
        "from autodas.networks import ResNet\n"
        "from autodas.spaces import ChoiceSpace\n"
        "def build(arch, classes, shape):\n"
        "    return ResNet((1,), (arch['width'],), channels=1)  # {}\n"
        "space = ChoiceSpace('theirs', 'Two widths.', {{'width': (4, 8)}}, build,\n"
        "                    input_shape=(1, 8, 8), num_classes=10)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    found = []
    for version in ("one", "two"):
        module.write_text(text.format(version))
        sys.modules.pop("their_space", None)
        source_digest.cache_clear()
        found.append(student_key(get_space("their_space:space"), '{"width":4}', DIGITS))
    assert found[0] != found[1]


def test_a_transformer_teaches_on_images_of_another_size(monkeypatch):
    network = VisionTransformer(12, (1,), (1.0,), patch=2, input_shape=(1, 12, 12), num_classes=10)
    teacher = Teacher("larger", network.eval(), "its digest", 10, None, False, "")
    monkeypatch.setattr("autodas.workbench.protocol.load_teacher", lambda name: teacher)
    batch, known = signals(Protocol("digits", "one of 12 pixels", 20), "single")
    assert batch.images.shape == (20, 1, 8, 8)
    assert known.images.shape == (20, 1, 12, 12)


def test_data_that_is_not_there_is_not_taken_for_data_without_a_teacher():
    with pytest.raises(UnknownName, match="unknown data set 'digit'"):
        resolved(Protocol("digit"), get_space("digits-cnn"))
    with pytest.raises(InvalidInput, match="no teacher is known for data 'flowers12'"):
        resolved(Protocol("flowers12"), get_space("digits-cnn"))

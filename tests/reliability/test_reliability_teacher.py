"""A teacher's training that is stopped goes on, and two of them do not share a file."""

import pytest

from autodas.core.errors import InvalidInput
from autodas.core.locks import locked
from autodas.core.progress import Silent
from autodas.steps import train_teacher
from autodas.steps.train_teacher import TrainTeacherConfig, run

SMALL = {"depths": (1, 1), "widths": (4, 4), "data": "digits/50", "epochs": 4}


class StopsAfter(Silent):
    def __init__(self, epochs):
        self.epochs = epochs

    def advance(self, n=1):
        self.epochs -= n
        if self.epochs == 0:
            raise KeyboardInterrupt


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".lock"}


def test_a_stopped_training_goes_on_and_another_one_begins_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(train_teacher, "CHECKPOINT_SECONDS", 0.0)
    out = tmp_path / "a" / "teacher.safetensors"
    config = TrainTeacherConfig(out=out, **SMALL)
    run(TrainTeacherConfig(out=tmp_path / "b" / "teacher.safetensors", **SMALL))
    for given_up in (TrainTeacherConfig(out=out, **{**SMALL, "depths": (2, 1)}), config):
        with pytest.raises(KeyboardInterrupt):
            run(given_up, StopsAfter(3))
    (tmp_path / "a" / ".teacher2.0.checkpoint.safetensors").write_text("of another teacher")
    seen = []
    monkeypatch.setattr(Silent, "advance", lambda self, n=1: seen.append(n))
    run(config)
    assert len(seen) < 4  # not from the beginning
    (tmp_path / "a" / ".teacher2.0.checkpoint.safetensors").unlink()
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_a_second_training_of_the_same_file_is_refused(tmp_path):
    lock = locked(tmp_path / ".teacher.lock")
    with lock, pytest.raises(InvalidInput, match=r"in use by process \d+"):
        run(TrainTeacherConfig(out=tmp_path / "teacher.safetensors", **SMALL))

"""Seals: what was written is what is read, or the file is refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autodas.core.errors import FileProblem, InvalidInput
from autodas.core.files import read_json, write_json
from autodas.core.runs import RunDirectory
from autodas.core.seals import DIGESTS, read_checked, read_sealed, sealed, write_checked

CONTENT = {"name": "a", "numbers": [1.5, -0.0, 1e300, 10**20], "text": "τ\x1b", "more": {"10": 1}}


def test_a_sealed_document_comes_back_without_its_seal(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", sealed(CONTENT))
    assert read_json(tmp_path / "a.json")["seal"].startswith("sha256:")
    assert read_sealed(tmp_path / "a.json") == CONTENT
    write_json(tmp_path / "a.json", sealed(sealed(CONTENT)))
    assert read_sealed(tmp_path / "a.json") == CONTENT


def test_a_document_that_was_read_with_its_seal_is_sealed_anew(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", sealed(CONTENT))
    write_json(tmp_path / "a.json", sealed({**read_json(tmp_path / "a.json"), "name": "b"}))
    assert read_sealed(tmp_path / "a.json") == {**CONTENT, "name": "b"}


def test_a_document_without_a_seal_is_read(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", CONTENT)
    assert read_sealed(tmp_path / "a.json") == CONTENT
    write_json(tmp_path / "a.json", [1])
    assert read_sealed(tmp_path / "a.json") == [1]


def test_keys_that_are_numbers_are_sealed_as_they_are_read(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", sealed({"by size": {9: "a", 10: "b"}}))
    assert read_sealed(tmp_path / "a.json") == {"by size": {"9": "a", "10": "b"}}


def test_every_flipped_bit_is_harmless_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, sealed(CONTENT))
    intact = path.read_bytes()
    refused = 0
    for position in range(len(intact)):
        for bit in range(8):
            damaged = bytearray(intact)
            damaged[position] ^= 1 << bit
            path.write_bytes(damaged)
            try:
                assert read_sealed(path) == CONTENT
            except FileProblem as error:
                refused += str(error).startswith(f"{path}: ")
    assert refused > 7 * len(intact)


def test_a_file_of_a_run_is_what_was_written(tmp_path: Path) -> None:
    write_checked(tmp_path / "a", b"1")
    assert read_checked(tmp_path / "a") == b"1"
    (tmp_path / "a").write_bytes(b"2")
    with pytest.raises(FileProblem, match="a: was changed or damaged"):
        read_checked(tmp_path / "a")
    (tmp_path / DIGESTS).unlink()
    assert read_checked(tmp_path / "a") == b"2"


def test_a_kill_between_digest_and_file_leaves_a_folder_that_is_right(tmp_path: Path) -> None:
    from autodas.core.seals import note_digests

    write_checked(tmp_path / "a", b"1")
    note_digests(tmp_path, {"a": b"2"})
    assert read_checked(tmp_path / "a") == b"1"
    note_digests(tmp_path, {"a": b"3"})
    assert read_checked(tmp_path / "a") == b"1"
    write_checked(tmp_path / "a", b"3")
    write_checked(tmp_path / "a", b"4")
    (tmp_path / "a").write_bytes(b"1")
    with pytest.raises(FileProblem, match="was changed"):
        read_checked(tmp_path / "a")


def test_a_damaged_file_is_not_made_right_by_writing_another(tmp_path: Path) -> None:
    write_checked(tmp_path / "a", b"1")
    write_checked(tmp_path / "b", b"1")
    (tmp_path / "a").write_bytes(b"2")
    write_checked(tmp_path / "b", b"3")
    with pytest.raises(FileProblem, match="was changed"):
        read_checked(tmp_path / "a")


@pytest.mark.parametrize(
    "content", [[], {}, {"format": "autodas-digests"}, {"format": "autodas-digests", "files": [1]},
                {"format": "autodas-digests", "files": {"a": 1}}, sealed({"files": {}})]
)  # fmt: skip
def test_digests_that_are_none_are_refused(tmp_path: Path, content: object) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / DIGESTS).write_text(json.dumps(content))
    with pytest.raises(FileProblem, match=DIGESTS):
        read_checked(tmp_path / "a")


def test_a_run_seals_its_configuration_and_its_results(tmp_path: Path) -> None:
    with RunDirectory(tmp_path, "discover", {"seed": 10}) as run:
        run.journal.append({"unit": 0})
        run.write_results({"best": 1.5})
    config = (tmp_path / "config.toml").read_text()
    (tmp_path / "config.toml").write_text(config.replace("10", "11"))
    with pytest.raises(FileProblem, match=r"config.toml: was changed or damaged"):
        RunDirectory(tmp_path, "discover", {"seed": 11}).__enter__()
    (tmp_path / "config.toml").write_text(config)
    (tmp_path / "results.json").write_text('{"command": "discover", "best": 2.5}')
    with pytest.raises(FileProblem, match=r"results.json: was changed or damaged"):
        read_checked(tmp_path / "results.json")


def test_the_journal_of_a_run_with_another_configuration_is_not_believed(tmp_path: Path) -> None:
    for seed in (1, 2):
        with RunDirectory(tmp_path / str(seed), "discover", {"seed": seed}) as run:
            run.journal.append({"seed": seed})
    (tmp_path / "1" / "journal.jsonl").replace(tmp_path / "2" / "journal.jsonl")
    with RunDirectory(tmp_path / "2", "discover", {"seed": 2}) as run:
        assert run.journal.records() == []
        run.journal.append({"seed": 2})
        assert run.journal.records() == [{"seed": 2}]


def test_a_configuration_without_a_digest_is_believed(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('command = "discover"\nseed = 1\n')
    with RunDirectory(tmp_path, "discover", {"seed": 1}):
        pass
    with pytest.raises(InvalidInput, match="seed=1, now 2"):
        RunDirectory(tmp_path, "discover", {"seed": 2}).__enter__()

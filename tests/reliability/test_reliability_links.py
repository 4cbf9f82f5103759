"""Files in a run directory are never written through links; the directory itself may be one."""

import pytest

from autodas.core.errors import FileProblem
from autodas.core.files import write_text
from autodas.core.runs import Journal, RunDirectory


def test_a_linked_file_is_replaced_and_not_written_through(tmp_path):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "results.json").symlink_to(tmp_path / "mine")
    write_text(tmp_path / "results.json", "{}")
    assert (tmp_path / "mine").read_text() == "mine"
    assert not (tmp_path / "results.json").is_symlink()


@pytest.mark.parametrize("there", [True, False])
def test_a_linked_journal_is_refused(tmp_path, there):
    if there:
        (tmp_path / "mine").write_text("mine\n")
    (tmp_path / "journal.jsonl").symlink_to(tmp_path / "mine")
    with pytest.raises(FileProblem, match=r"journal\.jsonl"):
        Journal(tmp_path / "journal.jsonl").append({"a": 1})
    assert (tmp_path / "mine").exists() == there
    assert not there or (tmp_path / "mine").read_text() == "mine\n"


def test_the_run_directory_itself_may_be_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "real")
    with RunDirectory(tmp_path / "run", "search", {"seed": 1}) as run:
        run.write_results({"a": 1})
    assert (tmp_path / "real" / "results.json").exists()

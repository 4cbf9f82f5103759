"""Nothing in a run directory is written through links; the directory itself may be one."""

import shlex

import pytest

from autodas.cli.main import main
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


DISTILL = "distill --space digits-vit --data digits/50 --epochs 1 --jobs 1 --arch " + shlex.quote(
    '{"depth":1,"heads":1,"mlp_ratio":0.5,"width":12}'
)
DISCOVER = "discover --tables digits-cnn --limit 12 --population 8 --generations 2 --jobs 1"
LINKED = [
    ("label --space digits-vit --data digits/50 --students 1 --epochs 1", "checkpoints"),
    (DISTILL, "checkpoints"),
    (DISTILL, "tracking"),
    (DISTILL, "tracking/chosen-taught-0"),
    ("run --space digits-vit --score params --max-params 20k --epochs 1", "search"),
    ("run --space digits-vit --score params --max-params 20k --epochs 1", "distill"),
    ("run --space digits-vit --score params --max-params 20k --epochs 1", "distill/checkpoints"),
    (DISCOVER, "figures"),
    (f"{DISCOVER} --ablate size --ablation-seeds 1", "size"),
    ("demo --generations 1", "discover"),
    ("demo --generations 1", "distill-digits-vit/tracking"),
]


@pytest.mark.parametrize("there", [True, False], ids=["there", "dangling"])
@pytest.mark.parametrize(("line", "name"), LINKED)
def test_a_linked_folder_is_refused(line, name, there, tmp_path, capfd):
    elsewhere, out = tmp_path / "elsewhere", tmp_path / "out"
    if there:
        elsewhere.mkdir()
    link = out / name
    link.parent.mkdir(parents=True)
    link.symlink_to(elsewhere)
    words = [*shlex.split(line), "--out", str(out)]
    words += [] if line.startswith(("label", "distill")) else ["--cache", str(tmp_path / "cache")]
    assert main(words) == 2
    *_, last = capfd.readouterr().err.splitlines()
    assert last == f"autodas: error: {link}: is a link; nothing is written through links"
    assert not there or not list(elsewhere.iterdir())
    assert elsewhere.exists() == there


def test_linked_figures_of_a_report_are_refused(tmp_path, capfd):
    with RunDirectory(tmp_path / "out", "search", {"seed": 1}) as run:
        run.write_results({"a": 1})
    (tmp_path / "out" / "figures").symlink_to(tmp_path)
    assert main(["report", str(tmp_path / "out")]) == 2
    assert f"{tmp_path}/out/figures: is a link" in capfd.readouterr().err
    assert not list(tmp_path.glob("*.svg"))


def test_folders_that_are_not_of_the_run_may_be_links(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run" / "own").mkdir(parents=True)
    for name in ("data", "own/data"):
        (tmp_path / "run" / name).symlink_to(tmp_path / "elsewhere")
    with RunDirectory(tmp_path / "run", "label", {"seed": 1}, folders=("checkpoints",)) as run:
        run.write_results({"a": 1})

"""TransNAS-Bench-101 as NAS-Bench-Suite-Zero prints it: one row per architecture and task."""

from __future__ import annotations

import os

import numpy as np
import pytest
import scipy.stats

from autodas.core.errors import FileProblem, InvalidInput
from autodas.tables import split
from autodas.tables.read import read_table
from autodas.tables.transnas import transnas_micro_class
from autodas.workbench.ground_truth import load_table

HEAD = "task,arch,val_accuracy,nwot,epe_nas\n"
MACRO = '"(1, 2, 4, 2, 0, 0)"'
OTHER = '"(4, 2, 1, 3, 1, 1)"'


def write(folder, *rows):
    file = folder / "tasks.csv"
    file.write_text(HEAD + "".join(f"{row}\n" for row in rows))
    return file


def test_tasks_become_targets_of_one_row(tmp_path):
    table = read_table(
        write(
            tmp_path,
            f"class_scene,{MACRO},54.29,502.8,-1e+08",
            f"normal,{OTHER},0.5747,513.6,-1.5",
            f"room_layout,{MACRO},-0.63,502.5,-2",
            f"normal,{MACRO},0.6,514,-3",
        )
    )
    assert table.space == "transnas-macro"
    assert table.architectures == ("(1, 2, 4, 2, 0, 0)", "(4, 2, 1, 3, 1, 1)")
    assert list(table.targets) == ["class_scene", "normal", "room_layout"]
    found = {name: target.values for name, target in table.targets.items()}
    np.testing.assert_array_equal(found["class_scene"], [54.29, np.nan])
    np.testing.assert_allclose(found["normal"], [60, 57.47])
    np.testing.assert_array_equal(found["room_layout"], [-63, np.nan])
    np.testing.assert_array_equal(table.published["normal/nwot"], [514, 513.6])
    np.testing.assert_array_equal(table.published["class_scene/epe_nas"], [np.nan, np.nan])


@pytest.mark.parametrize(
    ("arch", "space"),
    [("(1, 4, 2, 1, 0, 0)", "transnas-macro"), ("(1, 0, 2, 1, 3, 3)", "transnas-micro")],
)
def test_the_numbers_say_which_space_they_are_of(tmp_path, arch, space):
    assert read_table(write(tmp_path, f'jigsaw,"{arch}",80,1,1')).space == space


def test_numbers_of_either_space_need_it_said(tmp_path):
    file = write(tmp_path, 'jigsaw,"(1, 3, 2, 1, 0, 0)",80,1,1')
    with pytest.raises(FileProblem, match="say which with --space"):
        read_table(file)
    assert read_table(file, "transnas-micro").space == "transnas-micro"


def test_what_cannot_be_read_is_named(tmp_path):
    row = f",{MACRO},80,1,1"
    with pytest.raises(FileProblem, match="line 3, column task: 'depth' is none of cifar10"):
        read_table(write(tmp_path, f"jigsaw{row}", f"depth{row}"))
    with pytest.raises(FileProblem, match="is already at line 2"):
        read_table(write(tmp_path, f"jigsaw{row}", f"jigsaw{row}"))


def test_cells_that_compute_the_same_share_a_class():
    # 3 × 3 and then 1 × 1, by way of node 1 or of node 2; what leads nowhere is not seen.
    by_one, by_two = "(3, 0, 0, 0, 2, 0)", "(3, 3, 0, 0, 0, 2)"
    assert transnas_micro_class(by_one) == transnas_micro_class(by_two)
    assert transnas_micro_class("64-41414-3_00_020") == transnas_micro_class(by_one)
    assert transnas_micro_class(by_one) != transnas_micro_class("(2, 0, 0, 0, 3, 0)")
    for wrong in ("(4, 0, 0, 0, 2, 0)", "(3, 0, 0, 0, 2)", "3"):
        with pytest.raises(InvalidInput, match="is not a cell"):
            transnas_micro_class(wrong)


@pytest.mark.skipif("AUTODAS_DATA" not in os.environ, reason="AUTODAS_DATA is not set")
def test_the_published_tables_are_read_and_split_by_graph():
    macro, micro = load_table("transnas-macro"), load_table("transnas-micro")
    assert [len(macro), len(micro)] == [362, 355]
    known = {name: target.known for name, target in macro.targets.items()}
    assert known.pop("class_scene") == known.pop("class_object") == 327
    assert set(known.values()) == {362}
    assert {target.known for target in micro.targets.values()} == {355}
    assert macro.groups is None
    parts = split(micro.architectures, groups=micro.groups)
    assert not {micro.groups[i] for i in parts.search} & {micro.groups[i] for i in parts.report}
    # Cells of one class hardly differ in what they are worth.
    values = micro.targets["class_scene"].values
    means = {g: values[[h == g for h in micro.groups]].mean() for g in set(micro.groups)}
    assert scipy.stats.spearmanr(values, [means[g] for g in micro.groups])[0] > 0.95

"""Reading tables of every format, and saying in one line what is wrong with a bad one."""

import json
import os

import numpy as np
import pytest

from autodas.core.digest import canonical_json, digest_file
from autodas.core.errors import AutodasError, FileProblem, InvalidInput, MissingData, UnknownName
from autodas.core.seals import read_sealed
from autodas.tables import (
    TABLES,
    LabelRow,
    Part,
    Table,
    Target,
    Training,
    label_noise,
    load_table,
    read_table,
    write_labels,
)
from autodas.tables.pairs import pairs_of

S0 = "arch,cls_acc,kd_acc\n111,60.20,61.87\n3-5-7,71.58,74.44\n775,71.89,\n"
VIT = [
    {"arch": {"hidden_dim": 192, "depth": 1, "mlp_ratio": [3.5]}, "c100_kd_acc": 76.0},
    {"arch": {"depth": 1, "hidden_dim": 240, "mlp_ratio": [4.0]}, "flower_base_acc": 53.5},
    {"arch": {"depth": 1, "hidden_dim": 216, "mlp_ratio": [4.0]}, "c100_kd_acc": None},
]
CELLS = (
    "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|",
    "|none~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|skip_connect~2|",
    "|none~0|+|nor_conv_1x1~0|none~1|+|none~0|none~1|skip_connect~2|",
)
NB201 = (
    "arch_str,cifar10_test,imagenet16_test,index,iso_class\n"
    f"{CELLS[0]},90.5,40.0,7,0\n{CELLS[1]},90.5,40.0,8,0\n{CELLS[2]},80.0,,9,1\n"
)
SCORES = (
    "dataset,arch_str,val_accuracy,snip,jacov,nwot,batch\n"
    f"cifar10,{CELLS[0]},86.0,1.5,-1e8,-inf,A\n"
    f"cifar10,{CELLS[2]},83.0,2.5,-32.0,,B\n"
    f"ImageNet16-120,{CELLS[2]},30.0,0.5,-33.0,5.0,B\n"
)
NB101 = (
    "module_hash,adjacency,ops,cifar10_val,cifar10_val_min,snip,params\n"
    "ab,011|001|000,input;conv3x3-bn-relu;output,92.5,92.0,3.5,4.0\n"
    "cd,01|00,input;output,83.4,83.0,,0.8\n"
)


@pytest.fixture
def write(tmp_path):
    def inner(content, name="table.csv"):
        path = tmp_path / name
        text = content if isinstance(content, str | bytes) else json.dumps(content)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return inner


def test_resnets_as_csv(write):
    path = write(S0)
    table = read_table(path)
    assert table.space == "resnet"
    assert table.architectures == ("1-1-1", "3-5-7", "7-7-5")
    assert list(table.targets) == ["cls_acc", "kd_acc"]
    target = table.target("kd_acc")
    assert (target.training, target.part, target.dataset) == ("distilled", "test", "unknown")
    np.testing.assert_equal(target.values, [61.87, 74.44, np.nan])
    assert target.known == 2
    assert table.target("cls_acc").training is Training.VANILLA
    assert table.digest == digest_file(path)
    assert table.source == str(path)


def test_the_name_of_a_file_and_its_line_ends_do_not_matter(write):
    plain = read_table(write(S0))
    dressed = read_table(write(b"\xef\xbb\xbf" + S0.replace("\n", "\r\n").encode(), "mine.txt"))
    assert dressed.architectures == plain.architectures
    np.testing.assert_equal(dressed.target().values, plain.target().values)


def test_another_space_takes_architectures_as_they_are(write):
    path = write("arch,my_kd_acc\nsmall,50.5\nlarge,60.5\n")
    table = read_table(path, "mine")
    assert (table.space, table.architectures) == ("mine", ("small", "large"))
    assert table.target().dataset == "my"
    with pytest.raises(InvalidInput, match="'small' does not show its space"):
        read_table(path)


def test_transformers_as_json(write):
    table = read_table(write(VIT))
    assert table.space == "autoformer"
    assert table.architectures[0] == canonical_json(VIT[0]["arch"])
    assert table.architectures[0] == '{"depth":1,"hidden_dim":192,"mlp_ratio":[3.5]}'
    np.testing.assert_equal(table.target("c100_kd_acc").values, [76.0, np.nan, np.nan])
    flowers = table.target("flower_base_acc")
    assert (flowers.dataset, flowers.training) == ("flowers102", "vanilla")
    assert read_table(write([{"arch": {"base_dim": 16}, "c100_kd_acc": 70.0}])).space == "pit"


def test_supernet_accuracies_are_told_apart(write):
    table = read_table(write([{"arch": {"hidden_dim": 1}, "imagenet_super_acc": 70.0}]))
    assert table.target().training is Training.SUPERNET


def test_nasbench201_groups_cells_that_compute_the_same(write):
    table = read_table(write(NB201))
    assert (table.space, table.architectures) == ("nasbench201", CELLS)
    assert list(table.targets) == ["cifar10_test", "imagenet16_test"]
    target = table.target("imagenet16_test")
    assert (target.dataset, target.training, target.part) == ("imagenet16-120", "vanilla", "test")
    assert table.groups[0] == table.groups[1] != table.groups[2]


def test_another_space_of_cells_keeps_the_groups_of_its_file(write):
    table = read_table(write("arch_str,cifar10_test,iso_class\na,90,3\nb,91,3\n"), "mine")
    assert table.groups == ("3", "3")
    assert read_table(write("arch_str,cifar10_test\na,90\nb,91\n"), "mine").groups is None


def test_published_scores_become_rows_of_architectures(write):
    table = read_table(write(SCORES))
    assert table.architectures == (CELLS[0], CELLS[2])
    target = table.target("cifar10_val")
    assert (target.part, target.training) == (Part.VALIDATION, Training.VANILLA)
    np.testing.assert_equal(table.target("ImageNet16-120_val").values, [np.nan, 30.0])
    assert table.target("ImageNet16-120_val").dataset == "imagenet16-120"
    np.testing.assert_equal(table.published["cifar10/snip"], [1.5, 2.5])
    # sentinels and infinities are gaps
    np.testing.assert_equal(table.published["cifar10/jacov"], [np.nan, -32.0])
    np.testing.assert_equal(table.published["cifar10/nwot"], [np.nan, np.nan])
    np.testing.assert_equal(table.published["ImageNet16-120/nwot"], [np.nan, 5.0])
    assert len(table.groups) == 2


def test_nasbench101_is_validation_accuracy(write):
    table = read_table(write(NB101))
    assert table.space == "nasbench101"
    assert table.architectures == ("011|001|000;input;conv3x3-bn-relu;output", "01|00;input;output")
    assert list(table.targets) == ["cifar10_val"]
    assert table.target().part is Part.VALIDATION
    np.testing.assert_equal(table.published["snip"], [3.5, np.nan])


BAD = {
    "an empty file": ("", "the file is empty"),
    "a header alone": ("arch,kd_acc\n", "has a header line and no rows"),
    "no such columns": ("x,y\n1,2\n", "are of no known table; known are: arch, accuracy, seed"),
    "a missing column": ("arch,accuracy,seed\na,1,2\n", "column training is missing"),
    "no accuracies": ("arch,params\n111,5\n", "column …_acc is missing"),
    "a word for a number": (S0 + "577,high,70\n", "line 5, column cls_acc: 'high' is not a number"),
    "above 100": (S0 + "577,170,70\n", r"line 5, column cls_acc: 170 is not an accuracy"),
    "below 0": (S0 + "577,-1,70\n", r"which lies in \[0, 100\]"),
    "not a number": (S0 + "577,nan,70\n", "line 5, column cls_acc: nan is not an accuracy"),
    "fractions": ("arch,kd_acc\n111,0.6\n113,0.7\n117,1\n", "percentages such as 74.5"),
    "a double": (S0 + "357,70,70\n", "line 5: architecture '3-5-7' is already at line 3"),
    "no architecture": (S0 + ",70,70\n", "line 5, column arch: the cell is empty"),
    "too many cells": (S0 + "577,70,70,70\n", "line 5: 4 cells, the header has 3 columns"),
    "too few cells": (S0 + "577,70\n", "line 5: 2 cells, the header has 3 columns"),
    "a column twice": ("arch,kd_acc,kd_acc\n111,60,60\n", "column 'kd_acc' appears twice"),
    "bytes": (b"arch,kd_acc\n\xff\xfe,60\n", r"is not UTF-8 text \(byte 12\)"),
    "semicolons and quotes": ('arch;kd_acc\n"{""depth"":[1,1]}";60\n', "has semicolons between"),
    "semicolons and decimal commas": ("arch;kd_acc\n111;60,5\n", "save it with commas"),
    "semicolons after a line of a spreadsheet": ("sep=;\narch;kd_acc\n111;60\n", "has semicolons"),
    "tabs": ('"arch"\t"kd_acc"\n"1,1"\t60\n', "has tabs between its columns; save it with commas"),
    "an open quote": ('arch,kd_acc\n"111,60\n', "line 2: is not CSV"),
    "broken JSON": ('[{"arch": ', "is not valid JSON"),
    "an object": ('{"arch": 1}', "a JSON list with one object per architecture"),
    "an empty list": ("[]", "a JSON list with one object per architecture"),
    "no arch": ('[{"kd_acc": 60}]', "row 1: an object with the object 'arch'"),
    "JSON without accuracies": ('[{"arch": {"base_dim": 1}}]', "no accuracies; keys such as"),
    "a JSON word": ('[{"arch": {"base_dim": 1}, "c100_kd_acc": "x"}]', "row 1, c100_kd_acc: 'x'"),
    "a JSON truth": ('[{"arch": {"base_dim": 1}, "c100_kd_acc": true}]', "True is not an accuracy"),
    "a JSON double": (json.dumps([VIT[0], VIT[0]]), "row 2: architecture .* already at row 1"),
    "not a cell": (
        "arch_str,cifar10_test\n|foo|,90\n",
        r"line 2, column arch_str: '\|foo\|' is not a NAS-Bench-201 cell",
    ),
    "a score that is a word": (SCORES.replace("2.5", "big"), "line 3, column snip: 'big' is not"),
    "a cell twice": (SCORES + SCORES.splitlines()[1] + "\n", "line 5: architecture .* line 2"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_in_one_line(name, write):
    content, message = BAD[name]
    path = write(content)
    with pytest.raises(FileProblem, match=message) as caught:
        read_table(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_space_that_needs_a_name_is_asked_for(write):
    with pytest.raises(InvalidInput, match="name the space"):
        read_table(write([{"arch": {"blocks": 1}, "my_kd_acc": 60.0}]))
    with pytest.raises(FileProblem, match="'abc' is not three numbers of blocks"):
        read_table(write("arch,kd_acc\nabc,60\n"), "resnet")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(FileProblem, match="no such file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(FileProblem, match="cannot be read: Is a directory"):
        read_table(tmp_path)


def rows_of_labels():
    for arch, base in (("a", 60.0), ("b", 70.0), ("c", 80.0)):
        for seed in (0, 1):
            yield LabelRow(arch, base + seed, seed, "distilled", extra={"seconds": 1.5})
    yield LabelRow("a", 55.0, 0, "vanilla")
    yield LabelRow("c", None, 0, "vanilla", reason="out of\nmemory, sorry")


HEADER = {"space": "digits-cnn", "dataset": "digits", "teacher": "cnn", "recipe": {"epochs": 5}}


def test_our_own_labels_round_trip(tmp_path):
    path = tmp_path / "labels" / "mine.csv"
    write_labels(path, rows_of_labels(), HEADER)
    for file in (path, path.with_suffix(".json")):
        table = read_table(file)
        assert (table.space, table.architectures) == ("digits-cnn", ("a", "b", "c"))
        distilled = table.target("distilled")
        assert distilled.seeds == (0, 1)
        assert (distilled.dataset, distilled.part) == ("digits", "test")
        np.testing.assert_equal(distilled.per_seed, [[60, 61], [70, 71], [80, 81]])
        np.testing.assert_equal(distilled.values, [60.5, 70.5, 80.5])
        vanilla = table.target("vanilla")
        np.testing.assert_equal(vanilla.values, [55.0, np.nan, np.nan])
        assert vanilla.seeds == (0,)
        assert table.meta["recipe"] == {"epochs": 5}
    assert '"out of memory, sorry"' in path.read_text()


def test_equal_labels_give_equal_files(tmp_path):
    write_labels(tmp_path / "a.csv", rows_of_labels(), HEADER)
    write_labels(tmp_path / "b.csv", list(rows_of_labels())[::-1], HEADER)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_the_mean_is_over_the_seeds_that_are_there(tmp_path):
    rows = [LabelRow("a", 60.0, 0, "distilled"), LabelRow("b", 70.0, 0, "distilled")]
    rows.append(LabelRow("a", 62.0, 1, "distilled"))
    write_labels(tmp_path / "a.csv", rows, HEADER)
    target = read_table(tmp_path / "a.csv").target()
    np.testing.assert_equal(target.values, [61.0, 70.0])
    np.testing.assert_equal(target.per_seed, [[60.0, 62.0], [70.0, np.nan]])


def test_labels_and_header_must_belong_together(tmp_path):
    path = tmp_path / "a.csv"
    write_labels(path, rows_of_labels(), HEADER)
    path.write_text(path.read_text().replace("60.0", "90.0"))
    with pytest.raises(FileProblem, match=r"its header says .* changed or damaged"):
        read_table(path)


def test_labels_are_of_the_space_their_header_says(tmp_path):
    path = tmp_path / "a.csv"
    write_labels(path, rows_of_labels(), HEADER)
    with pytest.raises(InvalidInput, match="of the space 'digits-cnn', not 'pit'"):
        read_table(path, "pit")


def test_labels_without_a_header_need_the_space(tmp_path):
    path = tmp_path / "a.csv"
    write_labels(path, rows_of_labels(), HEADER)
    path.with_suffix(".json").unlink()
    with pytest.raises(FileProblem, match=r"its header a\.json is missing"):
        read_table(path)
    table = read_table(path, "mine")
    assert (table.space, table.target("distilled").dataset) == ("mine", "unknown")
    assert "dataset" not in table.meta  # measured with the images that the space is known by


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "'format' must be 'autodas-labels'"),
        ({"version": 2}, "has version 2; this program reads version 1"),
        ({"space": None}, "must say its 'space'"),
        ({"part": "train"}, "'part' must be test or validation, got 'train'"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(tmp_path, change, message):
    path = tmp_path / "a.csv"
    write_labels(path, rows_of_labels(), HEADER)
    header = path.with_suffix(".json")
    header.write_text(json.dumps(read_sealed(header) | change))
    with pytest.raises(FileProblem, match=message) as caught:
        read_table(path)
    assert str(caught.value).startswith(str(header))


LABELS = "arch,accuracy,seed,training,status\na,60,0,distilled,ok\nb,70,0,distilled,\n"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a,61,0,distilled,ok", "line 4, column arch: .* already on line 2"),
        ("c,61,zero,distilled,ok", "line 4, column seed: 'zero' is not a whole number"),
        ("c,61,0,kd,ok", "column training: 'kd' is unknown; expected one of distilled, vanilla"),
        ("c,61,0,distilled,done", "column status: 'done' is unknown; expected ok or failed"),
        ("c,,0,distilled,ok", "line 4, column accuracy: '' is not a number"),
        ("c,101,0,distilled,ok", "line 4, column accuracy: 101 is not an accuracy"),
    ],
)
def test_a_bad_label_is_refused(write, row, message):
    with pytest.raises(FileProblem, match=message):
        read_table(write(LABELS + row + "\n"), "mine")


def test_labels_as_fractions_are_refused(write):
    text = LABELS.replace("60", "0.6").replace("70", "0.7") + "c,0.9,0,distilled,ok\n"
    with pytest.raises(FileProblem, match="training distilled: no accuracy is above 1"):
        read_table(write(text), "mine")


@pytest.mark.parametrize("values", [(61.9, 0.744, 0.749, 70), (0.62, 62, 0.63, 66, 30)])
def test_fractions_among_percentages_are_refused(write, values):
    rows = "".join(f"{i + 1}-1-1,{value}\n" for i, value in enumerate(values))
    with pytest.raises(
        FileProblem, match=r"column kd_acc: 2 accuracies such as 0\.[67]\d+ look like"
    ):
        read_table(write(f"arch,kd_acc\n{rows}"))


@pytest.mark.parametrize(
    "values",
    [
        (0.83, 0.85, 30, 46),  # at chance of 120 classes
        (0.5, 0.5, 50, 60),  # at chance of 200
        (0.1, 0.12, 60, 70),  # of 1000
        (0, 0.6, 60, 70),
        (0.6, 0.7, 5, 60, 70),  # on the way
    ],
)
def test_trainings_that_have_learnt_nothing_are_no_fractions(write, values):
    rows = "".join(f"{i + 1}-1-1,{value}\n" for i, value in enumerate(values))
    table = read_table(write(f"arch,kd_acc\n{rows}"))
    assert table.target("kd_acc").values.tolist() == list(values)


@pytest.mark.parametrize("missing", ["space", "dataset"])
def test_labels_are_not_written_without_saying_of_what(tmp_path, missing):
    header = {key: value for key, value in HEADER.items() if key != missing}
    with pytest.raises(InvalidInput, match=f"must say its '{missing}'"):
        write_labels(tmp_path / "a.csv", rows_of_labels(), header)
    with pytest.raises(InvalidInput, match="at least one row"):
        write_labels(tmp_path / "a.csv", [], HEADER)
    assert not (tmp_path / "a.csv").exists()


def test_targets_are_found_by_name_or_training(write):
    table = read_table(write(S0))
    assert table.target().name == table.target("distilled").name == "kd_acc"
    assert table.target("vanilla").name == "cls_acc"
    with pytest.raises(UnknownName, match="did you mean 'kd_acc'"):
        table.target("kd_ac")
    both = [{"arch": {"base_dim": 1}, "c100_kd_acc": 70.0, "flower_kd_acc": 60.0}]
    with pytest.raises(UnknownName):
        read_table(write(both)).target("distilled")


def test_rows_can_be_chosen(write):
    table = read_table(write(SCORES))
    last = table.subset([1])
    assert last.architectures == (CELLS[2],)
    assert last.groups == table.groups[1:]
    assert last.target("cifar10_val").values.tolist() == [83.0]
    assert last.published["cifar10/snip"].tolist() == [2.5]
    assert table.limit(1).architectures == (CELLS[0],)
    assert len(table.limit(99)) == len(table.limit(None)) == 2
    with pytest.raises(InvalidInput, match="at least 1 row, got 0"):
        table.limit(0)
    with pytest.raises(InvalidInput, match=r"lie in \[0, 2\)"):
        table.subset([2])
    with pytest.raises(InvalidInput, match=r"lie in \[0, 2\)"):
        table.subset([-1])


def test_seeds_follow_their_rows(tmp_path):
    write_labels(tmp_path / "a.csv", rows_of_labels(), HEADER)
    target = read_table(tmp_path / "a.csv").subset([2, 0]).target("distilled")
    np.testing.assert_equal(target.per_seed, [[80, 81], [60, 61]])


def test_accuracies_cannot_be_written_to(write):
    with pytest.raises(ValueError, match="read-only"):
        read_table(write(S0)).target().values[0] = 0.0


def test_a_table_that_does_not_fit_together_is_refused():
    target = Target("t", "d", Training.VANILLA, Part.TEST, np.ones(2))
    with pytest.raises(InvalidInput, match="holds an architecture twice"):
        Table("t", "s", ("a", "a"), {"t": target}, "", "")
    with pytest.raises(InvalidInput, match="t has 2 rows, expected 1"):
        Table("t", "s", ("a",), {"t": target}, "", "")
    with pytest.raises(InvalidInput, match="groups has 1 rows, expected 2"):
        Table("t", "s", ("a", "b"), {"t": target}, "", "", groups=("g",))
    with pytest.raises(InvalidInput, match=r"\(A, S\) = \(2, 1\), got \(2, 2\)"):
        Target("t", "d", Training.VANILLA, Part.TEST, np.ones(2), (0,), np.ones((2, 2)))


def test_named_tables_are_found_in_the_data_folder(write, monkeypatch, tmp_path):
    monkeypatch.setenv("AUTODAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AUTODAS_DATA", raising=False)
    with pytest.raises(MissingData, match=r"'pit' needs pit_kd.json of Auto-Prox .* AUTODAS_DATA"):
        load_table("pit")
    with pytest.raises(MissingData, match=r"autodas fetch s0; or make it from s1-gt-cls.txt"):
        load_table("s0")
    write(S0, "s0_resnet_cifar100.csv")
    monkeypatch.setenv("AUTODAS_DATA", str(tmp_path))
    table = load_table("s0")
    assert (table.name, table.space, len(table)) == ("s0", "resnet", 3)
    with pytest.raises(MissingData):
        load_table("pit")


def test_a_table_can_be_given_as_a_file(write):
    path = write(S0)
    assert load_table(str(path)).architectures == load_table(path).architectures


def test_unknown_names_are_corrected(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownName, match="did you mean 'nasbench201'"):
        load_table("nasbench210")
    with pytest.raises(FileProblem, match="no such file"):
        load_table("nasbench210.csv")


def test_every_error_is_one_the_command_line_explains():
    assert issubclass(FileProblem, AutodasError)
    assert issubclass(MissingData, AutodasError)


EMBEDDED = [each.name for each in TABLES if each.embedded and "-pairs-" not in each.name]
PAIRS = {
    "digits-pairs-cnn": (32, 13, 2, {"1/27", "1/9", "1/3"}),
    "digits-pairs-vit": (32, 13, 2, {"1/27", "1/9", "1/3"}),
    "fashion-pairs-cnn": (32, 11, 2, {"1/9", "1/3"}),
    "fashion-pairs-vit": (32, 11, 2, {"1/9", "1/3"}),
}


@pytest.mark.parametrize("name", EMBEDDED)
def test_embedded_tables_are_complete(name):
    table = load_table(name)
    assert table.space == TABLES.get(name).space
    distilled = table.target("distilled")
    assert distilled.known == len(table) >= 48
    assert label_noise(distilled) is not None
    assert list(table.targets) == ["distilled", "vanilla"]
    assert {str(each.fidelity) for each in table.rungs} == {"1/27", "1/9", "1/3"}
    assert all(target.known > 0 for target in table.targets.values())


@pytest.mark.parametrize("name", PAIRS)
def test_embedded_tables_of_pairs_are_complete(name):
    pairs, (*shape, fidelities) = pairs_of(load_table(name)), PAIRS[name]
    assert pairs.accuracy.shape == tuple(shape)
    assert np.isfinite(pairs.accuracy).all()
    assert {str(each.fidelity) for each in pairs.rungs} == fidelities
    for rung in pairs.rungs:
        for column in ("accuracy", "cross_entropy", "calibrated_cross_entropy", "brier"):
            assert np.isfinite(getattr(rung, column)).all()
    for teacher in pairs.teachers[:-1]:
        assert pairs.facts[teacher]["facts"]["params"] > 10_000
        assert 50 < pairs.facts[teacher]["facts"]["accuracy"] <= 100
    assert pairs.teachers[-1] == "none"
    assert "unfinished" not in pairs.meta


def test_where_ways_to_teach_are_shared_pairs_say_what_the_other_table_says():
    alone, pairs = load_table("digits-cnn"), load_table("digits-pairs-cnn")
    rows = [alone.architectures.index(text) for text in pairs.architectures]
    for teacher, training in (("digits-cnn-teacher", "distilled"), ("none", "vanilla")):
        known = alone.targets[training].per_seed[rows, 0]
        np.testing.assert_equal(pairs.targets[teacher].per_seed[:, 0], known)


PUBLIC = {
    "s0": ("resnet", 64, 2),
    "autoformer": ("autoformer", 100, 7),
    "pit": ("pit", 60, 6),
    "nasbench201": ("nasbench201", 8040, 3),
    "nasbench201-scores": ("nasbench201", 589, 3),
    "nasbench101": ("nasbench101", 146, 1),
}


@pytest.mark.skipif("AUTODAS_DATA" not in os.environ, reason="AUTODAS_DATA is not set")
@pytest.mark.parametrize("name", PUBLIC)
def test_public_tables_are_read_as_they_are(name):
    table = load_table(name)
    assert (table.space, len(table), len(table.targets)) == PUBLIC[name]
    for target in table.targets.values():
        assert target.known == len(table)
        assert 25.0 < np.median(target.values) < 95.0

"""The files of the benchmarks' own programs, in small: read as data, checked, never run."""

import base64
import bz2
import collections
import contextlib
import json
import os
import pickle
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodas.core.errors import FileProblem, MissingData
from autodas.tables import TABLES, convert, load_table, read_table
from autodas.tables.nasbench201_official import read_nats_pickle
from autodas.tables.tfrecord import fields, is_tfrecord, masked_crc, records

# ---- NAS-Bench-101 ------------------------------------------------------------------------------


def varint(number):
    out = b""
    while number >= 0x80:
        out, number = out + bytes([number & 0x7F | 0x80]), number >> 7
    return out + bytes([number])


def evaluation(epoch, validation, test):
    numbers = {1: epoch, 2: 12.5, 3: 1.0, 4: validation, 5: test}
    body = b"".join(varint(n << 3 | 1) + struct.pack("<d", v) for n, v in numbers.items())
    return body + varint(6 << 3 | 2) + b"\x00"


def metrics(validation, test, params=8_556_042):
    trace = [evaluation(0, 0.1, 0.1), evaluation(54, 0.5, 0.5), evaluation(108, validation, test)]
    out = b"".join(varint(1 << 3 | 2) + varint(len(each)) + each for each in trace)
    return out + varint(2 << 3) + varint(params) + varint(3 << 3 | 1) + struct.pack("<d", 99.0)


def entry(name, adjacency, ops, accuracies, epochs=108):
    encoded = base64.b64encode(metrics(*accuracies)).decode()
    return json.dumps([name, epochs, adjacency, ops, encoded]).encode()


def framed(data):
    head = struct.pack("<Q", len(data))
    checks = (struct.pack("<I", masked_crc(part)) for part in (head, data))
    return head + next(checks) + data + next(checks)


CHAIN = ("ab", "010001000", "input,conv3x3-bn-relu,output")
DIRECT = ("cd", "0100", "input,output")
RECORDS = [
    entry(*CHAIN, (0.94, 0.93)),
    entry(*DIRECT, (0.80, 0.79)),
    entry(*CHAIN, (0.92, 0.91)),
    entry(*CHAIN, (0.93, 0.95)),
]


@pytest.fixture
def write(tmp_path):
    def inner(name, *entries):
        path = tmp_path / name
        path.write_bytes(b"".join(map(framed, entries)))
        return path

    return inner


def test_the_checksum_is_that_of_the_standard():
    # RFC 3720, appendix B.4: 32 zeros give 0x8A9136AA; "123456789" is the usual check value.
    for data, crc in ((bytes(32), 0x8A9136AA), (b"123456789", 0xE3069283)):
        rotated = (crc >> 15 | crc << 17) & 0xFFFFFFFF
        assert masked_crc(data) == (rotated + 0xA282EAD8) & 0xFFFFFFFF


def test_record_files_become_tables(write):
    path = write("nasbench_only108.tfrecord", *RECORDS)
    table = read_table(path)
    assert table.space == "nasbench101"
    assert table.name == "nasbench_only108"
    assert table.source == str(path)
    assert table.architectures == (
        "010|001|000;input;conv3x3-bn-relu;output",
        "01|00;input;output",
    )
    test, validation = table.target("cifar10_test"), table.target("cifar10_val")
    assert (test.dataset, test.training, test.part) == ("cifar10", "vanilla", "test")
    assert validation.part == "validation"
    np.testing.assert_allclose(test.values, [93.0, 79.0])
    np.testing.assert_allclose(validation.values, [93.0, 80.0])
    assert test.seeds == (0, 1, 2)
    np.testing.assert_equal(test.per_seed, [[93.0, 91.0, 95.0], [79.0, np.nan, np.nan]])
    np.testing.assert_allclose(table.published["params"], [8.556042, 8.556042])


def test_the_longest_trainings_count(write):
    short = [entry(*CHAIN, (0.5, 0.5), epochs) for epochs in (4, 36)]
    path = write("full.tfrecord", short[0], RECORDS[0], short[1], RECORDS[1])
    np.testing.assert_allclose(read_table(path).target("cifar10_test").values, [93.0, 79.0])


def test_a_record_file_is_read_once(write, monkeypatch):
    path = write("a.tfrecord", *RECORDS)
    first = read_table(path)
    monkeypatch.setattr("autodas.tables.official.nasbench101_rows", lambda _: 1 / 0)
    assert read_table(path).digest == first.digest
    path.write_bytes(path.read_bytes() + framed(entry(*DIRECT, (0.7, 0.7))))
    with pytest.raises(ZeroDivisionError):
        read_table(path)


def test_records_are_read_one_by_one(write):
    path = write("a.tfrecord", b"one", b"two" * 1000)
    path.write_bytes(path.read_bytes() + b"rubbish")
    found = records(path)
    assert [next(found), next(found)] == [b"one", b"two" * 1000]
    with pytest.raises(FileProblem, match="breaks off in the record at byte"):
        next(found)


def test_every_truncation_and_every_damaged_byte_of_a_record_is_noticed(write):
    path = write("a.tfrecord", b"some data")
    whole = path.read_bytes()
    for length in range(1, len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(FileProblem, match="breaks off"):
            list(records(path))
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(bytes(damaged))
        with pytest.raises(FileProblem, match="byte 0 is damaged"):
            list(records(path))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[1, 2]", "record 2 is not of NAS-Bench-101"),
        (b"\xff", "record 2 is not of NAS-Bench-101"),
        (b"[" * 100_000, "record 2 is not of NAS-Bench-101"),
        (entry("x", "012", "input,output", (0.5, 0.5)), "no adjacency matrix"),
        (entry("x", "0200", "input,output", (0.5, 0.5)), "no adjacency matrix"),
        (entry("x", "0100", "input,a,output", (0.5, 0.5)), "3 operations for 2 vertices"),
        (entry("x", "0100", "input,output", (1.5, 0.5)), "1.5 is no accuracy"),
        (entry("x", "0100", "input,output", (float("nan"), 0.5)), "nan is no accuracy"),
        (json.dumps(["x", 108, "0100", "input,output", "????"]).encode(), "record 2 is not"),
        (json.dumps(["x", 108, "0100", "input,output", "EAE="]).encode(), "no accuracies"),
        (json.dumps(["x", 108, "0100", "input,output", "Cv8="]).encode(), "breaks off"),
    ],
)
def test_records_of_another_kind_are_refused(write, data, message):
    path = write("a.tfrecord", RECORDS[0], data)
    with pytest.raises(FileProblem, match=message) as caught:
        read_table(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_fourth_training_is_refused(write):
    path = write("a.tfrecord", *[RECORDS[0]] * 4)
    with pytest.raises(FileProblem, match="record 4: cell ab has more than 3 runs"):
        read_table(path)


@given(st.binary(max_size=60))
def test_messages_are_read_or_refused(data):
    try:
        found = list(fields(data))
    except ValueError:
        return
    assert all(isinstance(value, int | bytes) for _, value in found)


def test_the_named_table_reads_the_file_of_the_authors(write, tmp_path, monkeypatch):
    monkeypatch.setenv("AUTODAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AUTODAS_DATA", raising=False)
    with pytest.raises(MissingData, match="autodas fetch nasbench101-full"):
        load_table("nasbench101-full")
    path = write("nasbench_only108.tfrecord", *RECORDS)
    monkeypatch.setenv("AUTODAS_DATA", str(tmp_path))
    table = load_table("nasbench101-full")
    assert (table.name, len(table)) == ("nasbench101-full", 2)
    made = convert("nasbench101-full", [path], tmp_path / "cells.csv")
    assert read_table(made).architectures == table.architectures


# ---- NAS-Bench-201 ------------------------------------------------------------------------------

CELLS = (
    "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|",
    "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|none~0|skip_connect~1|nor_conv_3x3~2|",
)
SETS = {
    "cifar10-valid": ("x-valid", "ori-test"),
    "cifar10": ("ori-test",),
    "cifar100": ("x-valid", "x-test", "ori-test"),
    "ImageNet16-120": ("x-valid", "x-test", "ori-test"),
}


def result(name, seed, epochs, accuracy):
    """One training as the authors' program saves it without weights."""
    keys = [f"{images}@{epoch}" for images in SETS[name] for epoch in range(epochs)]
    return {
        "name": name,
        "net_state_dict": None,
        "train_acc1es": collections.OrderedDict((i, 10.0 * i) for i in range(epochs)),
        "train_acc5es": None,
        "train_losses": collections.OrderedDict((i, 0.5) for i in range(epochs)),
        "train_times": collections.OrderedDict((i, np.float64(7.5)) for i in range(epochs)),
        "arch_config": {"channel": 16, "num_cells": 5, "arch_str": CELLS[0], "class_num": 10},
        "params": np.float64(0.802426),
        "flop": 113.951,
        "seed": str(seed),
        "epochs": epochs,
        "latency": [np.float32(0.017)],
        "eval_names": list(SETS[name]),
        # Only the last epoch is what counts.
        "eval_acc1es": {k: accuracy if k.endswith(f"@{epochs - 1}") else 1.0 for k in keys},
        "eval_times": dict.fromkeys(keys, 1.25),
        "eval_losses": dict.fromkeys(keys, 2.5),
    }


def state(index, cell, epochs, accuracies):
    seeds = {"cifar10-valid": [777], "cifar10": [777, 888], "cifar100": [777]}
    seeds["ImageNet16-120"] = [777]
    return {
        "arch_index": index,
        "arch_str": cell,
        "all_results": {
            (name, seed): result(name, seed, epochs, accuracies[name] + (seed == 888))
            for name, each in seeds.items()
            for seed in each
        },
        "dataset_seed": seeds,
        "clear_net_done": True,
    }


def content(index, cell, shift=0.0):
    long = {name: 60.0 + 5 * i + shift for i, name in enumerate(SETS)}
    short = dict.fromkeys(SETS, 20.0)
    return collections.OrderedDict(
        {"12": state(index, cell, 2, short), "200": state(index, cell, 3, long)}
    )


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "NATS-tss-v1_0-3ffb9-simple"
    place.mkdir()
    meta = {"meta_archs": list(CELLS), "arch2infos": None, "evaluated_indexes": {0, 11}}
    save(place / "meta.pickle.pbz2", meta)
    for index, cell in zip((0, 11), CELLS, strict=True):
        save(place / f"{index:06d}.pickle.pbz2", content(index, cell, shift=index))
    return place


def save(path, value, protocol=4):
    path.write_bytes(bz2.compress(pickle.dumps(value, protocol)))


def check(table):
    assert table.space == "nasbench201"
    assert table.architectures == CELLS
    assert table.groups is not None
    values = {name: target.values.tolist() for name, target in table.targets.items()}
    assert values == {
        "cifar10_val": [60.0, 71.0],
        "cifar10_test": [65.5, 76.5],
        "cifar100_val": [70.0, 81.0],
        "cifar100_test": [70.0, 81.0],
        "imagenet16_val": [75.0, 86.0],
        "imagenet16_test": [75.0, 86.0],
    }
    target = table.target("cifar10_test")
    assert target.seeds == (777, 888, 999)
    np.testing.assert_equal(target.per_seed, [[65.0, 66.0, np.nan], [76.0, 77.0, np.nan]])


def test_a_folder_of_nats_bench_becomes_a_table(folder, monkeypatch):
    table = read_table(folder)
    assert table.source == str(folder)
    check(table)
    # A folder beside the program may be named without a slash.
    monkeypatch.chdir(folder.parent)
    check(load_table(folder.name))


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_all_protocols_of_python_3_are_read(folder, protocol):
    for index, cell in zip((0, 11), CELLS, strict=True):
        save(folder / f"{index:06d}.pickle.pbz2", content(index, cell, index), protocol)
    check(read_table(folder))


def test_the_named_table_reads_the_folder_of_the_authors(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("AUTODAS_DATA", str(tmp_path))
    table = load_table("nasbench201")
    assert table.name == "nasbench201"
    check(table)
    check(read_table(convert("nasbench201", [folder], tmp_path / "nb201.csv")))


def test_sets_and_numbers_are_read():
    value = {"a": {1, 2}, "b": [np.float64(2.5), np.int64(-3), True, None, (1, "x")]}
    assert read_nats_pickle(pickle.dumps(value, 4), "file") == value


class Evil:
    ran = False

    def __reduce__(self):
        return (setattr, (Evil, "ran", True))


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (pickle.dumps({"data": Evil()}, 4), "it names 'builtins.setattr'"),
        (pickle.dumps({"data": Evil()}, 2), "it names '__builtin__.setattr'"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02ls\x85R.", "it names 'os.system'"),
        (pickle.dumps(np.arange(3), 4), "it names 'numpy.*_reconstruct'"),
        (pickle.dumps(np.array([Evil()])[0], 4), "it names 'builtins.setattr'"),
        (pickle.dumps(collections.Counter("ab"), 4), "it names 'collections.Counter'"),
        (pickle.dumps(np.str_("a"), 4), "it calls type"),
        (pickle.dumps(np.dtype(">f8"), 4), "no type of a number"),
        (pickle.dumps(np.float64(1), 4).replace(b"C\x08", b"C\x07"), "damaged|it uses"),
        (b"\x80\x04)R.", "damaged"),
        (b"\x80\x04K\x01)R.", "it calls something that is no name"),
        (b"\x80\x04}K\x01}b.", "it changes something"),
        (b"\x80\x04K\x01(K\x02\x90.", "it adds to something that is no set"),
        (b"\x80\x04}(]K\x01u.", "a list stands where a key belongs"),
        (b"\x80\x04ccollections\nOrderedDict\nK\x01\x85R.", "it calls dictionary"),
        (b"", "damaged"),
    ],
)
def test_everything_else_is_refused(data, complaint):
    with pytest.raises(FileProblem, match=complaint) as caught:
        read_nats_pickle(data, "some/file")
    assert str(caught.value).startswith("some/file: ")
    assert "\n" not in str(caught.value)
    assert not Evil.ran


@given(st.data())
def test_damage_never_runs_anything_nor_escapes(data):
    original = bytearray(pickle.dumps(result("cifar10", 777, 2, 5.0), 4))
    for _ in range(data.draw(st.integers(1, 4))):
        original[data.draw(st.integers(0, len(original) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(FileProblem):
        read_nats_pickle(bytes(original), "file")
    assert not Evil.ran


def without(*keys):
    value = content(0, CELLS[0])
    inner = value
    for key in keys[:-1]:
        inner = inner[key]
    del inner[keys[-1]]
    return bz2.compress(pickle.dumps(value, 4))


def spoiled(accuracy):
    value = content(0, CELLS[0])
    value["200"]["all_results"]["cifar10", 777]["eval_acc1es"]["ori-test@2"] = accuracy
    return bz2.compress(pickle.dumps(value, 4))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (without("200"), "is not of NAS-Bench-201 .*200"),
        (without("200", "arch_str"), "arch_str"),
        (without("200", "all_results", ("cifar10", 777), "epochs"), "epochs"),
        (spoiled(100.5), "100.5 is not an accuracy"),
        (spoiled("high"), "'high' is not a number"),
        (bz2.compress(pickle.dumps([1], 4)), "is not of NAS-Bench-201"),
        (b"plain text", "is not packed by bzip2"),
        (bz2.compress(b"x" * 1000)[:-5], "breaks off"),
        (bz2.compress(bytes(2**21)), "is larger than the files of the benchmark"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_damaged_file_is_named(folder, data, message, monkeypatch):
    monkeypatch.setattr("autodas.tables.nasbench201_official.LARGEST", 2**21 - 1)
    (folder / "000011.pickle.pbz2").write_bytes(data)
    with pytest.raises(FileProblem, match=message) as caught:
        read_table(folder)
    assert str(caught.value).startswith(str(folder / "000011.pickle.pbz2"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (bz2.compress(b"x"), "of NATS-Bench the folder NATS-tss-…-simple is read"),
        (b"PK\x03\x04rest", "is an archive"),
        (pickle.dumps({}), "is a pickle, which is a program and is not run"),
    ],
)
def test_files_that_would_have_to_be_run_are_refused_with_advice(tmp_path, data, message):
    path = tmp_path / "NAS-Bench-201-v1_1-096897.pth"
    path.write_bytes(data)
    with pytest.raises(FileProblem, match=message):
        read_table(path)
    with pytest.raises(FileProblem, match=message):
        convert("nasbench101-full", [path], tmp_path / "t.csv")


def test_other_files_and_folders_are_no_originals(tmp_path):
    (tmp_path / "a.csv").write_text("arch,kd_acc\n111,60\n")
    assert not is_tfrecord(tmp_path / "a.csv")
    assert not is_tfrecord(tmp_path / "absent")
    assert len(read_table(tmp_path / "a.csv")) == 1
    with pytest.raises(FileProblem, match="cannot be read"):
        read_table(tmp_path)
    with pytest.raises(FileProblem, match="neither records of NAS-Bench-101 nor"):
        convert("nasbench101-full", [tmp_path], tmp_path / "t.csv")


@pytest.mark.skipif("AUTODAS_DATA" not in os.environ, reason="AUTODAS_DATA is not set")
def test_originals_do_not_hide_the_files_that_are_there():
    assert TABLES.get("nasbench201").path.name == "nasbench201.csv"

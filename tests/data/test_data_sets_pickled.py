"""CIFAR's pickles are read without running them, and nothing else is."""

import collections
import pickle
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from python2_pickle import python2_pickle

from autodas.core.errors import FileProblem
from autodas.data.pickled import read_pickled_arrays

CONTENT = {
    "batch_label": "training batch 1 of 5",
    "labels": [6, 9, 300, 70_000, -1] + [3] * 1500,
    "data": np.arange(600, dtype=np.uint8).reshape(20, 30),
    "filenames": [f"leptodactylus_pentadactylus_s_{i:06}.png" for i in range(400)],
}


def check(found):
    np.testing.assert_array_equal(found["data"], CONTENT["data"])
    assert found["data"].dtype == np.uint8
    assert found["labels"] == CONTENT["labels"]
    assert found["batch_label"] == b"training batch 1 of 5"
    assert found["filenames"][399] == b"leptodactylus_pentadactylus_s_000399.png"
    assert list(found) == list(CONTENT)


def test_reads_what_python_2_wrote():
    data = python2_pickle(CONTENT)
    # The writer is right if Python reads it back; the first bytes are those of the official file.
    assert pickle.loads(data, encoding="bytes")[b"labels"] == CONTENT["labels"]
    assert data.startswith(b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x15training batch 1 of 5q\x03U")
    check(read_pickled_arrays(data, "file"))


@pytest.mark.parametrize("protocol", [2, 3])
def test_reads_what_python_3_writes(protocol):
    content = {**CONTENT, "batch_label": b"training batch 1 of 5"}
    content["filenames"] = [name.encode() for name in CONTENT["filenames"]]
    check(read_pickled_arrays(pickle.dumps(content, protocol), "file"))


def test_fortran_order():
    data = {"data": np.asfortranarray(CONTENT["data"])}
    found = read_pickled_arrays(pickle.dumps(data, 2), "file")
    np.testing.assert_array_equal(found["data"], CONTENT["data"])


class Evil:
    ran = False

    def __reduce__(self):
        return (setattr, (Evil, "ran", True))


def call(module, name, argument=b""):
    return b"\x80\x02c" + module + b"\n" + name + b"\nU" + bytes([len(argument)]) + argument


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (pickle.dumps({"data": Evil()}, 2), "it names '"),
        (call(b"os", b"system", b"touch /tmp/x") + b"\x85R.", "it names 'os.system'"),
        (call(b"numpy", b"load", b"x") + b"\x85R.", "it names 'numpy.load'"),
        (pickle.dumps({"x": collections.OrderedDict()}, 2), "it names 'collections.OrderedDict'"),
        (pickle.dumps({"x": np.arange(3)}, 2), "calls dtype"),
        (pickle.dumps({"x": np.float64(3)}, 2), "it names 'numpy._core.multiarray.scalar'"),
        (pickle.dumps({"x": np.array([Evil()])}, 2), "calls dtype"),
        (pickle.dumps({"x": 1.5}, 2), "it uses BINFLOAT"),
        (pickle.dumps({"x": 1}, 4), "it uses FRAME"),
        (pickle.dumps([1, 2], 2), "it holds a list where a dictionary belongs"),
        (pickle.dumps({3: 1}, 2), "a int stands where a text belongs"),
        (b"\x80\x02}q\x01(U\x01a(K\x01t\x81u.", "it uses NEWOBJ"),
        (b"\x80\x02K\x01K\x02b.", "it changes something that is no array"),
        (b"\x80\x02K\x01K\x02R.", "it calls something that is no name"),
        (b"\x80\x02K\x01(K\x02e.", "it appends to something that is no list"),
        (b"\x80\x02K\x01(U\x01aK\x02u.", "it sets an item of something that is no dictionary"),
        (b"\x80\x02K\x01e.", "a mark is missing"),
        (b"\x80\x02cnumpy\nndarray\nK\x01\x85R.", "it calls ndarray"),
        (b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00rot\x86R.", "calls encode"),
        (b"", "damaged"),
        (b"\x80\x02}", "damaged"),
        (b"\x80\x02h\x05.", "damaged"),
        (b"\x80\x02K\x01K\x02.", "damaged"),
        (b"\x80\x02}(U\x01au.", "damaged"),
        (b"\x80\x02T\xff\xff\xff\x7fabc.", "damaged"),
        (b"PK\x03\x04 something else", "damaged|it uses"),
    ],
)
def test_refuses_everything_else(data, complaint):
    with pytest.raises(FileProblem, match=complaint) as caught:
        read_pickled_arrays(data, "some/file")
    assert str(caught.value).startswith("some/file: ")
    assert "\n" not in str(caught.value)
    assert not Evil.ran


def shaped(shape):
    """An array of three bytes that claims another shape."""
    data = python2_pickle({"data": np.zeros((1, 3), np.uint8)})
    return data.replace(b"K\x01K\x03\x86", shape)


@pytest.mark.parametrize(
    "shape",
    [
        b"K\x02K\x03\x86",
        b"J\xff\xff\xff\xffJ\xfd\xff\xff\xff\x86",
        b"\x8a\x08" + struct.pack("<q", 2**60) + b"K\x03\x86",
        b"NN\x86",
        b"K\x03",
        b"(((K\x03ttt",
    ],
)
def test_refuses_shapes_that_do_not_fit(shape):
    with pytest.raises(FileProblem, match=r"array of .* bytes comes with 3|no tuple of counts"):
        read_pickled_arrays(shaped(shape), "file")


def test_every_truncation_is_noticed():
    data = python2_pickle({"labels": [1, 2], "data": np.zeros((2, 3), np.uint8)})
    for length in range(len(data)):
        with pytest.raises(FileProblem):
            read_pickled_arrays(data[:length], "file")


@given(st.data())
def test_damage_never_runs_anything_nor_escapes(data):
    original = bytearray(python2_pickle({"labels": [1, 2], "data": np.zeros((2, 3), np.uint8)}))
    for _ in range(data.draw(st.integers(1, 4))):
        original[data.draw(st.integers(0, len(original) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read_pickled_arrays(bytes(original), "file")
    except FileProblem:
        return
    assert all(isinstance(key, str) for key in found)


def test_shared_structure_does_not_grow():
    # Each tuple holds the previous one twice: 2^60 elements described in a few bytes.
    doubled = b"".join(b"h" + bytes([i]) + b"\x86q" + bytes([i + 1]) for i in range(60))
    bomb = b")q\x00" + doubled
    assert len(read_pickled_arrays(b"\x80\x02}(U\x01a" + bomb + b"u.", "file")["a"]) == 2
    with pytest.raises(FileProblem, match="no tuple of counts"):
        read_pickled_arrays(shaped(bomb), "file")
    with pytest.raises(FileProblem, match="a tuple stands where a text belongs"):
        read_pickled_arrays(b"\x80\x02}(" + bomb + b"K\x01u.", "file")

"""Folders of images."""

import os
import struct
import weakref
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from autodas.core import keys
from autodas.core.errors import FileProblem, InvalidInput, MissingData
from autodas.data import folder as folder_module
from autodas.data.catalog import load_data
from autodas.data.folder import load_folder
from autodas.data.images import IMAGENET
from autodas.data.pictures import decode_picture
from autodas.data.validation import for_choosing

PIXELS = np.zeros((3, 8, 12), np.uint8)
COLOURS = {"apple": (200, 0, 0), "pear": (0, 200, 0), "plum": (0, 0, 200)}


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Three classes of two training images and one validation image, 12 × 8 pixels, lossless."""
    monkeypatch.setenv("AUTODAS_CACHE", str(tmp_path / "cache"))
    base = tmp_path / "fruit@home"
    for part, count in (("train", 2), ("val", 1)):
        for name, colour in COLOURS.items():
            (base / part / name).mkdir(parents=True)
            for i in range(count):
                picture(colour).save(base / part / name / f"{i}.png")
    return base


def picture(colour, width=12, height=8):
    return Image.new("RGB", (width, height), colour)


def test_classes_and_pixels(root):
    data = load_folder(f"folder:{root}")
    assert data.class_names == ("apple", "pear", "plum")
    assert load_folder(f"folder:{root}").class_names == data.class_names  # from the cache as well
    found = "6 training and 3 test images of 3 classes, 12×8 pixels, 3 channels"
    assert data.in_words == f"folder:{root}: {found}"
    assert data.train_images.shape == (6, 3, 8, 12)
    assert data.num_classes == 3
    assert data.train_labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert data.test_labels.tolist() == [0, 1, 2]
    for image, colour in zip(data.test_images, COLOURS.values(), strict=True):
        assert image[:, 3, 5].tolist() == list(colour)
    assert data.normalisation == IMAGENET


def test_test_folder_serves_when_there_is_no_val(root):
    expected = load_folder(f"folder:{root}").digest
    (root / "val").rename(root / "test")
    assert load_folder(f"folder:{root}").digest == expected


def test_a_size_scales_the_shorter_side_and_takes_the_centre(root):
    # Red, green and blue thirds from left to right: the centre square is green in the middle.
    wide = np.zeros((20, 60, 3), np.uint8)
    for third in range(3):
        wide[:, 20 * third : 20 * third + 20, third] = 250
    for file in (root / "val" / "plum").iterdir():
        Image.fromarray(wide).save(file)
    tall = np.ascontiguousarray(wide.transpose(1, 0, 2))
    for file in (root / "val" / "pear").iterdir():
        Image.fromarray(tall).save(file)
    data = load_folder(f"folder:{root}@10")
    assert data.input_shape == (3, 10, 10)
    for image in data.test_images[1:]:
        # The outermost pixels are averages over what lies beyond the square, too.
        assert (image[1, 1:-1, 1:-1] == 250).all()
        assert (image[[0, 2], 1:-1, 1:-1] == 0).all()
    assert torch.equal(
        data.test_images[0], torch.tensor([200, 0, 0]).view(3, 1, 1).expand(3, 10, 10)
    )


def test_every_size_can_be_scaled(root):
    # The square must not end a rounding error beyond the picture.
    file = root / "any.png"
    for height in range(1, 160):
        picture((9, 9, 9), height + height % 3, height).save(file)
        assert decode_picture(file, file, 64).shape == (3, 64, 64)


def test_grey_transparent_and_turned_images(root):
    files = [root / "val" / name / "0.png" for name in COLOURS]
    Image.new("L", (12, 8), 77).save(files[0])
    Image.new("RGBA", (12, 8), (1, 2, 3, 128)).save(files[1])
    turned = picture((0, 0, 0), 8, 12)
    turned.paste((255, 255, 255), (0, 0, 8, 6))
    exif = turned.getexif()
    exif[0x0112] = 6  # the camera was turned: the stored left is the shown bottom
    turned.save(files[2], exif=exif)
    data = load_folder(f"folder:{root}@8")
    assert (data.test_images[0] == 77).all()
    assert data.test_images[1, :, 4, 4].tolist() == [1, 2, 3]
    assert data.test_images[2, 0, :, 7].min() > data.test_images[2, 0, :, 0].max()


def png16(file, kind, channels):
    """A PNG of 12×8 pixels with 16 bits a channel, which Pillow does not write."""
    rows = (b"\0" + bytes(12 * channels * 2)) * 8
    header = struct.pack(">IIBBBBB", 12, 8, 16, kind, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    pieces = [
        len(its).to_bytes(4) + name + its + zlib.crc32(name + its).to_bytes(4)
        for name, its in chunks
    ]
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(pieces))


def tiff16(file, planes):
    """A TIFF of 12×8 pixels in red, green and blue of 16 bits, side by side or plane by plane."""
    bits, size = 8 + 2 + 12 * 10 + 4, 12 * 8 * 2
    lists = struct.pack("<3H", 16, 16, 16), *(struct.pack("<3I", *each) for each in (
        [bits + 30 + i * size for i in range(3)], [size] * 3,
    ))  # fmt: skip
    count, where = (3, bits + 6) if planes == 2 else (1, bits + 30)
    counts = (3, bits + 18) if planes == 2 else (1, 3 * size)
    tags = (
        (256, 4, 1, 12), (257, 4, 1, 8), (258, 3, 3, bits), (259, 3, 1, 1), (262, 3, 1, 2),
        (273, 4, count, where), (277, 3, 1, 3), (278, 4, 1, 8), (279, 4, *counts),
        (284, 3, 1, planes),
    )  # fmt: skip
    directory = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + directory + bytes(4)
    file.write_bytes(head + b"".join(lists) + bytes(3 * size))


@pytest.mark.parametrize(
    ("suffix", "write"),
    [
        ("png", lambda file: png16(file, 2, 3)),
        ("png", lambda file: png16(file, 4, 2)),
        ("png", lambda file: png16(file, 6, 4)),
        ("ppm", lambda file: file.write_bytes(b"P6 12 8 65535\n" + bytes(12 * 8 * 6))),
        ("ppm", lambda file: file.write_bytes(b"P6 12 8 1023\n" + bytes(12 * 8 * 6))),
        ("ppm", lambda file: file.write_bytes(b"P3 12 8 256\n" + b"0 " * 12 * 8 * 3)),
        ("tif", lambda file: tiff16(file, 1)),
        ("tif", lambda file: tiff16(file, 2)),
    ],
)
def test_colours_of_more_than_eight_bits_are_refused_as_greys_are(tmp_path, suffix, write):
    file = tmp_path / f"deep.{suffix}"
    write(file)
    for source in (file, file.read_bytes()):
        with pytest.raises(FileProblem, match="has more than 8 bits a channel") as caught:
            decode_picture(source, file)
        assert str(caught.value).startswith(f"{file}: ")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", ["png", "ppm", "tif", "bmp", "webp"])
def test_colours_of_eight_bits_or_fewer_are_read(tmp_path, suffix):
    file = tmp_path / f"plain.{suffix}"
    picture((9, 99, 199)).save(file, lossless=True)
    assert decode_picture(file, file)[:, 3, 5].tolist() == [9, 99, 199]
    file.with_suffix(".ppm").write_bytes(b"P6 2 1 15\n" + bytes([15, 0, 0, 0, 15, 15]))
    assert decode_picture(file.with_suffix(".ppm"), file)[:, 0].tolist() == [
        [255, 0], [0, 255], [0, 255],
    ]  # fmt: skip


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_images_of_one_size_may_be_stored_turned(root, orientation, suffix):
    for number, file in enumerate(sorted(root.glob("*/*/*.png"))):
        file.unlink()
        # Upright they are all 12 pixels wide and 8 high.
        sideways = number % 2 and orientation > 4
        stored = picture((9, 9, 9), *((8, 12) if sideways else (12, 8)))
        exif = stored.getexif()
        exif[0x0112] = orientation if number % 2 else 1
        stored.save(file.with_suffix(f".{suffix}"), exif=exif)
    assert load_folder(f"folder:{root}").input_shape == (3, 8, 12)


def test_is_decoded_once(root, monkeypatch):
    first = load_folder(f"folder:{root}")
    monkeypatch.setattr(folder_module, "decode_picture", lambda *_: pytest.fail("decoded again"))
    assert load_folder(f"folder:{root}").digest == first.digest


def test_hidden_files_and_texts_are_no_images(root):
    expected = load_folder(f"folder:{root}").digest
    (root / "train" / "apple" / ".hidden.png").write_text("x")
    (root / "train" / "apple" / "README.txt").write_text("x")
    (root / "train" / ".cache").mkdir()
    assert load_folder(f"folder:{root}").digest == expected


def remove(folder):
    for file in folder.iterdir():
        file.unlink()


@pytest.mark.parametrize(
    ("change", "place", "complaint"),
    [
        (
            lambda r: (r / "train" / "pear" / "1.png").write_bytes(b"x"),
            "train/pear/1.png",
            "no image",
        ),
        (
            lambda r: (r / "train" / "pear" / "1.png").write_bytes(b""),
            "train/pear/1.png",
            "no image",
        ),
        (
            lambda r: cut(r / "train" / "pear" / "1.png"),
            "train/pear/1.png",
            "is damaged",
        ),
        (lambda r: (r / "val" / "pear").rename(r / "pear"), "val/pear", "no such class folder"),
        (lambda r: (r / "val" / "fig").mkdir(), "val/fig", "does not have"),
        (lambda r: remove(r / "val" / "plum"), "val/plum", "holds no images"),
        (lambda r: remove(r / "train" / "plum"), "train/plum", "holds no images"),
        (
            lambda r: picture((0, 0, 0), 9).save(r / "val" / "plum" / "0.png"),
            "val/plum/0.png",
            "9×8",
        ),
        (
            lambda r: Image.new("I;16", (12, 8)).save(r / "val" / "plum" / "0.png"),
            "val/plum/0.png",
            "mode I;16",
        ),
        (
            lambda r: Image.new("RGB", (12, 8)).save(r / "val" / "plum" / "0.png", "GIF"),
            "val/plum/0.png",
            "no image of a known format",
        ),
        (lambda r: (r / "train").rename(r / "t"), "", "has no folders train/ and val/"),
        (lambda r: (r / "val").rename(r / "v"), "", "has no folders train/ and val/"),
        (lambda r: r.rename(r.parent / "gone"), "", "no such folder"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(root, change, place, complaint):
    change(root)
    with pytest.raises(FileProblem, match=complaint) as caught:
        load_folder(f"folder:{root}")
    assert str(caught.value).startswith(f"{root / place}: ")
    assert "\n" not in str(caught.value)


def cut(file):
    noise = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file)
    file.write_bytes(file.read_bytes()[:-100])


def test_an_empty_folder(root):
    for name in COLOURS:
        remove(root / "train" / name)
        (root / "train" / name).rmdir()
    with pytest.raises(FileProblem, match=r"train: has 0 class folders, at least 2"):
        load_folder(f"folder:{root}")


def test_advice_when_sizes_differ(root):
    picture((0, 0, 0), 9).save(root / "train" / "plum" / "1.png")
    with pytest.raises(FileProblem, match=rf"say to which size, e\.g\. folder:{root}@8"):
        load_folder(f"folder:{root}")
    assert load_folder(f"folder:{root}@8").input_shape == (3, 8, 8)


@pytest.mark.parametrize("size", ["0", "2049", "99999999999"])
def test_impossible_sizes(root, size):
    with pytest.raises(InvalidInput, match=f"must lie in 1 to 2048, got {size}"):
        load_folder(f"folder:{root}@{size}")


def test_a_decompression_bomb(root):
    file = root / "train" / "pear" / "1.png"
    content = bytearray(file.read_bytes())
    content[16:24] = (10_000).to_bytes(4) * 2  # few enough for Pillow to warn only
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4)
    file.write_bytes(content)
    with pytest.raises(FileProblem, match="is too large"):
        load_folder(f"folder:{root}@8")


def test_says_that_pillow_is_missing(root, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingData, match="pip install Pillow"):
        load_folder(f"folder:{root}")


def linked(folder, entries):
    """A folder of links: part/class/name -> file of the pool."""
    for name, target in entries.items():
        link = folder / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)
    return f"folder:{folder}"


def test_a_link_that_moves_to_another_class_brings_another_label(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTODAS_CACHE", str(tmp_path / "cache"))
    pool = [tmp_path / f"{i}.png" for i in range(1, 7)]
    for i, file in enumerate(pool):
        picture((40 * i, 0, 0)).save(file)
    folder = tmp_path / "set"
    places = ("train/a/1.png", "train/a/2.png", "train/a/3.png", "train/b/4.png")
    entries = dict(zip((*places, "val/a/5.png", "val/b/6.png"), pool, strict=True))
    before = load_folder(linked(folder, entries))
    assert before.train_labels.tolist() == [0, 0, 0, 1]
    (folder / "train/a/3.png").rename(folder / "train/b/3.png")
    after = load_folder(f"folder:{folder}")
    assert after.train_labels.tolist() == [0, 0, 1, 1]
    assert after.digest != before.digest
    # From one part to the other, under the names that were there.
    (folder / "val/b/6.png").rename(folder / "swap")
    (folder / "train/b/4.png").rename(folder / "val/b/6.png")
    (folder / "swap").rename(folder / "train/b/4.png")
    swapped = load_folder(f"folder:{folder}")
    assert swapped.test_images[1, 0].unique().tolist() == [120]
    assert load_folder(f"folder:{folder}").digest == swapped.digest


def test_a_file_of_the_same_size_and_date_is_read_again(root):
    file = root / "train" / "apple" / "0.bmp"
    picture((1, 2, 3)).save(file)
    before, state = load_folder(f"folder:{root}").digest, file.stat()
    picture((4, 5, 6)).save(file)
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (state.st_size, state.st_mtime_ns)
    assert load_folder(f"folder:{root}").digest != before


@pytest.mark.parametrize(("code", "package"), [(True, ""), (False, "pillow"), (False, "numpy")])
def test_other_code_or_another_version_decodes_again(root, monkeypatch, code, package):
    name, decoded = f"folder:{root}", []
    load_folder(name)
    monkeypatch.setattr(folder_module, "decode_picture", lambda *a: decoded.append(a) or PIXELS)
    load_folder(name)
    assert not decoded
    if code:
        monkeypatch.setattr(keys, "source_of", lambda *parts: f"other {parts}")
    else:
        version = keys._version
        monkeypatch.setattr(keys, "_version", lambda n: "0" if n == package else version(n))
    load_folder(name)
    assert len(decoded) == 9


def test_parts_by_other_names_and_three_of_them(root):
    two = load_folder(f"folder:{root}")
    for old, new in (("train", "Training"), ("val", "valid")):
        (root / old).rename(root / new)
    assert load_folder(f"folder:{root}").digest == two.digest
    for name, colour in COLOURS.items():
        (root / "test" / name).mkdir(parents=True)
        for i in range(3):
            picture(tuple(c // 2 for c in colour)).save(root / "test" / name / f"{i}.png")
    data = load_folder(f"folder:{root}")
    assert data.test_labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert data.test_images[0, :, 0, 0].tolist() == [100, 0, 0]
    images, labels = data.validation
    assert torch.equal(images, two.test_images)
    assert labels.tolist() == [0, 1, 2]
    assert "6 training, 3 validation and 9 test images" in data.in_words
    again = load_folder(f"folder:{root}")  # from the cache
    assert torch.equal(again.validation[0], images)
    # Choices are made on it, and not on a part that is cut from the training images.
    choosing = for_choosing(data)
    assert torch.equal(choosing.test_images, images)
    assert torch.equal(choosing.train_images, data.train_images)
    assert data.digest != two.digest


def test_a_part_of_two_names_is_refused(root):
    (root / "valid").mkdir()
    with pytest.raises(FileProblem, match="valid: is the same part as val/: which one counts"):
        load_folder(f"folder:{root}")


@pytest.fixture
def unparted(root):
    """Ten images of each class, two of them equal, in one folder for each class."""
    rng = np.random.default_rng(0)
    for name in COLOURS:
        for i in range(9):
            pixels = rng.integers(0, 256, (8, 12, 3), dtype=np.uint8)
            folder = root.parent / "whole" / name
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(folder / f"{i}.png")
        Image.fromarray(pixels).save(folder / "equal.png")
    return root.parent / "whole"


def rows(images):
    return {bytes(image.numpy().tobytes()) for image in images}


@pytest.mark.parametrize("parted", [False, True])
def test_a_share_is_held_out(unparted, parted):
    root = unparted
    if parted:
        root = unparted.parent / "parted"
        root.mkdir()
        unparted.rename(root / "train")
    data = load_folder(f"folder:{root},val-split=0.34")
    # 27 different images, of which 9 are held out, three of each class; equal ones stay together.
    assert len(rows(data.test_images)) == 9
    assert len(rows(data.train_images)) == 18
    assert not rows(data.test_images) & rows(data.train_images)
    assert len(data.test_labels) + len(data.train_labels) == 30
    different = {
        (bytes(i.numpy().tobytes()), int(k))
        for i, k in zip(data.test_images, data.test_labels, strict=True)
    }
    assert sorted(label for _, label in different) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert load_folder(f"folder:{root}@8,val-split=0.34").input_shape == (3, 8, 8)
    assert load_folder(f"folder:{root},val-split=0.34").digest == data.digest


def test_what_cannot_be_split_is_said(unparted, root):
    with pytest.raises(FileProblem, match=rf"--val-split 0\.1 or folder:{unparted},val-split=0\.1"):
        load_folder(f"folder:{unparted}")
    for share in ("0", "1", "x", "nan", "-0.1"):
        with pytest.raises(InvalidInput, match=f"a share between 0 and 1, got '{share}'"):
            load_folder(f"folder:{unparted},val-split={share}")
    with pytest.raises(InvalidInput, match="leaves nothing on one side"):
        load_folder(f"folder:{unparted},val-split=0.001")
    with pytest.raises(InvalidInput, match="nothing to split, it has train and val already"):
        load_folder(f"folder:{root},val-split=0.1")


def test_classes_within_classes(root):
    expected = load_folder(f"folder:{root}").digest
    for part in ("train", "val"):
        (root / part / "apple").rename(root / part / "a")
        (root / part / "round").mkdir()
        (root / part / "a").rename(root / part / "round" / "apple")
        (root / part / "plum").rename(root / part / "round" / "plum")
        (root / part / "__MACOSX").mkdir()
    (root / "train" / "pear" / "deep" / "er").mkdir(parents=True)
    (root / "train" / "pear" / "1.png").rename(root / "train" / "pear" / "deep" / "er" / "1.png")
    data = load_folder(f"folder:{root}")
    assert data.class_names == ("pear", "round/apple", "round/plum")
    assert data.train_labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert data.digest != expected  # in another order


def test_broken_images_are_left_out_if_asked(root):
    cut(root / "train" / "pear" / "1.png")
    (root / "val" / "plum" / "1.jpg").write_text("not an image")
    with pytest.raises(FileProblem, match="1"):
        load_folder(f"folder:{root}")
    data = load_folder(f"folder:{root},skip-broken")
    assert data.train_labels.tolist() == [0, 0, 1, 2, 2]
    assert data.skipped == 2
    assert data.in_words.endswith("; 2 broken images are left out")
    assert load_folder(f"folder:{root},skip-broken").skipped == 2


def listing(root, text):
    (root / "labels.csv").write_text(text)
    return f"csv:{root / 'labels.csv'}"


def test_a_list_of_files(root):
    lines = ["path,label,split,camera"]
    for part in ("train", "val"):
        for name in ("plum", "apple"):
            lines.append(f'{part}/{name}/0.png,"{name}, ripe",{part},x')
    data = load_data(listing(root, "\n".join(lines)))
    assert data.class_names == ("apple, ripe", "plum, ripe")
    assert data.train_labels.tolist() == [1, 0]
    assert [image[:, 0, 0].tolist() for image in data.test_images] == [[0, 0, 200], [200, 0, 0]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no column 'path'; its columns are none"),
        ("path,class\nx,y", "has no column 'label'; its columns are path, class"),
        ("path,label\nx,y", "has 1 different labels"),
        ("path,label,split\na,b,train\na,c,holdout", "the split 'holdout'; splits are train"),
        ("path,label,split\na,b,val\na,c,test", "has no images of the split train"),
        ("path,label,split\na,b,train\na,c,train\na,c,val", "there is no such file"),
        (
            "path,label,split\na,b,train\na,c,train\na,d,val",
            "the label 'd' in val, but in no image",
        ),
        ("path,label\na,b\na,c\na\n", "line 4: 1 cells, the header has 2 columns"),
        ("path,label\na,b\na,c\na,b,c.png\n", "line 4: 3 cells, the header has 2 columns"),
        ("path,label\na,b\na, \n", "line 3, column label: the cell is empty"),
        ("path,label\n,b\na,c\n", "line 2, column path: the cell is empty"),
        ("path,label,label\na,b,c\na,c,b\n", "column 'label' appears twice"),
        ("path,label\na,b\n'a,c\n\"a,c\n", "line 4: is not CSV"),
    ],
)
def test_a_list_that_is_wrong_is_named(root, text, message):
    with pytest.raises((FileProblem, MissingData), match=message) as said:
        load_data(listing(root, text))
    assert "\n" not in str(said.value)


def test_the_folder_one_is_in_is_a_folder(root, monkeypatch):
    monkeypatch.chdir(root)
    for name in ("folder:.", "folder:"):
        assert (
            load_data(name).train_labels.tolist()
            == load_folder(f"folder:{root}").train_labels.tolist()
        )
    with pytest.raises(FileProblem, match="directory"):
        load_data("csv:.")


def test_what_is_blank_around_a_cell_makes_no_other_class(root):
    """Nor do lines of nothing, nor an accent that another system wrote apart from its letter."""
    cells = [("train/plum/0.png ", "p\u00eache"), ("train/plum/1.png", "pe\u0302che "),
             ("train/pear/1.png", " pear"), ("val/pear/0.png", "pear")]  # fmt: skip
    parts = ("train", "train", "train ", "val")
    rows = [f"{path}, {label},{part}" for (path, label), part in zip(cells, parts, strict=True)]
    data = load_data(listing(root, "\n".join(["", "path, label ,split", *rows, ",,", ""])))
    assert data.class_names == ("pear", "p\u00eache")
    assert data.train_labels.tolist() == [1, 1, 0]
    assert data.test_labels.tolist() == [0]


def test_memory_does_not_grow_with_the_images(root, monkeypatch):
    """Images are decoded one by one: what was decoded before is written by then."""
    decode, alive = folder_module.decode_picture, []

    def watched(*arguments):
        picture = decode(*arguments)
        alive.append(weakref.ref(picture.base if picture.base is not None else picture))
        return picture

    monkeypatch.setattr(folder_module, "decode_picture", watched)
    most = 0

    original = folder_module.Decoding

    def counting(*arguments):
        labels, shape, classes, images, skipped = arguments

        def each():
            nonlocal most
            for image in images:
                most = max(most, sum(ref() is not None for ref in alive))
                yield image

        return original(labels, shape, classes, each(), skipped)

    monkeypatch.setattr(folder_module, "Decoding", counting)
    load_folder(f"folder:{root}")
    assert len(alive) == 9
    assert most <= 2

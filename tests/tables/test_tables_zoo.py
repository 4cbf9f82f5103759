"""Zoos: students of several families, trained for several durations with and without a teacher."""

from __future__ import annotations

import csv
import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest

from autodas.core.errors import FileProblem
from autodas.spaces import get_space
from autodas.tables import Training
from autodas.tables.read import read_table
from autodas.tables.zoo import timm_name
from autodas.workbench.ground_truth import load_table, space_of

HEAD = "epochs,family,mode,params,top1_imagenet,top1_imagenetplus\n"
needs_timm = pytest.mark.skipif(
    importlib.util.find_spec("timm") is None, reason='the extra is missing: "autodas[timm]"'
)
needs_data = pytest.mark.skipif("AUTODAS_DATA" not in os.environ, reason="AUTODAS_DATA is not set")


def write(folder, *rows, head=HEAD):
    file = folder / "zoo.csv"
    file.write_text(head + "".join(f"{row}\n" for row in rows))
    return file


def test_durations_are_targets_and_vanilla_is_beside_each(tmp_path):
    rows = (
        "150,ResNet,18,11.7M,69.9,73.2",
        "150,Swin-384,base,87.8M,82.6,83.2",
        "300,ResNet,18,11.7M,71.2,74.2",
    )
    table = read_table(write(tmp_path, *rows))
    assert table.space == "timm:resnet18,swin_base_patch4_window12_384"
    assert table.architectures == ("resnet18", "swin_base_patch4_window12_384")
    found = {name: target.values for name, target in table.targets.items()}
    assert list(found) == ["distilled_150", "vanilla_150", "distilled_300", "vanilla_300"]
    np.testing.assert_array_equal(found["distilled_150"], [73.2, 83.2])
    np.testing.assert_array_equal(found["vanilla_300"], [71.2, np.nan])
    assert table.targets["distilled_300"].training is Training.DISTILLED
    assert table.targets["vanilla_150"].training is Training.VANILLA
    np.testing.assert_array_equal(table.published["distilled_150/vanilla"], [69.9, 82.6])


def test_averaged_weights_are_targets_of_their_own(tmp_path):
    head = HEAD.strip() + ",top1_imagenet_ema,top1_imagenetplus_ema\n"
    table = read_table(write(tmp_path, "150,ViT,tiny,5.6M,72.1,74.3,72.2,74.4", head=head))
    assert table.targets["distilled_150_ema"].values[0] == 74.4
    assert table.published["distilled_150_ema/vanilla"][0] == 72.2


def test_a_column_may_name_models_of_any_family(tmp_path):
    head = HEAD.strip() + ",model\n"
    table = read_table(write(tmp_path, "90,RegNet,x,5M,70,71,timm:regnetx_002", head=head))
    assert table.architectures == ("regnetx_002",)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("150,RegNet,x,5M,70,71", "line 2, column family: 'RegNet' is not known; known are ResNet"),
        ("150,Swin,huge,5M,70,71", "'huge' is no known mode of it"),
        ("soon,ViT,tiny,5M,70,71", "line 2, column epochs: 'soon' is not a number of epochs"),
        ("150,ViT,tiny,5M,70,171", "not an accuracy in percent"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, row, complaint):
    with pytest.raises(FileProblem, match=complaint):
        read_table(write(tmp_path, row))


def test_a_student_is_there_once_for_each_duration(tmp_path):
    row = "150,MobileViT,xx_small,1.3M,66.0,67.4"
    with pytest.raises(FileProblem, match="'mobilevit_xxs for 150 epochs' is already at line 2"):
        read_table(write(tmp_path, row, row))


@pytest.mark.parametrize(
    ("family", "mode", "name"),
    [
        ("MobileNetV1", "0.25", "mobilenetv1_025"),
        ("MobileNetV2", "1.0", "mobilenetv2_100"),
        ("MobileNetV3", "large", "mobilenetv3_large_100"),
        ("MobileViT", "x_small", "mobilevit_xs"),
        ("EfficientNet", "b3", "efficientnet_b3"),
        ("ViT-384", "base", "vit_base_patch16_384"),
        ("ResNet", "18d", None),
    ],
)
def test_families_are_called_as_timm_calls_them(family, mode, name):
    assert timm_name(family, mode) == name


@needs_timm
@pytest.mark.parametrize(
    ("name", "params"),
    # Parameters that ml-dr prints, in millions, and published ones of its widths of 1.0.
    [("mobilenetv1_025", 0.5), ("mobilenetv1_050", 1.3), ("mobilenetv2_025", 1.5)],
)
def test_narrow_mobilenets_have_a_name(name, params):
    space = get_space(f"timm:{name}")
    arch = space.decode(name)
    assert round(space.cost(arch).params / 1e6, 1) == params
    shallow, deep = (get_space(f"timm:{name[:-4]}_{width}") for width in ("025", "100"))
    depths = [each.depth(next(each.enumerate())) for each in (shallow, deep)]
    assert depths[0] == depths[1]


@pytest.mark.slow
@needs_timm
@needs_data
def test_students_of_the_published_zoo_have_its_sizes():
    """Up to rounding to 0.1 million, and 2 %: the zoo's own code differs from timm's a little."""
    table = load_table("apple-dr")
    assert (len(table), len(table.targets)) == (27, 12)
    space = space_of(table)
    path = Path(os.environ["AUTODAS_DATA"]) / "apple_dr_imagenet_distilled.csv"
    for row in list(csv.DictReader(path.open(encoding="utf-8")))[:27]:
        arch = space.decode(timm_name(row["family"], row["mode"]))
        published = float(row["params"].removesuffix("M"))
        assert abs(space.cost(arch).params / 1e6 - published) <= 0.05 + 0.02 * published, row

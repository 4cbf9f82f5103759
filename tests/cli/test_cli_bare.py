"""`autodas label` where tyro, rich, matplotlib and scikit-learn are not installed."""

import subprocess
import sys
from pathlib import Path

import pytest

from autodas.cli.options import options_of
from autodas.cli.plain import made
from autodas.core.errors import InvalidInput, MissingData
from autodas.steps.label.run import LabelConfig
from autodas.steps.measure import MeasureConfig

KNOWN = options_of(LabelConfig)

CODE = """
import importlib.machinery, sys
GONE = {"tyro", "rich", "jinja2", "matplotlib", "sklearn", "pooch", "timm"}
class Gone:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in GONE:
            raise ModuleNotFoundError(name)
find = importlib.machinery.PathFinder.find_spec
def spec(name, path=None, target=None):
    return None if name.partition(".")[0] in GONE else find(name, path, target)
importlib.machinery.PathFinder.find_spec = staticmethod(spec)
from autodas.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def test_words_become_what_tyro_makes_of_them():
    given = {
        "--students": ["7"],
        "--temperature": ["2.5"],
        "--no-vanilla": [],
        "--losses": ["kd=1", "at=2"],
        "--out": ["a/b"],
        "--kd-weight": ["None"],
        "--backend": ["serial"],
    }
    assert made(LabelConfig, KNOWN, given) == LabelConfig(
        students=7,
        temperature=2.5,
        vanilla=False,
        losses=("kd=1", "at=2"),
        out=Path("a/b"),
        backend="serial",
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"--students": ["many"]}, "--students takes a whole number, got 'many'"),
        ({"--backend": ["serail"]}, "--backend: unknown value 'serail'; did you mean 'serial'"),
    ],
)
def test_wrong_words_are_refused(given, message):
    with pytest.raises(InvalidInput, match=message):
        made(LabelConfig, KNOWN, given)


def test_what_is_not_plain_needs_tyro():
    with pytest.raises(MissingData, match="pip install tyro"):
        made(MeasureConfig, options_of(MeasureConfig), {})


def test_labels_are_made_with_pytorch_alone(tmp_path):
    images = tmp_path / "data"
    for part in ("train", "val"):
        for label in "ab":
            folder = images / part / label
            folder.mkdir(parents=True)
            for i in range(4):
                (folder / f"{i}.ppm").write_bytes(
                    b"P6 8 8 255\n" + bytes([50 * i + ord(label)] * 192)
                )
    words = f"label --space digits-cnn --data folder:{images} --recipe fashion-cnn-short --epochs 1"
    words += f" --students 1 --seeds 1 --backend serial --out {tmp_path / 'run'}"
    words += " --teacher untrained:cifar-resnet20/2"
    done = subprocess.run(
        [sys.executable, "-c", CODE, *words.split()], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "run" / "table.csv").read_text().splitlines()) == 3

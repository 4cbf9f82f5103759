"""Memory does not grow with the images of a folder, but for their names."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

FEW, MANY = 2_000, 200_000
PROGRAM = """
import json, resource, sys
import torch
from autodas.data import folder
from autodas.distill import get_recipe
from autodas.distill.batches import PictureLoader

torch.set_num_threads(1)
folder._room = lambda: 0
data = folder.load_folder(sys.argv[1])
order = torch.randperm(len(data.train_labels))
loader = PictureLoader(data, get_recipe("cnn-short"), seed=0, processes=1)
seen = sum(len(batch) for batch in loader.epoch(0, order.split(128)))
of = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
print(json.dumps([seen, *(resource.getrusage(who).ru_maxrss * 1024 for who in of)]))
"""


def folder_of(root, count):
    """Ten classes of ``count`` pictures in all, most of them other names of one file."""
    rng = np.random.default_rng(0)
    for part, size in (("train", count // 10), ("val", 2)):
        for number in range(10):
            folder = root / part / f"class {number}"
            folder.mkdir(parents=True)
            for i in range(size):
                file = folder / f"{i:06d}.png"
                if i % 5000 == 0:  # a file has so many names at most in some systems
                    first = file
                    pixels = rng.integers(0, 256, (10, 10, 3), dtype=np.uint8)
                    Image.fromarray(pixels).save(file)
                else:
                    file.hardlink_to(first)
    return f"folder:{root}@8"


@pytest.mark.slow
def test_memory_is_flat_in_the_number_of_images(tmp_path):
    peaks = []
    for count in (FEW, MANY):
        name = folder_of(tmp_path / str(count), count)
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, name],
            check=True,
            capture_output=True,
            text=True,
            env=os.environ | {"AUTODAS_CACHE": str(tmp_path / f"cache {count}")},
        )
        seen, *peak = json.loads(done.stdout)
        assert seen == count
        peaks.append(peak)
    # Of this process and of the one that decodes: names, labels and digests, half a kilobyte an
    # image while a folder is listed; images of 224 pixels have 150 kilobytes each once decoded.
    for few, many in zip(*peaks, strict=True):
        assert (many - few) / (MANY - FEW) < 1_000

"""Which processes of Ray there are, to see that tests leave none behind."""

import os
import time
from pathlib import Path


def of_ray(title=b"ray::"):
    """Identifiers of the processes of Ray with such a title, and of its servers."""
    found = set()
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdecimal() and folder.stat().st_uid == os.getuid():
                words = folder.joinpath("cmdline").read_bytes()
                if words.startswith(title) or b"/ray/core/src/ray/" in words:
                    found.add(int(folder.name))
        except OSError:
            continue  # it has just ended
    return found


def settled(condition, seconds=150):
    """Whether the condition holds within so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True

"""The statistics of one architecture on disk: content-addressed, atomic, checked when read.

One safetensors file holds everything measured of one (architecture, initialisation, batch,
teacher, sketch): all values in one tensor, and in the metadata what lies where, with a SHA-256 of
the content; a file that does not match, or cannot be read at all, counts as absent and is measured
again. Several processes may fill one cache: a file is replaced whole, and every version of it is
correct.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from safetensors.numpy import save

from autodas.core.digest import canonical_json
from autodas.core.files import write_bytes
from autodas.core.results import Failed, Ok, Result
from autodas.core.values import FloatArray
from autodas.statistics.catalog import STATISTICS
from autodas.statistics.measurement import Measured

__all__ = ["FORMAT", "Cache"]

FORMAT = 2  # raise when the file format changes; part of every key


class Cache:
    """A folder of measured statistics.

    Args:
        folder: Where files are kept; made when first written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, key: str) -> Path:
        """The file of a key (64 hexadecimal digits)."""
        return self.folder / key[:2] / f"{key}.safetensors"

    def read(self, key: str, names: Iterable[str]) -> dict[str, Result[Measured]]:
        """What is known of ``names``; unknown, outdated and damaged entries are left out."""
        content = self._load(key)
        if content is None:
            return {}
        header, arrays = content
        found: dict[str, Result[Measured]] = {}
        for name in names:
            entry = header.get(name)
            if entry is not None and entry["version"] == STATISTICS.get(name).version:
                found[name] = _unpack(entry, arrays.get(name))
        return found

    def write(self, key: str, values: Mapping[str, Result[Measured]]) -> None:
        """Add ``values`` to what the file of ``key`` holds.

        Raises:
            FileProblem: the folder cannot be written to.
        """
        header, arrays = self._load(key) or ({}, {})
        for name, value in values.items():
            header[name], packed = _pack(name, value)
            if packed is None:
                arrays.pop(name, None)
            else:
                arrays[name] = packed
        text = canonical_json(header)
        flat = np.concatenate([np.empty(0, np.float32), *(arrays[name] for name in sorted(arrays))])
        metadata = {"statistics": text, "sha256": _checksum(key, text, flat)}
        write_bytes(self.path(key), save({"values": flat}, metadata), lasting=False)

    def _load(self, key: str) -> tuple[dict[str, Any], dict[str, FloatArray]] | None:
        """What the file of ``key`` says of each statistic, and the values of those that have any.

        Reading must be cheap beside measuring even for tiny networks, hence one tensor and one
        pass of the checksum.
        """
        try:
            with safetensors.safe_open(self.path(key), framework="numpy") as handle:
                metadata = handle.metadata() or {}
                flat = handle.get_tensor("values")
        except (OSError, safetensors.SafetensorError, ValueError, TypeError, KeyError):
            return None  # absent or damaged: either way it is to be measured
        text = metadata.get("statistics", "")
        if metadata.get("sha256") != _checksum(key, text, flat):
            return None
        header = json.loads(text)
        arrays, start = {}, 0
        for name in sorted(header):
            if "size" in header[name]:
                stop = start + header[name]["size"]
                arrays[name] = flat[start:stop]
                start = stop
        return header, arrays


def _checksum(key: str, header: str, flat: FloatArray) -> str:
    # With the key, so that the file of another key is not believed in this one's place.
    checksum = hashlib.sha256("\0".join([key, header, str(flat.dtype), ""]).encode())
    checksum.update(np.ascontiguousarray(flat).data)
    return checksum.hexdigest()


def _pack(name: str, value: Result[Measured]) -> tuple[dict[str, Any], FloatArray | None]:
    version = STATISTICS.get(name).version
    if isinstance(value, Failed):
        return {"version": version, "failed": value.reason}, None
    measured = value.value
    parts = [np.empty(0, np.float32), *(segment.ravel() for segment in measured.segments)]
    flat = np.concatenate(parts)
    return {
        "version": version,
        "shapes": [list(segment.shape) for segment in measured.segments],
        "counts": list(measured.counts),
        "size": flat.size,
    }, flat


def _unpack(entry: Mapping[str, Any], flat: FloatArray | None) -> Result[Measured]:
    if flat is None:
        return Failed(str(entry.get("failed", "no values in the cache")))
    segments, start = [], 0
    for shape in entry["shapes"]:
        stop = start + math.prod(shape)
        segment = flat[start:stop]
        segments.append(segment if len(shape) == 1 else segment.reshape(shape))
        start = stop
    return Ok(Measured(tuple(segments), tuple(entry["counts"])))

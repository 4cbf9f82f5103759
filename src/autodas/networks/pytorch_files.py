"""Weights in files of ``torch.save``, read as data.

Such a file is a pickle, which is a program. ``torch.load(weights_only=True)`` obeys the few
instructions of it that make tensors and plain containers, and refuses all others; before PyTorch
2.6 it could be led astray (CVE-2025-32434), so older ones are not asked.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from autodas.core.errors import FileProblem, MissingData
from autodas.core.files import read_bytes
from autodas.networks.checkpoint import PICKLED

__all__ = ["read_weights"]

OLDEST = (2, 6)
# Under which keys training scripts keep the weights, the averaged ones first.
KEYS = ("state_dict_ema", "model_ema", "ema", "state_dict", "model_state_dict", "model_state",
        "model", "network", "net", "student", "weights", "params")  # fmt: skip
WANTED = (
    "wanted is a network's state_dict(), kept by torch.save or as safetensors by the program that "
    "made it"
)
# What PyTorch says of a pickle that wants more than tensors and plain containers.
MORE = re.compile(r"(?:GLOBAL|class|instantiate) ['\"]?((?:\w+\.)+\w+)")
# Parts of archives that hold programs: of TorchScript, of torch.export.
PROGRAMS = ("/constants.pkl", "/archive_format")
# In front of all names: of DataParallel, torch.compile, Lightning, and of wrappers of one's own.
PREFIXES = ("module.", "_orig_mod.", "model.", "network.", "net.")


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a network's state, without what wrappers put before every name.

    Args:
        path: A file of ``torch.save``, of a ``state_dict()`` or of a dictionary that holds one; or
            a safetensors file.

    Raises:
        FileProblem: it cannot be read, holds more than data, or no tensors.
        MissingData: PyTorch is too old to read such files safely.
    """
    if path.suffix == ".safetensors":
        try:
            return _plain(safetensors.torch.load(read_bytes(path)))
        except SafetensorError as error:
            raise FileProblem(path, f"is not a safetensors file ({error})") from None
    if _version() < OLDEST:
        raise MissingData(
            f"files of torch.save are read safely by PyTorch {'.'.join(map(str, OLDEST))} and "
            f"later, here is {torch.__version__}"
        )
    return _plain(_state(_loaded(path), path))


def _loaded(path: Path) -> Any:  # noqa: ANN401 - whatever is in the file
    """What was given to torch.save.

    Raises:
        FileProblem: it cannot be read, or holds more than data.
    """
    data = read_bytes(path)
    why = ""
    if not data.startswith(PICKLED):
        why = f"is not a file of torch.save{', but empty' if not data else ''}"
    elif _is_program(data):
        why = "holds a program (TorchScript or torch.export)"
    if why:
        raise FileProblem(path, f"{why}; {WANTED}")
    try:
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # of the unpickler, the archive or the tensors in it
        more = MORE.search(str(error))
        why = "is damaged, or not of torch.save"
        if more:
            why = f"holds more than weights ({more[1][:100]}), which is not run"
        raise FileProblem(path, f"{why}; {WANTED}") from None


def _is_program(data: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return any(name.endswith(PROGRAMS) for name in archive.namelist())
    except zipfile.BadZipFile:
        return False


def _version() -> tuple[int, int]:
    major, minor = torch.__version__.split(".")[:2]
    return int(major), int(minor)


def _state(content: Any, path: Path) -> dict[str, Tensor]:  # noqa: ANN401 - whatever is in the file
    """The tensors by name, wherever a training script has put them."""
    if isinstance(content, Mapping):
        found = {str(k): v for k, v in content.items() if isinstance(v, Tensor)}
        if found:
            return found
        for key in KEYS:
            if isinstance(content.get(key), Mapping):
                return _state(content[key], path)
    what = type(content).__name__
    if isinstance(content, Mapping):
        what = f"a dictionary of {', '.join(map(str, list(content)[:8])) or 'nothing'}"
    raise FileProblem(
        path, f"holds no tensors by name, but {what}; wanted is a network's state_dict()"
    )


def _plain(state: dict[str, Tensor]) -> dict[str, Tensor]:
    changed = True
    while changed:
        changed = False
        for prefix in PREFIXES:
            if all(name.startswith(prefix) for name in state):
                state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
                changed = True
    # A copy of each: safetensors takes no two names for one memory.
    return {name: t.detach().contiguous().clone() for name, t in state.items()}

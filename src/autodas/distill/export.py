"""The trained student as a file that anybody can load."""

from __future__ import annotations

import contextlib
import io
import json
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from autodas.core.errors import AutodasError, FileProblem, MissingData
from autodas.core.files import write_bytes
from autodas.teachers import load_weights, read_description, save_checkpoint

__all__ = [
    "STUDENT",
    "ExportFailed",
    "export_onnx",
    "export_program",
    "load_student_weights",
    "save_student",
]

STUDENT = "student.safetensors"
N = TypeVar("N", bound=nn.Module)


class ExportFailed(AutodasError):
    """The network cannot be written in the form asked for."""


def save_student(network: nn.Module, folder: Path, description: Mapping[str, Any]) -> Path:
    """Write ``student.safetensors`` and ``student.json`` into ``folder``, each atomically.

    Args:
        network: The student.
        folder: Made if need be.
        description: What it is, as plain JSON values: at least ``space`` and ``arch``, from
            which its network can be built again.

    Returns:
        Path of the weights.

    Raises:
        FileProblem: a file cannot be written.
    """
    weights = folder / STUDENT
    save_checkpoint(weights, network, description)
    return weights


def load_student_weights(path: Path, network: N) -> N:
    """Fill the freshly built ``network`` with the weights at ``path``, ready for use.

    Args:
        path: The weights, or the folder that holds them.
        network: Built from the ``space`` and ``arch`` in the description
            (:func:`autodas.teachers.read_description`).

    Returns:
        The same network in evaluation mode.

    Raises:
        FileProblem: the files are missing, damaged, or of another network.
    """
    weights = path / STUDENT if path.is_dir() else path
    load_weights(network, weights, read_description(weights)["sha256"])
    return network.eval()


def export_program(network: nn.Module, images: Tensor, path: Path) -> Path:
    """Write ``network`` as a program of ``torch.export``, for any number of images.

    Unlike the weights alone it runs without this package; but ``torch.export.load`` reads more
    than tensors, so open only programs of your own.

    Args:
        network: In evaluation mode afterwards.
        images: ``(B, C, H, W)`` example, B ≥ 2.
        path: ``….pt2``.

    Returns:
        ``path``.

    Raises:
        ExportFailed: the network cannot be traced.
        FileProblem: the file cannot be written.
    """
    network.eval()
    batch = torch.export.Dim("batch", min=1)
    held = io.BytesIO()
    with _future_unheard():
        try:
            program = torch.export.export(network, (images,), dynamic_shapes=({0: batch},))
        except Exception as error:
            raise ExportFailed(f"torch.export cannot trace the student: {_first(error)}") from error
        torch.export.save(program, held)
    write_bytes(path, held.getvalue())
    return path


def export_onnx(
    network: nn.Module, images: Tensor, path: Path, about: Mapping[str, Any] = MappingProxyType({})
) -> Path:
    """Write ``network`` as ONNX, input ``images``, output ``logits``, for any number of images.

    Args:
        network: In evaluation mode afterwards.
        images: ``(B, C, H, W)`` example, B ≥ 2.
        path: ``….onnx``.
        about: Plain JSON values to keep as the model's metadata, each as JSON under its name.

    Returns:
        ``path``.

    Raises:
        MissingData: the extra ``onnx`` is not installed.
        ExportFailed: the network has an operation that ONNX lacks.
        FileProblem: the file cannot be written.
    """
    try:
        import onnx  # noqa: F401, PLC0415 - an optional package
        import onnxscript  # noqa: F401, PLC0415
    except ImportError:
        raise MissingData(
            "ONNX export needs two packages; install them with: pip install 'autodas[onnx]'"
        ) from None
    network.eval()
    try:
        with _future_unheard():
            program = torch.onnx.export(
                network,
                (images,),
                input_names=["images"],
                output_names=["logits"],
                dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
                dynamo=True,
                verbose=False,
            )
    except Exception as error:
        raise ExportFailed(f"ONNX cannot express the student: {_first(error)}") from error
    if program is None:
        raise ExportFailed("ONNX cannot express the student: PyTorch returned no program")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        model = program.model_proto
        for node in model.graph.node:
            # Of each operation the exporter notes the lines of code it came from: more bytes than
            # a small student has, and paths of this machine.
            del node.metadata_props[:]
            node.doc_string = ""
        for name, value in about.items():
            model.metadata_props.add(key=name, value=json.dumps(value, ensure_ascii=False))
        write_bytes(path, model.SerializeToString())
    except OSError as error:
        raise FileProblem(path, f"cannot be written: {error.strerror or error}") from error
    return path


@contextlib.contextmanager
def _future_unheard() -> Iterator[None]:
    """Without what PyTorch says of the future of its own code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def _first(error: Exception) -> str:
    """The first line of what a deep library says."""
    return (str(error).strip() or type(error).__name__).partition("\n")[0]

"""A student as ONNX: run by ONNX Runtime, in half precision, and in whole numbers of eight bits."""

from __future__ import annotations

import contextlib
import logging
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from autodas.core.errors import FileProblem, MissingData
from autodas.core.files import write_bytes
from autodas.distill.export import ExportFailed

__all__ = ["Method", "OnnxProgram", "eight_bit_share", "eight_bits", "half_precision"]

Method: TypeAlias = Literal["static", "dynamic"]
BATCH = 64  # images in a pass
WEIGHTED = ("Conv", "ConvTranspose", "Einsum", "Gemm", "GRU", "LSTM", "MatMul", "RNN")


class OnnxProgram:
    """A program with input ``images`` and output ``logits``, on this machine's CPU.

    Args:
        path: ``….onnx``.
        threads: Of ONNX Runtime; as many as PyTorch uses by default.

    Raises:
        MissingData: ONNX Runtime is not installed.
        FileProblem: it cannot run the file.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        runtime = _runtime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads or torch.get_num_threads()
        options.log_severity_level = 4  # what goes wrong is raised
        try:
            self._session = runtime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            why = str(error).strip().partition("\n")[0]
            raise FileProblem(path, f"cannot be run by ONNX Runtime ({why})") from error

    def __call__(self, images: Tensor) -> Tensor:
        """``(N, K)`` float32 logits of ``(N, C, H, W)`` normalised images."""
        parts = [
            self._session.run(["logits"], {"images": some.float().numpy()})[0]
            for some in torch.split(images, BATCH)
        ]
        return torch.from_numpy(np.concatenate(parts))


def half_precision(program: Path, goal: Path) -> Path:
    """Write ``program`` with weights and sums in half precision; inputs and outputs stay single.

    Raises:
        MissingData: ONNX Runtime is not installed.
        ExportFailed: it has an operation that half precision lacks.
    """
    _runtime()
    import onnx  # noqa: PLC0415 - an optional package
    from onnxruntime.transformers.float16 import (  # noqa: PLC0415
        convert_float_to_float16,
    )

    try:
        made = convert_float_to_float16(onnx.load(program), keep_io_types=True)
    except Exception as error:
        raise ExportFailed(f"the student has no half precision: {error}") from error
    return _kept(program, made, goal)


def eight_bits(program: Path, goal: Path, method: Method, images: Tensor) -> Path:
    """Write ``program`` with weights and sums of eight bits, as far as the method goes.

    ``static`` finds the range of every activation on ``images`` beforehand, for convolutions, with
    a scale for each channel, and matrix products; ``dynamic`` finds it while running, and only for
    matrix products (Jacob et al., CVPR 2018; both by ONNX Runtime). What else has weights, such as
    recurrent layers, keeps them: :func:`eight_bit_share` says how much.

    Args:
        program: ``….onnx`` of single precision.
        goal: Where to write.
        method: How.
        images: ``(N, C, H, W)`` normalised training images.

    Raises:
        MissingData: ONNX Runtime is not installed.
        ExportFailed: ONNX Runtime cannot do it.
    """
    _runtime()
    import onnx  # noqa: PLC0415 - an optional package
    from onnxruntime import quantization  # noqa: PLC0415

    # Weights take seven bits of eight: on x86 processors without VNNI sums of all eight overflow
    # without a word, and the accuracy measured here would be that of this processor alone.
    safe = {"per_channel": True, "reduce_range": True}
    with tempfile.TemporaryDirectory() as folder, _silent():
        prepared, made = Path(folder) / "prepared.onnx", Path(folder) / "made.onnx"
        try:
            quantization.quant_pre_process(str(program), str(prepared), skip_symbolic_shape=True)
            if method == "static":
                quantization.quantize_static(
                    str(prepared),
                    str(made),
                    _reader(images),
                    quant_format=quantization.QuantFormat.QDQ,
                    # With signed activations many convolutions are slower than in floats.
                    activation_type=quantization.QuantType.QUInt8,
                    op_types_to_quantize=["Conv", "Gemm", "MatMul"],
                    **safe,
                )
            else:
                quantization.quantize_dynamic(
                    str(prepared), str(made), op_types_to_quantize=["Gemm", "MatMul"], **safe
                )
            model = onnx.load(made)
        except Exception as error:
            why = f"{type(error).__name__}: {str(error).strip()}".partition("\n")[0]
            raise ExportFailed(f"the student has no {method} eight bits: {why}") from error
    return _kept(program, model, goal)


def eight_bit_share(program: Path) -> float:
    """Which share of a program's weights are whole numbers of eight bits.

    Weights are tables of such numbers, and those of others that a layer multiplies by; biases,
    scales and positions are not counted.

    Args:
        program: ``….onnx``.
    """
    import onnx  # noqa: PLC0415 - an optional package

    graph = onnx.load(program).graph
    used = {name for node in graph.node if node.op_type in WEIGHTED for name in node.input}
    eight = others = 0
    for each in graph.initializer:
        if len(each.dims) < 2:
            continue
        if each.data_type in (onnx.TensorProto.INT8, onnx.TensorProto.UINT8):
            eight += math.prod(each.dims)
        elif each.name in used:
            others += math.prod(each.dims)
    return eight / max(1, eight + others)


def _reader(images: Tensor) -> Any:  # noqa: ANN401 - its class is that of an optional package
    from onnxruntime.quantization import CalibrationDataReader  # noqa: PLC0415

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left = iter(torch.split(images.float(), BATCH))

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            some = next(self._left, None)
            return None if some is None else {"images": some.numpy()}

    return Reader()


def _kept(program: Path, model: Any, goal: Path) -> Path:  # noqa: ANN401 - of an optional package
    """Write ``model`` with the metadata of ``program``, which conversions drop."""
    import onnx  # noqa: PLC0415

    del model.metadata_props[:]
    model.metadata_props.extend(onnx.load(program).metadata_props)
    write_bytes(goal, model.SerializeToString())
    return goal


def _runtime() -> Any:  # noqa: ANN401 - an optional package
    try:
        import onnx  # noqa: F401, PLC0415 - an optional package
        import onnxruntime  # noqa: PLC0415
    except ImportError:
        raise MissingData(
            "running ONNX needs packages; install them with: pip install 'autodas[onnx]'"
        ) from None
    return onnxruntime


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Without the advice that ONNX Runtime logs by the root logger, such as to do what was done."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)

"""Export: a trained student as programs for elsewhere, each of them measured."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from autodas.core.errors import InvalidInput
from autodas.core.files import write_bytes, write_json, write_text
from autodas.core.progress import Progress, Silent
from autodas.data import ImageData, load_data
from autodas.data.validation import for_choosing
from autodas.distill.confusion import Confusion
from autodas.distill.export import ExportFailed, export_onnx, export_program
from autodas.distill.onnx_program import (
    Method,
    OnnxProgram,
    eight_bit_share,
    eight_bits,
    half_precision,
)
from autodas.distill.shifted_views import predict
from autodas.networks import StagedNetwork
from autodas.steps.export.card import Licences, card
from autodas.teachers import read_description
from autodas.workbench.latency import Latency, time_calls
from autodas.workbench.load_student import load_student, student_file

__all__ = ["Config", "ExportConfig", "run"]

METHODS: tuple[Method, ...] = ("static", "dynamic")
FILES = {
    "onnx": "student.onnx",
    "torch": "student.pt2",
    "fp16": "student-fp16.onnx",
    "int8": "student-int8.onnx",
}
AT_ONCE = 256  # images in a pass
MOST_JUDGES = 1024  # validation images that choose between two ways to eight bits
ENOUGH = 0.9  # of the weights have eight bits in what is called so


@dataclass(frozen=True)
class ExportConfig:
    """Which student, and as what."""

    run: Path
    """Run directory of run or distill, or the student's weights in it."""
    out: Path | None = None
    """Folder to write to; by default export beside the student."""
    formats: tuple[Literal["onnx", "torch"], ...] = ("onnx",)
    """Programs of single precision: onnx, or torch for torch.export."""
    fp16: bool = False
    """Also ONNX in half precision."""
    int8: bool = False
    """Also ONNX with weights of eight bits: static or dynamic, of those that make at least 90 % of
    the weights so the one that stays nearer to the student on validation images."""
    calibration: int = 256
    """Training images from which static quantisation learns the range of activations."""
    data: str | None = None
    """Images to measure with, if they lie elsewhere now; by default those of the training."""
    data_license: str | None = None
    """Licence of the images, for the card."""
    teacher_license: str | None = None
    """Licence of the teacher, for the card."""

    def __post_init__(self) -> None:
        """Refuse what would be found out after minutes."""
        if self.calibration < 1:
            raise InvalidInput(f"calibration needs at least 1 image, got {self.calibration}")


Config = ExportConfig


@dataclass(frozen=True)
class Exported:
    """One file, and what was measured of it.

    Attributes:
        file: Its name.
        kind: For people.
        bytes: Its size.
        accuracy: On the test images, in percent; None where it is not run.
        low: Of the 95 % interval.
        high: The same.
        same: Test images of which it says what the student says, in percent.
        latency: Of one image; None where it is not run.
    """

    file: str
    kind: str
    bytes: int
    accuracy: float | None = None
    low: float | None = None
    high: float | None = None
    same: float | None = None
    latency: Latency | None = None


def run(config: ExportConfig, progress: Progress = Silent()) -> dict[str, Any]:
    """Write the programs, run each on the test images, and write ``model-card.md`` beside them.

    Returns:
        ``out``, ``student`` (what its file says), ``programs`` (each with ``file``, ``kind``,
        ``bytes``, ``accuracy`` in percent with ``low`` and ``high``, ``same`` and ``latency`` in
        seconds), ``quantisation`` (the method of eight bits), ``missing`` (why a file that was
        asked for is not written) and ``confusion``.

    Raises:
        FileProblem: there is no student, or a file cannot be written.
        InvalidInput: the images are not those that it was trained on.
        MissingData: the extra ``onnx`` is not installed, or the images are gone.
        ExportFailed: the student has an operation that a format lacks.
    """
    weights = student_file(config.run)
    network, about = load_student(weights), read_description(weights)
    data = _images(config, about)
    out = config.out or weights.parent / "export"
    progress.start("exporting", len(_wanted(config)))
    maker, programs = _Maker(config, network, data, about), []
    for path in (weights, weights.with_suffix(".json")):
        write_bytes(out / path.name, path.read_bytes())
    with tempfile.TemporaryDirectory() as scratch:
        for name in _wanted(config):
            made = maker.make(name, out, Path(scratch))
            programs += [made] if made else []
            progress.advance()
    progress.finish()
    confusion = Confusion.of(maker.logits, data.test_labels)
    told = [asdict(each) for each in (maker.weights(weights, confusion), *programs)]
    found = {
        "student": about,
        "programs": told,
        "quantisation": maker.method,
        "missing": maker.missing,
        "confusion": confusion.to_json(),
    }
    write_json(out / "export.json", found)
    write_text(
        out / "model-card.md", card(Licences(config.data_license, config.teacher_license), found)
    )
    return found | {"out": str(out), "summary": [*_told(told), *maker.missing, _where(out)]}


def _wanted(config: ExportConfig) -> list[str]:
    more = [name for name in ("fp16", "int8") if getattr(config, name)]
    return [*dict.fromkeys(config.formats), *more]


def _images(config: ExportConfig, about: dict[str, Any]) -> ImageData:
    """The images of the training, or those that the user says are.

    Raises:
        InvalidInput: they are others.
    """
    name = config.data or about.get("data")
    if not isinstance(name, str):
        raise InvalidInput("the student's file does not name its images; name them with --data")
    data = load_data(name)
    if [data.num_classes, *data.input_shape] != [about["num_classes"], *about["input_shape"]]:
        raise InvalidInput(
            f"--data {name}: {data.num_classes} classes of {data.input_shape} pixels, the student "
            f"has {about['num_classes']} of {tuple(about['input_shape'])}"
        )
    if config.data is None and data.digest != about.get("data_digest"):
        raise InvalidInput(
            f"the images of {name} have changed since the training; if they are to be measured "
            f"with all the same, say so: --data {name}"
        )
    return data


class _Maker:
    """Makes one file after the other, of ``ONNX`` in single precision where it can."""

    def __init__(
        self, config: ExportConfig, network: StagedNetwork, data: ImageData, about: dict[str, Any]
    ) -> None:
        self.config, self.network, self.data, self.about = config, network, data, about
        self.example = data.ready(data.test_images[:2])
        self.logits = self._seen(network)
        self.method: Method | None = None
        self.missing: list[str] = []

    def make(self, name: str, out: Path, scratch: Path) -> Exported | None:
        """The file called ``onnx``, ``torch``, ``fp16`` or ``int8``, if it can be had.

        Args:
            name: Which.
            out: Folder that it goes to.
            scratch: Folder for what it is made of.
        """
        if name == "torch":
            path = export_program(self.network, self.example, out / FILES[name])
            return Exported(path.name, "torch.export", path.stat().st_size)
        single = scratch / FILES["onnx"]
        if not single.exists():
            export_onnx(self.network, self.example, single, self.about)
        if name == "onnx":
            write_bytes(out / FILES[name], single.read_bytes())
            return self._measured(out / FILES[name], "ONNX")
        if name == "fp16":
            return self._measured(half_precision(single, out / FILES[name]), "ONNX, 16 bits")
        made, path = self._nearer(single, scratch), out / FILES[name]
        if made is None:
            path.unlink(missing_ok=True)  # of an earlier export, and of no use beside the others
            return None
        write_bytes(path, made.read_bytes())
        return self._measured(path, f"ONNX, 8 bits, {self.method}")

    def weights(self, path: Path, confusion: Confusion) -> Exported:
        """The student itself, to compare with."""
        latency = time_calls(self.network, self.example[:1])
        size, (low, high) = path.stat().st_size, confusion.interval
        return Exported(path.name, "weights", size, confusion.accuracy, low, high, 100.0, latency)

    def _nearer(self, single: Path, scratch: Path) -> Path | None:
        """Eight bits by the method that stays nearer to the student on validation images.

        A method that leaves weights as they are is near and nothing else, so it must not compete.
        """
        choice = for_choosing(self.data)
        images = choice.ready(choice.train_images[: self.config.calibration])
        judges = choice.ready(choice.test_images[:MOST_JUDGES])
        wanted = predict(self.network, judges)
        apart: dict[Method, float] = {}
        why = []
        for method in METHODS:
            try:
                path = eight_bits(single, scratch / f"{method}.onnx", method, images)
            except ExportFailed as error:
                why.append(str(error))
                continue
            share = eight_bit_share(path)
            why.append(f"{method} gives them to {100 * share:.0f} %")
            if share >= ENOUGH:
                apart[method] = _divergence(wanted, OnnxProgram(path)(judges))
        if not apart:
            wanted_share = f"{100 * ENOUGH:.0f} % of the weights must get eight bits"
            self.missing.append(f"no {FILES['int8']}: {wanted_share}, {', '.join(why)}")
            return None
        nearest = min(apart, key=apart.__getitem__)
        self.method = nearest
        return scratch / f"{nearest}.onnx"

    def _measured(self, path: Path, kind: str) -> Exported:
        program = OnnxProgram(path)
        logits = self._seen(program)
        confusion = Confusion.of(logits, self.data.test_labels)
        same = 100.0 * float((logits.argmax(1) == self.logits.argmax(1)).double().mean())
        size, (low, high) = path.stat().st_size, confusion.interval
        latency = time_calls(program, self.example[:1])
        return Exported(path.name, kind, size, confusion.accuracy, low, high, same, latency)

    @torch.inference_mode()
    def _seen(self, call: Callable[[Tensor], Tensor]) -> Tensor:
        """``(N, K)`` logits of all test images, few images at a time."""
        images = self.data.test_images
        parts = (images[i : i + AT_ONCE] for i in range(0, len(images), AT_ONCE))
        return torch.cat([call(self.data.ready(some)).float() for some in parts])


def _divergence(wanted: Tensor, given: Tensor) -> float:
    """Mean KL divergence of the probabilities of two sets of ``(N, K)`` logits, in nats."""
    logs = given.double().log_softmax(1), wanted.double().log_softmax(1)
    return float(torch.nn.functional.kl_div(*logs, reduction="batchmean", log_target=True))


def _told(programs: list[dict[str, Any]]) -> Iterator[str]:
    for each in programs:
        accuracy, same, latency = each["accuracy"], each["same"], each["latency"]
        measured = (
            "not run"
            if accuracy is None
            else f"{accuracy:.2f} % right ({each['low']:.2f} to {each['high']:.2f}), "
            f"as the student in {same:.1f} %, {latency['median'] * 1e3:.3g} ms an image"
        )
        yield f"{each['file']} ({each['kind']}): {each['bytes'] / 1024:,.0f} KiB, {measured}"


def _where(out: Path) -> str:
    return f"what its users must know: {out / 'model-card.md'}"

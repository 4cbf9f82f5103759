"""The model card: what whoever gets a student has to know of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Licences", "card"]

UNKNOWN = "not stated"
MOST = 10  # classes and mistakes that are shown of many


@dataclass(frozen=True)
class Licences:
    """As the user states them; None where nothing is stated."""

    data: str | None
    teacher: str | None


def card(licences: Licences, found: Mapping[str, Any]) -> str:
    """Markdown with the head that model hubs read (Mitchell et al., "Model Cards", FAT* 2019).

    Args:
        licences: Of what it was made from.
        found: ``student``, ``programs``, ``missing`` and ``confusion``, as the step
            writes them.
    """
    about = found["student"]
    parts = [
        _head(licences),
        f"# {about['arch']} of {about['space']}, distilled",
        _origin(licences, about),
        "## Images\n\n" + _images(about),
        "## Files\n\n" + "\n\n".join((_files(found["programs"]), *found["missing"])),
        "## Classes\n\n" + _classes(found["confusion"], about),
        "## Use\n\n" + _use(found["programs"], about),
    ]
    return "\n\n".join(parts) + "\n"


def _head(licences: Licences) -> str:
    licence = licences.teacher or licences.data
    lines = [
        "---",
        "pipeline_tag: image-classification",
        "tags: [knowledge-distillation, autodas]",
        f"license: {json.dumps(licence) if licence else 'unknown'}",
        "---",
    ]
    return "\n".join(lines)


def _origin(licences: Licences, about: Mapping[str, Any]) -> str:
    teachers = about.get("teachers", {})
    rows = {
        "architecture": f"`{about['arch']}`, space `{about['space']}`",
        "images": f"`{about.get('data')}`, licence: {licences.data or UNKNOWN}",
        "digest of the images": f"`{about.get('data_digest', UNKNOWN)}`",
        "teacher": (
            f"{_code(teachers)}, licence: {licences.teacher or UNKNOWN}"
            if teachers
            else "none: it learnt from labels alone"
        ),
        "digest of the teacher": _code(teachers.values()) or "`none`",
        "recipe": f"`{about.get('recipe', UNKNOWN)}`",
        "digest of the weights": f"`{about['sha256']}`",
    }
    return _table(("", ""), rows.items())


def _code(texts: Iterable[str]) -> str:
    return ", ".join(f"`{text}`" for text in texts)


def _images(about: Mapping[str, Any]) -> str:
    channels, height, width = about["input_shape"]
    how = about.get("preprocessing", "normalised like its training images, which have no pixels")
    text = f"`(N, {channels}, {height}, {width})`: {how}."
    if (normalisation := about.get("normalisation")) is not None:
        mean, std = (
            ", ".join(f"{each:.4g}" for each in normalisation[name]) for name in ("mean", "std")
        )
        text += f"\n\nMean {mean}; deviation {std}; both of pixels in [0, 1]."
    return text


def _files(programs: list[dict[str, Any]]) -> str:
    rows = []
    for each in programs:
        measured = ("not run", "", "")
        if each["accuracy"] is not None:
            measured = (
                f"{each['accuracy']:.2f} % ({each['low']:.2f} to {each['high']:.2f})",
                f"{each['same']:.1f} %",
                f"{each['latency']['median'] * 1e3:.3g} ms",
            )
        rows.append(
            (f"`{each['file']}`", each["kind"], f"{each['bytes'] / 1024:,.0f} KiB", *measured)
        )
    names = ("file", "kind", "size", "test images right (95 %)", "as the weights", "one image")
    told = "Measured on the computer that exported them, on its CPU."
    return f"{_table(names, rows)}\n\n{told}"


def _classes(confusion: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    names = about.get("class_names") or [str(i) for i in range(len(confusion["classes"]))]
    rows = sorted(
        ((right / images, i, right, images) for i, (right, images) in _with_images(confusion)),
    )
    shown = [
        (names[i], f"{100 * share:.1f} %", f"{right} of {images}")
        for share, i, right, images in rows[:MOST]
    ]
    text = _table(("class", "right", "test images"), shown)
    if len(rows) > MOST:
        text += f"\n\nThe {MOST} worst of {len(rows)} classes."
    mistakes = [
        f"{names[label]} taken for {names[guess]} ({count})"
        for label, guess, count in confusion["mistaken"][:MOST]
    ]
    return text + (f"\n\nMost often mistaken: {'; '.join(mistakes)}." if mistakes else "")


def _with_images(confusion: Mapping[str, Any]) -> Iterator[tuple[int, tuple[int, int]]]:
    return ((i, each) for i, each in enumerate(confusion["classes"]) if each[1])


def _use(programs: list[dict[str, Any]], about: Mapping[str, Any]) -> str:
    lines = ["import autodas", "", 'student = autodas.load_student("student.safetensors")']
    if "normalisation" in about:
        lines += [
            'for seen in student.predict(["photo.jpg"]):',
            "    print(seen.name, seen.probability)",
        ]
    text = "```python\n" + "\n".join(lines) + "\n```"
    onnx = [each["file"] for each in programs if each["file"].endswith(".onnx")]
    if onnx:
        text += (
            "\n\nONNX: input `images`, output `logits`; what is said above stands in the metadata "
            f"of the file, too.\n\n```python\nimport onnxruntime\n\nsession = "
            f'onnxruntime.InferenceSession("{onnx[0]}")\n(logits,) = session.run(["logits"], '
            '{"images": images})\n```'
        )
    return text


def _table(names: tuple[str, ...], rows: Any) -> str:  # noqa: ANN401 - any rows of texts
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    return "\n".join([*lines, *(f"| {' | '.join(map(_cell, row))} |" for row in rows)])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")

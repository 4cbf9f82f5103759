"""The files that are damaged: each can be read, and says by whose file it could be replaced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from autodas.core.digest import digest, digest_bytes
from autodas.core.journal import Journal
from autodas.core.results import Failed, Ok
from autodas.core.runs import RunDirectory
from autodas.data import ImageData, decoded
from autodas.data.images import CIFAR100
from autodas.distill.checkpoints import Checkpoint, read_checkpoint
from autodas.distill.export import load_student_weights, save_student
from autodas.expressions import parse
from autodas.networks import seeded
from autodas.networks.checkpoint import read_description, save_checkpoint
from autodas.reports.read import read_run
from autodas.scores import Proxy, Scale, Term, read_proxy
from autodas.spaces import get_space
from autodas.statistics.measurement import Measured
from autodas.statistics.store.cache import Cache
from autodas.tables import official, read_table
from autodas.tables.labels import LabelRow, write_labels
from autodas.teachers import load_teacher
from autodas.teachers.blueprint import Blueprint
from autodas.workbench.costs import CostBook

Accepts = Callable[[Any, Any], bool]


def same(found: object, intact: object) -> bool:
    """Only what was written is right."""
    return found == intact


def same_or_absent(found: object, intact: object) -> bool:
    """What counts as absent is computed again."""
    return found == intact or not found


def part_of(found: list[Any], intact: list[Any]) -> bool:
    """Records may be missing, and their work is done again; none may be new or doubled."""
    rest = list(intact)
    for record in found:
        if record not in rest:
            return False
        rest.remove(record)
    return True


def beginning_of(found: list[Any], intact: list[Any]) -> bool:
    """Of work in which steps build on each other, only a beginning counts."""
    return found == intact[: len(found)]


@dataclass
class Subject:
    """A kind of file.

    Attributes:
        name: What it is called in reports.
        files: What may be damaged.
        read: Reads it and all that belongs to it, as plain values.
        accepts: Whether what was read is right, given what an intact file holds.
        others: For each of ``files``, the same file of something else, if that can be noticed.
        command: Arguments of the command that reads the file, if one does.
    """

    name: str
    files: list[Path]
    read: Callable[[], Any]
    accepts: Accepts = same
    others: list[Path] = field(default_factory=list)
    command: list[str] = field(default_factory=list)


def subjects(folder: Path) -> list[Subject]:
    """One of every kind, below ``folder``."""
    makers = (
        _cache, _costs, _pixels, _converted, _journal, _told, _proxy, _labels, _teacher, _student,
        _training, _run, _resumed,
    )  # fmt: skip
    return [make(folder / make.__name__.strip("_")) for make in makers]


def _cache(folder: Path) -> Subject:
    cache, keys = Cache(folder), [digest("a"), digest("b")]
    for i, key in enumerate(keys):
        segments = tuple(np.arange(n, dtype=np.float32) + i for n in (3, 40, 7))
        cache.write(
            key,
            {"weight": Ok(Measured(segments, (3, 40, 7))), "weight_grad": Failed("no gradient")},
        )

    def read() -> Any:
        found = cache.read(keys[0], ["weight", "weight_grad"])
        return [
            (name, [s.tolist() for s in v.value.segments] if isinstance(v, Ok) else v.reason)
            for name, v in found.items()
        ]

    return Subject(
        "statistics cache", [cache.path(keys[0])], read, same_or_absent, [cache.path(keys[1])]
    )


def _costs(folder: Path) -> Subject:
    space, arch = get_space("digits-cnn"), '{"depth":[1,1,1],"width":[16,8,16]}'
    paths = []
    for name, classes in (("a", 10), ("b", 20)):
        book = CostBook(space, num_classes=classes, cache=folder / name)
        book.one("params", arch)
        book.save()
        paths += (folder / name / "costs").glob("*.sqlite")

    def read() -> Any:
        return CostBook(space, num_classes=10, cache=folder / "a").one("params", arch)

    return Subject("cache of costs", paths[:1], read, others=paths[1:])


def _pixels(folder: Path) -> Subject:
    def data(seed: int) -> ImageData:
        rng = torch.Generator().manual_seed(seed)
        images = torch.randint(0, 256, (6, 3, 4, 4), generator=rng, dtype=torch.uint8)
        labels = torch.tensor([0, 1, 0, 1, 0, 1])
        return ImageData.of_tensors(
            "a", (images, labels), (images[:2].clone(), labels[:2].clone()), 2, CIFAR100
        )

    files = [folder / f"{name}.safetensors" for name in "ab"]
    for seed, file in enumerate(files):
        file.parent.mkdir(exist_ok=True)
        source = file.with_suffix(".source")
        source.write_bytes(b"")
        made = data(seed)
        original = decoded.cached_file
        decoded.cached_file = lambda *_, file=file: file
        try:
            decoded.image_data("a", CIFAR100, [source], lambda made=made: decoded.Pixels(
                (made.train_images, made.train_labels), (made.test_images, made.test_labels), 2
            ))  # fmt: skip
        finally:
            decoded.cached_file = original

    def read() -> Any:
        found = decoded._load(files[0], "a", CIFAR100)
        return [] if found is None else [found.train_images.tolist(), found.digest]

    return Subject("decoded images", files[:1], read, same_or_absent, files[1:])


def _converted(folder: Path) -> Subject:
    folder.mkdir()
    texts, places = ("arch_str,c_test\na,60.5\n", "arch_str,c_test\na,70.5\n"), []
    for i, text in enumerate(texts):
        file = folder / f"table-{i}.csv"
        file.write_text(text)
        seal = digest(file.name, digest_bytes(text.encode()))
        file.with_suffix(".sha256").write_text(seal + "\n")
        places.append(file)

    def read() -> Any:
        whole = official._is_whole(places[0], places[0].with_suffix(".sha256"))
        return places[0].read_text() if whole else ""

    files, others = ([p, p.with_suffix(".sha256")] for p in places)
    return Subject("converted table", files, read, same_or_absent, others)


def _journals(folder: Path) -> tuple[Journal, Path]:
    journals = []
    for name in ("a", "b"):
        with RunDirectory(folder / name, "label", {"name": name}) as run:
            for i in range(12):
                run.journal.append({"arch": f"{name}-{i}", "accuracy": 50.25 + i, "seed": i})
        journals.append(run.journal)
    return journals[0], journals[1].path


def _journal(folder: Path) -> Subject:
    journal, other = _journals(folder)
    return Subject("journal", [journal.path], journal.records, part_of, [other])


def _told(folder: Path) -> Subject:
    journal, other = _journals(folder)
    return Subject("journal of a search", [journal.path], journal.unbroken, beginning_of, [other])


def _proxy(folder: Path) -> Subject:
    path = folder / "proxy.json"
    terms = tuple(
        Term(parse(text), weight, {"digits-cnn": Scale.fit(np.linspace(0, weight * 9, 40))}, True)
        for text, weight in (("layers_sum(sum(abs(weight_grad)))", 1.5), ("params", 0.25))
    )
    found = {"tau": 0.4375, "collapse": {"verdict": "no", "tau": [0.1, 0.2]}}
    Proxy("found", terms, {"seed": 3, "tables": ["a" * 64]}, found).save(path)
    return Subject(
        "proxy",
        [path],
        lambda: read_proxy(path),
        command=["search", "--space", "digits-cnn", "--score", f"proxy:{path}"],
    )


def _labels(folder: Path) -> Subject:
    places = []
    for i, name in enumerate("ab"):
        path = folder / f"{name}.csv"
        write_labels(
            path,
            [
                LabelRow(f"1-1-{n}", 50.5 + n + i / 8, seed, "distilled")
                for n in range(9)
                for seed in (0, 1)
            ],
            {"space": "digits-cnn", "dataset": "digits", "noise": {"ceiling_tau": 0.9 + i / 100}},
        )
        places.append(path)

    def read() -> Any:
        table = read_table(places[0])
        return [
            (t.name, t.dataset, t.seeds, t.per_seed.tolist()) for t in table.targets.values()
        ] + [table.space, table.architectures, table.meta]

    files, others = ([p, p.with_suffix(".json")] for p in places)
    command = ["search", "--table", str(places[0])]
    return Subject("table of labels", files, read, same, others, command)


BLUEPRINT = Blueprint("resnet", {"depths": [1, 1], "widths": [4, 4]}, 10, (1, 8, 8))


def _weights(network: torch.nn.Module) -> list[Any]:
    return [(name, tensor.tolist()) for name, tensor in network.state_dict().items()]


def _teacher(folder: Path) -> Subject:
    places = []
    for seed, name in enumerate("ab"):
        places.append(folder / f"{name}.safetensors")
        about = {"network": BLUEPRINT.to_json(), "accuracy": 90.125 + seed, "description": name}
        save_checkpoint(places[-1], seeded(BLUEPRINT.build, seed), about)

    def read() -> Any:
        load_teacher.cache_clear()
        teacher = load_teacher(str(places[0]))
        return [teacher.accuracy, teacher.digest, teacher.description, _weights(teacher.network)]

    files, others = ([p, p.with_suffix(".json")] for p in places)
    arch = '{"depth":[1,1,1],"width":[16,8,16]}'
    command = [
        "distill",
        "--seeds",
        "1",
        "--space",
        "digits-cnn",
        "--arch",
        arch,
        "--teacher",
        str(places[0]),
        "--jobs",
        "1",
    ]
    return Subject("teacher", files, read, same, others, command)


def _student(folder: Path) -> Subject:
    for seed, name in enumerate("ab"):
        about = {"space": "digits-cnn", "arch": name, "accuracy": 88.5}
        save_student(seeded(BLUEPRINT.build, seed), folder / name, about)
    places = [folder / name / "student.safetensors" for name in "ab"]

    def read() -> Any:
        about = read_description(places[0])
        return [about, _weights(load_student_weights(places[0], seeded(BLUEPRINT.build, 5)))]

    files, others = ([p, p.with_suffix(".json")] for p in places)
    return Subject("exported student", files, read, same, others)


def _training(folder: Path) -> Subject:
    places = [folder / f"{name}.safetensors" for name in "ab"]
    for number, place in enumerate(places):
        tensors = {"network.a": torch.arange(50.0) + number, "step": torch.tensor(7 + number)}
        state = {"fingerprint": place.stem, "epoch": 3, "losses": [0.5, 0.25]}
        Checkpoint(tensors, state).write(place)

    def read() -> Any:
        found = read_checkpoint(places[0], "a")
        return found and [{k: v.tolist() for k, v in found.tensors.items()}, found.state]

    return Subject("checkpoint of a training", places[:1], read, others=places[1:])


def _run(folder: Path) -> Subject:
    from fake_runs import explain, search

    for name, results in (("a", search("digits-cnn")), ("b", explain())):
        with RunDirectory(folder / name, str(results["command"]), {"seed": ord(name)}) as run:
            run.write_results(results)
    files, others = (
        [folder / name / file for file in ("results.json", "config.toml", "digests.json")]
        for name in "ab"
    )

    def read() -> Any:
        run = read_run(folder / "a")
        return [run.results, run.config, run.command]

    return Subject("run", files, read, same, others, ["report", str(folder / "a")])


def _resumed(folder: Path) -> Subject:
    for name in "ab":
        with RunDirectory(folder / name, "label", {"name": name, "seed": 5}) as run:
            run.journal.append({"unit": 1})

    def read() -> Any:
        with RunDirectory(folder / "a", "label", {"name": "a", "seed": 5}) as run:
            return run.journal.records()

    files, others = ([folder / name / "config.toml"] for name in "ab")
    return Subject("configuration of a run", files, read, same, others)

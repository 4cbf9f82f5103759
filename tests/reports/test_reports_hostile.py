"""Names that try to become markup, in every text of every kind of page."""

from __future__ import annotations

import contextlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import fake_runs
import pytest
from page_reader import Page

from autodas.core.errors import AutodasError
from autodas.reports import build, compare
from autodas.reports.figures.svg import LONGEST_FORMULA, formula_svg
from autodas.steps.benchmark.page import BEGIN, END, write_between

NAMES = {
    "script": "</script><img src=x onerror=alert(1)>",
    "svg": '"><svg onload=alert(1)>',
    "attribute": "' onmouseover='alert(1)\" onfocus=\"alert(1)",
    "template": "{{7*7}}{% for a in b %}${7*7}#{7*7}",
    "comment": "--><script>alert(1)</script><!-- ]]><script>alert(1)</script>",
    "style": "</style><style>*{display:none}</style>",
    "title": "</title></desc></text></svg><iframe src=javascript:alert(1)>",
    "entity": "&lt;script&gt;alert(1)&lt;/script&gt;&#60;b&#62;",
    "identity": 'a" id="summary" href="#x" url(#y) xlink:href="javascript:alert(1)',
    "mathematics": r"$\frac$ $x^2$ \input{/etc/passwd}",
    "template object": "{0.__class__} %s %n \\1 \\g<0>",
}
EVERY = " ".join(NAMES.values())
HIDING = "a\x00b\x1b[31m\x9b\u202egpj.exe\u2066"
KEPT = {"search", "validation", "report", "proxy", "params", "chosen", "largest"}

RUNS: dict[str, Callable[[], dict[str, Any]]] = {
    "discover": fake_runs.discover,
    "search": lambda: fake_runs.search("digits-cnn"),
    "contest": lambda: fake_runs.contested("digits-cnn"),
    "untaught": lambda: fake_runs.untaught("digits-cnn"),
    "pareto": lambda: fake_runs.pareto("digits-cnn"),
    "distill": lambda: fake_runs.distill("digits-cnn"),
    "explain": fake_runs.explain,
    "benchmark": fake_runs.benchmark,
    "ablate": fake_runs.ablation,
    "failures": lambda: (
        fake_runs.discover()
        | {"rows": [{**row, "tau": None, "failed": "why"} for row in fake_runs.discover()["rows"]]}
    ),
}


def named(value: Any, name: str) -> Any:
    """The same results with every text replaced, except words the page branches on."""
    if isinstance(value, dict):
        return {
            # Reasons of failures are keys.
            (name + key if " " in key else key): item
            if key in {"command", "latex"}
            else named(item, name)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [named(item, name) for item in value]
    return value + name if isinstance(value, str) and value not in KEPT else value


def write(path: Path, results: dict[str, Any], name: str) -> Path:
    run = fake_runs.write_run(path, named(results, name), {"path": name, "seed": 0})
    about = {"python": name, "platform": name, "packages": {name: name}, "command_line": [name]}
    (run / "environment.json").write_text(json.dumps(about))
    return run


def check(text: str, plain: str) -> Page:
    """No element and no attribute is there that the same page with other names has not.

    How many paths and texts a figure has depends on the room that its names take.
    """
    page, expected = Page(text), Page(plain)
    figures = {"g", "path", "use", "text", "tspan", "clippath", "defs", "rect"}
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in expected.tags} | figures
    counts = [Counter(tag for tag, _ in each.tags) for each in (page, expected)]
    for tag in ("script", "style", "svg", "title", "desc", "a", "meta", "td", "th", "p", "code"):
        assert counts[0][tag] == counts[1][tag], tag
    names = {name for _, attributes in expected.tags for name in attributes}
    for tag, attributes in page.tags:
        assert attributes.keys() <= names | {"transform"}, tag
        for key in ("href", "xlink:href", "src"):
            assert re.match(r"#[\w-]+$|data:image/|$", attributes.get(key, "")), attributes
    assert page.of("script") == [{}]
    for script in re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL):
        assert script in plain
    return page


def harmless(path: Path) -> None:
    for file in path.rglob("*.svg"):
        tree = ElementTree.fromstring(file.read_text(encoding="utf-8"))
        kinds = {element.tag.rpartition("}")[2] for element in tree.iter()}
        assert not kinds & {"script", "iframe", "img", "foreignObject"}
        assert not any(name.startswith("on") for each in tree.iter() for name in each.attrib)


def page_of(path: Path, results: dict[str, Any], name: str) -> str:
    return build(write(path, results, name)).read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", RUNS)
def test_no_element_and_no_attribute_comes_from_a_name(tmp_path: Path, kind: str) -> None:
    text, plain = (
        page_of(tmp_path / folder, RUNS[kind](), name)
        for folder, name in (("a", EVERY), ("b", "b"))
    )
    page = check(text, plain)
    harmless(tmp_path / "a")
    assert "</script><img src=x onerror=alert(1)>" in page.text
    assert "{{7*7}}" in page.text


def test_runs_of_hostile_names_can_be_compared(tmp_path: Path) -> None:
    pages = []
    for name in (EVERY, "b"):
        folder = tmp_path / str(len(pages))
        runs = [write(folder / kind, RUNS[kind](), name) for kind in ("discover", "distill")]
        pages.append(compare(runs, folder / "c.html").read_text(encoding="utf-8"))
    assert "{{7*7}}" in check(*pages).text


def test_names_of_folders_stay_text(tmp_path: Path) -> None:
    hostile = '"><svg onload=alert(1)>'
    check(*(page_of(tmp_path / name, RUNS["distill"](), "b") for name in (hostile, "b")))


def test_characters_that_hide_others_are_shown(tmp_path: Path) -> None:
    text = page_of(tmp_path / "run", RUNS["distill"](), HIDING)
    assert not set("\x00\x1b\x9b\u202e\u2066") & set(text)
    assert r"a\x00b\x1b[31m\x9b\u202egpj.exe\u2066" in Page(text).text
    harmless(tmp_path / "run")


@pytest.mark.parametrize(
    "latex", ["{" * 3000 + "}" * 3000, r"\sqrt{" * 90 + "x" + "}" * 90, "a+" * LONGEST_FORMULA]
)
def test_formulas_that_take_too_long_are_not_drawn(latex: str) -> None:
    assert formula_svg(latex, "f") is None


def test_a_formula_brings_no_markup(tmp_path: Path) -> None:
    drawn = formula_svg("a</script><img src=x>--><b> c", "f")
    assert drawn is not None
    assert {tag for tag, _ in Page(drawn).tags}.isdisjoint({"script", "img", "b"})


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [3, [], {}, None, "text", [[]], {"a": {}}, 1e308])
@pytest.mark.parametrize("kind", RUNS)
def test_results_of_any_shape_make_a_page_or_are_refused(
    tmp_path: Path, kind: str, wrong: object
) -> None:
    results = RUNS[kind]()
    for key in results.keys() - {"command"}:
        with contextlib.suppress(AutodasError):
            build(fake_runs.write_run(tmp_path / key, results | {key: wrong}))


def _damaged(value: Any, wrong: object) -> Iterator[Any]:
    """The value with every part of it replaced, one at a time."""
    yield wrong
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            for other in _damaged(value[key], wrong):
                copied: Any = value.copy()
                copied[key] = other
                yield copied


def test_a_contest_can_be_damaged_in_every_place() -> None:
    damaged = list(_damaged({"rungs": [{"fidelity": "1/3"}], "winner": 0}, None))
    assert None in damaged
    assert {"rungs": [{"fidelity": None}], "winner": 0} in damaged
    assert len(damaged) == 5  # the whole, rungs, the one in it, its fidelity, and the winner


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [7, None, "text", [[]], 1e308])
def test_a_damaged_contest_makes_a_page_or_is_refused(tmp_path: Path, wrong: object) -> None:
    results = fake_runs.contested("digits-cnn")
    results["points"] = {"params": [1, 2], "score": [0.0, 1.0]}
    small = fake_runs.contest()
    small["arms"] = small["arms"][:4]
    for rung in small["rungs"]:
        rung["results"] = [each for each in rung["results"] if each["arm"] in (0, 3)]
    for contest in _damaged(small, wrong):
        with contextlib.suppress(AutodasError):
            build(fake_runs.write_run(tmp_path / "run", results | {"contest": contest}))


def test_names_in_markdown_bring_no_markup(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    body = f"| `a`</td><script>{END}[x](javascript:a)\x1b | [0.1, 0.2] |"
    write_between(path, (BEGIN, END), body)
    write_between(path, (BEGIN, END), body)
    text = path.read_text(encoding="utf-8")
    assert (text.count("<"), text.count("](")) == (2, 0)
    assert r"\x1b | [0.1, 0.2] |" in text

"""Rules for the source code that no linter setting expresses; see CONTRIBUTING.md."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from source_tree import SOURCE, Module, called, imports, modules

LONGEST_FILE = 400
LONGEST_FUNCTION = 60
# Each of these runs code, or may run code, that stands in a file somebody else wrote.
CODE_FROM_FILES = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}
CODE_FROM_TEXT = {"eval", "exec", "compile"}
ENDINGS = (("ies", "y"), ("es", ""), ("s", ""))  # of plurals, and what is there in the singular
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def rule_violations(source: Path) -> list[str]:
    """Everything in the tree that breaks a rule, as ``file:line what``."""
    found = modules(source)
    rules = (_unsafe, _asserts, _size, _prose, _file_name)
    everything = [
        (module, line, what) for module in found for rule in rules for line, what in rule(module)
    ]
    return [
        f"{module.path.relative_to(source)}:{line} {what}"
        for module, line, what in (*everything, *_class_names(found))
    ]


def _unsafe(module: Module) -> Iterator[tuple[int, str]]:
    for name, line in imports(module):
        if name.split(".")[0] in CODE_FROM_FILES or name == "torch.load":
            yield line, f"imports {name}"
    nodes = list(ast.walk(module.tree))
    data = {id(node.func) for node in nodes if isinstance(node, ast.Call) and _is_of_data(node)}
    for node in nodes:
        runs = isinstance(node, ast.Attribute) and id(node) not in data
        if runs and _dotted(node) == "torch.load":
            yield node.lineno, "uses torch.load, and not as torch.load(…, weights_only=True)"
        if isinstance(node, ast.Name) and node.id in CODE_FROM_TEXT:
            yield node.lineno, f"uses {node.id}"
        if isinstance(node, ast.Call):
            yield from _unsafe_call(node)


def _unsafe_call(node: ast.Call) -> Iterator[tuple[int, str]]:
    if called(node) in {"load", "save", "savez"} and any(
        keyword.arg == "allow_pickle" and not _is_false(keyword.value) for keyword in node.keywords
    ):
        yield node.lineno, "allows pickle"
    shell = [k for k in node.keywords if k.arg == "shell" and not _is_false(k.value)]
    if shell or called(node) == "system":
        yield node.lineno, "starts a shell"
    dotted = _dotted(node.func) if isinstance(node.func, ast.Attribute) else ""
    if dotted in {"yaml.load", "yaml.unsafe_load", "yaml.full_load"}:
        yield node.lineno, f"uses {dotted}"
    # Nothing is unpacked into folders; zipfile's method of the same name is as unwelcome.
    if called(node) in {"extractall", "unpack_archive"}:
        yield node.lineno, "unpacks an archive"


def _dotted(node: ast.Attribute) -> str:
    return f"{node.value.id}.{node.attr}" if isinstance(node.value, ast.Name) else ""


def _is_of_data(node: ast.Call) -> bool:
    """Whether a call reads no more of a pickle than tensors and plain containers."""
    given = [k.value for k in node.keywords if k.arg == "weights_only"]
    return any(isinstance(value, ast.Constant) and value.value is True for value in given)


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def _asserts(module: Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Assert):
            yield node.lineno, "asserts: raise an error that survives python -O"
        if isinstance(node, ast.ExceptHandler) and _hides_everything(node):
            yield node.lineno, "hides every exception"


def _hides_everything(node: ast.ExceptHandler) -> bool:
    broad = node.type is None or (
        isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"}
    )
    return broad and all(isinstance(item, ast.Pass | ast.Continue) for item in node.body)


def _size(module: Module) -> Iterator[tuple[int, str]]:
    lines = module.text.count("\n")
    if lines >= LONGEST_FILE:
        yield lines, f"has {lines} lines, at most {LONGEST_FILE - 1} are wanted"
    for node in ast.walk(module.tree):
        if isinstance(node, FUNCTIONS) and node.end_lineno is not None:
            length = node.end_lineno - node.lineno + 1 - _docstring_lines(node)
            if length > LONGEST_FUNCTION:
                yield node.lineno, f"{node.name} has {length} lines"


def _docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    # An explanation is welcome at any length.
    first = node.body[0]
    if ast.get_docstring(node) is None or first.end_lineno is None:
        return 0
    return first.end_lineno - first.lineno + 1


def _prose(module: Module) -> Iterator[tuple[int, str]]:
    if not ast.get_docstring(module.tree):
        yield 1, "has no docstring"


def _file_name(module: Module) -> Iterator[tuple[int, str]]:
    folder, stem = module.path.parent.name, module.path.stem
    if any(stem.startswith(f"{word}_") for word in _in_both_numbers(folder)):
        yield 1, f"says {folder} once more in its name"


def _in_both_numbers(word: str) -> set[str]:
    """A word with its singular, or its plural."""
    singulars = {word[: -len(end)] + new for end, new in ENDINGS if word.endswith(end)}
    return {word, f"{word}s"} | singulars


def _class_names(found: Sequence[Module]) -> Iterator[tuple[Module, int, str]]:
    first: dict[str, str] = {}
    for module in found:
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                if node.name in first:
                    yield module, node.lineno, f"{node.name} is also in {first[node.name]}"
                first.setdefault(node.name, module.path.name)


def test_source_follows_the_rules() -> None:
    assert rule_violations(SOURCE) == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("import pickle", "imports pickle"),
        ("def f():\n    from pickle import loads", "imports pickle.loads"),
        ("from torch import load", "imports torch.load"),
        ("import torch\nread = torch.load", "uses torch.load"),
        ("y = eval('1')", "uses eval"),
        ("run = exec", "uses exec"),
        ("numpy.load('x', allow_pickle=True)", "allows pickle"),
        ("numpy.load('x', allow_pickle=anything)", "allows pickle"),
        ("os.system('ls')", "starts a shell"),
        ("subprocess.run('ls', shell=True)", "starts a shell"),
        ("import marshal", "imports marshal"),
        ("import shelve", "imports shelve"),
        ("import torch\ntorch.load('x', weights_only=False)", "uses torch.load"),
        ("import torch\ntorch.load('x')", "uses torch.load"),
        ("import torch\ntorch.load('x', weights_only=whatever)", "uses torch.load"),
        ("yaml.load(text)", "uses yaml.load"),
        ("tarfile.open('x').extractall('.')", "unpacks an archive"),
        ("shutil.unpack_archive('x')", "unpacks an archive"),
        ("assert 1", "asserts"),
        ("try:\n    f()\nexcept Exception:\n    pass", "hides every exception"),
        ("try:\n    f()\nexcept:\n    pass", "hides every exception"),
        ("x = 1\n" * LONGEST_FILE, "401 lines"),
        ("def f():\n" + "    x = 1\n" * LONGEST_FUNCTION, "f has 61 lines"),
        ('def f():\n    """\n    Two lines."""\n' + "    x = 1\n" * 60, "f has 61 lines"),
    ],
)
def test_the_checker_sees(tmp_path: Path, text: str, complaint: str) -> None:
    source = tmp_path / "autodas"
    source.mkdir()
    (source / "a.py").write_text('"""A docstring."""\n' + text)
    (violation,) = rule_violations(source)
    assert complaint in violation


def test_the_checker_allows_tensors_as_data(tmp_path: Path) -> None:
    text = "import torch\ntorch.load('x', map_location='cpu', weights_only=True)\n"
    (tmp_path / "a.py").write_text(f'"""A docstring."""\n{text}')
    assert rule_violations(tmp_path) == []


def test_the_checker_sees_a_missing_docstring(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    assert rule_violations(tmp_path) == ["a.py:1 has no docstring"]


@pytest.mark.parametrize(
    "path",
    [
        "expressions/expression_text.py",
        "expressions/expressions_text.py",
        "distill/losses/loss_of_logits.py",
        "studies/study_plan.py",
        "a/core/cores_left.py",
    ],
)
def test_the_checker_sees_a_folder_s_name_in_a_file_s(tmp_path: Path, path: str) -> None:
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text('"""A docstring."""\n')
    (violation,) = rule_violations(tmp_path)
    assert violation == f"{path}:1 says {file.parent.name} once more in its name"


@pytest.mark.parametrize("path", ["expressions/express.py", "tables/table.py", "teachers/timm.py"])
def test_the_checker_allows_other_names_of_files(tmp_path: Path, path: str) -> None:
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text('"""A docstring."""\n')
    assert rule_violations(tmp_path) == []


def test_the_checker_sees_a_class_of_another_s_name(tmp_path: Path) -> None:
    for name, text in (
        ("a", "class Part:\n    x = 1\nclass _Own:\n    x = 1\n"),
        ("b", "class _Own:\n    x = 1\nclass Whole:\n    class Part:\n        x = 1\n"),
        ("c", "\nclass Part:\n    x = 1\n"),
    ):
        (tmp_path / f"{name}.py").write_text(f'"""A docstring."""\n{text}')
    assert rule_violations(tmp_path) == ["c.py:3 Part is also in a.py"]


@pytest.mark.parametrize(
    "text",
    [
        "import re\nx = re.compile('a')",  # not the built-in
        "model.eval()",  # PyTorch's way to say "not training"
        "numpy.load('x', allow_pickle=False)",
        "try:\n    f()\nexcept OSError:\n    pass",
        "import json\njson.load(handle)",
        'def f():\n    """\n' + "    Prose.\n" * LONGEST_FUNCTION + '    """\n    return 1',
    ],
)
def test_the_checker_allows(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.py").write_text('"""A docstring."""\n' + text + "\n")
    assert rule_violations(tmp_path) == []

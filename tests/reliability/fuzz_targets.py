"""What is fuzzed: functions that take any bytes and raise nothing but errors of one line.

Each does with its input what the program does before anything expensive begins. What it accepts
must survive being written and read again.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from autodas.cli.commands import COMMANDS
from autodas.cli.options import Common, check_text, given_by, made, options_of
from autodas.core.errors import AutodasError
from autodas.core.files import json_text, parse_json
from autodas.core.seals import sealed
from autodas.core.toml import parse_toml
from autodas.expressions import Grammar, from_json, grow, in_words, parse, to_json, to_text
from autodas.primitives import PRIMITIVES
from autodas.scores.proxy import proxy_of
from autodas.scores.resolve import score_names
from autodas.scores.score import leaf_types, parse_score
from autodas.spaces import SPACES
from autodas.steps.label.run import LabelConfig
from autodas.tables.read import parse_table
from autodas.workbench.budgets import Budgets
from autodas.workbench.recipes import parse_losses

NOWHERE = Path("/nowhere/file")
LABELLING = options_of(LabelConfig)
LONGEST_LINE = 2_000


def formula(data: bytes) -> None:
    """Text where a score is asked for: one formula, or several."""
    text = data.decode("utf-8", "replace")
    try:
        score_names(text)
    except AutodasError as error:
        one_line(error)  # a formula of unknown names is still one to write and read
    expression = parse(text)
    assert parse(to_text(expression)) == expression
    assert from_json(to_json(expression)) == expression
    in_words(parse_score(text))


def proxy(data: bytes) -> None:
    """A proxy file, with a right seal if it has one: whoever writes it can compute it."""
    content = parse_json(data, NOWHERE)
    if isinstance(content, dict) and "seal" in content:
        content = sealed(content)
    found = proxy_of(content, NOWHERE)
    assert math.isfinite(sum(term.weight for term in found.terms))
    assert found.score.formula == found.formula
    for term in found.terms:
        for scale in term.scales.values():
            assert np.isfinite(scale([-1e300, -1.0, 0.0, 1.0, 1e300])).all()


def table(data: bytes) -> None:
    """A table of any kind, CSV or JSON, with and without the name of a space."""
    refused = []
    for space in (None, "digits-cnn"):
        try:
            found = parse_table(NOWHERE, data, space)
        except AutodasError as error:
            refused.append(one_line(error))
            continue
        for target in found.targets.values():
            known = target.values[~np.isnan(target.values)]
            assert ((known >= 0) & (known <= 100)).all()
    if len(refused) == 2:
        raise refused[0]


def configuration(data: bytes) -> None:
    """A TOML file for a command."""
    given = given_by(COMMANDS["label"], LABELLING, parse_toml(data, NOWHERE), NOWHERE)
    check_text(given)
    config, _ = made(COMMANDS["label"], LabelConfig, LABELLING | options_of(Common), given)
    parse_losses(config.losses)


def budgets(data: bytes) -> None:
    """Limits such as 0.5M, 60MMACs, 8MiB and 3ms."""
    words = [*data.decode("utf-8", "replace").split("|"), *[None] * 4][:4]
    found = Budgets.of(*(word or None for word in words))
    assert all(math.isfinite(limit) for limit in found.to_json().values())


def architecture(data: bytes) -> None:
    """An architecture of each space."""
    text, refused = data.decode("utf-8", "replace"), []
    for space in SPACES:
        try:
            arch = space.decode(text)
        except AutodasError as error:
            refused.append(one_line(error))
            continue
        assert space.decode(space.encode(arch)) == arch
        assert np.isfinite(space.features(arch)).all()
    if len(refused) == len(SPACES):
        raise refused[0]


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (formula, proxy, table, configuration, budgets, architecture)
}

# Percent of the inputs; the slow readers (formulas, tables, architectures) get a little less.
SHARES = {
    "formula": 15, "proxy": 20, "table": 15, "configuration": 20, "budgets": 15, "architecture": 15,
}  # fmt: skip


def one_line(error: AutodasError) -> AutodasError:
    """What the user is told is one short line that no terminal obeys."""
    told = str(error)
    assert told.isprintable(), told
    assert 0 < len(told) <= LONGEST_LINE, told
    return error


def run(target: Callable[[bytes], None], data: bytes) -> bool:
    """Whether the input was accepted; any exception but an error of one line is a finding."""
    try:
        target(data)
    except AutodasError as error:
        one_line(error)
        return False
    return True


@functools.cache
def seeds() -> dict[str, list[bytes]]:
    """Inputs to begin with: such as are accepted, and such as are meant to do harm."""
    rng, grammar = np.random.default_rng(0), Grammar(leaf_types())
    package = Path(json_text.__code__.co_filename).parents[1]
    proxies = [path.read_bytes() for path in (package / "scores" / "shipped").glob("*.json")]
    small = (
        b'{"format":2,"name":"a","formula":"1\xc2\xb7Q(params)","terms":[{"formula":"params","expression":'
        b'{"nodes":[{"leaf":"params"}]},"weight":1.0,"scaled":true,"scales":{"resnet":'
        b'{"knots":[1,2.5,9],"levels":[-0.4,0.1,0.4]}}}],"results":{},"seal":""}'
    )
    csv = b"arch,c100_kd_acc,base_acc\n357,70.5,60\n1-1-1,71,61\n"
    cells = (
        b"arch_str,cifar10_test,cifar10_test@777\n"
        + b"|none~0|+|none~0|none~1|+"
        + (b"|none~0|none~1|none~2|,10,11\n")
    )
    labels = b'arch,accuracy,seed,training,status,reason\n"{""a"":1}",70.5,0,distilled,ok,\n'
    kd = b'[{"arch":{"hidden_dim":192,"depth":12},"c100_kd_acc":70.5}]'
    return {
        "formula": [
            b"layers_sum(sum(abs(weight_grad)))", b"params,diswot,proxy:cnn",
            b"add(layers_mean(log(l2(weight))), layers_last(cka))", b"log(" * 60 + b"params",
            b"params", b"(" * 5000, b"a" * 12_000, "l2(τ)".encode(),
            *(to_text(grow(grammar, rng)).encode() for _ in range(40)),
        ],
        "proxy": [
            *(each for each in proxies if len(each) < 20_000), small, b"[" * 5000, b'{"format":2}',
        ],
        "table": [csv, cells, labels, kd, b"[" * 5000, b'[{"arch":{"a":1},"kd_acc":1e999}]',
                  b"arch,seed,accuracy,training\na," + b"9" * 5000 + b",1,vanilla\n", b"\x80\x04."],
        "configuration": [
            b'out = "runs/a"\nstudents = 4\nlosses = ["kd=0.9"]\nepochs = 3\namp = true\n',
            b"a = " + b"[" * 2000, b"epochs = " + b"9" * 5000, b'out = "\\u0000"', b"a.b.c = 1",
        ],
        "budgets": [b"0.5M|60MMACs|8MiB|3ms", b"1e999|nan|-1|inf", b"9" * 5000],
        "architecture": [
            *(space.encode(space.sample(rng)).encode() for space in SPACES for _ in range(2)),
            b"357", b"9-9-9999999999", b'{"depth":' + b"[" * 3000, b'{"depth":1e999,"width":NaN}',
            b'{"depth":' + b"9" * 5000 + b"}",
        ],
    }  # fmt: skip


WORDS = (
    b'"depth"', b'"width"', b"[", b"]", b"{", b"}", b":", b",", b"1e999", b"-1", b"0", b"NaN",
    b"null", b"true", b"\\ud800", b"\x00", b"\xff", b"\x1b[2J", b"'''", b"\n", b'"', b"99999999999",
    b"layers_sum(", b"weight", b"params", b"(", b")", b"weight_grad", b"kd_acc", b"distilled", b"=",
    b"arch", b"seed", b"accuracy", b"training", b"|", b"nor_conv_3x3~0", b"input", b"output", b"#",
    b"1e-400", b"0x", b"_", b".", b'"seal"', b'"terms"', b'"scales"', b"KMACs", b"MiB", b"ms", b"M",
)  # fmt: skip

NAMES = tuple(name.encode() for name in (*PRIMITIVES.names(), *leaf_types()))
ALL_WORDS = (*WORDS, *NAMES)
NAME = re.compile(rb"[a-z][a-z_0-9]*")


def mutated(data: bytes, rng: np.random.Generator, others: list[bytes]) -> bytes:
    """One to five changes: bits, blocks, names, words of the languages, parts of other inputs."""
    for _ in range(int(rng.integers(1, 6))):
        place, kind = int(rng.integers(len(data) + 1)), int(rng.integers(7))
        length = int(rng.integers(1, 17))
        if kind == 0 and data:
            place = min(place, len(data) - 1)
            data = (
                data[:place] + bytes([data[place] ^ 1 << int(rng.integers(8))]) + data[place + 1 :]
            )
        elif kind == 1:
            data = data[:place] + data[place + length :]
        elif kind == 2:
            data = (
                data[:place]
                + data[place : place + length] * int(rng.integers(1, 40))
                + data[place:]
            )
        elif kind == 3:
            other = others[int(rng.integers(len(others)))]
            start = int(rng.integers(len(other) + 1))
            data = data[:place] + other[start : start + 4 * length] + data[place:]
        elif kind == 6 and (found := NAME.search(data, place)):
            # Another name in the place of a name: what is asked for next to what is allowed.
            word = NAMES[int(rng.integers(len(NAMES)))]
            data = data[: found.start()] + word + data[found.end() :]
        else:
            word = ALL_WORDS[int(rng.integers(len(ALL_WORDS)))]
            data = data[:place] + word + data[place + (length if kind == 5 else 0) :]
    return data[:65_536]

"""Which options make another run is said once, and every command goes by it."""

import dataclasses
import importlib
import typing
from pathlib import Path
from types import NoneType
from typing import Literal

import pytest

from autodas import api
from autodas.core.digest import digest
from autodas.core.errors import InvalidInput
from autodas.core.runs import RunDirectory, deciding
from autodas.steps import MODULES

# Where, how fast, how long, what to show beside, and what need not be done again; of ablations,
# more seeds are added.
ASIDE = {
    *("out", "cache", "page", "tracking", "ablation_seeds"),
    *("jobs", "backend", "ray_address", "ray_gpus", "memory", "time_limit"),
    "known",
}
REQUIRED = {"explain": {"proxy": "params"}}
NO_RUN = {"measure", "convert", "check", "export"}
"""Commands that leave no run directory."""


def config_of(command):
    return importlib.import_module(MODULES[command]).Config


@pytest.mark.parametrize("jobs", [0, -1])
@pytest.mark.parametrize(
    "command", [each for each in MODULES if "jobs" in config_of(each).__dataclass_fields__]
)
def test_no_workers_are_refused_before_a_run_claims_its_folder(command, jobs):
    with pytest.raises(InvalidInput, match=f"the number of jobs must be at least 1, got {jobs}"):
        config_of(command)(**REQUIRED.get(command, {}), jobs=jobs)


def options(kind, table=()):
    """Path, type and default of every option."""
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if dataclasses.is_dataclass(hints[field.name]):
            yield from options(hints[field.name], (*table, field.name))
        else:
            yield (*table, field.name), hints[field.name]


def other(hint, value):
    """Another value of an option."""
    kinds = [each for each in typing.get_args(hint) if each is not NoneType]
    if typing.get_origin(hint) is Literal:
        return next(each for each in typing.get_args(hint) if each != value)
    if typing.get_origin(hint) is tuple:
        # A rung is a fraction; other texts may be anything.
        return (*(value or ()), "1/3" if kinds[0] is str else other(kinds[0], None))
    if kinds:  # an amount, or an option that may be None
        return 12345.0 if set(kinds) == {str, float} else other(kinds[0], value)
    if hint in (str, Path):
        return hint("3ms" if value is None else f"{value}-other")
    return not value if hint is bool else hint((value or 0) + 7)


def with_option(config, path, change):
    name, *inner = path
    if inner:
        change = with_option(getattr(config, name), inner, change)
    return dataclasses.replace(config, **{name: change})


def value_of(config, path):
    for name in path:
        config = getattr(config, name)
    return config


CASES = [
    pytest.param(command, path, hint, id=f"{command}-{'.'.join(path)}")
    for command in MODULES
    if command not in NO_RUN - {"measure"}
    for path, hint in options(config_of(command))
]


@pytest.mark.parametrize(("command", "path", "hint"), CASES)
def test_an_option_makes_another_run_unless_it_is_about_where_or_how_fast(command, path, hint):
    kind = config_of(command)
    plain = kind(**REQUIRED.get(command, {}))
    changed = with_option(plain, path, other(hint, value_of(plain, path)))
    assert value_of(changed, path) != value_of(plain, path)

    def folder(config):
        return api._folder(command, kind, {f.name: getattr(config, f.name) for f in own(config)})

    same = path[-1] in ASIDE
    assert (deciding(changed) == deciding(plain)) == same
    assert (folder(changed) == folder(plain)) == same


def own(config):
    return dataclasses.fields(config)


def test_what_decides_is_plain():
    found = deciding(config_of("discover")(tables=("a", "b")))
    assert found["tables"] == ["a", "b"]
    assert found["protocol"]["init_seed"] == 0
    assert deciding(config_of("distill")(search=Path("runs/a")))["search"] == "runs/a"
    assert digest(found)


@pytest.mark.parametrize("command", [name for name in MODULES if name not in NO_RUN])
def test_a_run_with_other_options_is_refused_by_name(command, tmp_path):
    kind = config_of(command)
    plain = kind(**REQUIRED.get(command, {}))
    for path, hint in options(kind):
        if path[-1] in ASIDE:
            continue
        changed = with_option(plain, path, other(hint, value_of(plain, path)))
        out = tmp_path / "-".join(path)
        # Also one that is left out: what has no value is not in the file.
        for first, second in ((changed, plain), (plain, changed)):
            with RunDirectory(out, command, deciding(first)):
                pass
            name = ".".join(path)
            said = rf"holds a run with {name}=.*, now .*; choose another --out"
            with (
                pytest.raises(InvalidInput, match=said),
                RunDirectory(out, command, deciding(second)),
            ):
                pass
            for file in out.iterdir():
                file.unlink()

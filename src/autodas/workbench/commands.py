"""The command line that asks a step for a configuration."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from autodas.core.runs import deciding

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["command_line"]


def command_line(step: str, config: DataclassInstance, also: Sequence[str] = ()) -> str:
    """The command that finds the same, without places of this machine.

    Args:
        step: Name of the command.
        config: Its configuration, whose class has a default for every option.
        also: Options to tell although they do not decide.
    """
    usual = type(config)()
    told, default = deciding(config), deciding(usual)
    told |= {name: getattr(config, name) for name in also}
    default |= {name: getattr(usual, name) for name in also}
    return shlex.join(["autodas", step, *_differing(told, default)])


def _differing(told: Mapping[str, Any], default: Mapping[str, Any]) -> Iterator[str]:
    """The words of the options that are not at their defaults."""
    for name, value in told.items():
        option = name.replace("_", "-")
        if value == default[name]:
            continue
        if isinstance(value, Mapping):
            yield from _differing(value, default[name])
        elif isinstance(value, bool):
            yield f"--{option}" if value else f"--no-{option}"
        else:
            yield f"--{option}"
            yield from map(str, value if isinstance(value, list) else [value])

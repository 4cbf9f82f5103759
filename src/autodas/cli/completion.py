"""``autodas completion``: the script with which a shell completes commands, options and values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from autodas.cli.commands import COMMANDS
from autodas.cli.options import Common, Option, options_of
from autodas.core.progress import Progress, Silent

__all__ = ["CompletionConfig", "Config", "run"]


@dataclass(frozen=True)
class CompletionConfig:
    """For which shell."""

    shell: Literal["bash", "zsh", "fish"]
    """Shell that the script is for."""


Config = CompletionConfig

BASH = """# Completion of autodas for bash.
_autodas() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} words=""
    if [[ $COMP_CWORD == 1 ]]; then
        COMPREPLY=( $(compgen -W "{commands} --help --version" -- "$word") )
        return
    fi
    case "${{COMP_WORDS[1]}} $previous" in
{values}
    esac
    if [[ -z $words && $word == -* ]]; then
        case ${{COMP_WORDS[1]}} in
{options}
        esac
    fi
    # Without words of ours, files are completed.
    COMPREPLY=( $(compgen -W "$words" -- "$word") )
}}
complete -o default -F _autodas autodas"""

ZSH = """#compdef autodas
# Completion of autodas for zsh.
_autodas() {{
    local previous=${{words[CURRENT-1]}} found=()
    if (( CURRENT == 2 )); then
        compadd -- {commands} --help --version
        return
    fi
    case "${{words[2]}} $previous" in
{values}
    esac
    if [[ ${{#found}} == 0 && ${{words[CURRENT]}} == -* ]]; then
        case ${{words[2]}} in
{options}
        esac
    fi
    if (( ${{#found}} )); then compadd -- $found; else _files; fi
}}
_autodas "$@" """


def run(config: CompletionConfig, progress: Progress = Silent()) -> dict[str, Any]:  # noqa: ARG001
    """Write the script.

    Returns:
        ``script``: its text.
    """
    options = {name: _options(name) for name in COMMANDS}
    if config.shell == "fish":
        script = _fish(options)
    elif config.shell == "zsh":
        script = _script(ZSH, "found=(%s)", options)
    else:
        script = _script(BASH, 'words="%s"', options)
    return {"shell": config.shell, "script": script, "summary": [script]}


def _options(name: str) -> dict[str, Option]:
    return {**options_of(COMMANDS[name].load().config), **options_of(Common)}


def _words(option: Option) -> list[str]:
    return [option.name, *([f"--no-{option.name[2:]}"] if option.is_flag else [])]


def _cases(options: Mapping[str, Mapping[str, Option]]) -> dict[str, str]:
    """``"command previous-word"`` -> the values that may follow."""
    found = {}
    for name, known in options.items():
        for option in known.values():
            if option.choices:
                found[f"{name} {option.name}"] = " ".join(option.choices)
        for place in COMMANDS[name].positional[:1]:
            if choices := known[f"--{place}"].choices:
                found[f"{name} {name}"] = " ".join(choices)
    return found


def _script(template: str, assign: str, options: Mapping[str, Mapping[str, Option]]) -> str:
    """A script of cases; ``assign`` has a place for the words of each."""
    every = {
        name: [w for o in known.values() for w in _words(o)] for name, known in options.items()
    }
    cases = _cases(options).items()
    return template.format(
        commands=" ".join(COMMANDS),
        values="\n".join(f'        "{where}") {assign % words} ;;' for where, words in cases),
        options="\n".join(f"            {n}) {assign % ' '.join(w)} ;;" for n, w in every.items()),
    ).rstrip()


def _fish(options: Mapping[str, Mapping[str, Option]]) -> str:
    lines = ["# Completion of autodas for fish."]
    for name, command in COMMANDS.items():
        text = command.help.replace("'", "’")
        lines.append(f"complete -c autodas -n __fish_use_subcommand -f -a {name} -d '{text}'")
    for name, known in options.items():
        start = f"complete -c autodas -n '__fish_seen_subcommand_from {name}'"
        for option in known.values():
            takes = f" -x -a '{' '.join(option.choices)}'" if option.choices else " -r"
            lines += [
                f"{start} -l {word[2:]}{'' if option.is_flag else takes}" for word in _words(option)
            ]
        if choices := _cases({name: known}).get(f"{name} {name}"):
            lines.append(f"{start} -f -a '{choices}'")
    return "\n".join(lines)

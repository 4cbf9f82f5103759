"""From ``sys.argv`` to an exit status.

Standard output belongs to the results; everything else goes to standard error.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from autodas import __version__
from autodas.cli.commands import COMMANDS, find
from autodas.cli.signals import Stopped, stopping
from autodas.core.errors import AutodasError, InvalidInput
from autodas.core.places import CACHE_VARIABLE, stand_in
from autodas.core.plugins import load_installed, load_plugins
from autodas.core.printable import printable, printable_json, printable_lines

__all__ = ["main"]

DONE, DEFECT, WRONG_USE = 0, 1, 2
# What the machine has run out of or does not allow: no defect of ours, wherever it shows.
OF_THE_MACHINE = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
}

HELP = """autodas {version}: find the student that learns most from your teacher, without training

usage: autodas COMMAND [options]
       autodas COMMAND --help

commands
{commands}

every command takes
  --json          print one JSON object on standard output and nothing else there
  --config FILE   take options from a TOML file; those on the command line win
  --plugin MODULE import modules that declare statistics, primitives or scores of your own
  --tensorboard DIR  write the numbers of a search for TensorBoard as well

exit status
  0    done
  1    a defect of autodas, with a traceback: please report it
  2    wrong options, unusable data, a full disk or a folder that cannot be written, explained in
       one line on standard error
  129  stopped because the terminal was closed (SIGHUP)
  130  stopped with Ctrl-C; a second Ctrl-C does not wait for anything
  143  stopped with SIGTERM
What was stopped, killed or failed goes on where it stopped with the same command.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; ``autodas --help`` says what each means."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    status = DONE
    _open_closed_streams()
    try:
        with stopping():
            status = _answer(given)
        sys.stdout.flush()
    except OSError as error:
        # Python would complain when it flushes at exit.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        # The reader of a pipe has seen enough, as in `autodas list primitives | head -1`.
        if status == DONE and not isinstance(error, BrokenPipeError):
            return _failed(f"error: the results cannot be written: {error}", WRONG_USE, False)
    return status


def _answer(given: list[str]) -> int:
    if not given or given[0] in {"-h", "--help", "help"}:
        print(_help(), end="", file=sys.stdout if given else sys.stderr)
        return DONE if given else WRONG_USE
    if given[0] in {"-V", "--version"}:
        print(f"autodas {__version__}")
        return DONE
    return _command(given)


def _command(given: list[str]) -> int:
    # Looked up before the options are understood: a mistake in them is told as JSON, too.
    as_json = "--json" in given
    place: list[str] = []
    try:
        return _shown(_run(given, place), as_json)
    except SystemExit as asked_for_help:
        return int(asked_for_help.code or DONE)
    except KeyboardInterrupt as stopped:
        status = stopped.status if isinstance(stopped, Stopped) else 128 + signal.SIGINT
        kept = f"; what is done is kept in {place[0]}" if place else ""
        return _failed(f"stopped{kept}; the same command goes on from there", status, as_json)
    except AutodasError as error:
        return _failed(f"error: {error}", WRONG_USE, as_json)
    except BrokenPipeError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in OF_THE_MACHINE:
            return _failed(f"error: {error}", WRONG_USE, as_json)
        import traceback

        traceback.print_exc()
        return _failed(f"defect: {type(error).__name__}, please report it", DEFECT, as_json)


def _run(given: list[str], place: list[str]) -> dict[str, Any]:
    """Results of a command; its run directory is put into ``place`` as soon as it is known."""
    name, *rest = [word for word in given if word != "--json"] or [""]
    command = find(name)
    from autodas.cli.options import parse
    from autodas.cli.progress import reporting

    step = command.load()
    config, common = parse(command, step.config, rest)
    load_installed()
    load_plugins(common.plugin)
    if (out := getattr(config, "out", None)) is not None:
        place.append(str(out))
    with _reserved_stdout(), reporting(common.tensorboard) as progress:
        if getattr(config, "cache", ...) is None and (instead := stand_in()) is not None:
            progress.note(
                f"there is no home folder: the cache is in {instead}; "
                f"set HOME, {CACHE_VARIABLE} or --cache"
            )
        try:
            results = step.run(config, progress)
        except SystemExit as left:  # ours never do so
            raise InvalidInput(f"code that autodas ran has left it (SystemExit: {left})") from left
        return _with_report(results, place[0]) if command.reported else results


def _with_report(results: dict[str, Any], out: str) -> dict[str, Any]:
    """The results of a run, and the page that shows them."""
    from autodas.reports import build

    page = str(build(Path(out)))
    summary = {"summary": [*results["summary"], f"report: {page}"]} if "summary" in results else {}
    return {**results, "report": page, **summary}


def _shown(results: dict[str, Any], as_json: bool) -> int:
    if as_json:
        _print_json({key: value for key, value in results.items() if key != "summary"})
    else:
        _print_summary(results)
    if results.get("usable", True):
        return DONE
    # All that was found is on standard output already, as JSON or not.
    return _failed(f"error: {results['data']} cannot be used as it is", WRONG_USE, as_json=False)


@contextlib.contextmanager
def _reserved_stdout() -> Iterator[None]:
    """Inside, whatever is written to standard output lands on standard error.

    That includes what worker processes and C libraries write, which know the file descriptor
    only.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _print_json(results: dict[str, Any]) -> None:
    """Print one JSON object.

    Raises:
        ValueError: a number is NaN or infinite, which is a defect of the step.
    """
    print(printable_json(json.dumps(results, ensure_ascii=False, allow_nan=False)))


def _print_summary(results: dict[str, Any]) -> None:
    """Print the lines meant for people, or the results themselves if there are none."""
    lines = results.get("summary")
    if lines is None:
        lines = [json.dumps(results, ensure_ascii=False, allow_nan=False, indent=1)]
    # Names that a file gave must not steer the terminal.
    print(*(printable_lines(str(line)) for line in lines), sep="\n")


def _failed(message: str, status: int, as_json: bool) -> int:
    line = printable(" ".join(message.splitlines()))
    with contextlib.suppress(OSError):  # nobody may be there to read it
        print(f"autodas: {line}", file=sys.stderr, flush=True)
    if as_json:
        _print_json({"error": line.removeprefix("error: "), "exit_status": status})
    return status


def _help() -> str:
    width = max(map(len, COMMANDS)) + 2
    lines = [f"  {command.name:{width}}{command.help}" for command in COMMANDS.values()]
    return HELP.format(version=__version__, commands="\n".join(lines))


def _open_closed_streams() -> None:
    """Put the null device in the place of standard streams that are closed.

    Python has None for them, which cannot be printed to. And the next file that is opened would
    get the number of such a stream, and all that C libraries and workers write to it.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free: this one, as those below it are open by now.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        if getattr(sys, name) is None:
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - it stays
            setattr(sys, name, stream)

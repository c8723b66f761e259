"""The command line: `trow VERB …`; without a verb, flags or not, it serves. One module a verb.

A mistake is one line on standard error. The exit status is 0, 1 for what went wrong and 2 for words or a file that
can't be used; a verb's help says what it means there. Nothing ends with a traceback.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from typing import TYPE_CHECKING

from trow.cli.output import BOLD, coloured, complain
from trow.cli.parser import Parser, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trow.cli.verbs import Verb

__all__ = ["main"]

_INTERRUPTED = 130
_HELP = ("-h", "--help", "help")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit status."""
    try:
        return _flushed(_run(list(sys.argv[1:] if arguments is None else arguments)))
    except SystemExit as end:  # argparse, after help
        return _flushed(end.code if isinstance(end.code, int) else 1)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except UsageError as error:
        complain(error)
        return 2
    except BrokenPipeError:
        return _abandoned()
    except Exception as error:  # noqa: BLE001 (whatever it is, it ends as a line)
        return _failed(error)


def _run(words: list[str]) -> int:
    from trow.cli.verbs import VERBS  # noqa: PLC0415

    if words and words[0] in _HELP:
        named = " ".join(words[1:])
        if words[0] == "help" and named in VERBS:
            VERBS[named].parser().print_help()
        else:
            sys.stdout.write(_overview(VERBS))
        return 0
    if not words or words[0].startswith("-"):  # as Trow 0.3 and 0.10, which had no verbs
        words = ["serve", *words]
    name = next((each for each in VERBS if words[: len(each.split())] == each.split()), None)
    if name is None:
        raise UsageError(_unknown(words, list(VERBS)))
    verb = VERBS[name]
    return _do(verb, verb.parser(), words[len(name.split()) :])


def _do(verb: Verb, parser: Parser, words: list[str]) -> int:
    chosen = parser.read(words)
    module = importlib.import_module(f"trow.cli.{verb.module}")
    status: int = getattr(module, verb.module)(chosen)
    return status


def _unknown(words: list[str], known: list[str]) -> str:
    import difflib  # noqa: PLC0415

    if words[0] == "config":
        return "config: what about it? `trow config show` shows the settings in force"
    near = difflib.get_close_matches(words[0], known, n=1)
    meant = f"; did you mean {near[0]}?" if near else ""
    return f"{words[0]}: there is no such command{meant} (trow --help lists them)"


def _overview(verbs: dict[str, Verb]) -> str:
    lines = [f"  {coloured(f'trow {name}', BOLD)}{' ' * (14 - len(name))}{verb.about}" for name, verb in verbs.items()]
    return (
        "Trow, an image registry for a cluster: push, pull, pull-through cache and admission.\n\n"
        + "\n".join(lines)
        + "\n\ntrow VERB --help says more. One file holds all settings: --config-file, TROW_CONFIG or "
        "/etc/trow/config.yaml.\n"
    )


def _failed(error: Exception) -> int:
    from trow.config.problems import ConfigError  # noqa: PLC0415

    if isinstance(error, ConfigError):
        for line in str(error).splitlines():
            sys.stderr.write(f"trow: {line}\n")
        return 2
    if isinstance(error, OSError):
        complain(": ".join(str(part) for part in (error.filename, error.strerror or error) if part))
        return 1
    last = traceback.extract_tb(error.__traceback__)[-1]  # not its text, which may hold a secret
    where = f"{'/'.join(last.filename.split('/')[-3:])}:{last.lineno}"
    complain(f"this is a bug in Trow: {type(error).__name__} at {where}")
    return 1


def _flushed(status: int) -> int:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return _abandoned()
    return status


def _abandoned() -> int:
    """Whoever read it has gone: nothing more is written, not even as the interpreter ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1

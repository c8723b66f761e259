"""`trow check FILE…`: everything that is wrong with configuration files, without a server. For hooks and CI jobs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from trow.cli.output import GREEN, RED, YELLOW, coloured, complain, say, say_json
from trow.config.files import MOST_BYTES, Files, Unreadable
from trow.config.loader import load_bytes
from trow.config.problems import ConfigError, Problem

if TYPE_CHECKING:
    import argparse

STANDARD_INPUT = "-"
_STANDARD_INPUT_NAME = Path("<stdin>")


class Report(NamedTuple):
    """What is to be said of a file; `unreadable` says why there is nothing else."""

    file: str
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    unreadable: str = ""

    def status(self, *, strict: bool) -> int:
        """The exit status if it were the only file."""
        if self.unreadable:
            return 2
        return int(bool(self.problems) or (strict and bool(self.warnings)))


def check(chosen: argparse.Namespace) -> int:
    """Print what is wrong: problems on standard output, warnings on standard error; the exit status."""
    reports = []
    for each in chosen.files:
        report = read(each, elsewhere=not chosen.here)
        reports.append(report)
        if chosen.output == "text":
            _tell(report, is_chatty=chosen.verbose or sys.stdout.isatty())
    if chosen.output == "json":
        say_json([_document(report, strict=chosen.strict) for report in reports])
    return max(report.status(strict=chosen.strict) for report in reports)


def read(name: str, *, elsewhere: bool) -> Report:
    """Read one file. `elsewhere`: it is for another machine, and files that it names may be missing here."""
    path = _STANDARD_INPUT_NAME if name == STANDARD_INPUT else Path(name)
    try:
        content = _content(name, path)
    except Unreadable as error:
        return Report(os.fspath(path), unreadable=str(error))
    try:
        return Report(os.fspath(path), warnings=load_bytes(content, path, elsewhere=elsewhere).warnings)
    except ConfigError as error:
        return Report(os.fspath(path), problems=error.problems)


def _content(name: str, path: Path) -> bytes:
    if name != STANDARD_INPUT:
        return Files(path.parent).read(path)
    content = sys.stdin.buffer.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise Unreadable(f"is larger than {MOST_BYTES // 1024} KiB")
    return content


def _tell(report: Report, *, is_chatty: bool) -> None:
    if report.unreadable:
        complain(f"{report.file} {report.unreadable}")
        return
    for each in report.problems:
        say(f"{_place(each)} {coloured(_words(each), RED)}")
    for each in report.warnings:
        sys.stderr.write(f"{_place(each)} {coloured('warning:', YELLOW, sys.stderr)} {_words(each)}\n")
    if is_chatty and not report.problems:
        count = len(report.warnings)
        odd = f", {count} warning{'s' if count > 1 else ''}" if count else ""
        say(f"{report.file}: {coloured('ok', GREEN)}{odd}")


def _place(problem: Problem) -> str:
    return f"{problem.file}:{problem.line}:{problem.column}:" if problem.line else f"{problem.file}:"


def _words(problem: Problem) -> str:
    return f"{problem.key}: {problem.message}" if problem.key else problem.message


def _document(report: Report, *, strict: bool) -> dict[str, Any]:
    return {
        "file": report.file,
        "ok": report.status(strict=strict) == 0,
        "unreadable": report.unreadable or None,
        "problems": report.problems,
        "warnings": report.warnings,
    }

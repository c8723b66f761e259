"""What is wrong with a file, and where: one line for each problem, and all of them at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from trow.config.files import Sources

MOST_SHOWN = 100
_PLAIN_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong, or worth a warning. Its message never holds a value from the file.

    `line` and `column` count from 1; 0 stands for the file as a whole. `key` is the path of the key, or empty.
    """

    file: str
    line: int
    column: int
    key: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"


class ConfigError(Exception):
    """The file can't be used. Its text is a line for each problem; `sources` are the files that were looked at."""

    def __init__(self, problems: tuple[Problem, ...], sources: Sources) -> None:
        super().__init__(problems)
        self.problems = problems
        self.sources = sources

    def __str__(self) -> str:
        shown = [str(each) for each in self.problems[:MOST_SHOWN]]
        more = len(self.problems) - MOST_SHOWN
        return "\n".join([*shown, f"... and {more} more"] if more > 0 else shown)


def shown_key(text: str) -> str:
    """A key as a message may show it: what doesn't look like one may be a value that slipped."""
    return text if _PLAIN_KEY.fullmatch(text) else "?"

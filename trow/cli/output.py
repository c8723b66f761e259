"""What a command prints: lines for people, JSON for programs, colours on a terminal, complaints on standard error."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from typing import TextIO

BOLD, DIM, RED, GREEN, YELLOW = 1, 2, 31, 32, 33


def say(text: str) -> None:
    """A line of what was asked for."""
    sys.stdout.write(text + "\n")


def say_json(document: object) -> None:
    """A document of what was asked for, indented."""
    say(msgspec.json.format(msgspec.json.encode(document, enc_hook=str), indent=2).decode())


def complain(message: object) -> None:
    """One line for the operator."""
    sys.stderr.write(f"trow: {' '.join(str(message).split())}\n")


def is_colourful(stream: TextIO) -> bool:
    """Whether colours are wanted: on a terminal that has them, unless NO_COLOR says otherwise."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def coloured(text: str, colour: int, stream: TextIO | None = None) -> str:
    """The text in a colour, or as it is."""
    return f"\033[{colour}m{text}\033[0m" if is_colourful(stream or sys.stdout) else text

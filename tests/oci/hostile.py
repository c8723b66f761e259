"""Text that has broken parsers before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

HOSTILE = [
    "",
    " ",
    ".",
    "..",
    "/",
    "\0",
    "\n",
    "a\n",
    "\na",
    "a\r\n",
    "a\0b",
    "a b",
    "a/../b",
    "../etc/passwd",
    "%2e%2e",
    "a%2fb",
    "a\\b",
    "\u0661",  # ARABIC-INDIC DIGIT ONE, which `\d` and isdigit take for a digit
    "\u0131",  # dotless i, which lower() and casefold treat their own way
    "\u212a",  # KELVIN SIGN, which re.IGNORECASE takes for a k
    "\uff41",  # FULLWIDTH LATIN SMALL LETTER A
    "a\u0301",
    "\u202e",
    "\ud800",
    "\U0001f600",
    "A" * 10_000 + "!",
    "/" * 10_000,
    "a" * 10_000,
    "a-" * 5_000,
    "0" * 10_000,
]


def each(name: str, texts: Iterable[str]) -> pytest.MarkDecorator:
    """A test for each, under a number: some of these can't be printed."""
    different = list(dict.fromkeys(texts))
    return pytest.mark.parametrize(name, different, ids=range(len(different)))

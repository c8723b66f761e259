"""The command line: `trow [serve] …`. One module a verb; a mistake is one line on standard error and exit status 2."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from trow.cli.serve import serve

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0] == "serve":
        words = words[1:]
    return serve(words)

"""How words become values: an argparse that raises instead of ending the process, and whose help people read."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from typing import TYPE_CHECKING, NoReturn

from trow.cli.output import BOLD, coloured

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, TextIO

_HEADING = re.compile(r"^(?:usage|[a-z][a-z ,]*):(?=$| )", re.MULTILINE)
_WIDEST = 100


class UsageError(Exception):
    """The words can't be understood; the message is one line."""


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        width = min(shutil.get_terminal_size().columns, _WIDEST)
        super().__init__(prog, max_help_position=32, width=max(width, 40))

    def _format_action_invocation(self, action: argparse.Action) -> str:
        """`-n, --names HOST ...`: the value is named once."""
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{', '.join(action.option_strings)} {value}"


class Parser(argparse.ArgumentParser):
    """The words of one verb. A flag is written in full; what is wrong is a UsageError."""

    def __init__(self, verb: str, about: str, examples: str = "", words: str = "") -> None:
        super().__init__(
            prog=f"trow {verb}",
            usage=f"trow {verb}{words and f' {words}'} [flags]",
            description=about,
            epilog=f"examples:\n{examples}" if examples else None,
            formatter_class=_Formatter,
            allow_abbrev=False,
            add_help=False,
        )
        self.color = False  # argparse of Python 3.14 has colours of its own
        self._positionals.title = "what to name"
        self._optionals.title = "flags"

    def with_help(self) -> Parser:
        """Add the flag that explains, and put what belongs to no group last."""
        self.add_argument("-h", "--help", action="help", help="show this and end")
        self._action_groups.remove(self._optionals)
        self._action_groups.append(self._optionals)
        return self

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """What the words say. Raises UsageError."""
        return self.parse_args(words)

    def print_help(self, file: Any = None) -> None:
        stream: TextIO = file or sys.stdout
        stream.write(_HEADING.sub(lambda found: coloured(found[0], BOLD, stream), self.format_help()))

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)

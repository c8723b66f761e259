"""What the words of `trow serve` come to, in one call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trow.cli.flags import serve_parser
from trow.cli.settings import settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trow.config.model import Config


def parse(words: Sequence[str]) -> tuple[Config, bool]:
    """The settings, and whether it is a dry run."""
    chosen = serve_parser().read(words)
    return settings(chosen).config, bool(chosen.dry_run)

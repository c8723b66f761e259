"""`trow version`: which Trow this is."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING

from trow import __version__
from trow.cli.flags import version_line
from trow.cli.output import say, say_json

if TYPE_CHECKING:
    import argparse


def version(chosen: argparse.Namespace) -> int:
    """Print it."""
    if chosen.output == "json":
        revision = os.environ.get("VCS_REF") or None
        say_json({"version": __version__, "revision": revision, "python": platform.python_version()})
    else:
        say(version_line())
    return 0

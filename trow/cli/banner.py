"""What Trow says of its settings at its start, in the words of Trow 0.3 and 0.10, and of what is odd about the file."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from trow import __version__
from trow.config.model import MIB

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from trow.config.model import Config
    from trow.config.problems import Problem


def banner(config: Config, port: int) -> str:
    """The block before the server starts; `port` is the one that it listens on first."""
    return "\n".join(_lines(config, port))


def told(warnings: Iterable[Problem]) -> None:
    """Warnings about the file, a line each on standard error."""
    for each in warnings:
        sys.stderr.write(f"trow: warning: {each}\n")


def shown_host(host: str) -> str:
    """As it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def _lines(config: Config, port: int) -> Iterator[str]:
    limits = config.limits
    yield f"Starting Trow {__version__} on {shown_host(config.listen[0].host)}:{port}\n"
    yield f"Maximum blob size: {_mebibytes(limits.blob_bytes) if limits.blob_bytes else 'no limit'}"
    yield f"Maximum manifest size: {_mebibytes(limits.manifest_bytes)}\n"
    if config.names:
        yield f"Hostname of this registry: {', '.join(json.dumps(name) for name in config.names)}\n"
    rules = config.image_validation
    if rules is None:
        yield "Image validation webhook not configured\n"
    else:
        yield "Image validation webhook configured, but not in force in this version:"
        yield f"  Default action: {rules.default}"
        yield f"  Allowed prefixes: {json.dumps(rules.allow)}"
        yield f"  Denied prefixes: {json.dumps(rules.deny)}\n"
    if config.cors.origins:
        yield "Cross-Origin Resource Sharing(CORS) requests are allowed\n"


def _mebibytes(count: int) -> str:
    return f"{count / MIB:.3f}".rstrip("0").rstrip(".") + " Mebibytes"

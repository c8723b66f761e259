"""`/healthz` and `/readiness`: cheap, without login, and not ready only when reads would fail.

A full or read-only disk keeps 200 with `writable: false`: an endpoint that leaves its Service takes the pulls with it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec
from litestar import HttpMethod, Response, route

if TYPE_CHECKING:
    from pathlib import Path

    from litestar.handlers import HTTPRouteHandler


_READS = (HttpMethod.GET, HttpMethod.HEAD)


class Health(msgspec.Struct, frozen=True):
    """0.3's answer to `/healthz`."""

    message: str
    is_healthy: bool


class Readiness(msgspec.Struct, frozen=True):
    """0.3's answer to `/readiness`, and whether pushes would work."""

    message: str
    is_ready: bool
    writable: bool


def health_handlers(data_dir: Path) -> list[HTTPRouteHandler]:
    """The two routes, looking at one data directory."""

    @route("/healthz", http_method=_READS, sync_to_thread=False)
    def healthz() -> Health:
        return Health("", is_healthy=True)

    @route("/readiness", http_method=_READS, sync_to_thread=False)
    def readiness() -> Response[Readiness]:
        readable = os.access(data_dir / "repositories", os.R_OK | os.X_OK)
        state = os.statvfs(data_dir) if readable else None
        writable = bool(state and state.f_bavail and os.access(data_dir / "uploads", os.W_OK | os.X_OK))
        message = "" if readable else "the data directory can't be read"
        return Response(Readiness(message, readable, writable), status_code=200 if readable else 503)

    return [healthz, readiness]

"""`/healthz` and `/readiness`: cheap, without login, and not ready only when reads would fail.

A full or read-only disk keeps 200 with `writable: false`, and a file of settings that can't be used keeps it too: an
endpoint that leaves its Service takes the pulls with it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec
from litestar import HttpMethod, Response, route

if TYPE_CHECKING:
    from pathlib import Path

    from litestar.handlers import HTTPRouteHandler

    from trow.config.live import Live


_READS = (HttpMethod.GET, HttpMethod.HEAD)


class Health(msgspec.Struct, frozen=True):
    """0.3's answer to `/healthz`."""

    message: str
    is_healthy: bool


class ConfigState(msgspec.Struct, frozen=True):
    """Which settings are in force, and what became of the file since: `trow.config.live.Generation`."""

    generation: int
    since: float
    sha256: str
    file: str
    error: str
    last_good: bool
    pending: tuple[str, ...]


class Readiness(msgspec.Struct, frozen=True):
    """0.3's answer to `/readiness`, whether pushes would work, and the settings."""

    message: str
    is_ready: bool
    writable: bool
    config: ConfigState


class DiskState(msgspec.Struct, frozen=True):
    """What can be done in a data directory, and the room on its disk in bytes."""

    readable: bool
    writable: bool
    size: int
    free: int
    available: int
    """What is free for us: some is kept for root."""


def look(data_dir: Path) -> DiskState:
    """Four system calls."""
    try:
        readable = os.access(data_dir / "repositories", os.R_OK | os.X_OK)
        state = os.statvfs(data_dir)
    except OSError:
        return DiskState(readable=False, writable=False, size=0, free=0, available=0)
    size, free, available = (state.f_frsize * blocks for blocks in (state.f_blocks, state.f_bfree, state.f_bavail))
    may_write = os.access(data_dir / "uploads", os.W_OK | os.X_OK)
    return DiskState(readable, readable and available > 0 and may_write, size, free, available)


def health_handlers(data_dir: Path, live: Live) -> list[HTTPRouteHandler]:
    """The two routes, looking at one data directory."""

    @route("/healthz", http_method=_READS, sync_to_thread=False)
    def healthz() -> Health:
        return Health("", is_healthy=True)

    @route("/readiness", http_method=_READS, sync_to_thread=False)
    def readiness() -> Response[Readiness]:
        disk, now = look(data_dir), live.generation
        message = "" if disk.readable else "the data directory can't be read"
        config = ConfigState(now.number, now.since, now.sha256, now.file, now.error, now.last_good, now.pending)
        answer = Readiness(message, disk.readable, disk.writable, config)
        return Response(answer, status_code=200 if disk.readable else 503)

    return [healthz, readiness]

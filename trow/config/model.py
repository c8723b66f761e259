"""The settings of a running Trow: frozen values with their defaults and units."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import msgspec

MIB = 1024 * 1024


class Sparse(StrEnum):
    """What a manifest may refer to that is not there."""

    NONE = "none"
    INDEXES = "indexes"
    ALL = "all"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds on what clients send."""

    manifest_bytes: int = 4 * MIB
    blob_bytes: int | None = None
    stall_seconds: float = 60.0


class Listen(msgspec.Struct, frozen=True, kw_only=True):
    """One address, plain or TLS."""

    host: str = "0.0.0.0"  # noqa: S104 (a registry is there for others)
    port: int = 8000
    certificate: Path | None = None
    key: Path | None = None


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Everything."""

    listen: Listen = Listen()
    data_dir: Path = Path("data")
    names: tuple[str, ...] = ()
    workers: int = 1
    limits: Limits = Limits()
    sparse: Sparse = Sparse.NONE
    shutdown_seconds: float = 30.0
    log_level: str = "info"
    name_worker: bool = False

"""The settings in force: the file's, with what flags and `TROW_…` variables say laid over it."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from trow.cli.flags import GIVEN
from trow.cli.limits import default_workers
from trow.cli.parser import UsageError
from trow.config import loader
from trow.config.files import Files
from trow.config.model import AUTO_WORKERS, MIB, Address, Config, Listen, LogFormat, LogLevel, Sparse, Tls
from trow.config.units import host as read_host
from trow.config.units import origin as read_origin

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from trow.config.problems import Problem

__all__ = ["Overlay", "Settings", "file_of", "overlay", "settings"]

DEFAULT_CERTIFICATE = Path("certs/domain.crt")
DEFAULT_KEY = Path("certs/domain.key")
_TLS_PORT = 8443
_USUAL = Listen()


class Overlay(NamedTuple):
    """What flags and variables say; None where they say nothing, so that the file's value stays.

    One of those about listening makes the list of addresses one: the file's first, changed as the flags say. A port
    that nobody named is 8000, with TLS 8443.
    """

    keys: Mapping[str, str]
    """Dotted key of the file, and the flag or variable that sets it: `limits.blob_size`, `--max-blob-size`."""
    auto_workers: int
    """What `auto` means on this machine."""
    host: str | None = None
    port: int | None = None
    tls: Tls | bool | None = None
    top: Mapping[str, Any] = {}
    sections: Mapping[str, Mapping[str, Any]] = {}

    def apply(self, config: Config) -> Config:
        """The settings that are in force if the file says these; pure, and the same for the same settings."""
        changed: dict[str, Any] = {
            name: replace(getattr(config, name), **values) for name, values in self.sections.items()
        }
        workers = config.workers if config.workers != AUTO_WORKERS else self.auto_workers
        return replace(config, **{"listen": self._listen(config), "workers": workers, **self.top, **changed})

    def _listen(self, config: Config) -> tuple[Listen, ...]:
        if self.host is None and self.port is None and self.tls is None:
            return config.listen
        first = config.listen[0] if config.listen else _USUAL
        tls = first.tls if self.tls is None else self.tls
        port = self.port
        if port is None:
            port = _TLS_PORT if tls and first.address == _USUAL.address else first.port
        return (Listen(address=Address(first.host if self.host is None else self.host, port), tls=tls),)


class Settings(NamedTuple):
    """The settings in force, and where each comes from."""

    config: Config
    file: Path | None
    """The file, None without one."""
    lines: Mapping[str, int]
    """The line of each key that the file gives."""
    overlay: Overlay
    warnings: tuple[Problem, ...]
    files: Files | None
    """The files that were read, None without any."""

    def origin(self, key: str) -> str:
        """Who says what a key is: the flag or variable, `FILE:LINE`, or nothing for a default."""
        if key in self.overlay.keys:
            return self.overlay.keys[key]
        return f"{self.file}:{self.lines[key]}" if key in self.lines else ""


def settings(chosen: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> Settings:
    """Find the file, load it, and lay over it what the words and variables say.

    Raises:
        UsageError: a flag is wrong.
        ConfigError: the file is, with everything that is wrong in it.
    """
    over, file = overlay(chosen, environment), file_of(chosen, environment)
    if file is None:
        return Settings(over.apply(Config()), None, {}, over, (), None)
    return laid_over(over, file, Files(file.parent))


def laid_over(over: Overlay, file: Path, files: Files) -> Settings:
    """The settings of a file that is read by way of `files`. Raises ConfigError."""
    loaded = loader.load(file, files=files)
    return Settings(over.apply(loaded.config), file, loaded.lines, over, loaded.warnings, files)


def file_of(chosen: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> Path | None:
    """The file to use, None without one."""
    return loader.find(chosen.config_file, environment)


def overlay(chosen: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> Overlay:
    """What the words and variables say. Raises UsageError."""
    given: Mapping[str, str] = getattr(chosen, GIVEN)
    _check_bounds(chosen, given)
    host, port = _address(chosen)
    tls = _tls(chosen)
    level, level_name = chosen.log_level, given.get("log_level")
    if level is None and (level := _rust_log(environment)):
        level_name = "RUST_LOG"
    sections = {
        "storage": {"directory": chosen.data_dir},
        "limits": {
            "manifest_bytes": _bytes(chosen.max_manifest_size),
            "blob_bytes": _bytes(chosen.max_blob_size),
            "stall_seconds": chosen.stall_seconds,
            "shutdown_seconds": chosen.shutdown_seconds,
        },
        "cors": {"origins": _origins(chosen, given)},
        "manifests": {"sparse": Sparse(chosen.sparse) if chosen.sparse else None},
        "logging": {
            "level": LogLevel(level) if level else None,
            "format": LogFormat(chosen.log_format) if chosen.log_format else None,
        },
    }
    top = {
        "names": _names(chosen, given),
        "workers": chosen.workers,
        "name_worker": True if environment.get("TROW_TEST_WORKER_HEADER") else None,
    }
    keys = {
        "listen[0].address": next((given[each] for each in ("bind", "host", "port") if each in given), None),
        "listen[0].tls": next((given[each] for each in ("tls", "no_tls", "cert", "key") if each in given), None),
        "names": given.get("names"),
        "storage.directory": given.get("data_dir"),
        "workers": given.get("workers"),
        "limits.manifest_size": given.get("max_manifest_size"),
        "limits.blob_size": given.get("max_blob_size"),
        "limits.body_stall": given.get("stall_seconds"),
        "limits.shutdown": given.get("shutdown_seconds"),
        "cors.origins": given.get("cors") or given.get("enable_cors"),
        "manifests.sparse": given.get("sparse"),
        "logging.level": level_name,
        "logging.format": given.get("log_format"),
    }
    return Overlay(
        keys=_said(keys),
        auto_workers=default_workers(),
        host=host,
        port=port,
        tls=tls,
        top=_said(top),
        sections={name: said for name, values in sections.items() if (said := _said(values))},
    )


def _said(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _bytes(mebibytes: int | None) -> int | None:
    return None if mebibytes is None else mebibytes * MIB


def _check_bounds(chosen: argparse.Namespace, given: Mapping[str, str]) -> None:
    for name in ("workers", "max_manifest_size", "max_blob_size"):
        value = getattr(chosen, name)
        if value is not None and value < 1:
            raise UsageError(f"{given[name]}: must be at least 1")
    if chosen.shutdown_seconds is not None and not 0 <= chosen.shutdown_seconds < math.inf:
        raise UsageError(f"{given['shutdown_seconds']}: must be a number of seconds, 0 or more")
    if chosen.stall_seconds is not None and not 0 < chosen.stall_seconds < math.inf:
        raise UsageError(f"{given['stall_seconds']}: must be a number of seconds, more than 0")


def _names(chosen: argparse.Namespace, given: Mapping[str, str]) -> tuple[str, ...] | None:
    if chosen.names is None:
        return None
    try:
        return tuple(read_host(name) for word in chosen.names for name in word.replace(",", " ").split())
    except ValueError as error:
        raise UsageError(f"{given['names']}: {error if str(error) else 'must be host names'}") from None


def _origins(chosen: argparse.Namespace, given: Mapping[str, str]) -> tuple[str, ...] | None:
    if chosen.cors is None:
        return ("*",) if chosen.enable_cors else None
    if chosen.enable_cors:
        raise UsageError("--enable-cors means every origin: it can't be combined with --cors")
    try:
        return tuple(read_origin(each) for word in chosen.cors for each in word.lower().replace(",", " ").split())
    except ValueError:
        raise UsageError(f"{given['cors']}: must be origins, such as https://ui.example, or *") from None


def _rust_log(environment: Mapping[str, str]) -> str | None:
    value = environment.get("RUST_LOG", "").strip().lower()
    return value if value in [*LogLevel] else None


def _address(chosen: argparse.Namespace) -> tuple[str | None, int | None]:
    if chosen.bind is not None and (chosen.host is not None or chosen.port is not None):
        raise UsageError("--bind says both address and port: it can't be combined with --host or --port")
    host, port = chosen.host or None, chosen.port
    if chosen.bind:
        host, port = _bind(chosen.bind)
    if port is not None and not 0 <= port < 65536:
        raise UsageError(f"port {port} is not between 0 and 65535")
    return host.strip("[]") if host else None, port


def _bind(text: str) -> tuple[str, int | None]:
    host, separator, port = text.rpartition(":")
    if not separator or text.endswith("]") or (text.count(":") > 1 and not text.startswith("[")):
        return text, None
    if not (port.isascii() and port.isdigit()):
        raise UsageError(f"--bind {text}: expected IP or IP:PORT")
    return host or _USUAL.host, int(port)


def _tls(chosen: argparse.Namespace) -> Tls | bool | None:
    asked = chosen.tls is not None or chosen.cert or chosen.key
    if not asked:
        return False if chosen.no_tls else None
    if chosen.no_tls:
        raise UsageError("--no-tls contradicts --tls, --cert and --key")
    certificate, key = chosen.cert or DEFAULT_CERTIFICATE, chosen.key or DEFAULT_KEY
    if chosen.tls:
        pair = chosen.tls.split(",")
        if len(pair) != 2:
            raise UsageError(f"tls must be a pair of paths, cert then key (got: {chosen.tls})")
        certificate, key = Path(pair[0]), Path(pair[1])
    if not (certificate.is_file() and key.is_file()):
        raise UsageError(
            "Trow requires a TLS certificate and key, but failed to find them. "
            f"Expected to find TLS certificate at {certificate} and key at {key}"
        )
    return Tls(certificate=certificate, key=key)

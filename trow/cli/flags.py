"""The flags of `trow serve`: those of Trow 0.3 and 0.10 side by side, each with a `TROW_…` variable.

Flags of parts that this version does not have are refused by name: an ignored `--user` would be an open door.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from trow import __version__
from trow.cli.limits import default_workers
from trow.config.model import (
    MIB,
    Address,
    Config,
    Limits,
    Listen,
    Logging,
    LogLevel,
    Manifests,
    Sparse,
    Storage,
    Tls,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

LOG_LEVELS = ("error", "warn", "info", "debug", "trace", "off")
DEFAULT_CERTIFICATE = Path("certs/domain.crt")
DEFAULT_KEY = Path("certs/domain.key")
_PLAIN_PORT, _TLS_PORT = 8000, 8443
_STILL_TO_COME = {
    "configuration by file": (
        "--config-file",
        "--config",
        "--proxy-registry-config-file",
        "--image-validation-config-file",
    ),
    "users and logins": ("-u", "-U", "--user", "-p", "-P", "--password", "--password-file"),
    "CORS": ("--enable-cors", "--cors"),
    "proxying": ("--proxy-docker-hub", "--hub-user", "--hub-token", "--hub-token-file"),
    "image validation": (
        *("--allow-docker-official", "--deny-k8s-images", "--allow-prefixes", "--allow-images"),
        *("--disallow-local-prefixes", "--disallow-local-images"),
    ),
}


_CONTRARY = (
    ({"--bind"}, {"--host", "--port"}),
    ({"--no-tls"}, {"--tls", "-c", "--cert", "-k", "--key"}),
)


class UsageError(Exception):
    """The words can't be understood; the message is one line."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def parse(words: Sequence[str]) -> tuple[Config, bool]:
    """The settings that flags and variables give, and whether it is a dry run. Raises UsageError."""
    parser = _make_parser()
    _refuse_what_is_to_come(words)
    chosen = parser.parse_args([*_from_environment(parser, words), *words])
    return _config(chosen), chosen.dry_run


def _make_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="trow serve",
        description="Start the registry. Every flag can be given as a variable too: TROW_DATA_DIR for --data-dir.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    listening = parser.add_argument_group("where it listens")
    listening.add_argument("--bind", metavar="IP[:PORT]", help="address and port (default 0.0.0.0:8000; 8443 with TLS)")
    listening.add_argument("--host", metavar="IP", help="address alone, as in Trow 0.3")
    listening.add_argument("--port", type=int, help="port alone, as in Trow 0.3")
    listening.add_argument(
        *("--tls",),
        nargs="?",
        const="",
        metavar="CERT,KEY",
        help="serve TLS (default ./certs/domain.crt,./certs/domain.key)",
    )
    listening.add_argument("--no-tls", action="store_true", help="serve plain HTTP (the default)")
    listening.add_argument("-c", "--cert", type=Path, metavar="FILE", help="TLS certificate; implies TLS")
    listening.add_argument("-k", "--key", type=Path, metavar="FILE", help="TLS key; implies TLS")
    listening.add_argument(
        *("-n", "--names", "--hostname"),
        nargs="+",
        action="extend",
        default=[],
        metavar="HOST",
        help="this registry's host names",
    )
    add(
        "-d",
        "--data-dir",
        type=Path,
        default=Path("data"),
        metavar="DIR",
        help="where everything is kept (default ./data)",
    )
    add(
        "--workers", type=int, metavar="N", help="worker processes (default: as CPU and memory limits allow, 4 at most)"
    )
    add("--max-manifest-size", type=int, default=4, metavar="MIB", help="largest manifest in MiB (default 4)")
    add("--max-blob-size", type=int, metavar="MIB", help="largest blob in MiB (default: no limit)")
    add(
        "--sparse",
        choices=[*Sparse],
        default=Sparse.NONE,
        help="what a manifest may refer to that is not there (default none)",
    )
    add(
        "--shutdown-seconds",
        type=float,
        default=30.0,
        metavar="S",
        help="how long requests may finish after SIGTERM (default 30)",
    )
    add("--stall-seconds", type=float, default=60.0, metavar="S", help="how long a body may pause (default 60)")
    add("--log-level", choices=LOG_LEVELS, help="default info; RUST_LOG is heard too")
    add("--dry-run", action="store_true", help="check the flags and the listening address, then end")
    add(
        "-v",
        "--version",
        "-V",
        action="version",
        version=f"Trow version {__version__} {os.environ.get('VCS_REF', '')}".strip(),
    )
    return parser


def _refuse_what_is_to_come(words: Sequence[str]) -> None:
    for part, flags in _STILL_TO_COME.items():
        for flag in flags:
            short = len(flag) == 2
            for word in words:
                if word.partition("=")[0] == flag or (short and word.startswith(flag) and not word.startswith("--")):
                    raise UsageError(f"{flag}: {part} is not in this version yet; it is refused rather than ignored")
            name = _variable(flag)
            if not short and name in os.environ:
                raise UsageError(f"{name}: {part} is not in this version yet; it is refused rather than ignored")


def _variable(flag: str) -> str:
    return "TROW_" + flag.lstrip("-").replace("-", "_").upper()


def _from_environment(parser: argparse.ArgumentParser, words: Sequence[str]) -> list[str]:
    """Variables as if they had been typed before the flags; a flag that is typed wins."""
    typed = {word.partition("=")[0] for word in words} | {
        word[:2] for word in words if word[:1] == "-" and word[:2] != "--"
    }
    for one, other in _CONTRARY:  # a flag that is typed silences the variables that say the contrary
        typed |= (other if typed & one else set()) | (one if typed & other else set())
    found = []
    for action in parser._actions:
        for option in action.option_strings:
            value = os.environ.get(_variable(option)) if option.startswith("--") else None
            if value is None or typed & set(action.option_strings) or option in ("--help", "--version"):
                continue
            if action.nargs == 0:
                if value.lower() not in ("", "0", "false", "no"):
                    found.append(option)
            elif action.nargs == "+":
                found += [option, *value.replace(",", " ").split()]
            else:
                found.append(f"{option}={value}")
    return found


def _config(chosen: argparse.Namespace) -> Config:
    for name in ("workers", "max_manifest_size", "max_blob_size"):
        value = getattr(chosen, name)
        if value is not None and value < 1:
            raise UsageError(f"--{name.replace('_', '-')}: must be at least 1")
    if not 0 <= chosen.shutdown_seconds < math.inf:
        raise UsageError("--shutdown-seconds: must be a number of seconds, 0 or more")
    if not 0 < chosen.stall_seconds < math.inf:
        raise UsageError("--stall-seconds: must be a number of seconds, more than 0")
    level = chosen.log_level or _rust_log() or "info"
    return Config(
        listen=(_listen(chosen),),
        storage=Storage(directory=chosen.data_dir),
        names=tuple(name for word in chosen.names for name in word.replace(",", " ").split()),
        workers=chosen.workers or default_workers(),
        limits=Limits(
            manifest_bytes=chosen.max_manifest_size * MIB,
            blob_bytes=chosen.max_blob_size * MIB if chosen.max_blob_size else None,
            stall_seconds=chosen.stall_seconds,
            shutdown_seconds=chosen.shutdown_seconds,
        ),
        manifests=Manifests(sparse=Sparse(chosen.sparse)),
        logging=Logging(level=LogLevel(level)),
        name_worker=bool(os.environ.get("TROW_TEST_WORKER_HEADER")),
    )


def _rust_log() -> str | None:
    value = os.environ.get("RUST_LOG", "").strip().lower()
    return value if value in LOG_LEVELS else None


def _listen(chosen: argparse.Namespace) -> Listen:
    if chosen.bind is not None and (chosen.host is not None or chosen.port is not None):
        raise UsageError("--bind says both address and port: it can't be combined with --host or --port")
    certificate, key = _tls_files(chosen)
    default_port = _TLS_PORT if certificate else _PLAIN_PORT
    host, port = chosen.host or Listen().host, default_port if chosen.port is None else chosen.port
    if chosen.bind:
        host, port = _address(chosen.bind, default_port)
    if not 0 <= port < 65536:
        raise UsageError(f"port {port} is not between 0 and 65535")
    tls = Tls(certificate=certificate, key=key) if certificate and key else False
    return Listen(address=Address(host.strip("[]"), port), tls=tls)


def _address(text: str, default_port: int) -> tuple[str, int]:
    host, separator, port = text.rpartition(":")
    if not separator or text.endswith("]") or (text.count(":") > 1 and not text.startswith("[")):
        return text, default_port
    if not port.isdigit():
        raise UsageError(f"--bind {text}: expected IP or IP:PORT")
    return host or Listen().host, int(port)


def _tls_files(chosen: argparse.Namespace) -> tuple[Path | None, Path | None]:
    asked = chosen.tls is not None or chosen.cert or chosen.key
    if not asked:
        return None, None
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
    return certificate, key


def complain(message: object) -> None:
    """One line for the operator."""
    sys.stderr.write(f"trow: {' '.join(str(message).split())}\n")

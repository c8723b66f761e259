"""`trow serve`: take the data directory, listen, say so, import what is old, and hand over to the server."""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import TYPE_CHECKING

from trow import __version__
from trow.cli.flags import UsageError, complain, parse
from trow.config.model import MIB
from trow.legacy.start import import_at_start
from trow.server import ListenError, Supervisor, allow_many_connections, check_certificate, listen
from trow.storage.filesystem.claim import ClaimError, claim

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trow.config.model import Config

_LEVELS = {"off": logging.CRITICAL + 1, "error": logging.ERROR, "warn": logging.WARNING, "info": logging.INFO}


def serve(words: Sequence[str]) -> int:
    """Serve until a signal; the exit status: 0 after one, 1 if it could not start, 2 for a mistake in the flags."""
    try:
        config, dry_run = parse(words)
    except UsageError as error:
        complain(error)
        return 2
    _set_up_logging(config.log_level)
    try:
        if config.listen[0].certificate and config.listen[0].key:
            check_certificate(config.listen[0].certificate, config.listen[0].key)
        listener = listen(config.listen[0].host, config.listen[0].port)
        _banner(config, listener.getsockname()[1])
        if dry_run:
            _say("Dry run, exiting.")
            return 0
        held = claim(config.data_dir)
    except (ListenError, ClaimError) as error:
        complain(error)
        return 1
    status = import_at_start(config.data_dir, config.sparse, _say, complain, held.beat)
    if status is not None:
        held.release()
        return status
    allow_many_connections()
    return Supervisor(config, listener, held, lambda: _announce(config, listener.getsockname()[1])).run()


def _banner(config: Config, port: int) -> None:
    limits = config.limits
    _say(f"Starting Trow {__version__} on {_shown(config.listen[0].host)}:{port}\n")
    blob = f"{limits.blob_bytes // MIB} Mebibytes" if limits.blob_bytes else "no limit"
    _say(f"Maximum blob size: {blob}")
    _say(f"Maximum manifest size: {limits.manifest_bytes // MIB} Mebibytes\n")
    if config.names:
        names = ", ".join(f'"{name}"' for name in config.names)
        _say(f"Hostname of this registry: {names}\n")


def _announce(config: Config, port: int) -> None:
    host = config.listen[0].host if config.listen[0].host not in ("0.0.0.0", "::") else "127.0.0.1"  # noqa: S104
    scheme = "https" if config.listen[0].certificate else "http"
    flag = "" if config.listen[0].certificate else " --dest-tls-verify=false"
    _say(f"Data directory: {config.data_dir.absolute()}; {config.workers} worker{'s' if config.workers > 1 else ''}")
    _say("Anyone who can reach this address may push and pull: there are no users yet")
    _say(f"Try it: curl {scheme}://{_shown(host)}:{port}/v2/_catalog")
    _say(f"        skopeo copy{flag} docker://docker.io/library/alpine docker://{_shown(host)}:{port}/alpine")
    _say("Trow is up and running!")


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _say(text: str) -> None:
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError:  # whoever read it has gone; the registry goes on
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115


def _set_up_logging(level: str) -> None:
    formatter = logging.Formatter("%(asctime)s [%(name)s] %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=_LEVELS.get(level, logging.DEBUG), handlers=[handler])
    for noisy in ("_granian", "granian", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)

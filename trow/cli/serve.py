"""`trow serve`: take the data directory, listen, say so, import what is old, and hand over to the server."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

from trow import log
from trow.cli.banner import banner, shown_host, told
from trow.cli.output import complain
from trow.cli.start import start
from trow.legacy.start import import_at_start
from trow.listening import ListenError, allow_many_connections, listen_on
from trow.metrics import prepare as prepare_metrics
from trow.server import Supervisor
from trow.storage.filesystem.claim import ClaimError, claim
from trow.worker import Work

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from trow.config.model import Config
    from trow.listening import Listener

logger = logging.getLogger("trow.config")


def serve(chosen: argparse.Namespace) -> int:
    """Serve until a signal; the exit status: 0 after one, 1 if it could not start.

    Raises:
        UsageError: a flag is wrong.
        ConfigError: the file is.
    """
    begun = start(chosen)
    config = begun.settings.config
    told(begun.settings.warnings)
    log.set_up(config.log_level, config.logging.format)
    if begun.generation.error:
        logger.error(
            "%s can't be used, the last good one is in force:\n%s", begun.generation.file, begun.generation.error
        )
    try:
        listeners = listen_on(config.listen)
        _say(banner(config, listeners[0].port))
        if chosen.dry_run:
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
    prepare_metrics(config.data_dir / "locks/metrics")
    reload = begun.reload()
    work = Work(begun.live(), listeners, reload.board if reload else None, begun.settings.overlay.apply)
    return Supervisor(work, held, reload, lambda: _announce(config, listeners)).run()


def _announce(config: Config, listeners: Sequence[Listener]) -> None:
    workers = f"{config.workers} worker{'s' if config.workers > 1 else ''}"
    _say(f"Data directory: {config.data_dir.absolute()}; {workers}")
    for listener in listeners[1:]:
        _say(f"Listening on {_url(listener)} too")
    _say("Anyone who can reach this address may push and pull: there are no users yet")
    url = _url(listeners[0])
    scheme, _, host = url.partition("://")
    flag = "" if scheme == "https" else " --dest-tls-verify=false"
    _say(f"Try it: curl {url}/v2/_catalog")
    _say(f"        skopeo copy{flag} docker://docker.io/library/alpine docker://{host}/alpine")
    _say("Trow is up and running!")


def _url(listener: Listener) -> str:
    host = listener.about.host if listener.about.host not in ("0.0.0.0", "::") else "127.0.0.1"  # noqa: S104
    return f"{'https' if listener.about.certificate else 'http'}://{shown_host(host)}:{listener.port}"


def _say(text: str) -> None:
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError:  # whoever read it has gone; the registry goes on
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115

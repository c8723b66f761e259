"""Processes, the listening socket and signals.

The first process binds the socket, forks the workers and watches them: one that dies is replaced, and connections that
wait in the socket's queue are not lost, since all share it. Each worker runs granian's embeddable server in a loop of
ours. A worker that loses its parent ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import resource
import select
import signal
import socket
import ssl
import sys
import time
from typing import TYPE_CHECKING

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server as GranianServer

from trow.app import create_app
from trow.storage.filesystem.claim import HEARTBEAT_SECONDS

try:
    from uvloop import run as run_loop
except ImportError:  # no wheel for arm/v7
    from asyncio import run as run_loop  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trow.config.model import Config
    from trow.storage.filesystem.claim import Claim

BACKLOG = 4096
_CONNECTIONS = 60_000
_LINGER_SECONDS = 1.0
_CALM_SECONDS = 1.0
_HEADER_SECONDS = (5.0, 30.0)

logger = logging.getLogger("trow.server")


class ListenError(Exception):
    """The address can't be listened on; the message is one line for the operator."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ListenError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise ListenError(f"can't listen on {host}:{port}: {reason.lower()}") from error
    listener.setblocking(False)
    return listener


def check_certificate(certificate: Path, key: Path) -> None:
    """Raise ListenError unless the two load and belong together: found in a worker, it would be found for ever."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise ListenError(f"TLS certificate {certificate} with key {key}: {error}") from error


class _Embedded(GranianServer):
    """granian's embeddable server on a socket that is there already."""

    def __init__(self, listener: socket.socket, **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]
        self._listener = listener

    def _init_shared_socket(self) -> None:
        self._ssp = None
        self._shd = SocketHolder(self._listener.fileno(), False, BACKLOG)  # type: ignore[call-arg, assignment]


class Supervisor:
    """The first process."""

    def __init__(self, config: Config, listener: socket.socket, claim: Claim, announce: Callable[[], None]) -> None:
        self._config = config
        self._listener = listener
        self._claim = claim
        self._announce = announce
        self._workers: dict[int, float] = {}
        self._stopping_since: float | None = None
        self._ready_read, self._ready_write = os.pipe()
        self._alive_read, self._alive_write = os.pipe()
        self._wake_read, self._wake_write = os.pipe()
        self._interrupted = False
        self._told = False
        self._announced = False

    def run(self) -> int:
        """Serve until a signal says otherwise; the exit status."""
        os.set_blocking(self._wake_write, False)
        os.set_blocking(self._wake_read, False)
        for name in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(name, self._note)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        gc.collect()
        gc.freeze()  # what is loaded now stays shared with the workers
        for _ in range(self._config.workers):
            self._fork()
        waiting = self._config.workers
        while True:
            ready, _, _ = select.select([self._wake_read, self._ready_read], [], [], self._next_look())
            if self._ready_read in ready:
                waiting -= len(os.read(self._ready_read, 64))
                if waiting <= 0 and not self._announced:
                    self._announced = True
                    self._announce()
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_read, 512)
            self._claim.beat()
            status = self._reap()
            if status is not None:
                return status
            if self._stopping_since is not None:
                self._advance_stop()

    def _note(self, number: int, _: object) -> None:
        if number == signal.SIGCHLD:
            return
        if self._stopping_since is not None:
            self._signal_workers(signal.SIGKILL)
            os._exit(1)
        logger.info("signal received, starting graceful shutdown")
        self._stopping_since = time.monotonic()
        self._interrupted = number == signal.SIGINT

    def _next_look(self) -> float:
        return 0.05 if self._stopping_since is not None else HEARTBEAT_SECONDS

    def _advance_stop(self) -> None:
        """Keep accepting for a moment, since who sends us requests may not know yet; then let workers finish."""
        waited = time.monotonic() - (self._stopping_since or 0.0)
        linger = 0.0 if self._interrupted else _LINGER_SECONDS
        if waited >= linger + self._config.shutdown_seconds:
            self._signal_workers(signal.SIGKILL)
        elif waited >= linger and not self._told:
            self._told = True
            self._signal_workers(signal.SIGTERM)

    def _signal_workers(self, number: int) -> None:
        for pid in self._workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _reap(self) -> int | None:
        """Replace the workers that died; the exit status once all have ended after a stop."""
        while self._workers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return None
            born = self._workers.pop(pid, None)
            if not self._announced and self._stopping_since is None:
                logger.error("worker %d ended (%s) before the server was ready", pid, _ending(status))
                self._signal_workers(signal.SIGKILL)
                return 1
            if self._stopping_since is None and born is not None:
                logger.warning("worker %d ended (%s), starting another", pid, _ending(status))
                if time.monotonic() - born < _CALM_SECONDS:
                    time.sleep(0.1)  # one that can't live must not take the machine with it
                self._fork()
        self._claim.release()
        return 0

    def _fork(self) -> None:
        pid = os.fork()
        if pid:
            self._workers[pid] = time.monotonic()
            return
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the first process decides
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.close(self._alive_write)
            _run_worker(self._config, self._listener, self._ready_write, self._alive_read)
            status = 0
        except Exception:
            logger.exception("worker failed")
        finally:
            sys.stdout.flush()
            os._exit(status)


def _ending(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"signal {os.WTERMSIG(status)}"
    return f"exit status {os.WEXITSTATUS(status)}"


def _run_worker(config: Config, listener: socket.socket, ready: int, alive: int) -> None:
    run_loop(_serve(config, listener, ready, alive))


async def _serve(config: Config, listener: socket.socket, ready: int, alive: int) -> None:
    loop = asyncio.get_running_loop()
    tls = config.listen[0].certificate is not None
    server = _Embedded(
        listener,
        target=create_app(config),
        interface=Interfaces.ASGI,
        websockets=False,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=_header_milliseconds(config)),
        backlog=BACKLOG,
        backpressure=_CONNECTIONS,
        log_level=LogLevels.warning,
        log_enabled=False,
        ssl_cert=config.listen[0].certificate,
        ssl_key=config.listen[0].key,
        ssl_protocol_min=SSLProtocols.tls12 if tls else SSLProtocols.tls13,
    )
    loop.add_signal_handler(signal.SIGTERM, server.stop)
    loop.add_reader(alive, os._exit, 1)
    loop.call_soon(os.write, ready, b".")
    await server.serve()


def _header_milliseconds(config: Config) -> int:
    """How long headers may take; it is also how long a connection may wait for its next request."""
    least, most = _HEADER_SECONDS
    return int(min(max(config.limits.stall_seconds, least), most) * 1000)


def allow_many_connections() -> None:
    """Raise the soft limit of open files to the hard one: an idle connection costs one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

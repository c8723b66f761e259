"""One worker process: a loop, granian's embeddable servers in it, and the settings as they change."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server as GranianServer

from trow.app import create_app
from trow.config.live import Live, unless_restarted
from trow.config.loader import load
from trow.listening import BACKLOG

try:
    from uvloop import run as run_loop
except ImportError:  # no wheel for arm/v7
    from asyncio import run as run_loop  # type: ignore[assignment]

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from trow.config.model import Config
    from trow.config.published import Board
    from trow.listening import Listener

_CONNECTIONS = 60_000
_HEADER_SECONDS = (5.0, 30.0)

logger = logging.getLogger("trow.worker")


class Work(NamedTuple):
    """What a worker needs."""

    live: Live
    listeners: Sequence[Listener]
    board: Board | None
    """Where settings are posted; None without a file."""
    overlay: Callable[[Config], Config]


class Pipes(NamedTuple):
    """A worker's ends: one to say that it is ready, one that closes with the first process, one that tells of news."""

    ready: int
    alive: int
    news: int


def run_worker(work: Work, pipes: Pipes) -> None:
    """Serve until SIGTERM."""
    run_loop(_serve(work, pipes))


async def _serve(work: Work, pipes: Pipes) -> None:
    loop = asyncio.get_running_loop()
    news = asyncio.Event()
    os.set_blocking(pipes.news, False)
    loop.add_reader(pipes.news, _hear, pipes.news, news)
    loop.add_reader(pipes.alive, os._exit, 1)
    follower = None
    if work.board:
        await _catch_up(work)  # nobody is answered by the settings of the start once there are others
        follower = loop.create_task(_follow(work, news))
    app = create_app(work.live)
    servers = [
        _server(listener, app, work.live.current, first=not number) for number, listener in enumerate(work.listeners)
    ]
    loop.add_signal_handler(signal.SIGTERM, _stop, servers)
    loop.call_soon(os.write, pipes.ready, b".")
    await asyncio.gather(*(server.serve() for server in servers))
    if follower:
        follower.cancel()


def _stop(servers: Sequence[_Embedded]) -> None:
    for server in servers:
        server.stop()  # type: ignore[no-untyped-call]


def _hear(descriptor: int, news: asyncio.Event) -> None:
    with contextlib.suppress(BlockingIOError):
        os.read(descriptor, 512)
    news.set()


async def _follow(work: Work, news: asyncio.Event) -> None:
    """Put in force what is posted, each time that there is news."""
    while True:
        await news.wait()
        news.clear()
        await _catch_up(work)


async def _catch_up(work: Work) -> None:
    try:
        await _put_in_force(work)
    except Exception:  # the one that was in force goes on
        logger.exception("what was posted could not be put in force")


async def _put_in_force(work: Work) -> None:
    live, board = work.live, work.board
    if board is None:
        return
    published = board.read()
    if published.generation.number == live.generation.number:
        live.note(published.generation)
        return
    loaded = await asyncio.to_thread(load, Path(published.path), files=published.files())
    config = unless_restarted(live.current, work.overlay(loaded.config))
    live.adopt(config, published.generation, loaded.lines)
    logger.debug("generation %d is in force", published.generation.number)


class _Embedded(GranianServer):
    """granian's embeddable server on a socket that is there already."""

    def __init__(self, listener: socket.socket, **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]
        self._listener = listener

    def _init_shared_socket(self) -> None:
        self._ssp = None
        self._shd = SocketHolder(self._listener.fileno(), False, BACKLOG)  # type: ignore[call-arg, assignment]


def _server(listener: Listener, app: object, config: Config, *, first: bool) -> _Embedded:
    about = listener.about
    return _Embedded(
        listener.socket,
        target=app,
        interface=Interfaces.ASGI if first else Interfaces.ASGINL,  # the application starts and ends once
        websockets=False,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=_header_milliseconds(config)),
        backlog=BACKLOG,
        backpressure=_CONNECTIONS,
        log_level=LogLevels.warning,
        log_enabled=False,
        ssl_cert=about.certificate,
        ssl_key=about.key,
        ssl_protocol_min=SSLProtocols.tls12 if about.certificate else SSLProtocols.tls13,
    )


def _header_milliseconds(config: Config) -> int:
    """How long headers may take; it is also how long a connection may wait for its next request."""
    least, most = _HEADER_SECONDS
    return int(min(max(config.limits.stall_seconds, least), most) * 1000)

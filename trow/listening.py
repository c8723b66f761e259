"""Sockets that listen, and what must be right before anybody is told to use them."""

from __future__ import annotations

import contextlib
import resource
import socket
import ssl
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trow.config.model import Listen

BACKLOG = 4096


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


class Listener(NamedTuple):
    """A socket that listens, and what the settings say of it."""

    socket: socket.socket
    about: Listen

    @property
    def port(self) -> int:
        """The port, also where any free one was asked for."""
        return int(self.socket.getsockname()[1])


def listen_on(addresses: Sequence[Listen]) -> list[Listener]:
    """A socket for each, their certificates looked at. Raises ListenError, and then listens on none."""
    listeners: list[Listener] = []
    try:
        for about in addresses:
            if about.certificate and about.key:
                check_certificate(about.certificate, about.key)
            listeners.append(Listener(listen(about.host, about.port), about))
    except ListenError:
        for listener in listeners:
            listener.socket.close()
        raise
    return listeners


def allow_many_connections() -> None:
    """Raise the soft limit of open files to the hard one: an idle connection costs one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

"""A request that is sent piece by piece, as slow, stalling and vanishing clients do."""

from __future__ import annotations

import contextlib
import http.client
import socket
import struct
from typing import TYPE_CHECKING

from tests.support.client import PATIENCE_SECONDS, Answer, check

if TYPE_CHECKING:
    from collections.abc import Mapping


class SlowRequest:
    """A request whose head is sent at once, and its body as the test says: of `length` bytes, or chunked if None."""

    def __init__(
        self,
        port: int,
        method: str,
        target: str,
        *,
        length: int | None = None,
        headers: Mapping[str, str] | None = None,
        receive_buffer: int | None = None,
    ) -> None:
        self._method = method
        self._chunked = length is None
        self._socket = socket.socket()
        if receive_buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.settimeout(PATIENCE_SECONDS)
        self._socket.connect(("127.0.0.1", port))
        lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
        lines.append("Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}")
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())

    def __enter__(self) -> SlowRequest:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, piece: bytes) -> None:
        self._socket.sendall(b"%x\r\n%s\r\n" % (len(piece), piece) if self._chunked else piece)

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are, whatever they make of the body."""
        self._socket.sendall(data)

    def end_sending(self) -> None:
        """Send no more, and go on reading."""
        self._socket.shutdown(socket.SHUT_WR)

    def finish(self) -> Answer:
        """End the body and read the whole answer."""
        if self._chunked:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._socket.sendall(b"0\r\n\r\n")
        return self.answer()

    def answer(self) -> Answer:
        """Read the whole answer to what was sent so far."""
        response = http.client.HTTPResponse(self._socket, method=self._method)
        response.begin()
        return check(self._method, Answer(response.status, response.headers, response.read()))

    def receive(self, most: int) -> bytes:
        """What has come, as it is."""
        return self._socket.recv(most)

    def wait_closed(self, seconds: float) -> bytes:
        """All that comes until the server closes the connection; raises TimeoutError if it doesn't."""
        self._socket.settimeout(seconds)
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := self._socket.recv(65536):
                received += piece
        return received

    def vanish(self) -> None:
        """Reset the connection, as a killed client's kernel does."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

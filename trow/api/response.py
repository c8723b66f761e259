"""Answers: ASGI callables. A large blob leaves as a file from native code, a small one in one message."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from trow.oci.codec import encode_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from litestar.types import Receive, Send

Headers = list[tuple[bytes, bytes]]

API_VERSION = (b"docker-distribution-api-version", b"registry/2.0")
WITHOUT_BODY = (204, 304)
JSON = (b"content-type", b"application/json")


class Response:
    """An answer whose body, if any, is in memory."""

    __slots__ = ("body", "headers", "length", "status")

    def __init__(self, status: int, headers: Iterable[tuple[bytes, bytes]] = (), body: bytes = b"") -> None:
        self.status = status
        self.body = body
        self.length = len(body)
        self.headers: Headers = [API_VERSION, *headers]

    async def __call__(self, method: str, receive: Receive, send: Send) -> None:
        """Send it; to HEAD goes the same without the body."""
        if self.status not in WITHOUT_BODY:
            self.headers.append((b"content-length", b"%d" % self.length))
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        if method == "HEAD" or not self.length:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await self.send_body(receive, send)

    async def send_body(self, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


class FileResponse(Response):
    """A whole file, sent by the server's native code (the ASGI extension `http.response.pathsend`)."""

    __slots__ = ("path",)

    def __init__(self, headers: Headers, path: str, length: int) -> None:
        super().__init__(200, headers)
        self.path = path
        self.length = length

    async def send_body(self, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.pathsend", "path": self.path})  # type: ignore[arg-type]


class StreamResponse(Response):
    """Pieces from an iterator, until all are sent or the client is gone."""

    __slots__ = ("pieces",)

    def __init__(self, status: int, headers: Headers, pieces: AsyncIterator[bytes], length: int) -> None:
        super().__init__(status, headers)
        self.pieces = pieces
        self.length = length

    async def send_body(self, receive: Receive, send: Send) -> None:
        # a vanished client is no error in `send`: only `receive` tells
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            async for piece in self.pieces:
                if gone.done():
                    return
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def json_response(status: int, document: object, headers: Iterable[tuple[bytes, bytes]] = ()) -> Response:
    """A JSON document."""
    return Response(status, [JSON, *headers], encode_json(document))

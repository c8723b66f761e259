"""A request as our handlers see it: a thin view of the ASGI scope, and a body that streams and can't stall for ever."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qsl

from trow.errors import BlobUploadInvalid, BodyBroken, BodyStalled, QueryInvalid, SizeInvalid, TooLarge

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from litestar.types import HTTPRequestEvent, HTTPScope, Receive

_DRAIN_BYTES = 8 * 1024 * 1024
_DRAIN_SECONDS = 2.0


class Request:
    """One request; headers and query are parsed when asked for."""

    __slots__ = ("_headers", "_query", "_receive", "_stall", "body_ended", "method", "received", "scope")

    def __init__(self, scope: HTTPScope, receive: Receive, stall_seconds: float) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self._receive = receive
        self._stall = stall_seconds
        self._headers: dict[bytes, bytes] | None = None
        self._query: list[tuple[str, str]] | None = None
        self.body_ended = False
        self.received = 0

    def header(self, name: bytes) -> str | None:
        """A header's value by its lower-case name; of several the last."""
        if self._headers is None:
            self._headers = dict(self.scope["headers"])
        value = self._headers.get(name)
        return value.decode("latin-1") if value is not None else None

    def queries(self, name: str) -> list[str]:
        """All values of a query parameter. Raises QueryInvalid for a query string that is not one."""
        if self._query is None:
            try:
                self._query = parse_qsl(
                    self.scope["query_string"].decode("ascii"),
                    keep_blank_values=True,
                    errors="strict",
                    max_num_fields=1000,
                )
            except ValueError:
                raise QueryInvalid({"query": "malformed"}) from None
        return [value for key, value in self._query if key == name]

    def query(self, name: str) -> str | None:
        """The first value of a query parameter."""
        if not self.scope["query_string"]:
            return None
        values = self.queries(name)
        return values[0] if values else None

    def page_size(self) -> int | None:
        """The parameter `n`. Raises QueryInvalid unless it is a whole number."""
        text = self.query("n")
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise QueryInvalid({"n": text[:32]}, message="Invalid query parameter: n must be a whole number, 0 or more")
        return int(text)

    def content_length(self) -> int | None:
        """The announced length of the body in bytes; None if it is chunked."""
        text = self.header(b"content-length")
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            raise SizeInvalid({"Content-Length": text[:32]})
        return int(text)

    async def body(self) -> AsyncIterator[bytes]:
        """The body in pieces as they arrive.

        Raises:
            BodyBroken: it hung up.
            BodyStalled: nothing came for the time allowed.
        """
        while not self.body_ended:
            try:
                async with asyncio.timeout(self._stall):
                    message = await self._receive()
            except TimeoutError:
                self.body_ended = True  # no more of it is waited for
                raise BodyStalled from None
            if message["type"] == "http.disconnect":
                self.body_ended = True
                raise BodyBroken
            event = cast("HTTPRequestEvent", message)
            self.body_ended = not event.get("more_body", False)
            if piece := event.get("body", b""):
                self.received += len(piece)
                yield piece

    async def whole_body(self, limit: int) -> bytes:
        """A body of at most `limit` bytes. Raises TooLarge."""
        too_large = TooLarge({"limit": limit}, message=f"Manifest is bigger than limit of {limit // (1024 * 1024)}MiB")
        if (self.content_length() or 0) > limit:
            raise too_large
        pieces, size = [], 0
        async for piece in self.body():
            size += len(piece)
            if size > limit:
                raise too_large
            pieces.append(piece)
        return b"".join(pieces)

    async def drain(self) -> bool:
        """Read on a little, so that a client that is still sending gets to see the answer; whether that was all."""
        if not self.header(b"transfer-encoding") and not (self.header(b"content-length") or "0").strip("0"):
            return True
        if self.header(b"expect"):
            return False
        size = 0
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                async for piece in self.body():
                    size += len(piece)
                    if size > _DRAIN_BYTES:
                        return False
        except (BodyStalled, TimeoutError):
            return False
        return True

    def matches(self, header: bytes, etag: str) -> bool:
        """Whether a list of entity tags holds this one (RFC 9110 section 13.1.2: weak comparison, `*`)."""
        value = self.header(header)
        if value is None:
            return False
        candidates: Sequence[str] = [part.strip().removeprefix("W/") for part in value.split(",")]
        return "*" in candidates or etag in candidates


def require_whole(request: Request, received: int) -> None:
    """Raise unless as many bytes came as were announced."""
    announced = request.content_length()
    if announced is not None and announced != received:
        raise BlobUploadInvalid({"Reason": f"Content-Length is {announced}, {received} bytes came"})

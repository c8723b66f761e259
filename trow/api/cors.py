"""Cross-origin requests (the Fetch standard's CORS protocol): pages of other hosts may call, if the settings name them.

Around everything else: what it adds to answers no handler knows, and a preflight reaches none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar.enums import ScopeType

from trow.api.response import API_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable

    from litestar.types import ASGIApp, Message, Receive, Scope, Send

    from trow.config.live import Live

METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
HEADERS = b"authorization, content-type, accept, range, content-range, if-none-match"
# what a page may read beside the few headers that are always open to it
EXPOSED = (
    b"docker-content-digest, docker-distribution-api-version, link, location, oci-subject, range, www-authenticate"
)
MAX_AGE = b"600"
ANY = "*"


class Cors:
    """An application, for the origins that `cors.origins` names; without any it is the application itself."""

    def __init__(self, app: ASGIApp, live: Live) -> None:
        self._app = app
        self._live = live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origins = self._live.current.cors.origins
        if not origins or scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        headers, method = dict(scope["headers"]), scope["method"]
        origin = headers.get(b"origin")
        allowed = origin is not None and _is_allowed(origin, origins)
        if origin is not None and method == "OPTIONS" and b"access-control-request-method" in headers:
            await _answer_preflight(send, origin if allowed else None)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = _granted(origin) if allowed and origin else [(b"vary", b"origin")]
                message["headers"] = [*message["headers"], *added]
            await send(message)

        await self._app(scope, receive, sending)


def _is_allowed(origin: bytes, origins: Iterable[str]) -> bool:
    text = origin.decode("latin-1").lower()
    return any(each in (ANY, text) for each in origins)


def _granted(origin: bytes) -> list[tuple[bytes, bytes]]:
    """The origin itself, never `*`: with credentials that would be refused by the browser."""
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-expose-headers", EXPOSED),
        (b"vary", b"origin"),
    ]


async def _answer_preflight(send: Send, origin: bytes | None) -> None:
    headers = [API_VERSION, (b"vary", b"origin, access-control-request-method, access-control-request-headers")]
    if origin is not None:
        headers = [
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-credentials", b"true"),
            (b"access-control-allow-methods", METHODS),
            (b"access-control-allow-headers", HEADERS),
            (b"access-control-max-age", MAX_AGE),
            *headers,
        ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})

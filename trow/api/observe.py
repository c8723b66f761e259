"""What is told of a request when it is over: its line in the log, and its numbers."""

from __future__ import annotations

import asyncio
import random
import re
import time
from typing import TYPE_CHECKING, cast

from trow import log
from trow.api.response import WITHOUT_BODY
from trow.api.routes import Kind

if TYPE_CHECKING:
    from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

    from trow.api.response import Response
    from trow.api.routes import Route
    from trow.config.live import Live
    from trow.config.model import Config
    from trow.metrics import Metrics

FLUSH_SECONDS = 0.2
_FLUSH_LINES = 100
_LONGEST = 512
PASSED_ON = "trow.passed_on"
_ID = b"x-request-id"
_SANE_ID = re.compile(r"[!-~]{1,64}")
# by what a request is called in the metrics; what is asked for every few seconds is told only to those who debug
_PAGES = {"/": "landing", "/healthz": "healthz", "/readiness": "readiness", "/metrics": "metrics"}
_ROUTINE = ("healthz", "readiness", "metrics")
_ROUTES = {kind: kind.value for kind in Kind}


def request_id(asked: str | None) -> str:
    """The number by which a request is known: the client's own if it is sane, else a new one."""
    if asked is not None and _SANE_ID.fullmatch(asked):
        return asked
    return f"{random.getrandbits(64):016x}"


class Observer:
    """Tells of requests, as the settings of the log want it at the moment."""

    def __init__(self, live: Live, metrics: Metrics) -> None:
        self._metrics = metrics
        self._timer: asyncio.TimerHandle | None = None
        live.on_change(self._adopt)

    def _adopt(self, config: Config) -> None:
        log.set_up(config.logging.level, config.logging.format)
        self._tells = {level: log.tells(level) for level in ("debug", "info", "error")}

    def api(
        self, scope: HTTPScope, number: str, route: Route | None, response: Response, received: int, started: float
    ) -> None:
        """Tell of a request to the API; `started` is of `time.perf_counter`."""
        seconds = time.perf_counter() - started
        status, method = response.status, scope["method"]
        sent = 0 if method == "HEAD" or status in WITHOUT_BODY else response.length
        self._metrics.request(_ROUTES[route.kind] if route else "other", method, status, seconds, sent, received)
        level = "info" if status < 500 else "error"
        if not self._tells[level]:
            return
        repository = reference = digest = ""
        if route:
            kind, name, reference, _ = route
            repository = name if name.isprintable() else log.printable(name[:_LONGEST])
            if kind is Kind.UPLOAD:
                reference = ""  # it is the upload's id
            elif not reference.isprintable() or len(reference) > _LONGEST:
                reference = log.printable(reference[:_LONGEST])
            if ":" in reference:  # no tag has one
                reference, digest = "", reference
            elif status < 300:
                for header, value in response.headers:
                    if header == b"docker-content-digest":
                        digest = value.decode()
                        break
        self._tell(level, scope, number, status, sent, seconds, received, repository, reference, digest)

    def page(self, scope: HTTPScope, number: str, status: int, sent: int, started: float) -> None:
        """Tell of a request to anything else."""
        seconds = time.perf_counter() - started
        kind = _PAGES.get(scope["path"].rstrip("/") or "/", "page")
        self._metrics.request(kind, scope["method"], status, seconds, sent, 0)
        level = "debug" if kind in _ROUTINE and status < 400 else "info" if status < 500 else "error"
        if self._tells[level]:
            self._tell(level, scope, number, status, sent, seconds)

    def _tell(
        self, level: str, scope: HTTPScope, number: str, status: int, sent: int, seconds: float, *more: int | str
    ) -> None:
        """`more`: bytes received, repository, reference, digest."""
        client = scope["client"]
        path = scope["raw_path"][:_LONGEST].decode("ascii", "backslashreplace")
        line = log.RequestLine(
            log.now(),
            level,
            "trow.request",
            "request",
            number,
            client[0] if client else "-",
            scope["method"][:16],
            path if path.isprintable() else log.printable(path),
            status,
            sent,
            int(seconds * 100_000) / 100,
            *more,  # type: ignore[arg-type]
        )
        log.lines.held.append(line)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        elif len(log.lines.held) >= _FLUSH_LINES:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        log.lines.flush()


class ObservedPages:
    """Litestar's pages, observed; what they hand on to the API is told of there."""

    def __init__(self, pages: ASGIApp, observer: Observer) -> None:
        self._pages = pages
        self._observer = observer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # type: ignore[comparison-overlap]
            await self._pages(scope, receive, send)
            return
        http = cast("HTTPScope", scope)
        started = time.perf_counter()
        status = sent = 0
        number = request_id(next((value.decode("latin-1") for name, value in scope["headers"] if name == _ID), None))
        log.request_id.set(number)

        async def watched(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                if not any(name == _ID for name, _ in message["headers"]):
                    message["headers"] = [*message["headers"], (_ID, number.encode())]
            elif message["type"] == "http.response.body":
                sent += len(message["body"])
            await send(message)

        passed_on: list[bool] = []
        scope[PASSED_ON] = passed_on  # type: ignore[literal-required]
        try:
            await self._pages(scope, receive, watched)
        finally:
            if not passed_on:
                self._observer.page(http, number, status or 500, sent, started)

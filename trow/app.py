"""The composition root: the only module that sees everything, and says what is made of what."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, cast

from litestar import Litestar, Response, asgi
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from trow.api.cors import Cors
from trow.api.errors import render
from trow.api.health import health_handlers
from trow.api.metrics import metrics_handler
from trow.api.observe import PASSED_ON, ObservedPages, Observer
from trow.api.response import API_VERSION
from trow.api.v2 import Api
from trow.metrics import Metrics
from trow.registry.registry import Registry
from trow.storage.filesystem import open_storage
from trow.web.landing import landing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from litestar import Request

    from trow.config.live import Live


def create_app(live: Live) -> ASGIApp:
    """The application over a data directory that was taken into service.

    `/v2` goes straight to its own application: through Litestar's mount a pull would cost a fifth more, and Litestar
    would add nothing to it. What Litestar has no route for comes to the same application, which knows the other paths.
    """
    data_dir = live.current.data_dir
    registry = Registry(open_storage(data_dir))
    metrics = Metrics()
    observer = Observer(live, metrics)
    api = Api(registry, live, observer)

    @asgi("/", is_mount=True, copy_scope=True)
    async def everything_else(scope: Scope, receive: Receive, send: Send) -> None:
        scope[PASSED_ON].append(True)  # type: ignore[literal-required]
        await api(cast("HTTPScope", scope), receive, send)

    @contextlib.asynccontextmanager
    async def housekeeping(_: Litestar) -> AsyncIterator[None]:
        sweeper = asyncio.create_task(registry.sweep_for_ever())
        try:
            yield
        finally:
            sweeper.cancel()
            observer.flush()

    litestar = Litestar(
        [everything_else, landing, *health_handlers(data_dir, live), metrics_handler(metrics, data_dir, live)],
        lifespan=[housekeeping],
        exception_handlers={Exception: _render_for_litestar},
        openapi_config=None,
        logging_config=None,
        response_headers={name.decode(): value.decode() for name, value in [API_VERSION]},
    )

    pages = ObservedPages(litestar, observer)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("raw_path", b"").startswith(b"/v2"):
            await api(cast("HTTPScope", scope), receive, send)
        else:
            await pages(scope, receive, send)

    return Cors(app, live)


def _render_for_litestar(_: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    answer = render(error)
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    return Response(answer.body, status_code=answer.status, headers=headers, media_type="application/json")

"""The mounted OCI API: match the path, find the repository, dispatch, render what went wrong, note the request."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from trow import log
from trow.api import blobs, lists, manifests, uploads
from trow.api.errors import render
from trow.api.observe import request_id
from trow.api.request import Request
from trow.api.response import Response, json_response
from trow.api.routes import READS, Kind, local_name, match, require_method

if TYPE_CHECKING:
    from litestar.types import HTTPScope, Receive, Send

    from trow.api.observe import Observer
    from trow.api.routes import Route
    from trow.config.live import Live
    from trow.config.model import Config
    from trow.registry.registry import Registry
    from trow.registry.repository import Repository


class Api:
    """An ASGI application over a registry, by the settings that are in force when a request comes."""

    def __init__(self, registry: Registry, live: Live, observer: Observer) -> None:
        self._registry = registry
        self._live = live
        self._observer = observer
        self._worker = [(b"trow-worker", b"%d" % os.getpid())] if live.current.name_worker else []

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        config = self._live.current
        request = Request(scope, receive, config.limits.stall_seconds)
        number = request_id(request.header(b"x-request-id"))
        log.request_id.set(number)
        route = None
        try:
            route = match(scope["raw_path"])
            response = await self._answer(request, route, config)
        except Exception as error:  # noqa: BLE001 (all become answers)
            response = render(error)
        try:
            if request.method not in READS and not request.body_ended and not await request.drain():
                response.headers.append((b"connection", b"close"))
            response.headers += [(b"x-request-id", number.encode()), *self._worker]
            await response(request.method, receive, send)
        finally:
            self._observer.api(scope, number, route, response, request.received, started)

    async def _answer(self, request: Request, route: Route, config: Config) -> Response:
        require_method(route, request.method)
        if route.namespace is None and route.kind is Kind.BASE:
            return json_response(200, {})
        if route.namespace is None and route.kind is Kind.CATALOG:
            return await lists.catalog(request, self._registry)
        name = local_name(route, request.method, request.query("ns"), config.names)
        return await self._answer_repository(request, route, self._registry.repository(name), config)

    async def _answer_repository(
        self, request: Request, route: Route, repository: Repository, config: Config
    ) -> Response:
        match route.kind, request.method:
            case Kind.MANIFEST, "GET" | "HEAD":
                return await manifests.get(request, repository, route.last)
            case Kind.BLOB, "GET" | "HEAD":
                return await blobs.get(request, repository, route.last)
            case Kind.UPLOAD, "PATCH":
                return await uploads.patch(request, repository, route.last, config)
            case Kind.UPLOAD, "PUT":
                return await uploads.put(request, repository, route.last, config)
            case Kind.UPLOADS, _:
                return await uploads.post(request, self._registry, repository, config)
            case Kind.MANIFEST, "PUT":
                return await manifests.put(request, repository, route.last, config)
            case Kind.TAGS, _:
                return await lists.tags(request, repository)
            case Kind.REFERRERS, _:
                return await lists.referrers(request, repository, route.last)
            case Kind.HISTORY, _:
                return await lists.history(request, repository, route.last)
            case Kind.UPLOAD, "DELETE":
                return await uploads.delete(repository, route.last)
            case Kind.UPLOAD, _:
                return await uploads.status(repository, route.last)
            case Kind.BLOB, _:
                return await blobs.delete(repository, route.last)
            case _:
                return await manifests.delete(repository, route.last)

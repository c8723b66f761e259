"""The mounted OCI API: match the path, find the repository, dispatch, render what went wrong, note the request."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from trow.api import blobs, lists, manifests, uploads
from trow.api.errors import render
from trow.api.request import Request
from trow.api.response import Response, json_response
from trow.api.routes import READS, Kind, local_name, match, require_method

if TYPE_CHECKING:
    from litestar.types import HTTPScope, Receive, Send

    from trow.api.observe import RequestLog
    from trow.api.routes import Route
    from trow.config.model import Config
    from trow.registry.registry import Registry
    from trow.registry.repository import Repository


class Api:
    """An ASGI application over a registry."""

    def __init__(self, registry: Registry, config: Config, log: RequestLog) -> None:
        self._registry = registry
        self._config = config
        self._log = log
        self._worker = [(b"trow-worker", b"%d" % os.getpid())] if config.name_worker else []

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        request = Request(scope, receive, self._config.limits.stall_seconds)
        try:
            response = await self._answer(request)
        except Exception as error:  # noqa: BLE001 (all become answers)
            response = render(error)
        if request.method not in READS and not request.body_ended and not await request.drain():
            response.headers.append((b"connection", b"close"))
        response.headers.extend(self._worker)
        await response(request.method, receive, send)
        self._log.request(scope, response.status, response.length, started)

    async def _answer(self, request: Request) -> Response:
        route = match(request.scope["raw_path"])
        require_method(route, request.method)
        if route.namespace is None and route.kind is Kind.BASE:
            return json_response(200, {})
        if route.namespace is None and route.kind is Kind.CATALOG:
            return await lists.catalog(request, self._registry)
        name = local_name(route, request.method, request.query("ns"), self._config.names)
        return await self._answer_repository(request, route, self._registry.repository(name))

    async def _answer_repository(self, request: Request, route: Route, repository: Repository) -> Response:
        match route.kind, request.method:
            case Kind.MANIFEST, "GET" | "HEAD":
                return await manifests.get(request, repository, route.last)
            case Kind.BLOB, "GET" | "HEAD":
                return await blobs.get(request, repository, route.last)
            case Kind.UPLOAD, "PATCH":
                return await uploads.patch(request, repository, route.last, self._config)
            case Kind.UPLOAD, "PUT":
                return await uploads.put(request, repository, route.last, self._config)
            case Kind.UPLOADS, _:
                return await uploads.post(request, self._registry, repository, self._config)
            case Kind.MANIFEST, "PUT":
                return await manifests.put(request, repository, route.last, self._config)
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

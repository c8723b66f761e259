"""The page at `/`: who is here, in Trow 0.3's words."""

from __future__ import annotations

from litestar import HttpMethod, MediaType, route

_PAGE = "<!DOCTYPE html><html><body>\n<h1>Welcome to Trow, the cluster registry</h1>\n</body></html>"


@route("/", http_method=[HttpMethod.GET, HttpMethod.HEAD], media_type=MediaType.HTML, sync_to_thread=False)
def landing() -> str:
    """Say who is here."""
    return _PAGE

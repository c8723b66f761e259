"""The page at `/`: who is here, in Trow 0.3's words."""

from __future__ import annotations

from litestar import MediaType, get

_PAGE = "<!DOCTYPE html><html><body>\n<h1>Welcome to Trow, the cluster registry</h1>\n</body></html>"


@get("/", media_type=MediaType.HTML)
async def landing() -> str:
    """Say who is here."""
    return _PAGE

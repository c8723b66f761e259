"""The lists: tags, the catalog, referrers, and Trow 0.3's history of a tag. Pages go on by a `Link` (RFC 8288)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from trow.api.response import Response, json_response
from trow.errors import ManifestInvalid, ManifestUnknown, NameUnknown
from trow.oci.digest import Digest
from trow.oci.manifest import OCI_INDEX
from trow.oci.reference import Tag
from trow.registry import records
from trow.registry.referrers import ReferrersIndex, list_referrers

if TYPE_CHECKING:
    from trow.api.request import Request
    from trow.api.response import Headers
    from trow.registry.registry import Registry
    from trow.registry.repository import Repository

TAGS_AT_MOST = 10_000
CATALOG_AT_MOST = 1_000


async def tags(request: Request, repository: Repository) -> Response:
    """`/v2/<name>/tags/list?n&last` (end-8)."""
    size = min(_or(request.page_size(), TAGS_AT_MOST), TAGS_AT_MOST)
    names = await repository.tags(request.query("last") or "", size + 1 if size else 0)
    if not names and not await repository.exists():
        raise NameUnknown({"Repository": repository.name})
    page, link = _page(f"/v2/{repository.name}/tags/list", names, size)
    return json_response(200, {"name": repository.name, "tags": page}, link)


async def catalog(request: Request, registry: Registry) -> Response:
    """`/v2/_catalog?n&last`."""
    size = min(_or(request.page_size(), CATALOG_AT_MOST), CATALOG_AT_MOST)
    names = await registry.catalog(request.query("last") or "", size + 1 if size else 0)
    page, link = _page("/v2/_catalog", names, size)
    return json_response(200, {"repositories": page}, link)


async def referrers(request: Request, repository: Repository, digest_text: str) -> Response:
    """`/v2/<name>/referrers/<digest>?artifactType` (end-12): an index, empty if nothing refers to that digest."""
    subject = Digest(digest_text)
    # a media type holds no space, but a `+` that the client did not escape reads as one
    artifact_type = (request.query("artifactType") or "").replace(" ", "+") or None
    page = await list_referrers(repository, subject, artifact_type, request.query("last") or "")
    headers: Headers = [(b"content-type", OCI_INDEX.encode())]
    query = {"artifactType": artifact_type} if artifact_type else {}
    if artifact_type:
        headers.append((b"oci-filters-applied", b"artifactType"))
    if page.last:
        headers.append(_link(f"/v2/{repository.name}/referrers/{subject}", {**query, "last": page.last}))
    return Response(200, headers, records.encode(ReferrersIndex(manifests=page.descriptors)))


async def history(request: Request, repository: Repository, tag: str) -> Response:
    """`/<name>/manifest_history/<tag>?n&last`: `last` is the digest to go on after, `n` the most to give."""
    entries = await repository.history(_tag(tag))
    if last := request.query("last"):
        digests = [entry.digest for entry in entries]
        entries = entries[digests.index(Digest(last)) + 1 :] if last in digests else []
    entries = entries[: request.page_size()]
    answer = [{"digest": digest, "date": _date(moment)} for digest, moment in entries]
    return json_response(200, {"image": f"{repository.name}:{tag}", "history": answer})


def _tag(text: str) -> Tag:
    try:
        return Tag(text)
    except ManifestInvalid:
        raise ManifestUnknown({"Tag": text[:160]}) from None


def _date(moment: str) -> str:
    """0.3's `%Y-%m-%d %H:%M:%S%.f UTC`."""
    return f"{moment.removesuffix('Z').replace('T', ' ', 1)} UTC"


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


def _page(path: str, names: list[str], size: int) -> tuple[list[str], Headers]:
    if len(names) <= size:
        return names, []
    page = names[:size]
    return page, [_link(path, {"n": str(size), "last": page[-1]})] if page else []


def _link(path: str, query: dict[str, str]) -> tuple[bytes, bytes]:
    return b"link", f'<{path}?{urlencode(query)}>; rel="next"'.encode()

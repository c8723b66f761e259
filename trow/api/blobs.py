"""`/v2/<name>/blobs/<digest>`: pull, in whole or a range, and delete (Distribution spec, end-2, end-10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trow.api.response import FileResponse, Response, StreamResponse
from trow.oci.byte_range import requested_range
from trow.oci.digest import Digest

if TYPE_CHECKING:
    from trow.api.request import Request
    from trow.api.response import Headers
    from trow.registry.repository import Repository
    from trow.storage.base import StoredBlob

IN_ONE_MESSAGE = 64 * 1024


async def get(request: Request, repository: Repository, digest_text: str) -> Response:
    """A blob, or the one range of it that was asked for; several ranges get the whole, as RFC 9110 allows."""
    digest = Digest(digest_text)
    etag = f'"{digest}"'
    headers: Headers = [
        (b"docker-content-digest", digest.encode()),
        (b"etag", etag.encode()),
        (b"accept-ranges", b"bytes"),
    ]
    if request.matches(b"if-none-match", etag):
        await repository.blob(digest)
        return Response(304, headers)
    headers.append((b"content-type", b"application/octet-stream"))
    wanted = request.header(b"range")
    if wanted is None and request.method == "GET":
        content = await repository.small_blob(digest, IN_ONE_MESSAGE)
        if content is not None:
            return Response(200, headers, content)
    found = await repository.blob(digest)
    if wanted and request.method == "GET" and _still_the_same(request, etag):
        part = requested_range(wanted, found.size)
        if part:
            return await _partial(repository, digest, found, part, headers)
    if found.path:
        return FileResponse(headers, found.path, found.size)
    return StreamResponse(200, headers, repository.storage.blobs.stream(digest, 0, found.size), found.size)


def _still_the_same(request: Request, etag: str) -> bool:
    """`If-Range` (RFC 9110 section 13.1.5): strong comparison, and we give no dates."""
    condition = request.header(b"if-range")
    return condition is None or condition.strip() == etag


async def _partial(
    repository: Repository,
    digest: Digest,
    found: StoredBlob,
    part: tuple[int, int],
    headers: Headers,
) -> Response:
    start, stop = part
    headers.append((b"content-range", b"bytes %d-%d/%d" % (start, stop - 1, found.size)))
    content = await repository.small_blob(digest, IN_ONE_MESSAGE)
    if content is not None:
        return Response(206, headers, content[start:stop])
    return StreamResponse(206, headers, repository.storage.blobs.stream(digest, start, stop), stop - start)


async def delete(repository: Repository, digest_text: str) -> Response:
    """Serve it from this repository no longer."""
    await repository.delete_blob(Digest(digest_text))
    return Response(202)

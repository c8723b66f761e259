"""`/v2/<name>/blobs/uploads/…`: begin, append, finish, ask, cancel, mount (Distribution spec, end-4 to end-14).

An upload is held for the length of one request's body. Its Location bears no query string: some clients lose it.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from trow.api.request import require_whole
from trow.api.response import Response
from trow.errors import (
    BlobUnknown,
    BlobUploadInvalid,
    BlobUploadUnknown,
    BodyStalled,
    ChunkOutOfOrder,
    DigestInvalid,
    QueryInvalid,
    RegistryError,
    StorageFull,
    TooLarge,
)
from trow.oci.byte_range import chunk_range
from trow.oci.digest import ALGORITHMS, CANONICAL, Digest
from trow.oci.reference import RepositoryName

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trow.api.request import Request
    from trow.api.response import Headers
    from trow.config.model import Config
    from trow.registry.registry import Registry
    from trow.registry.repository import Repository
    from trow.storage.base import Upload

# each chunk costs a wait for the disk; smaller ones are taken all the same
CHUNK_MIN_LENGTH = b"1048576"


async def post(request: Request, registry: Registry, repository: Repository, config: Config) -> Response:
    """Begin an upload; or do it all at once with `digest`; or mount a blob from elsewhere."""
    mount, digest_text = request.query("mount"), request.query("digest")
    algorithm = request.query("digest-algorithm")
    if algorithm is not None and algorithm not in ALGORITHMS:
        raise QueryInvalid(
            {"digest-algorithm": algorithm[:64]}, message="Unknown digest algorithm: sha256 and sha512 are known"
        )
    if mount is not None and await _mount(request, registry, repository, Digest(mount)):
        return _created(repository, Digest(mount))
    digest = Digest(digest_text) if digest_text is not None and mount is None else None
    uploads = repository.storage.uploads
    upload_id = await uploads.create(repository.name, digest.algorithm if digest else algorithm or CANONICAL)
    if digest is None:
        return _accepted(repository, upload_id, 0, [(b"oci-chunk-min-length", CHUNK_MIN_LENGTH)])
    async with uploads.resume(repository.name, upload_id) as upload:
        try:
            await _receive(request, upload, config)
            await repository.commit(upload, digest)
        except RegistryError:
            await upload.cancel()  # nobody knows its id
            raise
    return _created(repository, digest)


async def _mount(request: Request, registry: Registry, repository: Repository, digest: Digest) -> bool:
    if (source := request.query("from")) is not None:
        return await repository.mount(digest, registry.repository(RepositoryName(source)))
    holder = await registry.holder(digest)
    return holder is not None and await repository.mount(digest, holder)


async def patch(request: Request, repository: Repository, upload_id: str, config: Config) -> Response:
    """Append a chunk, or a body of any length."""
    async with _held(repository, upload_id) as upload:
        await _receive(request, upload, config)
        offset = await upload.flush()
    return _accepted(repository, upload_id, offset)


async def put(request: Request, repository: Repository, upload_id: str, config: Config) -> Response:
    """Finish an upload, perhaps with a last chunk. Said twice it is answered twice: the first answer may be lost."""
    digest_text = request.query("digest")
    if digest_text is None:
        raise DigestInvalid(message="Invalid digest: the query parameter `digest` is missing")
    digest = Digest(digest_text)
    try:
        async with _held(repository, upload_id) as upload:
            before = upload.offset
            await _receive(request, upload, config)
            try:
                await repository.commit(upload, digest)
            except DigestInvalid:
                await upload.truncate(before)
                raise
    except BlobUploadUnknown:
        try:
            await repository.blob(digest)
        except BlobUnknown:
            raise BlobUploadUnknown({"UUID": upload_id[:64]}) from None
        await repository.sync_blobs([digest])
    return _created(repository, digest)


async def status(repository: Repository, upload_id: str) -> Response:
    """How far an upload has come."""
    offset = await repository.storage.uploads.offset(repository.name, upload_id)
    return _accepted(repository, upload_id, offset, status=204)


async def delete(repository: Repository, upload_id: str) -> Response:
    """Cancel an upload."""
    async with _held(repository, upload_id) as upload:
        await upload.cancel()
    return Response(204)


@asynccontextmanager
async def _held(repository: Repository, upload_id: str) -> AsyncIterator[Upload]:
    """The upload, alone; a refusal says where to go on."""
    try:
        async with repository.storage.uploads.resume(repository.name, upload_id) as upload:
            yield upload
    except ChunkOutOfOrder as error:
        error.location = _location(repository, upload_id)
        raise


async def _receive(request: Request, upload: Upload, config: Config) -> None:
    """Append the body. What arrived of one that broke off stays; a body that breaks a rule moves nothing."""
    before = upload.offset
    stop = _expected_stop(request, before)
    limit = config.limits.blob_bytes
    if limit is not None and before + (request.content_length() or 0) > limit:
        raise _over(limit)
    try:
        async for piece in request.body():
            if stop is not None and upload.offset + len(piece) > stop:
                raise BlobUploadInvalid({"Reason": "The body is longer than its Content-Range"})
            if limit is not None and upload.offset + len(piece) > limit:
                raise _over(limit)
            await upload.write(piece)
        require_whole(request, upload.offset - before)
        if stop is not None and upload.offset != stop:
            raise BlobUploadInvalid({"Reason": "The body is shorter than its Content-Range"})
    except (StorageFull, BodyStalled):
        raise
    except RegistryError:
        await upload.truncate(before)
        raise


def _expected_stop(request: Request, offset: int) -> int | None:
    header = request.header(b"content-range")
    if header is None:
        return None
    start, stop = chunk_range(header)
    length = request.content_length()
    if length is not None and length != stop - start:
        raise BlobUploadInvalid({"Reason": f"Content-Range spans {stop - start} bytes, Content-Length is {length}"})
    if start != offset:
        raise ChunkOutOfOrder({"Reason": "Invalid Content Range"}, offset=offset)
    return stop


def _over(limit: int) -> TooLarge:
    return TooLarge({"Reason": f"Content over data limit {limit // (1024 * 1024)} mebibytes"})


def _location(repository: Repository, upload_id: str) -> str:
    return f"/v2/{repository.name}/blobs/uploads/{upload_id}"


def _accepted(
    repository: Repository, upload_id: str, offset: int, more: Headers | None = None, status: int = 202
) -> Response:
    headers = [
        (b"location", _location(repository, upload_id).encode()),
        (b"docker-upload-uuid", upload_id.encode()),
        (b"range", b"0-%d" % max(offset - 1, 0)),
        *(more or ()),
    ]
    return Response(status, headers)


def _created(repository: Repository, digest: Digest) -> Response:
    headers = [
        (b"location", f"/v2/{repository.name}/blobs/{digest}".encode()),
        (b"docker-content-digest", digest.encode()),
    ]
    return Response(201, headers)

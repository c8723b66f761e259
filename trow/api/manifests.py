"""`/v2/<name>/manifests/<reference>`: pull, push and delete (Distribution spec, end-2, end-7, end-9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trow.api.response import Response
from trow.errors import DigestInvalid, ManifestInvalid, ManifestUnknown, TooManyTags
from trow.oci.digest import Digest
from trow.oci.manifest import parse_manifest
from trow.oci.reference import Tag, parse_reference
from trow.registry.validation import require_references

if TYPE_CHECKING:
    from trow.api.request import Request
    from trow.config.model import Config
    from trow.registry.repository import Repository

MAX_TAGS = 100


async def get(request: Request, repository: Repository, reference: str) -> Response:
    """The manifest exactly as it was pushed, whatever the client accepts: converting would change its digest."""
    stored = await repository.manifest(_known_reference(reference))
    etag = f'"{stored.digest}"'
    headers = [(b"docker-content-digest", stored.digest.encode()), (b"etag", etag.encode())]
    if request.matches(b"if-none-match", etag):
        return Response(304, headers)
    return Response(200, [(b"content-type", stored.media_type.encode()), *headers], stored.content)


async def put(request: Request, repository: Repository, reference: str, config: Config) -> Response:
    """Store it under a tag, or under its digest with any number of `tag` parameters (1.2, end-7b)."""
    named = parse_reference(reference)
    also = [Tag(tag) for value in request.queries("tag") for tag in value.split(",")]
    if len(also) > MAX_TAGS:
        raise TooManyTags({"limit": MAX_TAGS})
    content = await request.whole_body(config.limits.manifest_bytes)
    manifest = parse_manifest(content, request.header(b"content-type") or "")
    tags = list(also)
    if isinstance(named, Digest):
        digest = Digest.of(content, named.algorithm)
        if digest != named:
            raise DigestInvalid({"digest": named, "content": digest})
    else:
        digest = Digest.of(content)
        tags.insert(0, named)
    await require_references(repository, manifest, config.sparse)
    await repository.put_manifest(manifest, digest, tags)
    headers = [
        (b"location", f"/v2/{repository.name}/manifests/{reference}".encode()),
        (b"docker-content-digest", digest.encode()),
    ]
    if manifest.subject:
        headers.append((b"oci-subject", manifest.subject.encode()))
    headers.extend((b"oci-tag", tag.encode()) for tag in also)
    return Response(201, headers)


async def delete(repository: Repository, reference: str) -> Response:
    """A tag alone, or a manifest with the tags that name it."""
    match _known_reference(reference):
        case Digest() as digest:
            await repository.delete_manifest(digest)
        case tag:
            await repository.delete_tag(tag)
    return Response(202)


def _known_reference(text: str) -> Tag | Digest:
    """As `parse_reference`, but what can't be a tag is simply not there."""
    try:
        return parse_reference(text)
    except ManifestInvalid:
        raise ManifestUnknown({"Tag": text[:160]}) from None

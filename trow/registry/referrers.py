"""Referrers of a manifest (Distribution spec, "Listing Referrers"): one stored descriptor for each, so that concurrent
pushes never meet, and the index that older clients keep under the tag `<alg>-<hex>` of the subject."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from trow.errors import DigestInvalid, ManifestInvalid, ManifestUnknown
from trow.oci.digest import Digest
from trow.oci.manifest import OCI_INDEX, Descriptor, parse_manifest
from trow.oci.reference import Tag
from trow.registry import records
from trow.storage import layout

if TYPE_CHECKING:
    from trow.registry.repository import Repository

PAGE_BYTES = 4 * 1024 * 1024
_ENVELOPE = 200
_BREATH = 100


class ReferrersPage(msgspec.Struct, frozen=True):
    """Part of the list, as large as a client must take it, and the digest to go on after."""

    descriptors: list[Descriptor]
    last: str | None


class ReferrersIndex(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer: an OCI index."""

    manifests: list[Descriptor]
    schema_version: int = 2
    media_type: str = OCI_INDEX


async def list_referrers(
    repository: Repository, subject: Digest, artifact_type: str | None, after: str
) -> ReferrersPage:
    """The manifests here whose subject is `subject`, of one artifact type if given, by digest after `after`."""
    fallback = await _fallback(repository, subject)
    names = await repository.storage.listing.children(layout.referrers(repository.name, subject))
    digests = {name.replace("-", ":", 1) for name in names} | fallback.keys()
    page: list[Descriptor] = []
    size = _ENVELOPE
    for count, digest in enumerate(sorted(digest for digest in digests if digest > after)):
        if count % _BREATH == _BREATH - 1:
            await asyncio.sleep(0)
        descriptor = await _stored(repository, subject, Digest(digest)) or fallback.get(digest)
        if descriptor is None or (artifact_type is not None and descriptor.artifact_type != artifact_type):
            continue
        size += len(records.encode(descriptor)) + 1
        if size > PAGE_BYTES and page:
            return ReferrersPage(page, page[-1].digest)
        page.append(descriptor)
    return ReferrersPage(page, None)


async def _stored(repository: Repository, subject: Digest, digest: Digest) -> Descriptor | None:
    document = await repository.storage.records.get(layout.referrer(repository.name, subject, digest))
    if document is None or not await repository.holds(digest):
        return None
    record = records.decode_record(document)
    if record is None:
        return None
    return Descriptor(
        media_type=record.media_type,
        digest=digest,
        size=record.size,
        artifact_type=record.artifact_type,
        annotations=record.annotations,
    )


async def _fallback(repository: Repository, subject: Digest) -> dict[str, Descriptor]:
    """What clients listed under the fallback tag (Distribution spec, "Referrers Tag Schema"), as far as it is here."""
    try:
        index = await repository.manifest(Tag(f"{subject.algorithm}-{subject.hex[:64]}"))
        listed = parse_manifest(index.content, index.media_type).listed if index.media_type == OCI_INDEX else ()
        return {
            descriptor.digest: descriptor for descriptor in listed if await repository.holds(Digest(descriptor.digest))
        }
    except (ManifestUnknown, ManifestInvalid, DigestInvalid):
        return {}

"""Manifests: what a registry must know of one (image-spec manifest.md, image-index.md), without changing a byte of it.

"Manifest" here is any document under `/manifests/`: OCI images, indexes and artifacts, Docker's schema 2 and lists.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from trow.errors import DigestInvalid, ManifestInvalid
from trow.oci.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator

OCI_IMAGE = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
DOCKER_IMAGE = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_SCHEMA_1 = (
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
)
SCHEMA_1_ADVICE = (
    "Manifest Schema version 1 is not supported. Please update. "
    "(Rebuild the image, or copy it with a current tool: skopeo copy --format v2s2 …)"
)


class Descriptor(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A pointer to content (image-spec descriptor.md): only what a registry reads or passes on."""

    media_type: str
    digest: str
    size: int
    artifact_type: str | None = None
    annotations: dict[str, str] | None = None

    @property
    def foreign(self) -> bool:
        """Layers that may stay where their licence keeps them (image-spec layer.md, "non-distributable")."""
        return ".foreign." in self.media_type or ".nondistributable." in self.media_type


class _Document(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    schema_version: int | None = None
    media_type: str | None = None
    artifact_type: str | None = None
    config: Descriptor | None = None
    layers: list[Descriptor] | None = None
    blobs: list[Descriptor] | None = None
    manifests: list[Descriptor] | None = None
    subject: Descriptor | None = None
    annotations: dict[str, str] | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A manifest that was read: its bytes exactly as they came, and what they refer to."""

    content: bytes
    media_type: str
    artifact_type: str | None
    annotations: dict[str, str] | None
    subject: Digest | None
    blobs: tuple[Digest, ...]
    manifests: tuple[Digest, ...]
    listed: tuple[Descriptor, ...]


# RFC 6838 section 4.2, with room for parameters to be cut off; what is stored goes into a header one day
_MEDIA_TYPE = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9!#$&^_.+-]{0,126}/[a-zA-Z0-9][a-zA-Z0-9!#$&^_.+-]{0,126}").fullmatch
_decoder = msgspec.json.Decoder(_Document)


def parse_manifest(content: bytes, content_type: str) -> Manifest:
    """Read a manifest that is to be stored as `content_type` (empty: what the document says of itself).

    Raises:
        ManifestInvalid: not JSON, not the shape of a manifest, schema 1, or of another media type than it says itself.
    """
    declared = content_type.partition(";")[0].strip().lower()
    if declared in DOCKER_SCHEMA_1:
        raise ManifestInvalid(message=SCHEMA_1_ADVICE)
    try:
        document = _decoder.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ManifestInvalid({"detail": str(error)}) from None
    if document.schema_version == 1:
        raise ManifestInvalid(message=SCHEMA_1_ADVICE)
    media_type = _media_type(document, declared)
    if document.schema_version != 2 and media_type in (OCI_IMAGE, OCI_INDEX, DOCKER_IMAGE, DOCKER_LIST):
        raise ManifestInvalid({"detail": "schemaVersion must be 2"})
    if media_type in (OCI_IMAGE, DOCKER_IMAGE) and document.config is None:
        raise ManifestInvalid({"detail": "an image manifest needs a config"})
    if media_type in (OCI_INDEX, DOCKER_LIST) and document.manifests is None:
        raise ManifestInvalid({"detail": "an index needs a list of manifests"})
    try:
        return Manifest(
            content=content,
            media_type=media_type,
            artifact_type=document.artifact_type or (document.config.media_type if document.config else None),
            annotations=document.annotations,
            subject=Digest(document.subject.digest) if document.subject else None,
            blobs=tuple(Digest(blob.digest) for blob in _blobs(document)),
            manifests=tuple(Digest(child.digest) for child in document.manifests or ()),
            listed=tuple(document.manifests or ()),
        )
    except DigestInvalid as error:
        raise ManifestInvalid({"detail": error.detail}, message="Manifest invalid: a descriptor's digest") from None


def _media_type(document: _Document, declared: str) -> str:
    own = (document.media_type or "").lower()
    if own and declared and own != declared:
        raise ManifestInvalid({"detail": f"Content-Type is {declared}, mediaType in the manifest is {own}"})
    if own or declared:
        media_type = document.media_type or declared
        if not _MEDIA_TYPE(media_type) or media_type.startswith("text/"):  # a browser would run it as ours
            raise ManifestInvalid({"detail": f"not a media type: {media_type[:160]}"})
        return media_type
    return OCI_INDEX if document.manifests is not None else OCI_IMAGE


def _blobs(document: _Document) -> Iterator[Descriptor]:
    if document.config:
        yield document.config
    for blob in (*(document.layers or ()), *(document.blobs or ())):
        if not blob.foreign:
            yield blob

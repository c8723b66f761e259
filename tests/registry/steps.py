"""What clients do to a repository, in one call each."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

from tests.support.documents import dump, image
from trow.errors import ManifestUnknown
from trow.oci.digest import Digest
from trow.oci.manifest import parse_manifest
from trow.oci.reference import Tag
from trow.registry.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from tests.storage.peer import Opening
    from tests.support.documents import Document


async def push_blob(repository: Repository, content: bytes, algorithm: str = "sha256") -> Digest:
    digest = Digest.of(content, algorithm)
    uploads = repository.storage.uploads
    upload_id = await uploads.create(repository.name, algorithm)
    async with uploads.resume(repository.name, upload_id) as upload:
        await upload.write(content)
        await repository.commit(upload, digest)
    return digest


async def push(repository: Repository, document: Document, *tags: str, algorithm: str = "sha256") -> Digest:
    """Store a manifest, whatever it refers to."""
    manifest = parse_manifest(dump(document), "")
    digest = Digest.of(manifest.content, algorithm)
    await repository.put_manifest(manifest, digest, [Tag(tag) for tag in tags])
    return digest


def elsewhere(repository: Repository, opening: Opening) -> Repository:
    """The same repository, as another process sees it."""
    return Repository(repository.name, opening())


def in_the_midst(act: Callable[[], Coroutine[Any, Any, object]]) -> threading.Thread:
    """Act from another thread, and return when that is done or waits for what the caller holds."""
    thread = threading.Thread(target=lambda: asyncio.run(act()))
    thread.start()
    thread.join(1)
    return thread


async def named(repository: Repository, tag: str) -> Digest | None:
    """What a tag names, or None."""
    try:
        return (await repository.manifest(Tag(tag))).digest
    except ManifestUnknown:
        return None


def numbered(number: int) -> Document:
    """One of many images."""
    return image(b"config %d" % number)

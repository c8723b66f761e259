"""A repository of this layout that is being filled: the order of steps is that of a push, the times are the old ones.

What is there already stays: it came over before, or was pushed since. So each step can be repeated.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

from trow.oci.digest import ALGORITHMS
from trow.registry import records
from trow.registry.records import HISTORY, ManifestRecord, TagEntry
from trow.storage import layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from trow.oci.digest import Digest
    from trow.oci.manifest import Manifest
    from trow.oci.reference import Tag
    from trow.storage.base import Storage
    from trow.storage.filesystem.blobs import FileBlobs


class Target:
    """One repository; `pushed` says that cache eviction must keep away from its content."""

    def __init__(self, name: str, storage: Storage, *, cached: bool) -> None:
        self.name = name
        self.cached = cached
        self._storage = storage
        self._blobs = cast("FileBlobs", storage.blobs)  # what lies in a directory comes over within a directory

    async def link(self, digest: Digest, path: Path) -> int:
        """Serve a blob that lies at `path`; its size. Raises BlobUnknown, DigestInvalid."""
        async with self._storage.leases.lease(layout.blob(digest), shared=True):
            size = await self._blobs.adopt(os.fspath(path), digest, cached=self.cached)
            await self._storage.records.put(layout.blob_link(self.name, digest), b"%d\n" % size)
        return size

    async def since(self, digest: Digest) -> str | None:
        """When the life of a manifest began that is here with all its bytes, or None."""
        document = await self._storage.records.get(layout.manifest(self.name, digest))
        head = records.decode_head(document) if document else None
        found = await self._storage.blobs.find(digest) if head else None
        return head.pushed if head and found and found.size == head.size else None

    async def put(self, manifest: Manifest, digest: Digest, pushed: str) -> None:
        """Store a manifest whose blobs are here, as of a time that no tag's entry for it is older than."""
        storage = self._storage
        record = records.encode(
            ManifestRecord(
                media_type=manifest.media_type,
                size=len(manifest.content),
                pushed=pushed,
                subject=manifest.subject,
                artifact_type=manifest.artifact_type,
                annotations=manifest.annotations,
            )
        )
        async with storage.leases.lease(layout.blob(digest), shared=True):
            if manifest.subject:
                await storage.records.put(layout.referrer(self.name, manifest.subject, digest), record)
            await self._blobs.put(digest, manifest.content, cached=self.cached)
            await storage.records.update({layout.manifest(self.name, digest): lambda there: there or record})

    async def name_all(self, tag: Tag, entries: Sequence[TagEntry]) -> None:
        """Let a tag have named manifests that are here, newest first."""
        old = [
            entry._replace(time=max(entry.time, await self.since(entry.digest) or "")) for entry in entries[:HISTORY]
        ]
        key = layout.tag(self.name, tag)

        def change(document: bytes | None) -> bytes:
            return records.tag_document(merged(records.history(document), old))

        there = await self._storage.records.get(key)
        if change(there) != there:
            await self._storage.records.update({key: change})

    async def sync(self) -> None:
        """Make durable what an earlier round, which was cut off, may have left undone."""
        manifests = [layout.manifests(self.name, algorithm) for algorithm in ALGORITHMS]
        for prefix in (*manifests, layout.tags(self.name)):
            await self._storage.records.sync([prefix + name for name in await self._storage.listing.children(prefix)])


def merged(there: Sequence[TagEntry], old: Sequence[TagEntry]) -> list[TagEntry]:
    """Two histories as one, newest first, in which each keeps its own order, whatever its times say.

    Merging the same once more changes nothing, above all not what the tag names: an entry counts as no newer than those
    before it, so that one that fell off the end never comes back at the front.
    """
    known = set(there)
    ranked = [(time, False, entry) for time, entry in _ranked(old) if entry not in known]
    ranked += [(time, True, entry) for time, entry in _ranked(there)]
    return [entry for _, _, entry in sorted(ranked, key=lambda each: each[:2], reverse=True)]


def _ranked(entries: Sequence[TagEntry]) -> Iterator[tuple[str, TagEntry]]:
    time = "~"
    for entry in entries:
        time = min(time, entry.time)
        yield time, entry

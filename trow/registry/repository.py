"""One repository: its blobs, manifests and tags, and the order of steps that makes each change safe.

- A blob is served, and counts for a manifest, only through this repository's link to it; the link bears its size, and
  a file of another size counts as absent.
- Link first, then look: the link is written before the blob is looked at again, under the digest's shared lease;
  whoever removes blobs takes that lease alone and looks for links.
- A manifest's record is its one commit point. Tags and referrers that point to no record are invisible, and so is a tag
  entry older than the record: it belongs to an earlier life of a manifest that was deleted and pushed again.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import msgspec

from trow.errors import BlobUnknown, ManifestUnknown
from trow.oci.digest import Digest
from trow.oci.reference import is_tag
from trow.registry import records
from trow.registry.memory import ManifestMemory, StoredManifest
from trow.registry.records import ManifestRecord, TagEntry
from trow.storage import layout

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence

    from trow.oci.manifest import Manifest
    from trow.oci.reference import Reference, RepositoryName, Tag
    from trow.storage.base import Change, Storage, StoredBlob, Upload

SMALL = 1024 * 1024
_BREATH = 100


class Repository:
    """A local repository: what is pushed here is served from here."""

    def __init__(self, name: RepositoryName, storage: Storage, memory: ManifestMemory | None = None) -> None:
        self.name = name
        self.storage = storage
        self._memory = memory or ManifestMemory()

    # --- blobs

    async def blob(self, digest: Digest) -> StoredBlob:
        """A blob that this repository may serve. Raises BlobUnknown."""
        link = await self.storage.records.get(layout.blob_link(self.name, digest))
        if link is not None:
            found = await self.storage.blobs.find(digest)
            if found and _link(found.size) == link:
                return found
        raise BlobUnknown({"Digest": digest})

    async def small_blob(self, digest: Digest, limit: int) -> bytes | None:
        """All of a blob that this repository may serve and that is no larger than `limit`, else None."""
        link = await self.storage.records.get(layout.blob_link(self.name, digest))
        if link is None or not link.strip().isdigit() or int(link) > limit:
            return None
        content = await self.storage.blobs.read(digest)
        return content if content is not None and _link(len(content)) == link else None

    async def commit(self, upload: Upload, digest: Digest) -> None:
        """Make an upload a blob of this repository. Raises DigestInvalid and then keeps the upload."""
        if upload.offset > SMALL:
            await upload.verify(digest)  # it takes time, and nobody needs to be kept out meanwhile
        # a link to nothing is invisible; with the blob's rename, not before, the upload is gone and the blob served
        async with self.storage.leases.lease(layout.blob(digest), shared=True):
            await upload.commit(digest, {layout.blob_link(self.name, digest): _link(upload.offset)})

    async def mount(self, digest: Digest, source: Repository) -> bool:
        """Serve from here what `source` holds; whether it did."""
        async with self.storage.leases.lease(layout.blob(digest), shared=True):
            try:
                size = (await source.blob(digest)).size
            except BlobUnknown:
                return False
            await source.sync_blobs([digest])
            await self.storage.records.put(layout.blob_link(self.name, digest), _link(size))
            with contextlib.suppress(BlobUnknown):
                await self.blob(digest)
                return True
        await self._unlink_lost_blob(digest)
        return False

    async def _unlink_lost_blob(self, digest: Digest) -> None:
        """A link to nothing would serve the blob from here once somebody pushes it elsewhere."""
        async with self.storage.leases.lease(layout.blob(digest)):
            if not await self.storage.blobs.find(digest):
                await self.storage.records.delete(layout.blob_link(self.name, digest))

    async def sync_blobs(self, digests: Collection[Digest]) -> None:
        """Make durable what was seen: another process may stand between its renames and its fsyncs."""
        await self.storage.records.sync(layout.blob_link(self.name, digest) for digest in digests)
        await self.storage.blobs.sync(digests)

    async def delete_blob(self, digest: Digest) -> None:
        """Serve it from here no longer. Raises BlobUnknown."""
        if not await self.storage.records.delete(layout.blob_link(self.name, digest)):
            raise BlobUnknown({"Digest": digest})

    # --- manifests

    async def manifest(self, reference: Reference) -> StoredManifest:
        """A manifest by tag or digest, byte for byte. Raises ManifestUnknown."""
        remembered = self._memory.recall(self.name, reference)
        if remembered:
            return remembered
        watch, watches, entry = self.storage.records.watch, [], None
        if isinstance(reference, Digest):
            digest = reference
        else:
            watches = [watch(layout.tag(self.name, reference))]
            entry = await self._entry(reference)
            digest = entry.digest
        watches.append(watch(layout.manifest(self.name, digest)))
        head = await self._head(digest)
        content = await self.storage.blobs.read(digest) if head else None
        if head is None or content is None or len(content) != head.size or (entry and entry.time < head.pushed):
            raise ManifestUnknown({"Tag": reference})
        manifest = StoredManifest(digest, head.media_type, content)
        self._memory.remember(self.name, reference, manifest, watches)
        return manifest

    async def holds(self, digest: Digest) -> bool:
        """Whether a manifest is here, with all its bytes."""
        head = await self._head(digest)
        found = await self.storage.blobs.find(digest) if head else None
        return bool(head and found and found.size == head.size)

    async def _head(self, digest: Digest) -> records.ManifestHead | None:
        return records.decode_head(await self.storage.records.get(layout.manifest(self.name, digest)))

    async def put_manifest(self, manifest: Manifest, digest: Digest, tags: Sequence[Tag]) -> None:
        """Store a manifest that `validation` has admitted, and let `tags` name it; every part is written anew."""
        storage = self.storage
        record = ManifestRecord(
            media_type=manifest.media_type,
            size=len(manifest.content),
            pushed=records.now(),
            subject=manifest.subject,
            artifact_type=manifest.artifact_type,
            annotations=manifest.annotations,
        )

        def renew(document: bytes | None) -> bytes:
            nonlocal record
            before = records.decode_head(document)
            record = msgspec.structs.replace(record, pushed=before.pushed if before else records.now())
            return records.encode(record)

        def name(document: bytes | None) -> bytes:
            entries = records.history(document)
            if entries and entries[0].digest == digest and entries[0].time >= record.pushed:
                return records.tag_document(entries)
            # never before the manifest's own time, even if the clock was set back since
            return records.tag_document([TagEntry(digest, max(records.now(), record.pushed)), *entries])

        changes: dict[str, Change] = {}
        if manifest.subject:
            changes[layout.referrer(self.name, manifest.subject, digest)] = lambda _: records.encode(record)
        changes[layout.manifest(self.name, digest)] = renew
        changes.update((layout.tag(self.name, tag), name) for tag in tags)
        async with storage.leases.lease(layout.blob(digest), shared=True):
            await storage.blobs.put(digest, manifest.content)
            await storage.records.update(changes)

    async def delete_manifest(self, digest: Digest) -> None:
        """Remove a manifest, then the tags and the referrer's descriptor that pointed to it. Raises ManifestUnknown."""
        document = None

        def remove(found: bytes | None) -> None:
            nonlocal document
            document = found

        await self.storage.records.update({layout.manifest(self.name, digest): remove})
        if document is None:
            raise ManifestUnknown({"Digest": digest})
        record = records.decode_record(document)
        async for tag, entry in self._tag_files():
            if entry and entry.digest == digest:
                await self._drop_dead_tag(tag, entry)
        if record and record.subject:
            async with self.storage.leases.lease(layout.blob(digest)):
                if not await self._head(digest):  # else it was pushed again meanwhile
                    await self.storage.records.delete(layout.referrer(self.name, Digest(record.subject), digest))

    # --- tags

    async def _entry(self, tag: str) -> TagEntry:
        """What a tag's file says that it names, whether or not that is there. Raises ManifestUnknown."""
        entry = records.newest(await self.storage.records.get(layout.tag(self.name, tag)))
        if entry is None:
            raise ManifestUnknown({"Tag": tag})
        return entry

    async def _require_tag(self, tag: str) -> None:
        """Raise ManifestUnknown if a tag names none, or none that is there."""
        entry = await self._entry(tag)
        head = await self._head(entry.digest)
        if head is None or entry.time < head.pushed:
            raise ManifestUnknown({"Tag": tag})

    async def tags(self, after: str = "", limit: int | None = None) -> list[str]:
        """The names of the tags that sort after `after`, sorted by ASCII, `limit` at most."""
        found: list[str] = []
        for count, name in enumerate(await self._tag_names(after)):
            if len(found) == limit:
                break
            if count % _BREATH == _BREATH - 1:
                await asyncio.sleep(0)
            with contextlib.suppress(ManifestUnknown):
                await self._require_tag(name)
                found.append(name)
        return found

    async def history(self, tag: Tag) -> list[TagEntry]:
        """All that a tag has named, newest first. Raises ManifestUnknown if it names nothing now."""
        await self._require_tag(tag)
        return records.history(await self.storage.records.get(layout.tag(self.name, tag)))

    async def delete_tag(self, tag: Tag) -> None:
        """Remove a tag; the manifest stays. Raises ManifestUnknown."""
        await self._require_tag(tag)
        await self.storage.records.update({layout.tag(self.name, tag): lambda _: None})

    async def _drop_dead_tag(self, tag: str, entry: TagEntry) -> None:
        """Remove a tag that names what was deleted, unless either was pushed again meanwhile."""
        head = await self._head(entry.digest)
        if head is None or entry.time < head.pushed:
            await self.storage.records.update(
                {layout.tag(self.name, tag): lambda document: None if records.newest(document) == entry else document}
            )

    async def _tag_names(self, after: str = "") -> list[str]:
        return [name for name in await self.storage.listing.children(layout.tags(self.name), after) if is_tag(name)]

    async def _tag_files(self) -> AsyncIterator[tuple[str, TagEntry | None]]:
        for count, name in enumerate(await self._tag_names()):
            if count % _BREATH == _BREATH - 1:
                await asyncio.sleep(0)
            yield name, records.newest(await self.storage.records.get(layout.tag(self.name, name)))

    # --- the repository itself

    async def exists(self) -> bool:
        """Whether anything was ever pushed here that is still here: a manifest or a blob."""
        return await has_manifests(self.storage, self.name) or await self._has_blobs()

    async def _has_blobs(self) -> bool:
        listing = self.storage.listing
        return any(
            [await listing.any(f"{layout.REPOSITORIES}{self.name}/_blobs/{name}") for name in ("sha256/", "sha512/")]
        )


def _link(size: int) -> bytes:
    """The document of a link to a blob of this size."""
    return b"%d\n" % size


async def has_manifests(storage: Storage, name: str) -> bool:
    """Whether a repository holds a manifest: then it is in the catalog."""
    for algorithm in ("sha256", "sha512"):
        if await storage.listing.any(layout.manifests(name, algorithm)):
            return True
    return False

"""Whether what a tag names is whole: the manifest, its blobs, and those manifests of its index that are here.

It asks for what a pull asks for, and of each thing the damage that `content` has found. Nothing is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from trow.config.model import Sparse
from trow.errors import ManifestInvalid, StorageFailed
from trow.oci.manifest import parse_manifest
from trow.registry import records
from trow.storage import layout

if TYPE_CHECKING:
    from trow.oci.digest import Digest
    from trow.registry.content import Contents
    from trow.registry.records import ManifestHead, TagEntry
    from trow.storage.base import Storage

    Known = dict[Digest, "Reading"]
    """What was read in one repository, for as long as it may be believed."""


class Reading(NamedTuple):
    """A manifest by itself and with its blobs, but without its children; `wrong` is empty if all that is well."""

    wrong: str
    children: tuple[Digest, ...] = ()
    held: bool = True
    pushed: str = ""


class Wholeness:
    """Looks at manifests; `missing` is every blob that one of them refers to in vain."""

    def __init__(self, storage: Storage, contents: Contents, sparse: Sparse) -> None:
        self._storage = storage
        self._contents = contents
        self._sparse = sparse
        self.missing: set[Digest] = set()

    async def why_not(self, name: str, entry: TagEntry, known: Known) -> str:
        """Why a tag's entry does not pull, with all that it refers to; empty if it does.

        An index may lack children, as it may when it is pushed or when they are deleted; those that are here must pull.
        """
        seen, pending = {entry.digest}, [entry.digest]
        while pending:
            digest = pending.pop()
            reading = await self.reading(name, digest, known)
            if digest == entry.digest and reading.wrong:
                return reading.wrong
            if digest == entry.digest and entry.time < reading.pushed:
                return "its manifest was deleted, and pushed again without this tag"
            if reading.wrong and reading.held:
                return f"manifest {digest} in its index: {reading.wrong}"
            pending += [child for child in reading.children if child not in seen]
            seen.update(reading.children)
        return ""

    async def reading(self, name: str, digest: Digest, known: Known) -> Reading:
        """A manifest by itself; what is in `known` is not looked at again, what is not is put there."""
        if digest not in known:
            try:
                known[digest] = await self._look(name, digest)
            except StorageFailed as error:
                known[digest] = Reading(f"the manifest can't be read: {error.__cause__ or error}")
        return known[digest]

    async def _look(self, name: str, digest: Digest) -> Reading:
        document = await self._storage.records.get(layout.manifest(name, digest))
        if document is None:
            return Reading("its manifest is not here", held=False)
        head = records.decode_head(document)
        if head is None:
            return Reading("the manifest's record can't be read")
        return Reading(*await self._below(name, digest, head), pushed=head.pushed)

    async def _below(self, name: str, digest: Digest, head: ManifestHead) -> tuple[str, tuple[Digest, ...]]:
        """What is wrong with a manifest that has its record, and its children."""
        content = await self._storage.blobs.read(digest)
        if content is None:
            return "the manifest's content is missing", ()
        if await self._contents.damaged(digest):
            return "the manifest's content is damaged", ()
        if len(content) != head.size:
            return f"the manifest is {len(content)} bytes, its record says {head.size}", ()
        try:
            manifest = parse_manifest(content, head.media_type)
        except ManifestInvalid:  # it is served as it is, whatever it may refer to
            return "", ()
        for blob in manifest.blobs:
            link = await self._storage.records.get(layout.blob_link(name, blob))
            wrong = await self._wrong_blob(blob, link)
            if wrong and not (link is None and self._sparse is Sparse.ALL):
                return wrong, ()
        return "", manifest.manifests

    async def _wrong_blob(self, digest: Digest, link: bytes | None) -> str:
        found = await self._storage.blobs.find(digest)
        if found is None:
            self.missing.add(digest)
            return f"blob {digest} is missing"
        if await self._contents.damaged(digest):
            return f"blob {digest} is damaged"
        if link is None:
            return f"blob {digest} is not linked to this repository"
        if link != b"%d\n" % found.size:
            return f"blob {digest} is {found.size} bytes, its link says {link[:20].decode('ascii', 'replace').strip()}"
        return ""

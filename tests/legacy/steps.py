"""Importing in this process, and looking at what came over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trow.config.model import Sparse
from trow.errors import ManifestUnknown
from trow.legacy.importer import import_version, waiting
from trow.oci.digest import Digest
from trow.oci.reference import RepositoryName, Tag
from trow.registry.referrers import list_referrers
from trow.registry.registry import Registry
from trow.storage import layout
from trow.storage.filesystem import open_storage
from trow.storage.filesystem.claim import claim

if TYPE_CHECKING:
    from pathlib import Path

    from trow.registry.records import TagEntry
    from trow.registry.repository import Repository

T1, T2, T3, T4 = (f"202{year}-06-01T12:00:00.12345678{year}Z" for year in range(1, 5))


class Imported:
    """A data directory after an import: what it said, and the registry in it."""

    def __init__(self, root: Path, said: list[str]) -> None:
        self.root = root
        self.said = said
        self.storage = open_storage(root)
        self.registry = Registry(self.storage)

    def repository(self, name: str) -> Repository:
        return self.registry.repository(RepositoryName(name))

    async def tag(self, name: str, tag: str) -> str | None:
        """The manifest that a tag names, if it is there."""
        try:
            return (await self.repository(name).manifest(Tag(tag))).digest
        except ManifestUnknown:
            return None

    async def history(self, name: str, tag: str) -> list[TagEntry]:
        return await self.repository(name).history(Tag(tag))

    async def holds(self, name: str, digest: str) -> bool:
        return await self.repository(name).holds(Digest(digest))

    async def blob(self, name: str, digest: str) -> bytes | None:
        """A blob as this repository serves it."""
        await self.repository(name).blob(Digest(digest))
        return await self.storage.blobs.read(Digest(digest))

    async def referrers(self, name: str, digest: str) -> list[str]:
        page = await list_referrers(self.repository(name), Digest(digest), None, "")
        return [descriptor.digest for descriptor in page.descriptors]

    def path(self, digest: str) -> Path:
        return self.root / layout.blob(Digest(digest))

    def cached(self, digest: str) -> bool:
        return (self.root / layout.cached_marker(Digest(digest))).exists()

    def left_out(self) -> list[str]:
        """What each version's import has left out, sorted."""
        lines = []
        for version in ("0.3", "0.10"):
            path = self.root / layout.imported(version)
            lines += path.read_text().splitlines()[1:] if path.exists() else []
        return sorted(lines)


async def bring_over(root: Path, sparse: Sparse = Sparse.NONE, *, tell: float = 5.0) -> Imported:
    """Take a directory into service as a start does, without a server."""
    held = claim(root)
    said: list[str] = []
    for version in waiting(root):
        await import_version(version, root, open_storage(root), sparse, said.append, tell=tell)
    held.release()
    return Imported(root, said)

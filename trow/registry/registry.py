"""All repositories: from a name to a Repository, and the catalog."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from trow.errors import BlobUnknown, RegistryError
from trow.oci.reference import PROXIED, RepositoryName, is_component
from trow.registry.memory import ManifestMemory
from trow.registry.repository import Repository, has_manifests
from trow.storage import layout

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trow.oci.digest import Digest
    from trow.storage.base import Storage

UPLOAD_LIFE_SECONDS = 24 * 3600.0
_SWEEP_SECONDS = 600.0
_BREATH = 50

logger = logging.getLogger("trow.registry")


class Registry:
    """The way from a name to a repository."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self._manifests = ManifestMemory()

    def repository(self, name: RepositoryName) -> Repository:
        """The repository of that name, whether or not anything is in it."""
        return Repository(name, self.storage, self._manifests)

    async def catalog(self, after: str = "", limit: int | None = None) -> list[str]:
        """The names of the repositories that hold a manifest, sorted by ASCII, after `after`, `limit` at most."""
        found: list[str] = []
        if limit == 0:
            return found
        async for name in self._names("", after):
            if await has_manifests(self.storage, name):
                found.append(name)
                if len(found) == limit:
                    break
        return found

    async def _names(self, prefix: str, after: str) -> AsyncIterator[str]:
        """Every name below `prefix` in ASCII order, reading only the folders that a page needs.

        `-` and `.` sort before `/`, so `a` comes first, then `a-b`, then `a/b`: a component sorts once as itself and
        once, with its slash, as the folder of what lies below.
        """
        children = await self.storage.listing.children(f"{layout.REPOSITORIES}{prefix}")
        components = [child[:-1] for child in children if child.endswith("/") and is_component(child[:-1])]
        for count, entry in enumerate(sorted([*components, *(f"{component}/" for component in components)])):
            if count % _BREATH == _BREATH - 1:
                await asyncio.sleep(0)
            path = prefix + entry
            if path == PROXIED:
                continue  # what is cached of others is not ours to list or to mount
            if path.endswith("/"):
                if path > after or after.startswith(path):
                    async for name in self._names(path, after):
                        yield name
            elif path > after:
                yield path

    async def holder(self, digest: Digest) -> Repository | None:
        """A repository that holds this blob, if any does."""
        if await self.storage.blobs.find(digest):
            async for name in self._names("", ""):
                repository = self.repository(RepositoryName(name))
                try:
                    await repository.blob(digest)
                except BlobUnknown:
                    continue
                return repository
        return None

    async def sweep_for_ever(self) -> None:
        """Remove uploads that nobody touched for a day; among many processes it doesn't matter which one does."""
        while True:
            try:
                await self.storage.uploads.sweep(UPLOAD_LIFE_SECONDS)
            except RegistryError as error:
                logger.warning("old uploads could not be removed: %s", error.__cause__ or error)
            await asyncio.sleep(_SWEEP_SECONDS)

"""Records as plain files, and the listing of the tree."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from trow.storage.filesystem.disk import storage_errors
from trow.storage.filesystem.reader import read_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trow.storage.base import Change, Listing, Records, Watch
    from trow.storage.filesystem.disk import Disk
    from trow.storage.filesystem.locks import FileLocks
    from trow.storage.filesystem.reader import SmallFiles
    from trow.storage.filesystem.versions import Versions


class FileRecords:
    """`Records` and `Listing` of a directory."""

    def __init__(self, disk: Disk, locks: FileLocks, files: SmallFiles, versions: Versions) -> None:
        self._disk = disk
        self._versions = versions
        self._files = files
        self._locks = locks

    async def get(self, key: str) -> bytes | None:
        return self._files.read(self._disk.path(key))

    async def put(self, key: str, document: bytes) -> None:
        await self._disk.run(self._disk.write, {key: document})

    async def update(self, changes: Mapping[str, Change]) -> None:
        async with self._locks.leases(changes):
            await self._disk.run(self._update, changes)

    def _update(self, changes: Mapping[str, Change]) -> None:
        documents = {key: change(read_file(self._disk.path(key))) for key, change in changes.items()}
        with self._versions.changing(changes):
            self._disk.write({key: document for key, document in documents.items() if document is not None})
            for key, document in documents.items():
                if document is None:
                    self._disk.remove(key)

    def watch(self, key: str) -> Watch | None:
        return self._versions.watch(key)

    async def delete(self, key: str) -> bool:
        return await self._disk.run(self._disk.remove, key)

    async def sync(self, keys: Iterable[str]) -> None:
        with storage_errors():
            unsynced = self._disk.unsynced(keys)
        if unsynced:
            await self._disk.run(self._disk.sync, unsynced)

    async def children(self, prefix: str, after: str = "") -> list[str]:
        names = []
        with storage_errors():
            try:
                with os.scandir(self._disk.path(prefix)) as entries:
                    for entry in entries:
                        if entry.name.startswith("."):
                            continue  # never ours: NFS and file managers leave such files
                        name = entry.name + "/" if entry.is_dir(follow_symlinks=False) else entry.name
                        if name > after:
                            names.append(name)
            except (FileNotFoundError, NotADirectoryError):
                return []
        names.sort()
        return names

    async def any(self, prefix: str) -> bool:
        with storage_errors():
            try:
                with os.scandir(self._disk.path(prefix)) as entries:
                    return any(not entry.name.startswith(".") for entry in entries)
            except (FileNotFoundError, NotADirectoryError):
                return False


if TYPE_CHECKING:
    _records: type[Records] = FileRecords
    _listing: type[Listing] = FileRecords

"""A directory as storage: plain files, atomic renames, kernel locks. Several processes may share it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trow.storage.base import Storage
from trow.storage.filesystem.blobs import FileBlobs
from trow.storage.filesystem.disk import Disk
from trow.storage.filesystem.locks import FileLocks
from trow.storage.filesystem.reader import SmallFiles
from trow.storage.filesystem.records import FileRecords
from trow.storage.filesystem.uploads import FileUploads
from trow.storage.filesystem.versions import Versions

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["open_storage"]


def open_storage(root: Path) -> Storage:
    """Storage in a directory that `claim.claim` has prepared."""
    disk = Disk(root)
    locks = FileLocks(root / "locks")
    files = SmallFiles()
    records = FileRecords(disk, locks, files, Versions(root / "locks/versions"))
    blobs = FileBlobs(disk, files)
    return Storage(records, records, locks, blobs, FileUploads(disk, blobs))

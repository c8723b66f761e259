"""Uploads as growing files: the length is the offset, and the file is its own kernel lock.

A file `uploads/<id>.<algorithm>.<owner>` needs no record beside it: the name says what it is for, whom it belongs to,
and one fsync of the directory makes it last. Whoever opens it takes the lock and checks that the path still names what
was opened (a commit renames it away). The running hash can't move between processes: whoever has none, or an older one,
reads again what it missed, at the end.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
import uuid
from collections import OrderedDict
from contextlib import asynccontextmanager
from threading import Semaphore
from typing import TYPE_CHECKING

from trow.errors import BlobUploadUnknown, ChunkOutOfOrder
from trow.oci.digest import ALGORITHMS
from trow.storage.filesystem.disk import storage_errors
from trow.storage.filesystem.locks import try_lock
from trow.storage.filesystem.upload import FileUpload, Progress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from trow.storage.base import Uploads
    from trow.storage.filesystem.blobs import FileBlobs
    from trow.storage.filesystem.disk import Disk

_SYNCS_AHEAD_AT_ONCE = 2
_REMEMBERED_HASHES = 1000
_OURS = re.compile(r"tmp-.*|[0-9a-f-]{36}\.\w+\.\w+").fullmatch
_HELD = "Another request is writing to this upload"
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch


class FileUploads:
    """`Uploads` of a directory."""

    def __init__(self, disk: Disk, blobs: FileBlobs) -> None:
        self._disk = disk
        self._blobs = blobs
        self._directory = disk.path("uploads")
        self._ahead = Semaphore(_SYNCS_AHEAD_AT_ONCE)
        self._hashes: OrderedDict[str, tuple[Progress, int, bool]] = OrderedDict()

    async def create(self, owner: str, algorithm: str) -> str:
        upload_id = str(uuid.uuid4())
        path = self._path(owner, upload_id, algorithm)
        with storage_errors():  # nothing is in it yet that could be lost: the first flush makes it last
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644))
        return upload_id

    def _path(self, owner: str, upload_id: str, algorithm: str) -> str:
        return f"{self._directory}/{upload_id}.{algorithm}.{hashlib.sha256(owner.encode()).hexdigest()[:16]}"

    def _open(self, owner: str, upload_id: str, opening: Callable[[str], int]) -> tuple[str, str, int]:
        if _ID(upload_id):
            for algorithm in ALGORITHMS:
                path = self._path(owner, upload_id, algorithm)
                with storage_errors(), contextlib.suppress(FileNotFoundError):
                    return path, algorithm, opening(path)
        raise BlobUploadUnknown({"UUID": upload_id[:64]})

    @asynccontextmanager
    async def resume(self, owner: str, upload_id: str) -> AsyncIterator[FileUpload]:
        path, algorithm, descriptor = self._open(owner, upload_id, _open_for_writing)
        try:
            if not try_lock(descriptor):
                offset = os.fstat(descriptor).st_size
                raise ChunkOutOfOrder({"Reason": _HELD}, offset=offset)
            if not _names(path, descriptor):
                raise BlobUploadUnknown({"UUID": upload_id})
            progress, listed = self._recall(upload_id, algorithm, descriptor)
            upload = FileUpload(self._disk, self._blobs, self._ahead, path, descriptor, progress, listed=listed)
        except BaseException:
            os.close(descriptor)
            raise
        try:
            yield upload
        finally:
            try:
                await upload.settle()
                if not upload.ended:
                    self._remember(upload_id, upload, descriptor)
            finally:
                os.close(descriptor)

    def _recall(self, upload_id: str, algorithm: str, descriptor: int) -> tuple[Progress, bool]:
        """The running hash, if it still holds, and whether the file is known to be durably in its directory."""
        progress, stamp, listed = self._hashes.pop(upload_id, (None, 0, False))
        if progress and os.fstat(descriptor).st_mtime_ns == stamp:
            return progress, listed
        return Progress(algorithm), listed

    def _remember(self, upload_id: str, upload: FileUpload, descriptor: int) -> None:
        """Keep the running hash under a time that no write gives a file: if it still bears it, no byte has changed.

        Another process may cut the file and write it anew, to the same length.
        """
        stamp = time.time_ns()
        try:
            os.utime(descriptor, ns=(stamp, stamp))
        except OSError:
            return  # it can be read again
        self._hashes[upload_id] = upload.progress, stamp, upload.listed
        while len(self._hashes) > _REMEMBERED_HASHES:
            self._hashes.popitem(last=False)

    async def offset(self, owner: str, upload_id: str) -> int:
        _, _, size = self._open(owner, upload_id, lambda path: os.stat(path).st_size)
        return size

    async def sweep(self, older_than: float) -> int:
        return await self._disk.run(self._sweep, older_than)

    def _sweep(self, older_than: float) -> int:
        removed = 0
        limit = time.time() - older_than
        with os.scandir(self._directory) as entries:
            for entry in entries:
                if not _OURS(entry.name):
                    continue  # Trow 0.10 kept uploads here too
                with contextlib.suppress(OSError):  # gone since, or not ours to remove: the others are
                    if entry.stat(follow_symlinks=False).st_mtime < limit and _unlink_if_free(entry.path, limit):
                        removed += 1
        return removed


def _open_for_writing(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except PermissionError:
        _make_writable(path)
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)


def _make_writable(path: str) -> None:
    """After a commit that made the file read-only and was cut off; not while one is at work, whose lock tells."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if not try_lock(descriptor):
            raise ChunkOutOfOrder({"Reason": _HELD}, offset=os.fstat(descriptor).st_size)
        if _names(path, descriptor):
            os.fchmod(descriptor, 0o644)
    finally:
        os.close(descriptor)


def _names(path: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _unlink_if_free(path: str, limit: float) -> bool:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # looked at again under the lock: somebody may have come and gone since
        free = try_lock(descriptor) and os.fstat(descriptor).st_mtime < limit and _names(path, descriptor)
        if free:
            os.unlink(path)
        return free
    finally:
        os.close(descriptor)


if TYPE_CHECKING:
    _: type[Uploads] = FileUploads

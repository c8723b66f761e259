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

from trow.errors import BlobUploadUnknown, ChunkOutOfOrder, DigestInvalid, RegistryError, StorageFailed, StorageFull
from trow.oci.digest import ALGORITHMS, new_hasher
from trow.storage.filesystem.disk import finish, fsync_directory, storage_errors
from trow.storage.filesystem.locks import try_lock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from concurrent.futures import Future

    from trow.oci.digest import Digest, Hasher
    from trow.storage.base import Upload, Uploads
    from trow.storage.filesystem.blobs import FileBlobs
    from trow.storage.filesystem.disk import Disk

BATCH = 256 * 1024
SYNC_AHEAD = 32 * 1024 * 1024
_SYNCS_AHEAD_AT_ONCE = 2
_READ_AGAIN = 1 << 20
_REMEMBERED_HASHES = 1000
_HELD = "Another request is writing to this upload"
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch


class _Progress:
    """How far a running hash has come."""

    __slots__ = ("algorithm", "hasher", "offset")

    def __init__(self, algorithm: str) -> None:
        self.algorithm = algorithm
        self.hasher: Hasher = new_hasher(algorithm)
        self.offset = 0


class FileUpload:
    """`Upload` on a file that is open and locked. At most one batch is being written while the next one gathers.

    The disk is set to work while bytes still arrive: every so often what is written is synced in a thread beside, which
    halves the time of a large push, since the last sync finds little to do.
    """

    def __init__(
        self,
        disk: Disk,
        blobs: FileBlobs,
        ahead: Semaphore,
        path: str,
        descriptor: int,
        progress: _Progress,
    ) -> None:
        self._disk = disk
        self._blobs = blobs
        self._ahead = ahead
        self._syncing: Future[None] | None = None
        self._path = path
        self._descriptor = descriptor
        self._written = os.fstat(descriptor).st_size
        self.progress = progress
        self._gathered: list[bytes] = []
        self._weight = 0
        self._sync_next = self._written + SYNC_AHEAD
        self._received = self._written
        self._writing: Future[None] | None = None
        self.ended = False

    @property
    def offset(self) -> int:
        return self._received

    async def write(self, data: bytes) -> None:
        self._gathered.append(data)
        self._received += len(data)
        self._weight += len(data)
        if self._weight >= BATCH:
            await self._settle()
            self._begin_batch()

    async def flush(self) -> int:
        await self._drain()
        await self._settle_sync()
        await self._disk.run(self._sync)
        return self._written

    async def _drain(self) -> None:
        await self._settle()
        if self._gathered:
            self._begin_batch()
            await self._settle()

    def _begin_batch(self) -> None:
        batch, self._gathered, self._weight = self._gathered, [], 0
        self._writing = self._disk.start(self._append, batch)
        idle = self._syncing is None or (self._syncing.done() and not self._syncing.exception())
        if idle and self._written >= self._sync_next:
            self._sync_next = self._written + SYNC_AHEAD
            self._syncing = self._disk.start(self._sync_ahead)

    def _sync_ahead(self) -> None:
        if self._ahead.acquire(blocking=False):  # those who write need threads too
            try:
                self._sync()
            finally:
                self._ahead.release()

    async def _settle_sync(self) -> None:
        """Wait for the sync beside, and hear of its failure: the last one would not be told again."""
        if self._syncing:
            await finish(self._syncing)

    async def _settle(self) -> None:
        if self._writing:
            try:
                await finish(self._writing)
            except RegistryError:
                self._gathered, self._weight, self._received = [], 0, self._written
                raise
            finally:
                self._writing = None

    def _append(self, batch: list[bytes]) -> None:
        progress = self.progress
        for data in batch:
            rest = memoryview(data)
            while rest:
                count = os.pwrite(self._descriptor, rest, self._written)
                if progress.offset == self._written:
                    progress.hasher.update(rest[:count])
                    progress.offset += count
                self._written += count
                rest = rest[count:]

    def _sync(self) -> None:
        try:
            os.fsync(self._descriptor)
        except OSError:
            # the kernel may call the lost pages clean from now on: what this file holds can't be trusted again
            self._unlink()
            raise

    async def truncate(self, offset: int) -> None:
        self._gathered, self._weight = [], 0
        with contextlib.suppress(StorageFull, StorageFailed):  # what failed to be written is forgotten with the rest
            await self._settle()
        await self._disk.run(os.ftruncate, self._descriptor, offset)
        self._received = self._written = offset
        if self.progress.offset > offset:
            self.progress = _Progress(self.progress.algorithm)

    async def commit(self, digest: Digest) -> int:
        await self._drain()
        if self.progress.algorithm != digest.algorithm:
            self.progress = _Progress(digest.algorithm)
        await self._disk.run(self._catch_up)
        if self.progress.hasher.hexdigest() != digest.hex:
            raise DigestInvalid({"Digest": digest})
        await self._settle_sync()
        await self._disk.run(self._commit, digest)
        return self._written

    def _catch_up(self) -> None:
        progress = self.progress
        while progress.offset < self._written:
            piece = os.pread(self._descriptor, _READ_AGAIN, progress.offset)
            if not piece:
                raise OSError(f"{self._path} is shorter than what was written to it")
            progress.hasher.update(piece)
            progress.offset += len(piece)

    def _commit(self, digest: Digest) -> None:
        self._sync()
        self._blobs.place(self._path, digest)
        self.ended = True

    async def cancel(self) -> None:
        await self._disk.run(self._unlink)

    def _unlink(self) -> None:
        self.ended = True
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)
        fsync_directory(os.path.dirname(self._path))

    async def settle(self) -> None:
        """End all work on the file; what was gathered but neither flushed nor committed is written, not synced."""
        if self.ended:
            self._gathered = []
        try:
            await self._drain()
        finally:
            await self._settle_sync()


class FileUploads:
    """`Uploads` of a directory."""

    def __init__(self, disk: Disk, blobs: FileBlobs) -> None:
        self._disk = disk
        self._blobs = blobs
        self._directory = disk.path("uploads")
        self._ahead = Semaphore(_SYNCS_AHEAD_AT_ONCE)
        self._hashes: OrderedDict[str, tuple[_Progress, int]] = OrderedDict()

    async def create(self, owner: str, algorithm: str) -> str:
        upload_id = str(uuid.uuid4())
        await self._disk.run(self._create, self._path(owner, upload_id, algorithm))
        return upload_id

    def _create(self, path: str) -> None:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644))
        fsync_directory(self._directory)

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
            progress = self._recall(upload_id, algorithm, descriptor)
            upload = FileUpload(self._disk, self._blobs, self._ahead, path, descriptor, progress)
        except BaseException:
            os.close(descriptor)
            raise
        try:
            yield upload
        finally:
            try:
                await upload.settle()
                if not upload.ended:
                    self._remember(upload_id, upload.progress, descriptor)
            finally:
                os.close(descriptor)

    def _recall(self, upload_id: str, algorithm: str, descriptor: int) -> _Progress:
        progress, stamp = self._hashes.pop(upload_id, (None, 0))
        return progress if progress and os.fstat(descriptor).st_mtime_ns == stamp else _Progress(algorithm)

    def _remember(self, upload_id: str, progress: _Progress, descriptor: int) -> None:
        """Keep the running hash under a time that no write gives a file: if it still bears it, no byte has changed.

        Another process may cut the file and write it anew, to the same length.
        """
        stamp = time.time_ns()
        try:
            os.utime(descriptor, ns=(stamp, stamp))
        except OSError:
            return  # it can be read again
        self._hashes[upload_id] = progress, stamp
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
    _upload: type[Upload] = FileUpload
    _uploads: type[Uploads] = FileUploads

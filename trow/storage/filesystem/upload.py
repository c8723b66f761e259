"""One upload: a file that grows, is hashed as it grows, and is renamed into the blobs once it is verified."""

from __future__ import annotations

import contextlib
import os
from types import MappingProxyType
from typing import TYPE_CHECKING

from trow.errors import DigestInvalid, StorageFailed, StorageFull
from trow.oci.digest import new_hasher
from trow.storage.filesystem.disk import finish, fsync_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future
    from threading import Semaphore

    from trow.oci.digest import Digest, Hasher
    from trow.storage.base import Upload
    from trow.storage.filesystem.blobs import FileBlobs
    from trow.storage.filesystem.disk import Disk

BATCH = 256 * 1024
SYNC_AHEAD = 32 * 1024 * 1024
NO_DOCUMENTS: Mapping[str, bytes] = MappingProxyType({})
_READ_AGAIN = 1 << 20


class Progress:
    """How far a running hash has come. It can't move between processes."""

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
        progress: Progress,
        *,
        listed: bool,
    ) -> None:
        self._disk = disk
        self._blobs = blobs
        self._ahead = ahead
        self._syncing: Future[None] | None = None
        self._path = path
        self._descriptor = descriptor
        self._written = os.fstat(descriptor).st_size
        self.progress = progress
        self.listed = listed
        self._gathered: list[bytes] = []
        self._weight = 0
        self._sync_next = self._written + SYNC_AHEAD
        self._received = self._written
        self._writing: Future[None] | None = None
        self._verified: Digest | None = None
        self.ended = False

    @property
    def offset(self) -> int:
        return self._received

    async def write(self, data: bytes) -> None:
        self._verified = None
        self._gathered.append(data)
        self._received += len(data)
        self._weight += len(data)
        if self._weight >= BATCH:
            await self._settle()
            self._begin_batch()

    async def flush(self) -> int:
        await self._finish(self._sync)
        if not self.listed:
            await self._disk.run(fsync_directory, os.path.dirname(self._path))
            self.listed = True
        return self._written

    async def _finish(self, step: Callable[..., None], *args: object) -> None:
        """Write what is gathered and take `step` in the same thread: changing threads costs more than a write."""
        await self._settle()
        await self._settle_sync()
        batch, self._gathered, self._weight = self._gathered, [], 0
        try:
            await self._disk.run(self._append_and, batch, step, *args)
        except BaseException:
            self._gathered, self._weight = [], 0
            raise
        finally:
            self._received = self._written

    def _append_and(self, batch: list[bytes], step: Callable[..., None], *args: object) -> None:
        self._append(batch)
        step(*args)

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
            except BaseException:  # also a batch that was cancelled before it began: nothing may follow its gap
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
        self._verified = None
        self._gathered, self._weight = [], 0
        with contextlib.suppress(StorageFull, StorageFailed):  # what failed to be written is forgotten with the rest
            await self._settle()
        await self._disk.run(os.ftruncate, self._descriptor, offset)
        self._received = self._written = offset
        if self.progress.offset > offset:
            self.progress = Progress(self.progress.algorithm)

    async def verify(self, digest: Digest) -> int:
        await self._finish(self._verify, digest)
        return self._written

    def _verify(self, digest: Digest) -> None:
        if self.progress.algorithm != digest.algorithm:
            self.progress = Progress(digest.algorithm)
        self._catch_up()
        if self.progress.hasher.hexdigest() != digest.hex:
            raise DigestInvalid({"Digest": digest})
        self._sync()
        self._verified = digest

    async def commit(self, digest: Digest, documents: Mapping[str, bytes] = NO_DOCUMENTS) -> int:
        await self._finish(self._commit, digest, documents)
        return self._written

    def _commit(self, digest: Digest, documents: Mapping[str, bytes]) -> None:
        if self._verified != digest:
            self._verify(digest)
        self._blobs.place(self._path, digest, documents)
        self.ended = True

    def _catch_up(self) -> None:
        progress = self.progress
        while progress.offset < self._written:
            piece = os.pread(self._descriptor, _READ_AGAIN, progress.offset)
            if not piece:
                raise OSError(f"{self._path} is shorter than what was written to it")
            progress.hasher.update(piece)
            progress.offset += len(piece)

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


if TYPE_CHECKING:
    _: type[Upload] = FileUpload

"""Blobs as read-only files: written elsewhere, verified, then renamed into place; never opened for writing again."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from typing import TYPE_CHECKING

from trow.errors import BlobUnknown, DigestInvalid
from trow.oci.digest import Digest, new_hasher
from trow.storage import layout
from trow.storage.base import StoredBlob
from trow.storage.filesystem.disk import Move, storage_errors, translated, write_new

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from trow.storage.base import Blobs
    from trow.storage.filesystem.disk import Disk
    from trow.storage.filesystem.reader import SmallFiles

PIECE = 256 * 1024
_READ = 1 << 20
# what a file system, or the kernel's protected_hardlinks, answers where a hard link can't be had
_NO_HARD_LINK = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS)


class FileBlobs:
    """`Blobs` of a directory."""

    def __init__(self, disk: Disk, files: SmallFiles) -> None:
        self._disk = disk
        self._files = files

    async def find(self, digest: Digest) -> StoredBlob | None:
        path = self._disk.path(layout.blob(digest))
        try:
            status = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise translated(error) from error
        return StoredBlob(status.st_size, path) if stat.S_ISREG(status.st_mode) else None

    async def read(self, digest: Digest) -> bytes | None:
        return self._files.read(self._disk.path(layout.blob(digest)))

    async def stream(self, digest: Digest, start: int, stop: int) -> AsyncIterator[bytes]:
        try:
            descriptor = os.open(self._disk.path(layout.blob(digest)), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise BlobUnknown({"Digest": digest}) from None
        except OSError as error:
            raise translated(error) from error
        try:
            while start < stop:
                piece = await self._disk.run(os.pread, descriptor, min(PIECE, stop - start), start)
                if not piece:
                    raise BlobUnknown({"Digest": digest})  # shorter than its record: cut, never padded
                start += len(piece)
                yield piece
        finally:
            os.close(descriptor)

    async def put(self, digest: Digest, content: bytes, *, cached: bool = False) -> None:
        if Digest.of(content, digest.algorithm) != digest:
            raise DigestInvalid({"Digest": digest})
        await self._disk.run(self._put, digest, content, cached)

    def _put(self, digest: Digest, content: bytes, cached: bool) -> None:
        temporary = self._disk.temporary()
        try:
            write_new(temporary, content)
            os.chmod(temporary, 0o444)
            self._place(temporary, digest, cached=cached)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise

    def place(self, path: str, digest: Digest, documents: Mapping[str, bytes]) -> None:
        """Make a synced file the blob, after these records; blocking. What was there is replaced: a push repairs."""
        os.chmod(path, 0o444)
        self._unmark(digest)
        self._disk.write(documents, Move(path, layout.blob(digest)))

    def _place(self, path: str, digest: Digest, *, cached: bool) -> None:
        """As `place`; what is only cached makes no cached blob of one that was pushed."""
        marked = cached and not os.path.lexists(self._disk.path(layout.blob(digest)))
        if not cached:
            self._unmark(digest)
        self._disk.place([Move(path, layout.blob(digest), layout.cached_marker(digest) if marked else None)])

    def _unmark(self, digest: Digest) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._disk.path(layout.cached_marker(digest)))

    async def adopt(self, path: str, digest: Digest, *, cached: bool) -> int:
        """Make a file that is kept elsewhere a blob as well, verified; its size.

        That file keeps its name, its content and its mode: the blob is a hard link to it, or a copy where none can be.
        Raises BlobUnknown if it isn't there or can't be read, DigestInvalid.
        """
        return await self._disk.run(self._adopt, path, digest, cached)

    def _adopt(self, path: str, digest: Digest, cached: bool) -> int:
        there, size = _size(self._disk.path(layout.blob(digest))), _size(path)
        if there is not None and size in (None, there):  # it came in by a door that verifies
            if not cached:
                self._unmark(digest)
            self._disk.sync_directory(os.path.dirname(self._disk.path(layout.blob(digest))))
            return there
        if size is None:
            raise BlobUnknown({"Digest": digest})
        temporary = self._disk.temporary()
        try:
            size = _verified(_link_or_copy(path, temporary), digest)
            self._place(temporary, digest, cached=cached)
        finally:
            # still there also if it was a link to the very file that is the blob: then a rename does nothing
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
        return size

    async def sync(self, digests: Iterable[Digest]) -> None:
        with storage_errors():
            unsynced = self._disk.unsynced(map(layout.blob, digests))
        if unsynced:
            await self._disk.run(self._disk.sync, unsynced)

    async def delete(self, digest: Digest) -> bool:
        return await self._disk.run(self._delete, digest)

    def _delete(self, digest: Digest) -> bool:
        self._unmark(digest)
        return self._disk.remove(layout.blob(digest))


def _size(path: str) -> int | None:
    """The size of a regular file, or None."""
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _link_or_copy(path: str, new: str) -> str:
    os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))  # if it may not be read, the error names it, not the link
    try:
        os.link(os.path.realpath(path), new)
    except OSError as error:
        if error.errno not in _NO_HARD_LINK:
            raise
        shutil.copyfile(path, new)
    return new


def _verified(path: str, digest: Digest) -> int:
    """The size of a file that is of this digest, and synced. Raises BlobUnknown, DigestInvalid."""
    hasher, size = new_hasher(digest.algorithm), 0
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            while piece := os.read(descriptor, _READ):
                hasher.update(piece)
                size += len(piece)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            raise BlobUnknown({"Digest": digest}) from error  # what the disk has lost
        if hasher.hexdigest() != digest.hex:
            raise DigestInvalid({"Digest": digest})
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return size


if TYPE_CHECKING:
    _: type[Blobs] = FileBlobs

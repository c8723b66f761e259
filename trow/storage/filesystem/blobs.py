"""Blobs as read-only files: written elsewhere, verified, then renamed into place; never opened for writing again."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from trow.errors import BlobUnknown, DigestInvalid
from trow.oci.digest import Digest
from trow.storage import layout
from trow.storage.base import StoredBlob
from trow.storage.filesystem.disk import translated, write_new

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trow.storage.base import Blobs
    from trow.storage.filesystem.disk import Disk
    from trow.storage.filesystem.reader import SmallFiles

PIECE = 256 * 1024


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

    async def put(self, digest: Digest, content: bytes) -> None:
        if Digest.of(content, digest.algorithm) != digest:
            raise DigestInvalid({"Digest": digest})
        await self._disk.run(self._put, digest, content)

    def _put(self, digest: Digest, content: bytes) -> None:
        temporary = self._disk.temporary()
        try:
            write_new(temporary, content)
            self.place(temporary, digest)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise

    def place(self, path: str, digest: Digest) -> None:
        """Make a synced file the blob, durably; blocking. What was there is replaced: a push repairs."""
        os.chmod(path, 0o444)
        self._disk.place(path, layout.blob(digest), layout.pushed_marker(digest))

    async def delete(self, digest: Digest) -> bool:
        return await self._disk.run(self._delete, digest)

    def _delete(self, digest: Digest) -> bool:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._disk.path(layout.pushed_marker(digest)))
        return self._disk.remove(layout.blob(digest))


if TYPE_CHECKING:
    _: type[Blobs] = FileBlobs

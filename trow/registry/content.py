"""Whether content is what its digest says: each digest read once, streamed, on all cores; and what is not, removed.

Without repair nothing is written. What seems damaged is read again before it is told of, since a push may just have
replaced it. Removing it takes the digest's lease alone, as all doors into the blobs share it: what is read under it is
what is removed, and the next push of that digest brings it back for every repository that links it.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from typing import TYPE_CHECKING, NamedTuple

from trow.errors import BlobUnknown, StorageBusy, StorageFailed
from trow.oci.digest import new_hasher
from trow.storage import layout

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from trow.oci.digest import Digest, Hasher
    from trow.storage.base import Storage

# one more than can hash at a time, so that a core need not wait for the disk
_AT_ONCE = min(os.cpu_count() or 1, 7) + 1
_WORTH_A_THREAD = 64 * 1024
# how many pieces a thread is given at a time: going there and back costs as much as hashing half of one
_GATHERED = 4


class Damage(NamedTuple):
    """Content that is not what its digest says; `readable` if the disk gave all of it."""

    digest: Digest
    wrong: str
    readable: bool = True
    removed: bool = False


class Contents:
    """The content that was named by `add`: what of it is damaged, and how far the reading has come."""

    def __init__(self, storage: Storage, *, repair: bool) -> None:
        self._storage = storage
        self._repair = repair
        self._sizes: dict[Digest, int] = {}
        self._damaged: set[Digest] = set()
        self._confirmed: set[Digest] = set()
        self.blobs = 0
        self.bytes = 0
        self.bytes_total = 0

    @property
    def blobs_total(self) -> int:
        return len(self._sizes)

    async def add(self, digest: Digest) -> None:
        """Have it read, once however often it is added; what is not there is not counted."""
        if digest not in self._sizes and (found := await self._storage.blobs.find(digest)):
            self._sizes[digest] = found.size
            self.bytes_total += found.size

    async def damages(self) -> AsyncGenerator[Damage]:
        """Read all of it; what is damaged, as it is found."""
        waiting = iter(self._sizes)
        running: set[asyncio.Task[Damage | None]] = set()
        try:
            while True:
                running |= {
                    asyncio.create_task(self._check(digest))
                    for digest in itertools.islice(waiting, _AT_ONCE - len(running))
                }
                if not running:
                    return
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for damage in [task.result() for task in done]:
                    if damage:
                        yield damage
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def damaged(self, digest: Digest) -> bool:
        """Whether it was found to be damaged and still is."""
        if digest in self._damaged and digest not in self._confirmed:
            if await self.read(digest):
                self._confirmed.add(digest)
            else:
                self._damaged.discard(digest)
        return digest in self._damaged

    async def _check(self, digest: Digest) -> Damage | None:
        damage = await self.read(digest, count=True)
        self.blobs += 1
        if damage:
            damage = await (self._removed(digest) if self._repair else self.read(digest))
        if damage and not damage.removed:
            self._damaged.add(digest)
        return damage

    async def _removed(self, digest: Digest) -> Damage | None:
        try:
            async with self._storage.leases.lease(layout.blob(digest)):
                damage = await self.read(digest)
                if damage and damage.readable:
                    return damage._replace(removed=await self._storage.blobs.delete(digest))
                return damage
        except StorageBusy:
            return Damage(digest, "is damaged, and in use: try again")
        except StorageFailed as error:
            return Damage(digest, f"is damaged, and can't be removed: {error.__cause__ or error}")

    async def read(self, digest: Digest, *, count: bool = False) -> Damage | None:
        """What is wrong with it now; None if it is whole or not there."""
        blobs, hasher = self._storage.blobs, new_hasher(digest.algorithm)
        try:
            found = await blobs.find(digest)
            if found is None:
                return None
            pieces: list[bytes] = []
            async for piece in blobs.stream(digest, 0, found.size):
                pieces.append(piece)
                self.bytes += len(piece) if count else 0
                if len(pieces) == _GATHERED:
                    await asyncio.to_thread(_update, hasher, pieces)
                    pieces = []
            if found.size < _WORTH_A_THREAD:
                _update(hasher, pieces)
            else:
                await asyncio.to_thread(_update, hasher, pieces)
        except BlobUnknown:
            return Damage(digest, "is shorter than it should be", readable=await blobs.find(digest) is not None)
        except StorageFailed as error:
            return Damage(digest, f"can't be read: {error.__cause__ or error}", readable=False)
        if hasher.hexdigest() == digest.hex:
            return None
        return Damage(digest, f"is damaged: its {found.size} bytes are those of another digest")


def _update(hasher: Hasher, pieces: list[bytes]) -> None:
    for piece in pieces:
        hasher.update(piece)

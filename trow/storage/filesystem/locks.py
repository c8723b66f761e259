"""Leases as kernel locks on a fixed set of files: when a process dies the kernel lets go, so no lock is ever stale.

The files are never renamed or unlinked. Waiting is a timer, never a blocking flock in a thread: those who wait for a
lock would keep its holder from getting a thread.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
import time
import zlib
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from trow.errors import StorageBusy
from trow.storage.filesystem.disk import storage_errors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

SLOTS = 128
PATIENCE_SECONDS = 30.0
_LONGEST_NAP = 0.02


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Take a kernel lock if it is free at this moment."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class FileLocks:
    """Leases by key; keys of different first segments never share a file, so those may be nested."""

    def __init__(self, directory: Path) -> None:
        self._directory = os.fspath(directory)

    def _path(self, key: str) -> str:
        return f"{self._directory}/{key.partition('/')[0]}-{zlib.crc32(key.encode()) % SLOTS:02x}"

    @asynccontextmanager
    async def leases(self, keys: Iterable[str]) -> AsyncIterator[None]:
        """Several alone, taken in the order of the files: so no two who want the same ones wait for each other."""
        async with AsyncExitStack() as held:
            for path in sorted({self._path(key) for key in keys}):
                await held.enter_async_context(self._hold(path, shared=False))
            yield

    @asynccontextmanager
    async def lease(self, key: str, *, shared: bool = False) -> AsyncIterator[None]:
        async with self._hold(self._path(key), shared=shared):
            yield

    @asynccontextmanager
    async def _hold(self, path: str, *, shared: bool) -> AsyncIterator[None]:
        with storage_errors():
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            await self._wait(descriptor, shared=shared)
            yield
        finally:
            os.close(descriptor)

    async def _wait(self, descriptor: int, *, shared: bool) -> None:
        if try_lock(descriptor, shared=shared):
            return
        deadline, nap = time.monotonic() + PATIENCE_SECONDS, 0.001
        while time.monotonic() < deadline:
            await asyncio.sleep(nap * random.uniform(0.5, 1.0))  # noqa: S311 (spreads the waiters, hides nothing)
            if try_lock(descriptor, shared=shared):
                return
            nap = min(nap * 2, _LONGEST_NAP)
        raise StorageBusy

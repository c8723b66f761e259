"""What waits for the disk, and what hashes, does it in threads beside the event loop."""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING

import pytest

from tests.storage.contract_blobs import streamed
from tests.storage.contract_uploads import CONTENT, DIGEST, OWNER, finish
from trow.oci.digest import Digest

if TYPE_CHECKING:
    from tests.storage.peer import Opening
    from tests.storage.tracing import Trace
    from trow.storage.base import Storage

WAITING_CALLS = ("write", "pwrite", "pread", "fsync", "rename", "unlink", "mkdir", "rmdir")


async def test_calls_that_may_wait_for_the_disk_are_made_in_threads(
    storage: Storage, opening: Opening, trace: Trace
) -> None:
    loops, threads = [], set()

    def look(path: str) -> None:
        threads.add(threading.current_thread())
        if threading.current_thread() is threading.main_thread():
            loops.append(path)

    for name in WAITING_CALLS:
        trace.every(name, look)
    upload_id = await storage.uploads.create(OWNER, "sha256")
    async with storage.uploads.resume(OWNER, upload_id) as upload:
        await upload.write(CONTENT)
        await upload.flush()
        await upload.truncate(100)
    await finish(opening(), upload_id)
    assert await streamed(storage, DIGEST, 0, len(CONTENT)) == CONTENT
    await storage.records.update({"repositories/a/_tags/x": lambda _: b"x"})
    await storage.records.sync(["repositories/a/_tags/x"])
    await storage.records.delete("repositories/a/_tags/x")
    await storage.blobs.delete(DIGEST)
    await storage.uploads.sweep(-1)
    assert threads
    assert loops == []


class Spy:
    """A hash that notes which thread it works in."""

    def __init__(self, algorithm: str, threads: set[threading.Thread]) -> None:
        self._hash = hashlib.sha256() if algorithm == "sha256" else hashlib.sha512()
        self._threads = threads

    def update(self, data: bytes | memoryview) -> None:
        self._threads.add(threading.current_thread())
        self._hash.update(data)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
async def test_uploads_are_hashed_in_threads(storage: Storage, monkeypatch: pytest.MonkeyPatch, algorithm: str) -> None:
    threads: set[threading.Thread] = set()
    digest = Digest.of(CONTENT, algorithm)
    monkeypatch.setattr(hashlib, "new", lambda name, *_, **__: Spy(name, threads))
    upload_id = await storage.uploads.create(OWNER, "sha256")
    async with storage.uploads.resume(OWNER, upload_id) as upload:
        await upload.write(CONTENT)
        await upload.commit(digest)
    assert threads
    assert threading.main_thread() not in threads

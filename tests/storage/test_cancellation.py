"""A task that is cancelled lets go of a lease, a lock or a file only when the thread that works for it has ended."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from tests.storage.contract_blobs import streamed
from tests.storage.contract_leases import can_take
from tests.storage.contract_uploads import CONTENT, DIGEST, OWNER, finish
from trow.errors import BlobUploadUnknown
from trow.storage.filesystem.disk import THREADS

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from tests.storage.peer import Opening
    from tests.storage.tracing import Trace
    from trow.storage.base import Storage

KEY = "repositories/a/_tags/latest"
SLOW_SECONDS = 0.2
SOON_SECONDS = 0.06


async def cancelled_soon(act: Callable[[], Coroutine[Any, Any, object]]) -> None:
    """Begin something slow, and cancel it once in the midst, as a server does at its end."""
    task = asyncio.ensure_future(act())
    await asyncio.sleep(SOON_SECONDS)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def adding(line: bytes) -> Callable[[bytes | None], bytes]:
    return lambda document: (document or b"") + line


async def test_a_cancelled_update_does_not_undo_the_next_one(storage: Storage, opening: Opening, trace: Trace) -> None:
    trace.slow("rename", 1, SLOW_SECONDS)
    await cancelled_soon(lambda: storage.records.update({KEY: adding(b"cancelled\n")}))
    await opening().records.update({KEY: adding(b"kept\n")})
    await anyio.sleep(SLOW_SECONDS)
    assert b"kept\n" in (await storage.records.get(KEY) or b"")


async def test_a_lease_ends_after_the_work_that_was_cancelled_in_it(storage: Storage, trace: Trace) -> None:
    async def put() -> None:
        async with storage.leases.lease(KEY):
            await storage.records.put(KEY, b"x")

    trace.slow("rename", 1, SLOW_SECONDS)
    await cancelled_soon(put)
    async with storage.leases.lease(KEY):
        before = await storage.records.get(KEY)
        await anyio.sleep(SLOW_SECONDS)
        assert await storage.records.get(KEY) == before


async def test_a_cancelled_put_leaves_nothing_half_done(storage: Storage, trace: Trace) -> None:
    for number, call in enumerate(("write", "fsync", "rename")):
        trace.slow(call, 1, SLOW_SECONDS)
        await cancelled_soon(lambda: storage.records.put(KEY, b"x"))
        await anyio.sleep(SLOW_SECONDS)
        assert await storage.records.get(KEY) in (None, b"x"), number
        await storage.records.delete(KEY)


@pytest.mark.parametrize("call", ["pwrite", "fsync", "rename"])
async def test_a_cancelled_upload_closes_its_file_when_nobody_works_on_it(
    storage: Storage, trace: Trace, call: str
) -> None:
    async def push() -> None:
        async with storage.uploads.resume(OWNER, upload_id) as upload:
            await upload.write(CONTENT[:300_000])
            await upload.write(CONTENT[300_000:])
            await upload.commit(DIGEST)

    upload_id = await storage.uploads.create(OWNER, "sha256")
    trace.slow(call, 1, SLOW_SECONDS)
    await cancelled_soon(push)
    await anyio.sleep(SLOW_SECONDS)
    assert trace.closed_in_use == []


async def test_a_cancelled_write_does_not_mix_with_what_is_written_after_it(storage: Storage, trace: Trace) -> None:
    async def push() -> None:
        async with storage.uploads.resume(OWNER, upload_id) as upload:
            for start in range(0, len(CONTENT), 100_000):
                await upload.write(CONTENT[start : start + 100_000])
            await upload.flush()

    for call_number in (1, 2, 4):
        upload_id = await storage.uploads.create(OWNER, "sha256")
        trace.slow("pwrite", call_number, SLOW_SECONDS)
        await cancelled_soon(push)
        await finish(storage, upload_id)
        assert await storage.blobs.read(DIGEST) == CONTENT
        await storage.blobs.delete(DIGEST)


async def test_a_batch_that_was_cancelled_before_it_began_leaves_no_gap(storage: Storage, trace: Trace) -> None:
    """All threads are busy; what was to be written next may not take its place."""

    async def push() -> None:
        async with storage.uploads.resume(OWNER, upload_id) as upload:
            await upload.write(CONTENT[:300_000])
            await upload.write(CONTENT[300_000:400_000])
            await upload.flush()

    upload_id = await storage.uploads.create(OWNER, "sha256")
    trace.every("write", lambda _: time.sleep(SLOW_SECONDS))
    async with anyio.create_task_group() as tasks:
        for number in range(THREADS):
            tasks.start_soon(storage.records.put, f"{KEY}{number}", b"x")
        await anyio.sleep(0.02)
        await cancelled_soon(push)
    await finish(storage, upload_id)
    assert await storage.blobs.read(DIGEST) == CONTENT


async def test_cancelling_a_commit_loses_nothing_that_was_flushed(
    storage: Storage, opening: Opening, trace: Trace
) -> None:
    async def commit() -> None:
        async with storage.uploads.resume(OWNER, upload_id) as upload:
            await upload.commit(DIGEST)

    for call in ("fsync", "chmod", "rename"):
        upload_id = await storage.uploads.create(OWNER, "sha256")
        async with storage.uploads.resume(OWNER, upload_id) as upload:
            await upload.write(CONTENT)
            await upload.flush()
        trace.slow(call, 1, SLOW_SECONDS)
        await cancelled_soon(commit)
        await anyio.sleep(SLOW_SECONDS)
        try:
            await finish(opening(), upload_id, at_least=len(CONTENT))
        except BlobUploadUnknown:
            assert await storage.blobs.read(DIGEST) == CONTENT, call
        await storage.blobs.delete(DIGEST)


async def test_an_upload_that_is_given_up_closes_its_file_when_nobody_writes_to_it(
    storage: Storage, trace: Trace
) -> None:
    """As for a client that vanishes in the midst of a body."""
    upload_id = await storage.uploads.create(OWNER, "sha256")
    trace.slow("pwrite", 1, SLOW_SECONDS)
    async with storage.uploads.resume(OWNER, upload_id) as upload:
        await upload.write(CONTENT[:300_000])
        await upload.cancel()
    await anyio.sleep(SLOW_SECONDS)
    assert trace.closed_in_use == []


async def test_a_cancelled_stream_closes_its_file_when_nobody_reads_it(storage: Storage, trace: Trace) -> None:
    await storage.blobs.put(DIGEST, CONTENT)
    trace.slow("pread", 1, SLOW_SECONDS)
    await cancelled_soon(lambda: streamed(storage, DIGEST, 0, 100))
    await anyio.sleep(SLOW_SECONDS)
    assert trace.closed_in_use == []
    assert len(trace.of("close")) == len(trace.of("open", "create"))


async def test_a_lease_is_to_be_had_again_after_a_slow_cancelled_update(storage: Storage, trace: Trace) -> None:
    trace.slow("fsync", 1, SLOW_SECONDS)
    await cancelled_soon(lambda: storage.records.update({KEY: adding(b"x")}))
    await anyio.sleep(SLOW_SECONDS)
    assert await can_take(storage, KEY)

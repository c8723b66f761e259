"""Data, then rename, then the directory, also parents just made: what returned survives a power cut."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.storage.tracing import Call
from trow.oci.digest import Digest
from trow.storage import layout

if TYPE_CHECKING:
    from pathlib import Path

    from tests.storage.peer import Opening
    from tests.storage.tracing import Trace
    from trow.storage.base import Storage

KEY = "repositories/a/b/_tags/latest"
CONTENT = b"content"
DIGEST = Digest.of(CONTENT)


async def test_a_record_is_synced_with_all_its_parents(storage: Storage, trace: Trace) -> None:
    await storage.records.put(KEY, b"x")
    assert trace.of("mkdir")
    assert trace.unsynced(KEY) == []


async def test_a_replaced_record_is_synced_again(storage: Storage, trace: Trace) -> None:
    await storage.records.put(KEY, b"x")
    trace.clear()
    await storage.records.update({KEY: lambda _: b"y"})
    assert [call.more for call in trace.of("rename")] == [KEY]
    assert trace.unsynced(KEY) == []


async def test_an_emptied_and_refilled_folder_is_synced_again(storage: Storage, trace: Trace) -> None:
    for _ in range(3):
        await storage.records.put(KEY, b"x")
        assert trace.unsynced(KEY) == []
        await storage.records.delete(KEY)


async def test_a_folder_that_another_emptied_meanwhile_is_synced_again_though_its_inode_be_the_same(
    root: Path, storage: Storage, opening: Opening, trace: Trace
) -> None:
    other, folder = opening(), root / "repositories/a/b/_tags"
    reused = False
    for _ in range(20):
        await storage.records.put(KEY, b"x")
        before = folder.stat().st_ino
        await other.records.delete(KEY)
        trace.clear()
        await storage.records.put(KEY, b"x")
        assert trace.unsynced(KEY) == []
        reused = reused or folder.stat().st_ino == before
    if not reused:
        pytest.skip("this file system gives no inode twice")


async def test_a_folder_that_was_refilled_and_went_all_the_same_is_synced_again(
    root: Path, storage: Storage, opening: Opening, trace: Trace
) -> None:
    """One tidies, a second puts something there before the folder goes, a third removes that again."""
    tidying = opening()
    await storage.records.put(KEY, b"x")
    await storage.records.put("repositories/a/b/_stays/x", b"x")

    def refill(_: str) -> None:
        asyncio.run(storage.records.put("repositories/a/b/_tags/between", b"x"))
        (root / "repositories/a/b/_tags/between").unlink()

    trace.before("rmdir", 1, refill)
    await asyncio.to_thread(asyncio.run, tidying.records.delete(KEY))
    assert not (root / KEY).parent.exists()
    trace.clear()
    await storage.records.put(KEY, b"x")
    assert trace.unsynced(KEY) == []


async def test_a_record_beside_one_that_another_instance_put_is_synced(
    storage: Storage, opening: Opening, trace: Trace
) -> None:
    await opening().records.put("repositories/a/b/_tags/other", b"x")
    await storage.records.put(KEY, b"x")
    assert trace.unsynced(KEY) == []


async def test_a_put_blob_is_synced(storage: Storage, trace: Trace) -> None:
    await storage.blobs.put(DIGEST, CONTENT)
    assert trace.unsynced(layout.blob(DIGEST)) == []


async def test_a_new_upload_is_synced_with_the_first_bytes_in_it(storage: Storage, trace: Trace) -> None:
    upload_id = await storage.uploads.create("owner", "sha256")
    async with storage.uploads.resume("owner", upload_id) as upload:
        await upload.write(CONTENT)
        await upload.flush()
    (made,) = trace.of("create")
    assert trace.unsynced(made.path) == []


async def test_what_another_process_began_and_filled_is_synced_where_it_lies(
    storage: Storage, opening: Opening, trace: Trace
) -> None:
    upload_id = await storage.uploads.create("owner", "sha256")
    async with opening().uploads.resume("owner", upload_id) as upload:
        await upload.write(CONTENT)
    (made,) = trace.of("create")
    trace.clear()
    async with storage.uploads.resume("owner", upload_id) as upload:
        await upload.flush()
    assert [call.path for call in trace.of("fsync")] == [made.path, "uploads"]


async def test_a_flush_syncs_all_that_was_written(storage: Storage, trace: Trace) -> None:
    upload_id = await storage.uploads.create("owner", "sha256")
    async with storage.uploads.resume("owner", upload_id) as upload:
        for size in (10, 600_000, 1):
            await upload.write(bytes(size))
            await upload.flush()
            names = [call.name for call in trace.of("pwrite", "fsync") if call.path != "uploads"]
            assert names[-2:] == ["pwrite", "fsync"]
    assert [call.path for call in trace.of("fsync")].count("uploads") == 1


@pytest.mark.parametrize("flushed", [True, False])
async def test_a_committed_blob_is_synced(storage: Storage, trace: Trace, *, flushed: bool) -> None:
    upload_id = await storage.uploads.create("owner", "sha256")
    async with storage.uploads.resume("owner", upload_id) as upload:
        await upload.write(CONTENT)
        if flushed:
            await upload.flush()
        await upload.commit(DIGEST)
        assert trace.unsynced(layout.blob(DIGEST)) == []


async def test_an_upload_that_a_killed_process_wrote_is_synced_before_it_is_committed(
    storage: Storage, opening: Opening, trace: Trace
) -> None:
    upload_id = await storage.uploads.create("owner", "sha256")
    async with opening().uploads.resume("owner", upload_id) as upload:
        await upload.write(CONTENT)
    async with storage.uploads.resume("owner", upload_id) as upload:
        trace.clear()
        await upload.commit(DIGEST)
    assert [call.name for call in trace.of("fsync", "rename")][:2] == ["fsync", "rename"]
    assert trace.unsynced(layout.blob(DIGEST)) == []


async def test_a_deleted_record_and_a_deleted_blob_stay_away(storage: Storage, trace: Trace) -> None:
    await storage.records.put(KEY, b"x")
    await storage.blobs.put(DIGEST, CONTENT)
    for gone, delete in ((KEY, storage.records.delete(KEY)), (layout.blob(DIGEST), storage.blobs.delete(DIGEST))):
        trace.clear()
        assert await delete
        after = trace.calls[trace.calls.index(Call("unlink", gone)) :]
        assert Call("fsync", gone.rpartition("/")[0]) in after


async def test_a_cancelled_upload_stays_away(storage: Storage, trace: Trace) -> None:
    upload_id = await storage.uploads.create("owner", "sha256")
    async with storage.uploads.resume("owner", upload_id) as upload:
        trace.clear()
        await upload.cancel()
    assert [(call.name, call.path) for call in trace.of("unlink", "fsync")][1:] == [("fsync", "uploads")]


async def test_sync_makes_durable_what_another_has_not_synced_yet_with_its_parents(
    root: Path, storage: Storage, trace: Trace
) -> None:
    (root / KEY).parent.mkdir(parents=True)
    (root / KEY).write_bytes(b"of a process that has renamed, and not yet synced")
    await storage.records.sync([KEY])
    synced = [call.path for call in trace.of("fsync")]
    assert synced[:4] == ["repositories/a/b/_tags", "repositories/a/b", "repositories/a", "repositories"]


async def test_sync_makes_a_blob_durable_that_another_has_not_synced_yet_with_its_parents(
    root: Path, storage: Storage, trace: Trace
) -> None:
    path = root / layout.blob(DIGEST)
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    await storage.blobs.sync([DIGEST])
    synced = [call.path for call in trace.of("fsync")]
    assert synced[:3] == [f"blobs/sha256/{DIGEST.hex[:2]}", "blobs/sha256", "blobs"]


async def test_what_is_verified_is_synced(storage: Storage, trace: Trace) -> None:
    upload_id = await storage.uploads.create("owner", "sha256")
    async with storage.uploads.resume("owner", upload_id) as upload:
        await upload.write(CONTENT)
        await upload.verify(DIGEST)
        assert [call.name for call in trace.of("pwrite", "fsync")][-2:] == ["pwrite", "fsync"]

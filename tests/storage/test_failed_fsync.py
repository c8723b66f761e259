"""A failed fsync is a failed write: it is never tried again and acknowledged, and it takes nothing with it."""

from __future__ import annotations

import errno
import itertools
from typing import TYPE_CHECKING

import pytest

from trow.errors import BlobUploadUnknown, StorageFailed
from trow.oci.digest import Digest
from trow.storage.filesystem import upload

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.storage.tracing import Trace
    from trow.storage.base import Storage

CONTENT = b"content"
DIGEST = Digest.of(CONTENT)


async def every_failure(
    trace: Trace, act: Callable[[str], Awaitable[object]], look: Callable[[str, Trace], Awaitable[None]]
) -> None:
    """Act again and again, each time with another name and a later fsync that fails, and look at what is left."""
    for number in itertools.count(1):
        trace.clear()
        trace.fail("fsync", number, errno.EIO)
        try:
            await act(f"n{number}")
        except StorageFailed:
            await look(f"n{number}", trace)
        else:
            assert number > 2, "nothing was synced"
            return


async def test_a_new_record_that_could_not_be_synced_is_not_there(storage: Storage, trace: Trace) -> None:
    async def put(name: str) -> None:
        await storage.records.put(f"repositories/{name}/_tags/x", b"x")

    async def look(name: str, _: Trace) -> None:
        assert await storage.records.get(f"repositories/{name}/_tags/x") is None

    await every_failure(trace, put, look)


async def test_a_record_that_could_not_be_replaced_is_still_whole(storage: Storage, trace: Trace) -> None:
    await storage.records.put("repositories/a/_tags/x", b"before")

    async def put(_: str) -> None:
        await storage.records.put("repositories/a/_tags/x", b"after")

    async def look(*_: object) -> None:
        assert await storage.records.get("repositories/a/_tags/x") in (b"before", b"after")

    await every_failure(trace, put, look)


async def test_a_new_blob_that_could_not_be_synced_is_not_there(storage: Storage, trace: Trace) -> None:
    async def put(name: str) -> None:
        await storage.blobs.put(Digest.of(name.encode()), name.encode())

    async def look(name: str, _: Trace) -> None:
        assert await storage.blobs.find(Digest.of(name.encode())) is None

    await every_failure(trace, put, look)


async def test_a_blob_that_could_not_be_stored_again_is_still_there(storage: Storage, trace: Trace) -> None:
    await storage.blobs.put(DIGEST, CONTENT)

    async def put(_: str) -> None:
        await storage.blobs.put(DIGEST, CONTENT)

    async def commit(_: str) -> None:
        upload_id = await storage.uploads.create("owner", "sha256")
        async with storage.uploads.resume("owner", upload_id) as upload:
            await upload.write(CONTENT)
            await upload.commit(DIGEST)

    async def look(*_: object) -> None:
        assert await storage.blobs.read(DIGEST) == CONTENT

    await every_failure(trace, put, look)
    await every_failure(trace, commit, look)


async def test_a_commit_that_could_not_be_synced_leaves_no_blob(storage: Storage, trace: Trace) -> None:
    async def commit(name: str) -> None:
        upload_id = await storage.uploads.create("owner", "sha256")
        async with storage.uploads.resume("owner", upload_id) as upload:
            await upload.write(name.encode())
            await upload.commit(Digest.of(name.encode()))

    async def look(name: str, _: Trace) -> None:
        assert await storage.blobs.find(Digest.of(name.encode())) is None

    await every_failure(trace, commit, look)


@pytest.mark.parametrize("finish", ["flush", "commit"])
async def test_bytes_whose_fsync_failed_are_never_acknowledged(storage: Storage, trace: Trace, finish: str) -> None:
    upload_id = await storage.uploads.create("owner", "sha256")
    async with storage.uploads.resume("owner", upload_id) as upload:
        await upload.write(CONTENT)
        trace.fail("fsync", 1, errno.EIO)
        with pytest.raises(StorageFailed):
            await (upload.flush() if finish == "flush" else upload.commit(DIGEST))
    with pytest.raises(BlobUploadUnknown):
        await storage.uploads.offset("owner", upload_id)
    assert await storage.blobs.find(DIGEST) is None


async def test_a_sync_that_fails_beside_the_writing_is_heard_of(
    storage: Storage, trace: Trace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "SYNC_AHEAD", 100_000)
    upload_id = await storage.uploads.create("owner", "sha256")
    trace.fail("fsync", 1, errno.EIO)

    async def push() -> None:
        async with storage.uploads.resume("owner", upload_id) as upload:
            for _ in range(5):
                await upload.write(bytes(300_000))
            await upload.flush()

    with pytest.raises(StorageFailed):
        await push()
    with pytest.raises(BlobUploadUnknown):
        await storage.uploads.offset("owner", upload_id)


async def test_bytes_of_an_upload_whose_name_could_not_be_synced_are_not_acknowledged(
    storage: Storage, trace: Trace
) -> None:
    upload_id = await storage.uploads.create("owner", "sha256")
    for _ in range(2):
        trace.fail("fsync", 2, errno.EIO)
        async with storage.uploads.resume("owner", upload_id) as upload:
            await upload.write(b"x")
            with pytest.raises(StorageFailed):
                await upload.flush()


async def test_a_delete_that_could_not_be_synced_is_not_acknowledged(storage: Storage, trace: Trace) -> None:
    await storage.records.put("repositories/a/_tags/x", b"x")
    trace.fail("fsync", 1, errno.EIO)
    with pytest.raises(StorageFailed):
        await storage.records.delete("repositories/a/_tags/x")


async def test_after_a_failure_everything_is_written_anew(storage: Storage, trace: Trace) -> None:
    for number in (1, 2):
        trace.fail("fsync", number, errno.EIO)
        with pytest.raises(StorageFailed):
            await storage.records.put("repositories/a/_tags/x", b"x")
        trace.clear()
        await storage.records.put("repositories/a/_tags/x", b"x")
        assert [call.more for call in trace.of("rename")] == ["repositories/a/_tags/x"]
        assert trace.unsynced("repositories/a/_tags/x") == []


async def test_failures_leave_no_temporary_files(root: Path, storage: Storage, trace: Trace) -> None:
    async def put(name: str) -> None:
        await storage.records.put(f"repositories/{name}/_tags/x", b"x")
        await storage.blobs.put(Digest.of(name.encode()), name.encode())

    async def look(*_: object) -> None:
        assert list((root / "uploads").iterdir()) == []

    await every_failure(trace, put, look)

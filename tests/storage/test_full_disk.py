"""A disk that is full: what fitted is kept, and everything goes on when there is room."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from tests.storage.contract_uploads import CONTENT, DIGEST, OWNER, finish
from trow.errors import StorageFailed, StorageFull
from trow.oci.digest import Digest
from trow.storage.filesystem import upload

if TYPE_CHECKING:
    from pathlib import Path

    from tests.storage.peer import Opening
    from tests.storage.tracing import Trace
    from trow.storage.base import Storage


@pytest.mark.parametrize("number", [1, 2, 3, 5])
async def test_an_upload_keeps_what_fitted_and_goes_on_when_there_is_room(
    storage: Storage, opening: Opening, trace: Trace, number: int
) -> None:
    upload_id = await storage.uploads.create(OWNER, "sha256")
    trace.fail("pwrite", number, errno.ENOSPC)

    async def push() -> None:
        async with storage.uploads.resume(OWNER, upload_id) as upload:
            while upload.offset < len(CONTENT):
                await upload.write(CONTENT[upload.offset : upload.offset + 100_000])
            await upload.flush()

    with pytest.raises(StorageFull):
        await push()
    assert await storage.uploads.offset(OWNER, upload_id) == (number - 1) * 100_000
    await finish(storage if number % 2 else opening(), upload_id)
    assert await storage.blobs.read(DIGEST) == CONTENT


async def test_the_offset_is_right_again_at_once_after_a_write_that_did_not_fit(storage: Storage, trace: Trace) -> None:
    upload_id = await storage.uploads.create(OWNER, "sha256")
    async with storage.uploads.resume(OWNER, upload_id) as upload:
        await upload.write(CONTENT[:300_000])
        await upload.flush()
        trace.fail("pwrite", 1, errno.ENOSPC)
        await upload.write(CONTENT[300_000:600_000])
        with pytest.raises(StorageFull):
            await upload.flush()
        assert upload.offset == 300_000
        await upload.write(CONTENT[300_000:])
        await upload.commit(DIGEST)
    assert await storage.blobs.read(DIGEST) == CONTENT


async def test_an_upload_that_breaks_off_on_a_full_disk_waits_for_the_sync_beside_it(
    storage: Storage, trace: Trace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for a client that vanishes: the sync must not meet a closed file, and take the upload for lost."""
    monkeypatch.setattr(upload, "SYNC_AHEAD", 100_000)
    upload_id = await storage.uploads.create(OWNER, "sha256")
    trace.slow("fsync", 1, 0.2)
    trace.fail("pwrite", 3, errno.ENOSPC)

    async def break_off() -> None:
        async with storage.uploads.resume(OWNER, upload_id) as upload:
            for start in (0, 300_000, 600_000):
                await upload.write(CONTENT[start : start + 300_000])
            raise LookupError

    with pytest.raises(StorageFull):
        await break_off()
    assert trace.of("fsync")
    assert trace.closed_in_use == []
    await finish(storage, upload_id, at_least=300_000)
    assert await storage.blobs.read(DIGEST) == CONTENT


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", ["write", "rename", "mkdir", "create"])
async def test_what_does_not_fit_is_said_to_and_leaves_nothing(
    root: Path, storage: Storage, trace: Trace, call: str, error: int
) -> None:
    trace.fail("open" if call == "create" else call, 1, error)
    with pytest.raises(StorageFull):
        await storage.records.put("repositories/a/_tags/x", b"x")
    trace.fail("open" if call == "create" else call, 1, error)
    with pytest.raises(StorageFull):
        await storage.blobs.put(Digest.of(b"x"), b"x")
    assert await storage.records.get("repositories/a/_tags/x") is None
    assert await storage.blobs.find(Digest.of(b"x")) is None
    assert list((root / "uploads").iterdir()) == []


@pytest.mark.parametrize("call", ["rename", "mkdir"])
async def test_a_commit_that_found_no_room_keeps_the_upload(storage: Storage, trace: Trace, call: str) -> None:
    upload_id = await storage.uploads.create(OWNER, "sha256")
    async with storage.uploads.resume(OWNER, upload_id) as upload:
        await upload.write(CONTENT)
        trace.fail(call, 1, errno.ENOSPC)
        with pytest.raises(StorageFull):
            await upload.commit(DIGEST)
    await finish(storage, upload_id, at_least=len(CONTENT))
    assert await storage.blobs.read(DIGEST) == CONTENT


async def test_a_full_disk_still_deletes_and_reads(storage: Storage, trace: Trace) -> None:
    await storage.records.put("repositories/a/_tags/x", b"x")
    await storage.blobs.put(Digest.of(b"x"), b"x")
    for call in ("write", "rename", "mkdir"):
        trace.fail(call, 1, errno.ENOSPC)
    assert await storage.blobs.read(Digest.of(b"x")) == b"x"
    assert await storage.records.get("repositories/a/_tags/x") == b"x"
    assert await storage.records.delete("repositories/a/_tags/x")
    assert await storage.blobs.delete(Digest.of(b"x"))


@pytest.mark.parametrize("error", [errno.EIO, errno.EROFS, errno.EACCES, errno.EMFILE, errno.ESTALE])
@pytest.mark.parametrize("call", ["open", "write", "rename", "fsync"])
async def test_other_trouble_is_an_error_of_ours_that_tells_the_reason_to_the_log(
    storage: Storage, trace: Trace, call: str, error: int
) -> None:
    trace.fail(call, 1, error)
    with pytest.raises(StorageFailed) as failure:
        await storage.records.put("repositories/a/_tags/x", b"x")
    assert isinstance(failure.value.__cause__, OSError)
    assert failure.value.__cause__.errno == error
    assert failure.value.detail is None


@pytest.mark.parametrize("reading", ["get", "find", "read", "children", "any", "stream", "lease", "offset", "resume"])
async def test_trouble_while_reading_is_an_error_of_ours_too(
    storage: Storage, trace: Trace, monkeypatch: pytest.MonkeyPatch, reading: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    upload_id = await storage.uploads.create(OWNER, "sha256")
    await storage.blobs.put(DIGEST, CONTENT)
    for name in ("os.open", "os.scandir", "os.stat"):
        monkeypatch.setattr(name, refuse)
    with pytest.raises(StorageFailed):
        await _read(storage, reading, upload_id)


async def _read(storage: Storage, reading: str, upload_id: str) -> None:
    match reading:
        case "get":
            await storage.records.get("repositories/a/_tags/x")
        case "find":
            await storage.blobs.find(DIGEST)
        case "read":
            await storage.blobs.read(DIGEST)
        case "children":
            await storage.listing.children("repositories/")
        case "any":
            await storage.listing.any("repositories/")
        case "stream":
            await anext(storage.blobs.stream(DIGEST, 0, 1))
        case "lease":
            async with storage.leases.lease("repositories/a"):
                pass
        case "offset":
            await storage.uploads.offset(OWNER, upload_id)
        case _:
            async with storage.uploads.resume(OWNER, upload_id):
                pass

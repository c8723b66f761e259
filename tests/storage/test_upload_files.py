"""Uploads as growing files: what is read again, what is not, and what a crash leaves behind."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import anyio
import pytest

from tests.storage.contract_uploads import CONTENT, DIGEST, OWNER, assert_unknown, finish
from tests.storage.peer import peer
from trow.errors import ChunkOutOfOrder, StorageFailed
from trow.storage.filesystem import uploads

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path

    from tests.storage.peer import Opening
    from tests.storage.tracing import Trace
    from trow.storage.base import Storage


def only_file(root: Path) -> Path:
    (path,) = (root / "uploads").iterdir()
    return path


def grow_old(path: Path, seconds: float = 90_000) -> None:
    moment = path.stat().st_mtime - seconds
    os.utime(path, (moment, moment))


async def test_who_wrote_it_all_reads_nothing_again(storage: Storage, trace: Trace) -> None:
    upload_id = await storage.uploads.create(OWNER, "sha256")
    for start in range(0, len(CONTENT), 300_000):
        async with storage.uploads.resume(OWNER, upload_id) as upload:
            await upload.write(CONTENT[start : start + 300_000])
            await upload.flush()
    async with storage.uploads.resume(OWNER, upload_id) as upload:
        await upload.commit(DIGEST)
    assert trace.of("pread") == []


async def test_who_wrote_a_part_reads_the_rest(storage: Storage, opening: Opening, trace: Trace) -> None:
    upload_id = await storage.uploads.create(OWNER, "sha256")
    for instance, start in ((storage, 0), (opening(), 300_000)):
        async with instance.uploads.resume(OWNER, upload_id) as upload:
            await upload.write(CONTENT[start : start + 300_000])
            await upload.flush()
    await finish(storage, upload_id)
    assert trace.of("pread")
    assert await storage.blobs.read(DIGEST) == CONTENT


async def test_who_has_forgotten_the_hash_reads_again(
    storage: Storage, trace: Trace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "_REMEMBERED_HASHES", 2)
    ids = [await storage.uploads.create(OWNER, "sha256") for _ in range(4)]
    for upload_id in ids:
        async with storage.uploads.resume(OWNER, upload_id) as upload:
            await upload.write(CONTENT[:300_000])
            await upload.flush()
    for upload_id in ids:
        await finish(storage, upload_id, at_least=300_000)
    assert len({call.path for call in trace.of("pread")}) == 2


async def test_who_can_not_remember_a_hash_has_lost_nothing_else(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    upload_id = await storage.uploads.create(OWNER, "sha256")
    with monkeypatch.context() as patch:
        patch.setattr(os, "utime", refuse)
        async with storage.uploads.resume(OWNER, upload_id) as upload:
            await upload.write(CONTENT[:300_000])
            await upload.flush()
    await finish(storage, upload_id, at_least=300_000)
    assert await storage.blobs.read(DIGEST) == CONTENT


async def test_bytes_that_change_under_a_reader_of_them_are_not_committed(
    root: Path, storage: Storage, opening: Opening
) -> None:
    upload_id = await storage.uploads.create(OWNER, "sha256")
    async with storage.uploads.resume(OWNER, upload_id) as upload:
        await upload.write(CONTENT)
        await upload.flush()
    async with opening().uploads.resume(OWNER, upload_id) as upload:
        os.truncate(only_file(root), 100)
        with pytest.raises(StorageFailed):
            await upload.commit(DIGEST)
    assert await storage.blobs.find(DIGEST) is None


async def test_a_commit_that_was_killed_before_its_rename_can_be_repeated(storage: Storage, opening: Opening) -> None:
    upload_id = await storage.uploads.create(OWNER, "sha256")
    with peer(opening, die_in_commit, upload_id) as other:
        other.hear()
        other.kill()
    assert await storage.uploads.offset(OWNER, upload_id) == len(CONTENT)
    await finish(storage, upload_id, at_least=len(CONTENT))
    assert await storage.blobs.read(DIGEST) == CONTENT


async def test_sweep_takes_temporary_files_of_dead_processes_too(root: Path, storage: Storage) -> None:
    for name in ("tmp-1-0-00000000", "tmp-start-1", "tmp-format-1"):
        (root / "uploads" / name).touch()
        grow_old(root / "uploads" / name)
    (root / "uploads/tmp-1-1-00000000").touch()
    assert await storage.uploads.sweep(86_400) == 3
    assert only_file(root).name == "tmp-1-1-00000000"


async def test_sweep_passes_over_what_is_no_file(root: Path, storage: Storage) -> None:
    (root / "uploads/lost+found").mkdir()
    grow_old(root / "uploads/lost+found")
    (root / "uploads/dangling").symlink_to("nowhere")
    await storage.uploads.create(OWNER, "sha256")
    await anyio.sleep(0.02)
    assert await storage.uploads.sweep(0.001) >= 1
    assert (root / "uploads/lost+found").is_dir()


async def test_sweep_passes_over_an_upload_that_grew_while_it_looked(
    root: Path, storage: Storage, trace: Trace
) -> None:
    """Somebody came, was answered 202, and left, between the look at its age and the lock."""
    upload_id = await storage.uploads.create(OWNER, "sha256")
    grow_old(only_file(root))

    def grow(path: str) -> None:
        (root / path).write_bytes(b"acknowledged")

    trace.before("open", 1, grow)
    assert await storage.uploads.sweep(86_400) == 0
    assert await storage.uploads.offset(OWNER, upload_id) == len(b"acknowledged")


async def test_sweep_goes_on_when_one_file_is_gone_or_refuses(root: Path, storage: Storage, trace: Trace) -> None:
    for _ in range(3):
        await storage.uploads.create(OWNER, "sha256")
    for path in (root / "uploads").iterdir():
        grow_old(path)
    trace.before("open", 1, lambda path: (root / path).unlink())
    assert await storage.uploads.sweep(86_400) == 2


async def test_who_resumes_in_the_moment_of_a_sweep_is_told_to_wait_or_that_it_is_gone(
    root: Path, storage: Storage, trace: Trace
) -> None:
    upload_id = await storage.uploads.create(OWNER, "sha256")
    grow_old(only_file(root))
    seen = []

    async def resume() -> None:
        try:
            async with storage.uploads.resume(OWNER, upload_id):
                seen.append("held")
        except ChunkOutOfOrder:
            seen.append("busy")

    removing = trace.pause("unlink", 1)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(storage.uploads.sweep, 86_400)
        async with removing:
            await resume()
    assert seen == ["busy"]
    await assert_unknown(storage, upload_id)


async def test_refusals_leave_no_descriptor_open(root: Path, storage: Storage, opening: Opening, trace: Trace) -> None:
    upload_id = await storage.uploads.create(OWNER, "sha256")
    trace.clear()
    async with storage.uploads.resume(OWNER, upload_id):
        with pytest.raises(ChunkOutOfOrder):
            async with opening().uploads.resume(OWNER, upload_id):
                pytest.fail("two hold it")
        assert await storage.uploads.sweep(-1) == 0
        await storage.uploads.offset(OWNER, upload_id)
    only_file(root).unlink()
    await assert_unknown(storage, upload_id)
    assert len(trace.of("open")) == len(trace.of("close"))


async def die_in_commit(storage: Storage, connection: Connection, upload_id: str) -> None:
    """Stop for ever where the file is read-only already, and not yet renamed."""

    def stop(*_: object) -> None:
        connection.send(None)
        connection.recv()

    os.rename = stop  # type: ignore[assignment]
    await finish(storage, upload_id)

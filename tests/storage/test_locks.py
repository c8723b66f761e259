"""Leases are kernel locks on a fixed set of files, which nobody renames, unlinks or waits for in a thread."""

from __future__ import annotations

import fcntl
import zlib
from typing import TYPE_CHECKING

import anyio
import pytest

from tests.storage.contract_leases import can_take
from tests.storage.peer import peers
from trow.errors import BlobUploadUnknown, StorageBusy
from trow.oci.digest import Digest
from trow.storage.filesystem import locks

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path

    from tests.storage.peer import Opening
    from tests.storage.tracing import Trace
    from trow.storage.base import Storage

KEY = "repositories/a/_tags/latest"


def files(directory: Path) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in directory.iterdir()}


async def everything(storage: Storage, number: int) -> None:
    """Something of every kind, put and removed again."""
    key = f"repositories/r{number}/_tags/t"
    await storage.records.update({key: lambda _: b"x"})
    await storage.records.delete(key)
    content = str(number).encode()
    async with storage.leases.lease(f"blobs/sha256/{number}", shared=True):
        await storage.blobs.put(Digest.of(content), content)
        await storage.blobs.delete(Digest.of(content))


async def test_locks_are_never_renamed_or_unlinked(root: Path, storage: Storage, trace: Trace) -> None:
    for number in range(12):
        await everything(storage, number)
    before = files(root / "locks")
    for number in range(12):
        await everything(storage, number)
    assert files(root / "locks") == before
    assert len(before) > 10
    assert not [call for call in trace.of("rename", "unlink", "rmdir") if call.path.startswith("locks")]


async def test_the_set_of_lock_files_is_fixed_however_many_keys_there_are(root: Path, storage: Storage) -> None:
    for number in range(1500):
        async with storage.leases.lease(f"repositories/{number}"), storage.leases.lease(f"blobs/{number}"):
            pass
    names = [name.partition("-")[0] for name in files(root / "locks") if "-" in name]
    assert {family: names.count(family) for family in names} == {"repositories": locks.SLOTS, "blobs": locks.SLOTS}


async def test_nobody_waits_for_a_lock_in_the_kernel(storage: Storage, trace: Trace) -> None:
    upload_id = await storage.uploads.create("owner", "sha256")
    async with storage.uploads.resume("owner", upload_id), storage.leases.lease(KEY):
        assert not await can_take(storage, KEY)
    await everything(storage, 0)
    await storage.uploads.sweep(0)
    assert len(trace.of("flock")) >= 5
    assert all(call.more & fcntl.LOCK_NB for call in trace.of("flock"))


async def test_no_descriptor_of_a_lock_is_left_open(storage: Storage, trace: Trace) -> None:
    async with storage.leases.lease(KEY):
        assert not await can_take(storage, KEY)
        assert not await can_take(storage, KEY, shared=True)
    opened = [call.path for call in trace.of("open", "create")]
    assert len(opened) == 3
    assert [call.path for call in trace.of("close")] == opened


async def test_who_never_gets_a_turn_is_told_that_the_storage_is_busy(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "PATIENCE_SECONDS", 0.1)
    async with storage.leases.lease(KEY):
        with pytest.raises(StorageBusy):
            async with storage.leases.lease(KEY):
                pytest.fail("two hold it")
        with pytest.raises(StorageBusy):
            await storage.records.update({KEY: lambda _: b"x"})
    assert await storage.records.get(KEY) is None


async def test_a_lock_that_frees_within_patience_is_taken(storage: Storage) -> None:
    taken = anyio.Event()

    async def take() -> None:
        async with storage.leases.lease(KEY):
            taken.set()

    async with anyio.create_task_group() as tasks:
        async with storage.leases.lease(KEY):
            tasks.start_soon(take)
            await anyio.sleep(0.2)
            assert not taken.is_set()
        with anyio.fail_after(20):
            await taken.wait()


def test_a_lock_excludes_within_a_process_and_can_be_shared(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("wb") as first, (tmp_path / "lock").open("wb") as second:
        assert locks.try_lock(first.fileno())
        assert not locks.try_lock(second.fileno())
        assert not locks.try_lock(second.fileno(), shared=True)
        assert locks.try_lock(first.fileno(), shared=True)
        assert locks.try_lock(second.fileno(), shared=True)
        assert not locks.try_lock(second.fileno())


async def test_keys_that_meet_in_a_file_still_exclude(storage: Storage) -> None:
    """A collision costs a wait and nothing else."""
    slot = zlib.crc32(KEY.encode()) % locks.SLOTS
    twin = next(
        key
        for key in (f"repositories/twin/_tags/{number}" for number in range(10_000))
        if zlib.crc32(key.encode()) % locks.SLOTS == slot
    )
    async with storage.leases.lease(KEY):
        assert not await can_take(storage, twin)
    await storage.records.update({twin: lambda _: b"x"})
    assert await storage.records.get(twin) == b"x"


@pytest.mark.parametrize("another", [b"", b"another upload, under the same name"])
async def test_who_gets_an_uploads_lock_checks_that_the_path_still_names_it(
    root: Path, storage: Storage, trace: Trace, another: bytes
) -> None:
    upload_id = await storage.uploads.create("owner", "sha256")
    (path,) = (root / "uploads").iterdir()

    def finish_it_first(_: str) -> None:
        path.unlink()
        if another:
            path.write_bytes(another)

    trace.before("flock", 1, finish_it_first)
    with pytest.raises(BlobUploadUnknown):
        async with storage.uploads.resume("owner", upload_id):
            pytest.fail("it holds what is no longer there")
    assert not path.exists() or path.read_bytes() == another
    assert [call.path for call in trace.of("close")][-1] == f"uploads/{path.name}"


async def test_leases_keep_processes_apart(storage: Storage, opening: Opening) -> None:
    """Each adds one to a number that is read and written outside `update`."""
    await storage.records.put(KEY, b"0")
    with peers(3, opening, count_under_lease, 8) as others:
        for other in others:
            other.hear()
        for other in others:
            other.tell()
        for other in others:
            other.join()
    assert await storage.records.get(KEY) == b"24"


async def count_under_lease(storage: Storage, connection: Connection, times: int) -> None:
    connection.send(None)
    connection.recv()
    for _ in range(times):
        async with storage.leases.lease(KEY):
            await storage.records.put(KEY, b"%d" % (int(await storage.records.get(KEY) or b"") + 1))

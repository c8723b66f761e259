"""Watches: no change of a record that was acknowledged goes unnoticed, whoever made it and however it ended."""

from __future__ import annotations

import errno
import os
import zlib
from typing import TYPE_CHECKING

import pytest

from tests.storage.peer import peer
from trow.errors import StorageFailed
from trow.storage.filesystem.locks import SLOTS
from trow.storage.filesystem.versions import NUMBERS, Versions

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path

    from tests.storage.peer import Opening
    from tests.storage.tracing import Trace
    from trow.storage.base import Storage

KEY = "repositories/a/_tags/latest"


def other_key(start: int = 0) -> str:
    """A key with another number."""
    keys = (f"repositories/a/_tags/t{number}" for number in range(start, start + 1000))
    return next(key for key in keys if zlib.crc32(key.encode()) % SLOTS != zlib.crc32(KEY.encode()) % SLOTS)


async def test_a_watch_tells_of_an_update_of_its_record_and_of_no_other(storage: Storage) -> None:
    watch = storage.records.watch(KEY)
    assert watch is not None
    await storage.records.update({other_key(): lambda _: b"x"})
    assert not watch.changed()
    await storage.records.update({KEY: lambda _: b"x"})
    assert watch.changed()


async def test_a_watch_tells_of_what_another_process_did(storage: Storage, opening: Opening) -> None:
    with peer(opening, update_when_told) as other:
        other.hear()
        watch = storage.records.watch(KEY)
        assert watch is not None
        other.tell()
        other.hear()
        assert watch.changed()
        again = storage.records.watch(KEY)
        assert again is not None
        assert not again.changed()


async def update_when_told(storage: Storage, connection: Connection) -> None:
    connection.send("ready")
    connection.recv()
    await storage.records.update({KEY: lambda _: b"x"})
    connection.send("done")


async def test_a_removal_is_a_change_and_so_is_an_update_that_failed(storage: Storage, trace: Trace) -> None:
    await storage.records.update({KEY: lambda _: b"x"})
    watch = storage.records.watch(KEY)
    assert watch is not None
    await storage.records.update({KEY: lambda _: None})
    assert watch.changed()
    watch = storage.records.watch(KEY)
    assert watch is not None
    trace.fail("fsync", 2, errno.EIO)
    with pytest.raises(StorageFailed):
        await storage.records.update({KEY: lambda _: b"y"})
    assert watch.changed()


async def test_while_a_record_is_replaced_nothing_is_told_of_it(root: Path) -> None:
    versions, other = Versions(root / "locks/versions"), Versions(root / "locks/versions")
    watch = other.watch(KEY)
    assert watch is not None
    with versions.changing([KEY]):
        assert watch.changed()
        assert other.watch(KEY) is None
    assert other.watch(KEY) is not None
    assert watch.changed()


async def test_a_change_that_was_cut_off_leaves_its_records_to_the_files_until_the_next_one(root: Path) -> None:
    versions = Versions(root / "locks/versions")
    before = versions.watch(KEY)
    assert before is not None
    cut_off = versions.changing([KEY])
    cut_off.__enter__()  # and nobody ever leaves it
    assert Versions(root / "locks/versions").watch(KEY) is None
    with versions.changing([KEY]):
        pass
    assert Versions(root / "locks/versions").watch(KEY) is not None
    assert before.changed()


def test_a_number_comes_round_at_its_end(root: Path) -> None:
    path = root / "locks/versions"
    path.write_bytes(b"\xfe\xff\xff\xff" * NUMBERS)
    versions = Versions(path)
    watch = versions.watch(KEY)
    assert watch is not None
    with versions.changing([KEY]):
        assert versions.watch(KEY) is None
    assert watch.changed()
    assert versions.watch(KEY) is not None


def test_keys_of_one_number_have_one_lock() -> None:
    assert NUMBERS % SLOTS == 0


async def test_of_what_is_no_repositorys_nothing_is_told(storage: Storage) -> None:
    assert storage.records.watch("imported/0.3") is None


async def test_without_its_file_all_goes_on(root: Path, storage: Storage, opening: Opening) -> None:
    assert storage.records.watch(KEY) is not None
    os.unlink(root / "locks/versions")  # noqa: PTH108
    assert opening().records.watch(KEY) is not None

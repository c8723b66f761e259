"""What is remembered of small files is never older than the file, however often, quickly and alike it is replaced."""

from __future__ import annotations

import itertools
import os
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import anyio
import pytest

from tests.storage.peer import peer
from trow.oci.digest import Digest
from trow.storage.filesystem import reader

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path

    from tests.storage.peer import Opening
    from tests.storage.tracing import Trace
    from trow.storage.base import Storage

KEY = "repositories/a/_tags/latest"
OLD_ENOUGH_SECONDS = 0.06
REALLY_YOUNG = reader.YOUNG_NANOSECONDS


@pytest.fixture(autouse=True)
def soon_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files age faster here, so that something is remembered at all."""
    monkeypatch.setattr(reader, "YOUNG_NANOSECONDS", 50_000_000)


async def test_each_replacement_is_seen_at_once_by_who_has_read_the_one_before(
    storage: Storage, opening: Opening
) -> None:
    other = opening()
    for number in range(60):
        document = b"%08d" % number
        await other.records.put(KEY, document)
        if number % 20 == 0:
            await anyio.sleep(OLD_ENOUGH_SECONDS)
        assert await storage.records.get(KEY) == document
        if number % 7 == 0:
            await other.records.delete(KEY)
            assert await storage.records.get(KEY) is None


async def test_what_another_process_replaces_is_never_seen_to_go_back(storage: Storage, opening: Opening) -> None:
    with peer(opening, count_up, 80) as other:
        other.hear()
        seen = [b"00000000"]
        while seen[-1] != b"00000079":
            document = await storage.records.get(KEY)
            assert document is not None
            seen.append(document)
            await anyio.lowlevel.checkpoint()
        other.join()
    assert seen == sorted(seen)


async def test_a_clock_that_counts_in_seconds_is_not_trusted_to_tell_two_files_apart(
    storage: Storage, opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on small ext4 volumes and some network file systems; freed inodes are given again at once."""
    monkeypatch.setattr(reader, "YOUNG_NANOSECONDS", REALLY_YOUNG)
    real = os.stat

    def coarse(*arguments: object, **more: object) -> object:
        status = real(*arguments, **more)  # type: ignore[arg-type]
        fields = {name: getattr(status, name) for name in dir(status) if name.startswith("st_")}
        for name in ("st_mtime", "st_ctime", "st_atime"):
            fields[name] = int(fields[name])
            fields[f"{name}_ns"] = fields[name] * 10**9
        return SimpleNamespace(**fields)

    other = opening()
    monkeypatch.setattr(os, "stat", coarse)
    for number in range(12):
        await other.records.put(KEY, b"first! %06d" % number)
        await anyio.sleep(OLD_ENOUGH_SECONDS)
        assert await storage.records.get(KEY) == b"first! %06d" % number
        for word in (b"second", b"third!"):
            await other.records.put(KEY, b"%s %06d" % (word, number))
        assert await storage.records.get(KEY) == b"third! %06d" % number


async def test_a_file_that_is_gone_or_another_is_not_remembered(root: Path, storage: Storage) -> None:
    content = b"content of a blob"
    digest = Digest.of(content)
    await storage.blobs.put(digest, content)
    await anyio.sleep(OLD_ENOUGH_SECONDS)
    for _ in range(2):
        assert await storage.blobs.read(digest) == content
    path = root / f"blobs/sha256/{digest.hex[:2]}/{digest.hex}"
    path.unlink()
    assert await storage.blobs.read(digest) is None
    path.write_bytes(content.swapcase())
    assert await storage.blobs.read(digest) == content.swapcase()


async def test_two_files_of_one_time_and_size_are_told_apart(root: Path, storage: Storage, opening: Opening) -> None:
    """As a restore that keeps times leaves them."""
    other = opening()
    await storage.records.put(KEY, b"before")
    moment, _ = stamp(root / KEY)
    await anyio.sleep(OLD_ENOUGH_SECONDS)
    assert await storage.records.get(KEY) == b"before"
    await other.records.put(KEY, b"after!")
    os.utime(root / KEY, ns=(moment, moment))
    assert await storage.records.get(KEY) == b"after!"


async def test_of_a_file_as_young_as_a_tick_of_the_clock_nothing_is_remembered(
    root: Path, storage: Storage, opening: Opening
) -> None:
    """The next but one may get its inode, its size and, within a tick, its time."""
    other = opening()
    for number in range(10):
        await storage.records.put(KEY, b"first! %d" % number)
        moment, inode = stamp(root / KEY)
        assert await storage.records.get(KEY) == b"first! %d" % number
        young = time.time_ns() - moment < 40_000_000
        for word in (b"second", b"third!"):
            await other.records.put(KEY, b"%s %d" % (word, number))
        os.utime(root / KEY, ns=(moment, moment))
        if young and stamp(root / KEY) == (moment, inode):
            assert await storage.records.get(KEY) == b"third! %d" % number


async def test_what_is_remembered_is_not_opened_again_and_has_its_bounds(
    storage: Storage, trace: Trace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "MEMORY_BYTES", 5_000)
    for number in range(30):
        await storage.records.put(f"repositories/a/_tags/{number}", b"%d" % number * 100)
    await anyio.sleep(OLD_ENOUGH_SECONDS)
    for number in itertools.chain(range(30), range(30)):
        assert await storage.records.get(f"repositories/a/_tags/{number}") == b"%d" % number * 100
    trace.clear()
    for number in range(29, -1, -1):
        assert await storage.records.get(f"repositories/a/_tags/{number}") == b"%d" % number * 100
    assert 0 < len(trace.of("open")) < 30


def stamp(path: Path) -> tuple[int, int]:
    """Its time and its inode."""
    status = path.stat()
    return status.st_mtime_ns, status.st_ino


async def count_up(storage: Storage, connection: Connection, times: int) -> None:
    await storage.records.put(KEY, b"%08d" % 0)
    connection.send(None)
    for number in range(times):
        if number % 20 == 0:
            await anyio.sleep(OLD_ENOUGH_SECONDS)
        await storage.records.put(KEY, b"%08d" % number)

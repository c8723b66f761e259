"""What any storage driver must do, whatever it keeps things in: derive a test class from `StorageContract`, and give it
a fixture `opening` that opens the storage as another process would, with a memory of its own.

Knows nothing of files: a driver's own rules have their own tests.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import anyio
import pytest

from tests.storage.contract_blobs import BlobsContract
from tests.storage.contract_leases import LeasesContract
from tests.storage.contract_uploads import UploadsContract
from tests.storage.contract_uploads_shared import SharedUploadsContract
from tests.storage.peer import peer, peers

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from tests.storage.peer import Opening
    from trow.storage.base import Storage

KEY = "repositories/a/_tags/latest"
FOLDER = "repositories/a/_tags/"
DOCUMENTS = (b"a" * 100_000, b"b" * 70_000)


class RecordsContract:
    """`Records`: documents that are replaced as a whole."""

    async def test_a_record_that_was_never_put_is_none(self, storage: Storage) -> None:
        assert await storage.records.get(KEY) is None

    @pytest.mark.parametrize("document", [b"", b"x", b"\x00\xff\n", b"m" * 65536, b"long" * 300_000])
    async def test_a_record_comes_back_byte_for_byte(self, storage: Storage, opening: Opening, document: bytes) -> None:
        await storage.records.put(KEY, document)
        assert await storage.records.get(KEY) == document
        assert await opening().records.get(KEY) == document

    async def test_put_replaces_the_whole_record(self, storage: Storage) -> None:
        await storage.records.put(KEY, b"a long document")
        await storage.records.put(KEY, b"short")
        assert await storage.records.get(KEY) == b"short"

    async def test_delete_tells_whether_the_record_was_there(self, storage: Storage) -> None:
        await storage.records.put(KEY, b"x")
        assert await storage.records.delete(KEY) is True
        assert await storage.records.get(KEY) is None
        assert await storage.records.delete(KEY) is False
        assert await storage.records.delete("repositories/never/_tags/seen") is False

    async def test_delete_leaves_the_neighbours(self, storage: Storage) -> None:
        neighbours = ["repositories/a/_tags/b", "repositories/a/_manifests/sha256/c", "repositories/a/b/_tags/latest"]
        for key in [KEY, *neighbours]:
            await storage.records.put(key, key.encode())
        await storage.records.delete(KEY)
        assert [await storage.records.get(key) for key in neighbours] == [key.encode() for key in neighbours]

    async def test_update_changes_what_is_there(self, storage: Storage) -> None:
        seen = []

        def change(document: bytes | None) -> bytes | None:
            seen.append(document)
            return None if document == b"second" else b"second" if document else b"first"

        for expected in (b"first", b"second", None):
            await storage.records.update({KEY: change})
            assert await storage.records.get(KEY) == expected
        assert seen == [None, b"first", b"second"]

    async def test_update_that_removes_what_is_not_there_is_nothing(self, storage: Storage) -> None:
        await storage.records.update({KEY: lambda _: None})
        assert await storage.records.get(KEY) is None

    async def test_update_that_fails_changes_nothing_and_holds_nothing(self, storage: Storage) -> None:
        def fail(document: bytes | None) -> bytes:
            raise LookupError(document)

        await storage.records.put(KEY, b"before")
        with pytest.raises(LookupError):
            await storage.records.update({KEY: fail})
        await storage.records.update({KEY: lambda document: (document or b"") + b" after"})
        assert await storage.records.get(KEY) == b"before after"

    async def test_no_update_of_many_tasks_is_lost(self, storage: Storage, opening: Opening) -> None:
        other = opening()
        async with anyio.create_task_group() as tasks:
            for number in range(40):
                tasks.start_soon(_add_line, (storage, other)[number % 2], f"{number}")
        assert await _lines(storage) == {f"{number}" for number in range(40)}

    async def test_no_update_of_many_processes_is_lost(self, storage: Storage, opening: Opening) -> None:
        with peers(4, opening, add_lines, 20) as others:
            names = [other.hear() for other in others]
            for other in others:
                other.tell()
            await add_lines_as(storage, "test", 20)
            for other in others:
                other.join()
        expected = {f"{name}-{number}" for name in [*names, "test"] for number in range(20)}
        assert await _lines(storage) == expected

    async def test_an_update_that_is_cancelled_undoes_no_other(self, storage: Storage, opening: Opening) -> None:
        other = opening()
        for number in range(30):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_add_line, storage, f"cancelled-{number}")
                await anyio.sleep(random.random() * 0.002)
                tasks.cancel_scope.cancel()
            await _add_line(other, f"kept-{number}")
        await anyio.sleep(0.05)
        assert await _lines(storage) >= {f"kept-{number}" for number in range(30)}

    async def test_a_reader_sees_one_whole_document_or_the_other(self, storage: Storage, opening: Opening) -> None:
        await storage.records.put(KEY, DOCUMENTS[0])
        seen: set[bytes] = set()
        with peer(opening, alternate, 25) as other:
            other.hear()
            other.tell()
            for _ in range(500):
                document = await storage.records.get(KEY)
                assert document is not None
                seen.add(document)
            other.join()
        assert seen <= set(DOCUMENTS)

    async def test_what_is_synced_is_still_there(self, storage: Storage, opening: Opening) -> None:
        await opening().records.put(KEY, b"x")
        await storage.records.sync([KEY])
        assert await storage.records.get(KEY) == b"x"

    async def test_sync_of_what_is_not_there_is_no_error(self, storage: Storage) -> None:
        await storage.records.sync(["repositories/never/_tags/latest"])


class ListingContract:
    """`Listing`: names by ASCII, one level at a time."""

    async def test_children_are_sorted_by_ascii_and_deeper_levels_end_in_a_slash(self, storage: Storage) -> None:
        for name in ["b", "B", "a.b", "a-b", "a_b", "_c", "10", "9", "d/e", "d/f/g", "d-e"]:
            await storage.records.put(FOLDER + name, b"")
        assert await storage.listing.children(FOLDER) == sorted(
            ["b", "B", "a.b", "a-b", "a_b", "_c", "10", "9", "d/", "d-e"]
        )
        assert await storage.listing.children(f"{FOLDER}d/") == ["e", "f/"]

    @pytest.mark.parametrize("after", ["", "0", "1", "1.0", "1.0a", "2", "zz", "d", "d/", "d0", "\x7f", "é"])
    async def test_children_after_a_name_sort_after_it_whether_or_not_it_is_there(
        self, storage: Storage, after: str
    ) -> None:
        names = ["1.0", "1.0.1", "10", "2", "z", "d/"]
        for name in names:
            await storage.records.put(FOLDER + name + ("x" if name.endswith("/") else ""), b"")
        assert await storage.listing.children(FOLDER, after) == sorted(name for name in names if name > after)

    async def test_nothing_has_no_children(self, storage: Storage) -> None:
        assert await storage.listing.children("repositories/never/_tags/") == []
        assert not await storage.listing.any("repositories/never/_tags/")

    async def test_any_sees_records_and_deeper_levels(self, storage: Storage) -> None:
        await storage.records.put("repositories/a/b/_tags/x", b"")
        assert await storage.listing.any("repositories/a/b/_tags/")
        assert await storage.listing.any("repositories/a/")
        assert not await storage.listing.any("repositories/b/")

    async def test_what_is_deleted_is_listed_no_longer_nor_what_became_empty(self, storage: Storage) -> None:
        await storage.records.put("repositories/a/b/_tags/x", b"")
        await storage.records.put("repositories/a/c/_tags/x", b"")
        await storage.records.delete("repositories/a/b/_tags/x")
        assert await storage.listing.children("repositories/a/") == ["c/"]
        await storage.records.delete("repositories/a/c/_tags/x")
        assert await storage.listing.children("repositories/") == []

    async def test_other_instances_see_at_once_what_was_put_and_deleted(
        self, storage: Storage, opening: Opening
    ) -> None:
        other = opening()
        for number in range(20):
            await storage.records.put(f"{FOLDER}{number}", b"")
            assert str(number) in await other.listing.children(FOLDER)
            await other.records.delete(f"{FOLDER}{number}")
            assert not await storage.listing.any(FOLDER)


async def _add_line(storage: Storage, line: str) -> None:
    await storage.records.update({KEY: lambda document: (document or b"") + line.encode() + b"\n"})


async def _lines(storage: Storage) -> set[str]:
    lines = (await storage.records.get(KEY) or b"").decode().splitlines()
    assert len(lines) == len(set(lines))
    return set(lines)


async def add_lines_as(storage: Storage, name: str, count: int) -> None:
    for number in range(count):
        await _add_line(storage, f"{name}-{number}")


async def add_lines(storage: Storage, connection: Connection, count: int) -> None:
    name = f"process-{random.SystemRandom().getrandbits(64)}"
    connection.send(name)
    connection.recv()
    await add_lines_as(storage, name, count)


async def alternate(storage: Storage, connection: Connection, times: int) -> None:
    connection.send(None)
    connection.recv()
    for number in range(times):
        await storage.records.put(KEY, DOCUMENTS[number % 2])


class StorageContract(
    RecordsContract, ListingContract, LeasesContract, BlobsContract, UploadsContract, SharedUploadsContract
):
    """The whole of it."""

"""`Leases`: short critical sections among tasks and among processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from tests.storage.peer import peer, until_told

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from tests.storage.peer import Opening
    from trow.storage.base import Storage

KEY = "repositories/a/_tags/latest"
SOON_SECONDS = 0.15


class LeasesContract:
    """One alone, or several sharers; whoever dies lets go."""

    async def test_two_tasks_never_hold_a_lease_alone_at_once(self, storage: Storage, opening: Opening) -> None:
        other = opening()
        inside = most = 0

        async def enter(instance: Storage) -> None:
            nonlocal inside, most
            async with instance.leases.lease(KEY):
                inside += 1
                most = max(most, inside)
                await anyio.sleep(0.002)
                inside -= 1

        async with anyio.create_task_group() as tasks:
            for number in range(12):
                tasks.start_soon(enter, (storage, other)[number % 2])
        assert (inside, most) == (0, 1)

    async def test_sharers_hold_it_together(self, storage: Storage, opening: Opening) -> None:
        async with storage.leases.lease(KEY, shared=True), opening().leases.lease(KEY, shared=True):
            assert not await can_take(storage, KEY)
            assert await can_take(storage, KEY, shared=True)

    async def test_one_who_is_alone_keeps_sharers_out(self, storage: Storage, opening: Opening) -> None:
        async with storage.leases.lease(KEY):
            assert not await can_take(opening(), KEY, shared=True)
        assert await can_take(opening(), KEY, shared=True)

    async def test_it_is_free_once_the_last_sharer_left(self, storage: Storage) -> None:
        async with storage.leases.lease(KEY, shared=True):
            async with storage.leases.lease(KEY, shared=True):
                pass
            assert not await can_take(storage, KEY)
        assert await can_take(storage, KEY)

    async def test_it_is_free_after_an_error_in_the_block(self, storage: Storage) -> None:
        with pytest.raises(LookupError):
            async with storage.leases.lease(KEY):
                raise LookupError
        assert await can_take(storage, KEY)

    async def test_it_is_free_after_a_cancelled_block_and_a_cancelled_wait(self, storage: Storage) -> None:
        async def hold() -> None:
            async with storage.leases.lease(KEY):
                await anyio.sleep_forever()

        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(hold)
            await anyio.sleep(0.05)
            tasks.cancel_scope.cancel()
        assert await can_take(storage, KEY)

    async def test_leases_of_different_first_segments_may_be_nested(self, storage: Storage) -> None:
        blob = "blobs/sha256/00/" + "0" * 64
        async with storage.leases.lease(blob), storage.leases.lease(KEY):
            assert not await can_take(storage, blob)
            assert not await can_take(storage, KEY)

    async def test_an_update_waits_for_who_holds_the_lease_of_its_key(self, storage: Storage, opening: Opening) -> None:
        other = opening()
        async with anyio.create_task_group() as tasks, storage.leases.lease(KEY):
            await storage.records.put(KEY, b"held")
            tasks.start_soon(other.records.update, {KEY: lambda document: (document or b"") + b" and updated"})
            await anyio.sleep(0.05)
            assert await storage.records.get(KEY) == b"held"
        assert await storage.records.get(KEY) == b"held and updated"

    async def test_another_process_is_kept_out_and_keeps_us_out(self, storage: Storage, opening: Opening) -> None:
        with peer(opening, hold_lease, KEY, False) as other:
            other.hear()
            assert not await can_take(storage, KEY)
            assert not await can_take(storage, KEY, shared=True)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_take_and_note, storage)
                other.tell()
            other.join()
        assert await storage.records.get(KEY) == b"taken"

    async def test_another_process_shares(self, storage: Storage, opening: Opening) -> None:
        with peer(opening, hold_lease, KEY, True) as other:
            other.hear()
            assert await can_take(storage, KEY, shared=True)
            assert not await can_take(storage, KEY)
            other.tell()
            other.join()
        assert await can_take(storage, KEY)

    @pytest.mark.parametrize("shared", [True, False])
    async def test_a_killed_process_holds_nothing(self, storage: Storage, opening: Opening, *, shared: bool) -> None:
        with peer(opening, hold_lease, KEY, shared) as other:
            other.hear()
            assert not await can_take(storage, KEY)
            other.kill()
            assert await can_take(storage, KEY)

    async def test_many_who_wait_do_not_keep_the_holder_from_its_work(self, storage: Storage) -> None:
        async with anyio.create_task_group() as tasks, storage.leases.lease(KEY):
            for _ in range(60):
                tasks.start_soon(_take_and_note, storage)
            await anyio.sleep(0.05)
            with anyio.fail_after(20):
                for number in range(10):
                    await storage.records.put(f"repositories/a/_tags/{number}", b"")
                    await storage.records.delete(f"repositories/a/_tags/{number}")
        assert await storage.records.get(KEY) == b"taken"


async def can_take(storage: Storage, key: str, *, shared: bool = False) -> bool:
    """Whether a lease is to be had now; "no" takes a moment."""
    with anyio.move_on_after(SOON_SECONDS):
        async with storage.leases.lease(key, shared=shared):
            return True
    return False


async def _take_and_note(storage: Storage) -> None:
    async with storage.leases.lease(KEY):
        await storage.records.put(KEY, b"taken")


async def hold_lease(storage: Storage, connection: Connection, key: str, shared: bool) -> None:
    async with storage.leases.lease(key, shared=shared):
        await until_told(connection)

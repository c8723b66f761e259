"""A manifest that was deleted and pushed again: tags of its earlier life stay away, acknowledged ones never do."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import anyio
import pytest

from tests.registry.steps import elsewhere, in_the_midst, named, numbered, push
from tests.storage.peer import peers
from tests.support.documents import dump
from trow.errors import ManifestUnknown
from trow.oci.digest import Digest
from trow.oci.reference import RepositoryName, Tag
from trow.registry.repository import Repository
from trow.storage import layout

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping
    from multiprocessing.connection import Connection

    from tests.storage.peer import Opening
    from tests.storage.tracing import Trace
    from trow.storage.base import Change, Records, Storage

DOCUMENT = numbered(1)
DIGEST = Digest.of(dump(DOCUMENT))


async def crash_in_delete(repository: Repository) -> None:
    """The record is gone, and nobody came to clean up."""
    assert await repository.storage.records.delete(layout.manifest(repository.name, DIGEST))


async def test_a_tag_of_an_earlier_life_stays_invisible(repository: Repository, opening: Opening) -> None:
    await push(repository, DOCUMENT, "old")
    await crash_in_delete(repository)
    assert await named(repository, "old") is None
    await push(repository, DOCUMENT)
    for each in (repository, elsewhere(repository, opening)):
        assert await named(each, "old") is None
        assert await each.tags() == []
        with pytest.raises(ManifestUnknown):
            await each.history(Tag("old"))
        with pytest.raises(ManifestUnknown):
            await each.delete_tag(Tag("old"))


async def test_a_tag_of_an_earlier_life_can_be_given_anew(repository: Repository) -> None:
    await push(repository, DOCUMENT, "old")
    await crash_in_delete(repository)
    await push(repository, DOCUMENT)
    await push(repository, DOCUMENT, "old")
    assert await named(repository, "old") == DIGEST
    assert await repository.tags() == ["old"]


async def test_a_tag_that_names_another_manifest_is_not_touched_by_the_first_ones_lives(repository: Repository) -> None:
    await push(repository, DOCUMENT, "moved")
    second = await push(repository, numbered(2), "moved")
    await repository.delete_manifest(DIGEST)
    await push(repository, DOCUMENT)
    assert await named(repository, "moved") == second


async def test_many_lives_in_a_row_show_only_their_own_tags(repository: Repository) -> None:
    for number in range(10):
        await push(repository, DOCUMENT, f"life-{number}")
        assert await repository.tags() == [f"life-{number}"]
        await (crash_in_delete(repository) if number % 2 else repository.delete_manifest(DIGEST))
        assert await repository.tags() == []


async def test_pushing_again_within_a_life_keeps_its_tags(repository: Repository) -> None:
    for number in range(5):
        await push(repository, DOCUMENT, *([f"n{number}"] if number % 2 == 0 else []))
    assert await repository.tags() == ["n0", "n2", "n4"]


async def test_a_delete_in_the_midst_of_a_push_is_not_undone_by_it(
    repository: Repository, opening: Opening, trace: Trace
) -> None:
    """Whichever comes first: never are the manifest and a tag from before the delete both there."""
    for renames in (1, 2):
        await push(repository, DOCUMENT, "old")
        trace.slow("rename", renames, 0.3)
        trace.every("fsync", _once_slow("_manifests/sha256", 0.5))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(push, elsewhere(repository, opening), DOCUMENT)
            await anyio.sleep(0.1)
            await repository.delete_manifest(DIGEST)
        assert await named(repository, "old") is None


def _once_slow(directory: str, seconds: float) -> Callable[[str], None]:
    """So that the record of the push comes between the delete's first step and its second."""
    slept = False

    def look(path: str) -> None:
        nonlocal slept
        if path.endswith(directory) and not slept:
            slept = True
            time.sleep(seconds)

    return look


async def test_a_push_that_began_before_an_earlier_life_does_not_bring_back_its_tags(
    repository: Repository, opening: Opening, trace: Trace
) -> None:
    slow = trace.pause("rename", 1)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(push, elsewhere(repository, opening), DOCUMENT, "new")
        async with slow:
            await push(repository, DOCUMENT, "old")
            await crash_in_delete(repository)
    assert await repository.tags() == ["new"]


async def test_a_push_that_was_overtaken_by_a_delete_begins_a_new_life(repository: Repository) -> None:
    """Storage may ask again what is to be written, when somebody else was faster."""
    await push(repository, DOCUMENT, "old")
    stale = await repository.storage.records.get(layout.manifest(repository.name, DIGEST))
    await crash_in_delete(repository)
    overtaken = repository.storage._replace(records=Overtaken(repository.storage.records, stale))
    await push(Repository(repository.name, overtaken), DOCUMENT, "new")
    assert await repository.tags() == ["new"]


class Overtaken:
    """Records of a driver whose first try at each update of a manifest comes too late: it saw what is gone by now."""

    def __init__(self, records: Records, stale: bytes | None) -> None:
        self.get, self.put, self.delete, self.sync = records.get, records.put, records.delete, records.sync
        self._update, self._stale, self.watch = records.update, stale, records.watch

    async def update(self, changes: Mapping[str, Change]) -> None:
        for key, change in changes.items():
            if "/_manifests/" in key:
                change(self._stale)
        await self._update(changes)


async def test_a_tag_that_is_set_while_a_delete_clears_tags_away_is_kept(
    repository: Repository, opening: Opening, trace: Trace
) -> None:
    await push(repository, DOCUMENT, "a", "b")
    clearing = trace.pause("unlink", 2)  # the first one was the record
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(repository.delete_manifest, DIGEST)
        async with clearing:
            await push(elsewhere(repository, opening), DOCUMENT, "b")
    assert await repository.tags() == ["b"]


async def test_a_first_push_that_took_its_time_hides_no_tag_of_another(
    repository: Repository, opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both find nothing; one is answered before the other looks at the clock."""
    real, other = time.time_ns, elsewhere(repository, opening)

    def another_is_faster() -> int:
        monkeypatch.setattr(time, "time_ns", real)
        waiting.append(in_the_midst(lambda: push(other, DOCUMENT, "fast")))
        return real()

    waiting: list[threading.Thread] = []
    monkeypatch.setattr(time, "time_ns", another_is_faster)
    await push(repository, DOCUMENT, "slow")
    for thread in waiting:
        await asyncio.to_thread(thread.join)
    assert await repository.tags() == ["fast", "slow"]


async def test_after_a_delete_every_acknowledged_tag_of_concurrent_pushes_is_there(
    repository: Repository, opening: Opening
) -> None:
    instances = [repository, elsewhere(repository, opening), elsewhere(repository, opening)]
    for number in range(12):
        async with anyio.create_task_group() as tasks:
            for which, instance in enumerate(instances):
                tasks.start_soon(push, instance, DOCUMENT, f"n{number}-{which}")
        assert await repository.tags() == [f"n{number}-{which}" for which in range(3)]
        await repository.delete_manifest(DIGEST)


async def test_pushes_and_deletes_of_many_processes_lose_no_acknowledged_tag(
    repository: Repository, opening: Opening
) -> None:
    """Each process pushes with a tag of its own; while nobody deletes, all that was acknowledged is there."""
    with peers(3, opening, push_and_sometimes_delete, repository.name) as others:
        for number, other in enumerate(others):
            other.tell(number)
        for _ in range(8):
            acknowledged = sorted(name for other in others for name in other.hear())
            assert await repository.tags() == acknowledged
            assert {await named(repository, name) for name in acknowledged} <= {DIGEST}
            for other in others:
                other.tell()
            counts = [other.hear() for other in others]
            assert sum(counts) == 1, "one delete, and only one, found it"
            assert await repository.tags() == []
            for other in others:
                other.tell()
        for other in others:
            other.join()


async def push_and_sometimes_delete(storage: Storage, connection: Connection, name: str) -> None:
    number = connection.recv()
    repository = Repository(RepositoryName(name), storage)
    for epoch in range(8):
        tags = [f"p{number}-{epoch}-{tag}" for tag in range(3)]
        for tag in tags:
            await push(repository, DOCUMENT, tag)
        connection.send(tags)
        connection.recv()
        try:
            await repository.delete_manifest(DIGEST)
            connection.send(1)
        except ManifestUnknown:
            connection.send(0)
        connection.recv()

"""Tags of a repository, in pages, and what each has named before."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING

import anyio
import pytest

from tests.registry.steps import elsewhere, named, numbered, push
from trow.errors import ManifestUnknown
from trow.oci.reference import Tag
from trow.registry.records import HISTORY

if TYPE_CHECKING:
    from tests.storage.peer import Opening
    from trow.registry.repository import Repository

NAMES = sorted(["1.0", "1.0-alpine", "1.0.1", "10", "2", "A", "_x", "a", "a-b", "a.b", "a_b", "latest", "v1", "v10"])


async def test_a_tag_names_what_it_was_last_given_to(repository: Repository, opening: Opening) -> None:
    for number in (1, 2, 1):
        digest = await push(repository, numbered(number), "latest")
        assert await named(repository, "latest") == digest
        assert await named(elsewhere(repository, opening), "latest") == digest


async def test_a_push_may_set_many_tags_or_none(repository: Repository) -> None:
    await push(repository, numbered(1))
    assert await repository.tags() == []
    digest = await push(repository, numbered(1), *NAMES)
    assert await repository.tags() == NAMES
    assert {await named(repository, name) for name in NAMES} == {digest}


@pytest.mark.parametrize("after", ["", *NAMES, "0", "1.0-", "b", "latest0", "zzz", "~", "é"])
async def test_every_page_goes_on_where_the_last_one_ended(repository: Repository, after: str) -> None:
    await push(repository, numbered(1), *NAMES)
    rest = [name for name in NAMES if name > after]
    assert await repository.tags(after) == rest
    for limit in (0, 1, 3, len(NAMES), 1000):
        assert await repository.tags(after, limit) == rest[:limit]


async def test_tags_of_deleted_manifests_take_no_place_on_a_page(repository: Repository) -> None:
    gone = await push(repository, numbered(1), *NAMES[::2])
    await push(repository, numbered(2), *NAMES[1::2])
    await repository.delete_manifest(gone)
    assert await repository.tags("", 3) == NAMES[1::2][:3]


async def test_a_deleted_tag_leaves_its_manifest_and_the_other_tags(repository: Repository) -> None:
    digest = await push(repository, numbered(1), "a", "b")
    await repository.delete_tag(Tag("a"))
    assert await repository.tags() == ["b"]
    assert await named(repository, "b") == digest
    with pytest.raises(ManifestUnknown):
        await repository.delete_tag(Tag("a"))
    await repository.delete_tag(Tag("b"))
    assert await repository.holds(digest)


async def test_a_tag_that_never_was_is_unknown(repository: Repository) -> None:
    for act in (repository.manifest, repository.delete_tag, repository.history):
        with pytest.raises(ManifestUnknown):
            await act(Tag("latest"))


async def test_history_is_all_that_a_tag_named_newest_first(repository: Repository) -> None:
    before = time.time_ns()
    digests = [await push(repository, numbered(number), "latest") for number in (1, 2, 1, 3)]
    entries = await repository.history(Tag("latest"))
    assert [entry.digest for entry in entries] == digests[::-1]
    times = [entry.time for entry in entries]
    assert times == sorted(times, reverse=True)
    assert len(set(times)) == 4
    assert times[-1] >= time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(before // 1_000_000_000))


async def test_a_push_of_what_a_tag_names_already_makes_no_history(repository: Repository) -> None:
    digest = await push(repository, numbered(1), "latest")
    (first,) = await repository.history(Tag("latest"))
    for _ in range(3):
        await push(repository, numbered(1), "latest")
    assert await repository.history(Tag("latest")) == [first]
    assert first.digest == digest


async def test_tags_keep_the_newest_hundred_entries(repository: Repository) -> None:
    digests = [await push(repository, numbered(number)) for number in range(2)]
    pushed = []
    for number in range(105):
        await push(repository, numbered(number % 2), "latest")
        pushed.append(digests[number % 2])
    entries = await repository.history(Tag("latest"))
    assert HISTORY == 100
    assert [entry.digest for entry in entries] == pushed[-1:-101:-1]


async def test_history_outlives_the_manifests_in_it_but_not_the_tag(repository: Repository) -> None:
    first = await push(repository, numbered(1), "latest")
    second = await push(repository, numbered(2), "latest")
    await repository.delete_manifest(first)
    assert [entry.digest for entry in await repository.history(Tag("latest"))] == [second, first]
    await repository.delete_tag(Tag("latest"))
    await push(repository, numbered(2), "latest")
    assert [entry.digest for entry in await repository.history(Tag("latest"))] == [second]


async def test_a_tag_whose_manifest_is_gone_has_no_history(repository: Repository) -> None:
    await push(repository, numbered(1), "latest")
    digest = await push(repository, numbered(2), "latest")
    await repository.delete_manifest(digest)
    with pytest.raises(ManifestUnknown):
        await repository.history(Tag("latest"))


async def test_a_clock_that_is_set_back_hides_no_tag(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = [await push(repository, numbered(number)) for number in range(2)]
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() - 3600 * 10**9)
    for number in (0, 1, 0):
        await push(repository, numbered(number), "latest")
        assert await named(repository, "latest") == digests[number]
    assert len(await repository.history(Tag("latest"))) == 3


async def test_concurrent_pushes_of_one_tag_all_enter_its_history(repository: Repository, opening: Opening) -> None:
    digests = [await push(repository, numbered(number)) for number in range(12)]
    instances = itertools.cycle([repository, elsewhere(repository, opening)])
    async with anyio.create_task_group() as tasks:
        for number in range(12):
            tasks.start_soon(push, next(instances), numbered(number), "latest")
    assert {entry.digest for entry in await repository.history(Tag("latest"))} == set(digests)

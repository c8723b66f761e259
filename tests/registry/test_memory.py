"""Remembered manifests: quick, and never another answer than the files would give."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.registry.steps import elsewhere, named, numbered, push
from trow.errors import ManifestUnknown
from trow.oci.digest import Digest
from trow.oci.reference import Tag
from trow.registry import memory
from trow.registry.memory import ManifestMemory, StoredManifest
from trow.storage import layout

if TYPE_CHECKING:
    from pathlib import Path

    from tests.storage.peer import Opening
    from tests.storage.tracing import Trace
    from trow.registry.repository import Repository


async def test_what_was_read_once_asks_nothing_of_the_operating_system(repository: Repository, trace: Trace) -> None:
    digest = await push(repository, numbered(1), "latest")
    await repository.manifest(Tag("latest"))
    await repository.manifest(digest)
    trace.clear()
    assert await named(repository, "latest") == digest
    assert (await repository.manifest(digest)).digest == digest
    assert trace.calls == []


@pytest.mark.parametrize("whose", ["its own", "another process's"])
async def test_a_moved_tag_is_seen_at_once(repository: Repository, opening: Opening, whose: str) -> None:
    there = repository if whose == "its own" else elsewhere(repository, opening)
    for number in range(5):
        digest = await push(there, numbered(number), "latest")
        assert await named(repository, "latest") == digest
        assert await named(repository, "latest") == digest


async def test_a_deleted_manifest_is_gone_by_tag_and_by_digest(repository: Repository, opening: Opening) -> None:
    digest = await push(repository, numbered(1), "latest")
    assert await named(repository, "latest") == digest
    await repository.manifest(digest)
    await elsewhere(repository, opening).delete_manifest(digest)
    assert await named(repository, "latest") is None
    with pytest.raises(ManifestUnknown):
        await repository.manifest(digest)


async def test_a_deleted_tag_is_gone_and_its_manifest_stays(repository: Repository, opening: Opening) -> None:
    digest = await push(repository, numbered(1), "latest")
    assert await named(repository, "latest") == digest
    await elsewhere(repository, opening).delete_tag(Tag("latest"))
    assert await named(repository, "latest") is None
    assert (await repository.manifest(digest)).digest == digest


async def test_what_is_not_there_is_not_remembered(repository: Repository, opening: Opening) -> None:
    assert await named(repository, "latest") is None
    digest = await push(elsewhere(repository, opening), numbered(1), "latest")
    assert await named(repository, "latest") == digest


async def test_what_a_hand_changes_is_seen_after_a_while(
    root: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = await push(repository, numbered(1), "latest")
    assert await named(repository, "latest") == digest
    (root / layout.tag(repository.name, "latest")).unlink()
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + memory.LIFE_SECONDS + 1)
    assert await named(repository, "latest") is None


def test_memory_is_bounded_and_forgets_the_oldest() -> None:
    class Always:
        def changed(self) -> bool:
            return False

    remembered, watches = ManifestMemory(), [Always()]
    manifest = StoredManifest(Digest.of(b"x"), "application/json", bytes(60_000))
    for number in range(1000):
        remembered.remember("a", Tag(f"t{number}"), manifest, watches)
    known = [number for number in range(1000) if remembered.recall("a", Tag(f"t{number}"))]
    assert known == list(range(known[0], 1000))
    assert 250 < len(known) < memory.MEMORY_BYTES / 60_000
    for _ in range(1000):  # one that is read again and again counts once
        remembered.remember("a", Tag("t999"), manifest, watches)
    assert remembered.recall("a", Tag(f"t{known[0]}"))
    remembered.remember("a", Tag("large"), manifest._replace(content=bytes(70_000)), watches)
    assert remembered.recall("a", Tag("large")) is None

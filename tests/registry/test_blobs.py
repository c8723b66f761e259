"""Blobs of a repository: served through its link alone, mounted, repaired, and safe from who removes blobs."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
from typing import TYPE_CHECKING

import anyio
import pytest

from tests.registry.steps import elsewhere, in_the_midst, push_blob
from tests.storage.contract_leases import can_take
from trow.errors import BlobUnknown, BlobUploadUnknown, DigestInvalid, StorageFull
from trow.oci.digest import Digest
from trow.storage import layout

if TYPE_CHECKING:
    from pathlib import Path

    from tests.storage.peer import Opening
    from tests.storage.tracing import Trace
    from trow.registry.repository import Repository
    from trow.storage.base import Storage

CONTENT = b"a layer"
DIGEST = Digest.of(CONTENT)


async def serves(repository: Repository, digest: Digest = DIGEST) -> bool:
    try:
        await repository.blob(digest)
    except BlobUnknown:
        return False
    return True


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
async def test_a_committed_blob_is_served_by_its_repository_alone(
    repository: Repository, other: Repository, algorithm: str
) -> None:
    digest = await push_blob(repository, CONTENT, algorithm)
    assert (await repository.blob(digest)).size == len(CONTENT)
    assert not await serves(other, digest)


async def test_commit_with_wrong_digest_keeps_the_upload_and_links_nothing(repository: Repository) -> None:
    uploads = repository.storage.uploads
    upload_id = await uploads.create(repository.name, "sha256")
    async with uploads.resume(repository.name, upload_id) as upload:
        await upload.write(CONTENT + b"!")
        with pytest.raises(DigestInvalid):
            await repository.commit(upload, DIGEST)
    assert await uploads.offset(repository.name, upload_id) == len(CONTENT) + 1
    assert await repository.storage.records.get(layout.blob_link(repository.name, DIGEST)) is None


@pytest.mark.parametrize("spoilt", [b"", CONTENT[:-1], CONTENT + b"!", None])
async def test_a_size_that_differs_from_the_record_means_absent(
    root: Path, repository: Repository, other: Repository, spoilt: bytes | None
) -> None:
    path = root / layout.blob(await push_blob(repository, CONTENT))
    path.chmod(0o644)
    if spoilt is None:
        path.unlink()
    else:
        path.write_bytes(spoilt)
    assert not await serves(repository)
    assert not await other.mount(DIGEST, repository)
    assert not await serves(other)
    await push_blob(repository, CONTENT)
    assert await serves(repository)


async def test_delete_is_for_one_repository(repository: Repository, other: Repository) -> None:
    for each in (repository, other):
        await push_blob(each, CONTENT)
    await repository.delete_blob(DIGEST)
    assert not await serves(repository)
    assert await serves(other)
    with pytest.raises(BlobUnknown):
        await repository.delete_blob(DIGEST)
    await push_blob(repository, CONTENT)
    assert await serves(repository)


async def test_mount_serves_what_the_source_holds(repository: Repository, other: Repository) -> None:
    await push_blob(other, CONTENT)
    assert await repository.mount(DIGEST, other)
    assert await serves(repository)
    await other.delete_blob(DIGEST)
    assert await serves(repository)
    assert await repository.mount(DIGEST, repository)


async def test_mount_from_who_does_not_hold_it_serves_nothing(
    repository: Repository, other: Repository, storage: Storage
) -> None:
    await storage.blobs.put(DIGEST, CONTENT)
    assert not await repository.mount(DIGEST, other)
    assert not await serves(repository)


async def test_a_mount_that_failed_serves_nothing_later(
    root: Path, repository: Repository, other: Repository, trace: Trace
) -> None:
    """The blob goes in the midst, and comes back by another's push."""
    await push_blob(other, CONTENT)
    trace.before("rename", 1, lambda _: (root / layout.blob(DIGEST)).unlink())
    assert not await repository.mount(DIGEST, other)
    await push_blob(other, CONTENT)
    assert not await serves(repository)


@pytest.mark.parametrize("linked_first", [True, False])
async def test_a_mount_that_fails_takes_no_link_of_another_along(
    root: Path, repository: Repository, other: Repository, opening: Opening, trace: Trace, *, linked_first: bool
) -> None:
    """While one finds nothing to mount, another pushes the blob here, and is answered."""
    pushing = []

    def push_meanwhile(_: str) -> None:
        pushing.append(in_the_midst(lambda: push_blob(elsewhere(repository, opening), CONTENT)))

    if linked_first:
        await push_blob(other, CONTENT)
        trace.before("rename", 1, lambda _: (root / layout.blob(DIGEST)).unlink())
    trace.before("unlink", 2 if linked_first else 1, push_meanwhile)
    assert not await repository.mount(DIGEST, other)
    if not pushing:
        push_meanwhile("")
    await asyncio.to_thread(pushing[0].join)
    assert await serves(repository)


async def test_a_mount_that_finds_nothing_waits_for_nobody(
    repository: Repository, other: Repository, storage: Storage
) -> None:
    """Clients try it before most pushes, also of what another is pushing at this moment."""
    async with storage.leases.lease(layout.blob(DIGEST), shared=True):
        with anyio.fail_after(2):
            assert not await repository.mount(DIGEST, other)


async def test_mount_syncs_what_it_rests_on(
    repository: Repository, other: Repository, opening: Opening, trace: Trace
) -> None:
    await push_blob(elsewhere(other, opening), CONTENT)
    trace.clear()
    await repository.mount(DIGEST, other)
    calls = [call.path for call in trace.of("fsync", "create")]
    before = calls[: next(number for number, path in enumerate(calls) if path.startswith("uploads/"))]
    assert {f"repositories/{other.name}/_blobs/sha256", f"blobs/sha256/{DIGEST.hex[:2]}"} <= set(before)
    assert trace.unsynced(layout.blob_link(repository.name, DIGEST)) == []


async def test_the_link_is_written_before_the_upload_becomes_the_blob(repository: Repository, trace: Trace) -> None:
    await push_blob(repository, CONTENT)
    renamed = [call.more for call in trace.of("rename")]
    assert renamed == [layout.blob_link(repository.name, DIGEST), layout.blob(DIGEST)]


@pytest.mark.parametrize("call", ["fsync", "rename", "open", "chmod"])
async def test_a_commit_that_fails_at_any_step_serves_nothing_and_can_be_repeated(
    repository: Repository, trace: Trace, call: str
) -> None:
    for number in itertools.count(1):
        content = b"%d" % number
        upload_id = await repository.storage.uploads.create(repository.name, "sha256")
        trace.fail(call, number, errno.ENOSPC)
        try:
            await _finish(repository, upload_id, content)
        except StorageFull:
            assert not await serves(repository, Digest.of(content))
        else:
            assert number > 1
            return
        with contextlib.suppress(BlobUploadUnknown):  # what could not be synced is gone for good
            await _finish(repository, upload_id, content)
            assert await serves(repository, Digest.of(content))


async def _finish(repository: Repository, upload_id: str, content: bytes) -> None:
    async with repository.storage.uploads.resume(repository.name, upload_id) as upload:
        await upload.write(content[upload.offset :])
        await repository.commit(upload, Digest.of(content))


async def test_who_links_a_blob_shares_its_lease_until_the_link_is_there(
    repository: Repository, other: Repository, opening: Opening, trace: Trace
) -> None:
    async def commit() -> None:
        await push_blob(other, CONTENT)

    async def mount() -> None:
        assert await repository.mount(DIGEST, other)

    storage = opening()
    for act, renames in ((commit, 2), (mount, 1)):
        linking = trace.pause("rename", renames)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(act)
            async with linking:
                assert not await can_take(storage, layout.blob(DIGEST))
                assert await can_take(storage, layout.blob(DIGEST), shared=True)


async def test_a_blob_that_is_linked_while_another_clears_unlinked_blobs_is_served(
    repository: Repository, other: Repository, opening: Opening
) -> None:
    """Link first, then look, against: take the lease alone, look for links, remove."""
    clearing = elsewhere(repository, opening)
    done = False

    async def clear() -> None:
        storage = clearing.storage
        while not done:
            async with storage.leases.lease(layout.blob(DIGEST)):
                links = [await storage.records.get(layout.blob_link(each.name, DIGEST)) for each in (repository, other)]
                if links == [None, None]:
                    await storage.blobs.delete(DIGEST)
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(clear)
        for _ in range(25):
            await push_blob(other, CONTENT)
            async with anyio.create_task_group() as both:
                both.start_soon(repository.mount, DIGEST, other)
                both.start_soon(other.delete_blob, DIGEST)
            mounted = await clearing.storage.records.get(layout.blob_link(repository.name, DIGEST)) is not None
            assert await serves(repository) == mounted
            if mounted:
                await repository.delete_blob(DIGEST)
        done = True

"""Manifests of a repository: one commit point, every part written anew, and what is left when a step fails."""

from __future__ import annotations

import errno
import itertools
from typing import TYPE_CHECKING

import pytest

from tests.registry.steps import elsewhere, named, numbered, push
from tests.support.documents import EMPTY_JSON, OCI_IMAGE, Document, descriptor, dump, image
from trow.errors import ManifestUnknown, StorageFailed
from trow.oci.digest import Digest
from trow.oci.reference import Tag
from trow.registry.referrers import list_referrers
from trow.storage import layout

if TYPE_CHECKING:
    from pathlib import Path

    from tests.storage.peer import Opening
    from tests.storage.tracing import Trace
    from trow.registry.repository import Repository

SUBJECT = Digest.of(b"a subject")
DOCUMENT = image(EMPTY_JSON, subject=descriptor(b"a subject", OCI_IMAGE))
DIGEST = Digest.of(dump(DOCUMENT))


async def holds(repository: Repository, digest: Digest) -> bool:
    try:
        await repository.manifest(digest)
    except ManifestUnknown:
        return False
    return True


async def referrers(repository: Repository) -> list[str]:
    page = await list_referrers(repository, SUBJECT, None, "")
    return [each.digest for each in page.descriptors]


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
async def test_a_manifest_comes_back_byte_for_byte(repository: Repository, opening: Opening, algorithm: str) -> None:
    digest = await push(repository, DOCUMENT, "latest", algorithm=algorithm)
    for each in (repository, elsewhere(repository, opening)):
        for reference in (digest, Tag("latest")):
            stored = await each.manifest(reference)
            assert stored == (digest, OCI_IMAGE, dump(DOCUMENT))


async def test_a_manifest_is_held_by_its_repository_alone(repository: Repository, other: Repository) -> None:
    await push(repository, DOCUMENT, "latest")
    assert await repository.holds(DIGEST)
    assert not await other.holds(DIGEST)
    assert not await holds(other, DIGEST)
    assert await named(other, "latest") is None


@pytest.mark.parametrize("spoilt", [b"", b"{}", dump(DOCUMENT) + b" ", None])
async def test_content_of_another_size_means_absent_until_it_is_pushed_again(
    root: Path, repository: Repository, spoilt: bytes | None
) -> None:
    await push(repository, DOCUMENT, "latest")
    path = root / layout.blob(DIGEST)
    path.chmod(0o644)
    if spoilt is None:
        path.unlink()
    else:
        path.write_bytes(spoilt)
    assert not await holds(repository, DIGEST)
    assert not await repository.holds(DIGEST)
    assert await named(repository, "latest") is None
    await push(repository, DOCUMENT)
    assert await named(repository, "latest") == DIGEST


async def test_put_writes_every_part_again_and_the_record_last_but_for_tags(
    repository: Repository, trace: Trace
) -> None:
    for _ in range(2):
        trace.clear()
        await push(repository, DOCUMENT, "a", "b")
        assert [call.more for call in trace.of("rename")] == [
            layout.blob(DIGEST),
            layout.referrer(repository.name, SUBJECT, DIGEST),
            layout.manifest(repository.name, DIGEST),
            layout.tag(repository.name, "a"),
            layout.tag(repository.name, "b"),
        ]


@pytest.mark.parametrize("part", ["manifest", "referrer", "blob"])
async def test_put_repairs_a_part_that_is_gone(root: Path, repository: Repository, part: str) -> None:
    await push(repository, DOCUMENT, "latest")
    keys = {
        "manifest": layout.manifest(repository.name, DIGEST),
        "referrer": layout.referrer(repository.name, SUBJECT, DIGEST),
        "blob": layout.blob(DIGEST),
    }
    (root / keys[part]).unlink()
    await push(repository, DOCUMENT, "latest")
    assert await named(repository, "latest") == DIGEST
    assert await referrers(repository) == [DIGEST]


async def test_everything_that_put_wrote_is_synced_when_it_returns(repository: Repository, trace: Trace) -> None:
    await push(repository, DOCUMENT, "latest")
    for call in trace.of("rename"):
        assert trace.unsynced(call.more) == []


async def test_delete_removes_the_record_first_then_tags_and_the_referrers_descriptor(
    repository: Repository, trace: Trace
) -> None:
    await push(repository, DOCUMENT, "a", "b")
    await push(repository, numbered(1), "c")
    trace.clear()
    await repository.delete_manifest(DIGEST)
    removed = [call.path for call in trace.of("unlink")]
    assert removed[0] == layout.manifest(repository.name, DIGEST)
    assert sorted(removed[1:]) == [
        layout.referrer(repository.name, SUBJECT, DIGEST),
        layout.tag(repository.name, "a"),
        layout.tag(repository.name, "b"),
    ]
    assert await repository.tags() == ["c"]


async def test_delete_of_what_is_not_there_is_unknown(repository: Repository, other: Repository) -> None:
    await push(other, DOCUMENT)
    with pytest.raises(ManifestUnknown):
        await repository.delete_manifest(DIGEST)
    await other.delete_manifest(DIGEST)
    with pytest.raises(ManifestUnknown):
        await other.delete_manifest(DIGEST)


async def test_delete_leaves_what_other_repositories_hold(repository: Repository, other: Repository) -> None:
    for each in (repository, other):
        await push(each, DOCUMENT, "latest")
    await repository.delete_manifest(DIGEST)
    assert await named(other, "latest") == DIGEST
    assert await referrers(other) == [DIGEST]


async def test_a_repository_exists_while_anything_is_in_it(repository: Repository) -> None:
    assert not await repository.exists()
    await push(repository, DOCUMENT, "latest", algorithm="sha512")
    assert await repository.exists()
    await repository.delete_manifest(Digest.of(dump(DOCUMENT), "sha512"))
    assert not await repository.exists()


@pytest.mark.parametrize("call", ["open", "rename", "fsync"])
async def test_a_put_that_fails_at_any_step_shows_nothing_half_done_and_can_be_repeated(
    repository: Repository, trace: Trace, call: str
) -> None:
    for number in itertools.count(1):
        document: Document = {**DOCUMENT, "annotations": {"number": f"{call} {number}"}}
        digest = Digest.of(dump(document))
        trace.fail(call, number, errno.EIO)
        try:
            await push(repository, document, "latest")
        except StorageFailed:
            there = await holds(repository, digest)
            assert (digest in await referrers(repository)) == there
            assert there or await named(repository, "latest") != digest
            await push(repository, document, "latest")
        else:
            assert number > 4
            return
        assert await named(repository, "latest") == digest
        assert digest in await referrers(repository)


@pytest.mark.parametrize("call", ["open", "unlink", "fsync"])
async def test_a_delete_that_fails_at_any_step_never_leaves_a_tag_without_its_manifest(
    repository: Repository, trace: Trace, call: str
) -> None:
    for number in itertools.count(1):
        await push(repository, DOCUMENT, "a", "b")
        trace.fail(call, number, errno.EIO)
        try:
            await repository.delete_manifest(DIGEST)
        except StorageFailed:
            there = await holds(repository, DIGEST)
            assert (await named(repository, "a") == DIGEST) == there
            assert await repository.tags() == (["a", "b"] if there else [])
            assert await referrers(repository) == ([DIGEST] if there else [])
        else:
            assert number > 2
            return

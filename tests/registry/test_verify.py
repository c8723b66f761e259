"""Directories filled through the registry's own doors and then damaged by hand: what is said, and what is mended."""

from __future__ import annotations

import asyncio
import errno
import os
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from tests.registry.steps import elsewhere, named, numbered, push, push_blob
from tests.support.documents import EMPTY_JSON, OCI_IMAGE, OCI_INDEX, descriptor, docker_image, docker_list, dump, image
from tests.support.documents import index as image_index
from trow.config.model import Sparse
from trow.oci.digest import Digest
from trow.oci.reference import RepositoryName, Tag
from trow.registry import verify as module
from trow.registry.registry import Registry
from trow.registry.verify import Finding, Progress, verify
from trow.storage import layout

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path
    from typing import Any

    from tests.storage.peer import Opening
    from tests.storage.tracing import Trace
    from trow.registry.repository import Repository

    Damage = Callable[[Path, Repository, Digest], Coroutine[Any, Any, None]]

PATIENCE_SECONDS = 20.0
LAYER = Digest.of(b"layer 1")


class Settling:
    """The while between two looks, as long as the test wants it."""

    def __init__(self) -> None:
        self._begun = asyncio.Event()
        self._over = asyncio.Event()

    async def wait(self) -> None:
        self._begun.set()
        await self._over.wait()

    async def begun(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._begun.wait()

    def end(self) -> None:
        self._over.set()


@pytest.fixture(autouse=True)
def soon_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLE_SECONDS", 0.01)


@pytest.fixture
def settling(monkeypatch: pytest.MonkeyPatch) -> Settling:
    pause = Settling()
    monkeypatch.setattr(module, "settle", pause.wait)
    return pause


async def push_image(repository: Repository, number: int, *tags: str) -> Digest:
    """An image of a config and a layer of its own."""
    config, layer = b"config %d" % number, b"layer %d" % number
    for blob in (config, layer):
        await push_blob(repository, blob)
    return await push(repository, image(config, [layer]), *tags)


async def run(registry: Registry, *, repair: bool = False, sparse: Sparse = Sparse.NONE) -> list[Finding]:
    return [finding async for finding in verify(registry, repair=repair, sparse=sparse)]


def tree(root: Path) -> dict[str, tuple[int, int, int, int]]:
    """Everything that a change would show in."""
    found = {}
    for path in root.rglob("*"):
        status = path.lstat()
        found[str(path)] = (status.st_ino, status.st_mode, status.st_size, status.st_mtime_ns)
    return found


def flip(root: Path, digest: Digest) -> None:
    """Change one bit of content, as a disk would."""
    path = root / layout.blob(digest)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    overwrite(path, bytes(content))


def overwrite(path: Path, content: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(content)


def told(findings: list[Finding]) -> list[tuple[str | None, str | None, str | None]]:
    """What they are about."""
    return [finding[:3] for finding in findings]


async def fill(repository: Repository, other: Repository) -> None:
    """Something of every kind."""
    first = await push_image(repository, 1, "v1", "latest")
    await push_image(repository, 2, "v2", "latest")
    stored = await repository.manifest(first)
    children = [descriptor(stored.content, stored.media_type), descriptor(b"not here", OCI_IMAGE)]
    listed = await push(repository, image_index(children), "index")
    await push(repository, image_index([descriptor((await repository.manifest(listed)).content, OCI_INDEX)]), "nested")
    await push_blob(other, EMPTY_JSON)
    await push(other, image(EMPTY_JSON, subject=descriptor(stored.content, OCI_IMAGE)))
    await push_blob(other, b"of sha512", "sha512")
    await push(other, image(b"of sha512", algorithm="sha512"), "long", algorithm="sha512")
    await push_blob(other, b"docker")
    docker = docker_image(b"docker")
    docker["layers"].append(descriptor(b"foreign", "application/vnd.oci.image.layer.nondistributable.v1.tar"))
    await push(other, docker, "docker")
    await push(other, docker_list([descriptor(dump(docker), docker["mediaType"])]), "list")
    await push(other, {"schemaVersion": 2, "mediaType": "application/vnd.example+json"}, "unknown-kind")
    await push_blob(other, b"linked by nobody")
    await push_blob(other, b"")
    await other.mount(LAYER, repository)


async def test_a_whole_directory_has_no_findings_and_is_left_as_it_is(
    root: Path, registry: Registry, repository: Repository, other: Repository
) -> None:
    await fill(repository, other)
    before = tree(root)
    for repair in (False, True):
        assert await run(registry, repair=repair) == []
        assert tree(root) == before


async def test_an_empty_directory_has_no_findings(registry: Registry) -> None:
    assert await run(registry) == []


async def test_progress_ends_at_the_totals_and_is_the_summary(
    root: Path, registry: Registry, repository: Repository, other: Repository
) -> None:
    await fill(repository, other)
    flip(root, LAYER)
    verification = verify(registry, repair=False)
    assert verification.progress == Progress(*[0] * 10)
    seen = [verification.progress async for _ in verification]
    contents = [path for path in (root / "blobs").rglob("*") if path.is_file() and path.suffix != ".pushed"]
    end = verification.progress
    assert (end.blobs, end.bytes) == (end.blobs_total, end.bytes_total)
    assert end.blobs_total == seen[0].blobs_total == len(contents)
    assert end.bytes_total == seen[0].bytes_total == sum(path.stat().st_size for path in contents)
    assert (end.repositories, end.tags, end.manifests) == (2, 9, 9)
    assert (end.problems, end.repaired, end.notes) == (4, 0, 0)  # the layer, and the tags v1, index and nested


@pytest.mark.parametrize("damage", [flip, lambda root, digest: overwrite(root / layout.blob(digest), b"lay")])
async def test_a_damaged_layer_is_told_of_and_the_tags_that_need_it(
    root: Path, registry: Registry, repository: Repository, damage: Callable[[Path, Digest], None]
) -> None:
    digest = await push_image(repository, 1, "a", "b")
    damage(root, LAYER)
    before = tree(root)
    content, *tags = await run(registry)
    assert content[:3] == (None, None, LAYER)
    assert content.wrong.startswith("is damaged")
    assert content.mend == "removes it, so that a push brings it back"
    assert told(tags) == [(repository.name, tag, digest) for tag in "ab"]
    assert {tag.wrong for tag in tags} == {f"blob {LAYER} is damaged"}
    assert not any(finding.repaired for finding in (content, *tags))
    assert tree(root) == before


async def test_damaged_content_is_removed_and_the_next_push_mends_all_that_linked_it(
    root: Path, registry: Registry, repository: Repository, other: Repository
) -> None:
    for each in (repository, other):
        await push_image(each, 1, "latest")
    flip(root, LAYER)
    content, *tags = await run(registry, repair=True)
    assert content.repaired
    assert not (root / layout.blob(LAYER)).exists()
    assert {tag.wrong for tag in tags} == {f"blob {LAYER} is missing"}
    assert [tag.mend for tag in tags] == [None, None]
    assert len(await run(registry)) == 2
    await push_blob(other, b"layer 1")
    assert await run(registry) == []
    assert (await repository.blob(LAYER)).size == 7


async def test_a_missing_layer_is_told_of_once_for_each_tag(
    root: Path, registry: Registry, repository: Repository
) -> None:
    digest = await push_image(repository, 1, "latest")
    (root / layout.blob(LAYER)).unlink()
    for repair in (False, True):
        (finding,) = await run(registry, repair=repair)
        assert finding == Finding(repository.name, "latest", digest, f"blob {LAYER} is missing")


async def flip_layer(root: Path, _: Repository, __: Digest) -> None:
    flip(root, Digest.of(b"layer 2"))


async def lose_config(root: Path, _: Repository, __: Digest) -> None:
    (root / layout.blob(Digest.of(b"config 2"))).unlink()


async def flip_manifest(root: Path, _: Repository, digest: Digest) -> None:
    flip(root, digest)


async def forge_manifest(root: Path, _: Repository, digest: Digest) -> None:
    path = root / layout.blob(digest)
    overwrite(path, path.read_bytes().replace(b'"layers"', b'"lagers"'))


async def cut_manifest(root: Path, _: Repository, digest: Digest) -> None:
    overwrite(root / layout.blob(digest), b"")


async def lose_manifest(root: Path, _: Repository, digest: Digest) -> None:
    (root / layout.blob(digest)).unlink()


async def lose_record(root: Path, repository: Repository, digest: Digest) -> None:
    (root / layout.manifest(repository.name, digest)).unlink()


async def scribble_on_record(root: Path, repository: Repository, digest: Digest) -> None:
    overwrite(root / layout.manifest(repository.name, digest), b"\0" * 100)


async def miscount_record(root: Path, repository: Repository, digest: Digest) -> None:
    path = root / layout.manifest(repository.name, digest)
    overwrite(path, path.read_bytes().replace(b'"size":', b'"size":1'))


async def unlink_layer(_: Path, repository: Repository, __: Digest) -> None:
    await repository.delete_blob(Digest.of(b"layer 2"))


async def empty_link(root: Path, repository: Repository, _: Digest) -> None:
    overwrite(root / layout.blob_link(repository.name, Digest.of(b"layer 2")), b"")


DAMAGES = [
    flip_layer,
    lose_config,
    flip_manifest,
    forge_manifest,
    cut_manifest,
    lose_manifest,
    lose_record,
    scribble_on_record,
    miscount_record,
    unlink_layer,
    empty_link,
]


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_tag_that_does_not_pull_is_rolled_back_to_its_newest_entry_that_does(
    root: Path, registry: Registry, repository: Repository, opening: Opening, damage: Damage
) -> None:
    oldest, older = [await push_image(repository, number, "latest", f"v{number}") for number in (0, 1)]
    newest = await push_image(repository, 2, "latest")
    await damage(root, repository, newest)
    before = tree(root)
    about = [finding for finding in await run(registry) if finding.tag]
    assert told(about) == [(repository.name, "latest", newest)]
    assert about[0].mend
    assert about[0].mend.startswith(f"rolls it back to {older}, which it named since 20")
    assert tree(root) == before
    about = [finding for finding in await run(registry, repair=True) if finding.tag]
    assert told(about) == [(repository.name, "latest", newest)]
    assert about[0].repaired
    for each in (repository, elsewhere(repository, opening)):
        assert await named(each, "latest") == older
    history = await repository.history(Tag("latest"))
    assert [entry.digest for entry in history] == [older, newest, older, oldest]
    assert [entry.time for entry in history] == sorted((entry.time for entry in history), reverse=True)
    assert not [finding for finding in await run(registry, repair=True) if finding.tag or finding.repaired]
    # and pushing it again brings all of it back
    assert await push_image(repository, 2, "latest") == newest
    assert await run(registry) == []


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_tag_with_no_entry_that_pulls_is_told_of_and_kept(
    root: Path, registry: Registry, repository: Repository, damage: Damage
) -> None:
    digest = await push_image(repository, 2, "latest")
    await damage(root, repository, digest)
    document = (root / layout.tag(repository.name, "latest")).read_bytes()
    for repair in (False, True):
        (finding,) = [finding for finding in await run(registry, repair=repair) if finding.tag]
        assert finding[:3] == (repository.name, "latest", digest)
        assert finding.mend is None
        assert not finding.repaired
        assert (root / layout.tag(repository.name, "latest")).read_bytes() == document


async def test_entries_that_do_not_pull_either_are_passed_over(
    root: Path, registry: Registry, repository: Repository
) -> None:
    digests = [await push_image(repository, number, "latest") for number in range(5)]
    for number in (2, 4):
        flip(root, Digest.of(b"layer %d" % number))
    await repository.delete_manifest(digests[3])
    assert [finding.repaired for finding in await run(registry, repair=True) if finding.tag] == [True]
    assert await named(repository, "latest") == digests[1]


async def test_a_manifest_without_a_tag_is_told_of_by_its_digest(
    root: Path, registry: Registry, repository: Repository
) -> None:
    digest = await push_image(repository, 1)
    (root / layout.blob(LAYER)).unlink()
    assert await run(registry) == [Finding(repository.name, None, digest, f"blob {LAYER} is missing")]


async def test_an_index_may_lack_children_but_those_that_are_here_must_pull(
    root: Path, registry: Registry, repository: Repository
) -> None:
    good = await push_image(repository, 0, "multi")
    children = [await push_image(repository, number) for number in (1, 2)]
    contents = [(await repository.manifest(child)).content for child in children]
    listed = await push(repository, image_index([descriptor(each, OCI_IMAGE) for each in contents]), "multi")
    (root / layout.manifest(repository.name, children[0])).unlink()
    assert await run(registry) == []
    (root / layout.blob(children[1])).unlink()
    findings = await run(registry, repair=True)
    assert told(findings) == [(repository.name, "multi", listed), (repository.name, None, children[1])]
    assert findings[0].wrong == f"manifest {children[1]} in its index: the manifest's content is missing"
    assert await named(repository, "multi") == good


async def test_blobs_that_were_never_here_are_allowed_where_pushes_may_leave_them_out(
    root: Path, registry: Registry, repository: Repository
) -> None:
    await push(repository, numbered(1), "latest")
    assert len(await run(registry)) == 1
    assert await run(registry, sparse=Sparse.ALL) == []
    config = await push_blob(repository, b"config 1")
    (root / layout.blob(config)).unlink()
    assert len(await run(registry, sparse=Sparse.ALL)) == 1


async def test_a_link_that_says_another_size_is_removed_and_the_blob_stays(
    root: Path, registry: Registry, repository: Repository, other: Repository
) -> None:
    for each in (repository, other):
        await push_blob(each, b"layer 1")
    link = root / layout.blob_link(repository.name, LAYER)
    overwrite(link, b"70\n")
    wrong = "the link says '70', the blob is 7 bytes"
    expected = Finding(repository.name, None, LAYER, wrong, "removes the link")
    assert await run(registry) == [expected]
    assert link.exists()
    assert await run(registry, repair=True) == [expected._replace(repaired=True)]
    assert not link.exists()
    assert (await other.blob(LAYER)).size == 7
    assert await run(registry, repair=True) == []


async def test_a_tag_file_that_cannot_be_read_is_mended_from_what_is_left_of_it(
    root: Path, registry: Registry, repository: Repository
) -> None:
    digest = await push_image(repository, 1, "half", "whole")
    half, whole = (root / layout.tag(repository.name, tag) for tag in ("half", "whole"))
    overwrite(half, b"\0\0\0\n" + half.read_bytes())
    overwrite(whole, b"")
    findings = await run(registry, repair=True)
    assert [(finding.tag, finding.wrong, finding.repaired) for finding in findings] == [
        ("half", "its newest entry can't be read", True),
        ("whole", "its newest entry can't be read", False),
    ]
    assert await named(repository, "half") == digest


async def test_a_tag_of_an_earlier_life_is_noted_and_not_brought_back(
    root: Path, registry: Registry, repository: Repository
) -> None:
    await push_image(repository, 0, "latest")
    digest = await push_image(repository, 1, "latest")
    (root / layout.manifest(repository.name, digest)).unlink()  # a delete that was cut off
    await push_image(repository, 1)
    before = tree(root)
    (finding,) = await run(registry, repair=True)
    assert finding[:3] == (repository.name, "latest", digest)
    assert finding.note
    assert finding.mend is None
    assert await named(repository, "latest") is None
    assert tree(root).keys() - before.keys() <= {str(path) for path in (root / "locks").iterdir()}


async def test_what_leads_nowhere_and_harms_nobody_is_noted(
    root: Path, registry: Registry, repository: Repository
) -> None:
    await push_blob(repository, EMPTY_JSON)
    subject = Digest.of(b"a subject")
    digest = await push(repository, image(EMPTY_JSON, subject=descriptor(b"a subject", OCI_IMAGE)))
    await push_blob(repository, b"layer 1")
    (root / layout.blob(LAYER)).unlink()
    (root / layout.manifest(repository.name, digest)).unlink()
    verification = verify(registry, repair=True)
    assert [finding async for finding in verification] == [
        Finding(repository.name, None, LAYER, "is linked, but not there", note=True),
        Finding(repository.name, None, digest, f"is listed as a referrer of {subject}, but not here", note=True),
    ]
    assert (verification.progress.problems, verification.progress.notes) == (0, 2)


async def test_a_referrer_whose_entry_cannot_be_read_is_told_of(
    root: Path, registry: Registry, repository: Repository
) -> None:
    await push_blob(repository, EMPTY_JSON)
    subject = Digest.of(b"a subject")
    digest = await push(repository, image(EMPTY_JSON, subject=descriptor(b"a subject", OCI_IMAGE)))
    overwrite(root / layout.referrer(repository.name, subject, digest), b"{")
    (finding,) = await run(registry)
    assert finding == Finding(repository.name, None, digest, f"its entry as a referrer of {subject} can't be read")


async def test_what_the_disk_will_not_read_is_told_of_and_never_removed(
    root: Path, registry: Registry, repository: Repository, trace: Trace
) -> None:
    good = await push_image(repository, 0, "latest")
    digest = await push_image(repository, 1, "latest")

    def refuse(path: str) -> None:
        if path == layout.blob(LAYER):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    trace.every("pread", refuse)
    content, tag = await run(registry, repair=True)
    assert content[:3] == (None, None, LAYER)
    assert "Input/output error" in content.wrong
    assert content.mend is None
    assert (root / layout.blob(LAYER)).exists()
    assert tag[:3] == (repository.name, "latest", digest)
    assert await named(repository, "latest") == good


async def test_each_digest_is_read_once_however_many_repositories_link_it(
    registry: Registry, repository: Repository, other: Repository, trace: Trace
) -> None:
    for each in (repository, other):
        await push_image(each, 1, "latest")
    trace.clear()
    assert await run(registry) == []
    assert [call.path for call in trace.of("open")].count(layout.blob(LAYER)) == 1


async def test_a_large_blob_is_read_in_little_memory(registry: Registry, repository: Repository) -> None:
    await push_blob(repository, os.urandom(1 << 20) * 48)
    tracemalloc.start()
    try:
        assert await run(registry) == []
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


async def test_whoever_breaks_off_leaves_nothing_running(
    root: Path, registry: Registry, repository: Repository
) -> None:
    digests = [await push_blob(repository, b"blob %d" % number) for number in range(30)]
    flip(root, digests[0])
    before = asyncio.all_tasks()
    findings = aiter(verify(registry, repair=False))
    await anext(findings)
    await findings.aclose()  # type: ignore[attr-defined]
    assert asyncio.all_tasks() == before


# --- beside a server at work


async def test_a_push_that_mends_while_it_runs_leaves_no_finding_of_its_tags(
    root: Path, registry: Registry, repository: Repository, opening: Opening
) -> None:
    await push_image(repository, 1, "latest")
    flip(root, LAYER)
    findings = []
    async for finding in verify(registry, repair=False):
        findings.append(finding)
        await push_image(elsewhere(repository, opening), 1, "latest")
    assert told(findings) == [(None, None, LAYER)]


@pytest.mark.parametrize("repair", [False, True])
async def test_content_that_is_replaced_while_it_is_read_is_read_again(
    root: Path, registry: Registry, repository: Repository, trace: Trace, repair: bool
) -> None:
    await push_image(repository, 1, "latest")
    blob, good = root / layout.blob(LAYER), root / "uploads" / "tmp-good"
    good.write_bytes(blob.read_bytes())
    flip(root, LAYER)

    def replace(path: str) -> None:
        if path == layout.blob(LAYER) and good.exists():
            good.replace(blob)

    trace.every("close", replace)
    assert await run(registry, repair=repair) == []
    assert not good.exists()
    assert blob.read_bytes() == b"layer 1"


async def test_a_push_while_damaged_content_is_removed_comes_after_it(
    root: Path, registry: Registry, repository: Repository, opening: Opening, trace: Trace
) -> None:
    await push_image(repository, 1, "latest")
    flip(root, LAYER)
    removing = trace.pause("unlink", 2)  # the first one was the marker
    running = asyncio.create_task(run(registry, repair=True))
    async with removing:
        pushing = asyncio.create_task(push_blob(elsewhere(repository, opening), b"layer 1"))
        await asyncio.sleep(0.2)
    assert (await running)[0].repaired
    await pushing
    assert (root / layout.blob(LAYER)).read_bytes() == b"layer 1"
    assert await run(registry) == []


async def test_what_is_pushed_or_deleted_before_the_second_look_is_neither_told_of_nor_rolled_back(
    root: Path, registry: Registry, repository: Repository, opening: Opening, settling: Settling
) -> None:
    await push_image(repository, 0, "same", "moved", "dropped")
    digest = await push_image(repository, 1, "same", "moved", "dropped")
    untagged = await push(repository, image(b"layer 1"))
    (root / layout.blob(LAYER)).unlink()
    running = asyncio.create_task(run(registry, repair=True))
    there = elsewhere(repository, opening)
    await settling.begun()
    moved = await push_image(there, 2, "moved")
    await there.delete_tag(Tag("dropped"))
    await there.delete_manifest(untagged)
    assert await push_image(there, 1, "same") == digest
    settling.end()
    assert await running == []
    assert await named(there, "same") == digest
    assert await named(there, "moved") == moved
    assert await named(there, "dropped") is None


async def test_a_push_in_the_midst_of_a_rollback_comes_after_it(
    root: Path, registry: Registry, repository: Repository, opening: Opening, trace: Trace
) -> None:
    older, broken = [await push_image(repository, number, "latest") for number in (0, 1)]
    await push_image(repository, 2)
    (root / layout.blob(LAYER)).unlink()
    rolling = trace.pause("rename", 1)
    running = asyncio.create_task(run(registry, repair=True))
    async with rolling:
        pushing = asyncio.create_task(push_image(elsewhere(repository, opening), 2, "latest"))
        await asyncio.sleep(0.2)
    assert [finding.repaired for finding in await running] == [True]
    newest = await pushing
    history = await repository.history(Tag("latest"))
    assert [entry.digest for entry in history] == [newest, older, broken, older]


async def test_a_push_between_link_and_blob_is_not_taken_for_a_loss(
    registry: Registry, repository: Repository, opening: Opening, trace: Trace, settling: Settling
) -> None:
    halfway = trace.pause("rename", 3)  # the link's first one finds no directory
    pushing = asyncio.create_task(push_blob(elsewhere(repository, opening), b"layer 1"))
    async with halfway:
        running = asyncio.create_task(run(registry))
        await settling.begun()
    await pushing
    settling.end()
    assert await running == []


async def test_a_delete_between_record_and_tag_does_not_bring_back_an_older_image(
    registry: Registry, repository: Repository, opening: Opening, trace: Trace, settling: Settling
) -> None:
    await push_image(repository, 0, "latest")
    digest = await push_image(repository, 1, "latest")
    halfway = trace.pause("unlink", 2)
    deleting = asyncio.create_task(elsewhere(repository, opening).delete_manifest(digest))
    async with halfway:
        running = asyncio.create_task(run(registry, repair=True))
        await settling.begun()
    await deleting
    settling.end()
    assert await running == []
    assert await named(repository, "latest") is None


async def test_a_delete_that_takes_its_time_is_waited_for_as_long_as_tags_go_away(
    root: Path, registry: Registry, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    tags = [f"n{number}" for number in range(4)]
    await push_image(repository, 0, *tags)
    digest = await push_image(repository, 1, *tags)
    (root / layout.manifest(repository.name, digest)).unlink()
    left = iter(tags)

    async def drop_one() -> None:
        if tag := next(left, None):
            (root / layout.tag(repository.name, tag)).unlink()

    monkeypatch.setattr(module, "settle", drop_one)
    assert await run(registry, repair=True) == []
    assert await repository.tags() == []


async def test_a_tag_that_is_deleted_again_and_again_is_not_taken_for_a_lost_one(
    registry: Registry, repository: Repository, opening: Opening, trace: Trace, settling: Settling
) -> None:
    there = elsewhere(repository, opening)
    await push_image(there, 0, "latest")
    digest = await push_image(there, 1, "latest")
    halfway = trace.pause("unlink", 2)
    deleting = asyncio.create_task(there.delete_manifest(digest))
    async with halfway:
        running = asyncio.create_task(run(registry))
        await settling.begun()
    await deleting
    digests = [await push_image(there, number, "latest") for number in (3, 2)]
    halfway = trace.pause("unlink", 2)
    deleting = asyncio.create_task(there.delete_manifest(digests[-1]))
    async with halfway:
        settling.end()
        assert await running == []
    await deleting


async def test_beside_pushes_and_deletes_it_finds_nothing_and_mends_nothing(
    registry: Registry, repository: Repository, other: Repository, opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SETTLE_SECONDS", 1.0)
    await fill(repository, other)
    ended = asyncio.Event()

    async def work(there: Repository, first: int) -> None:
        number = first
        while not ended.is_set():
            digest = await push_image(there, number, "busy", f"n{number % 5}")
            if number % 3 == 0:
                await there.delete_manifest(digest)
            number += 2

    there = Registry(opening())
    workers = [asyncio.create_task(work(there.repository(RepositoryName("busy")), number)) for number in (100, 101)]
    for repair in (False, True, False, True):
        assert await run(registry, repair=repair) == []
    ended.set()
    await asyncio.gather(*workers)
    assert await run(registry) == []

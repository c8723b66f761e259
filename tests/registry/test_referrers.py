"""Referrers: who says that it belongs to a manifest, pushed at once, under the older fallback tag, and in pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from tests.registry.steps import elsewhere, push
from tests.support.documents import EMPTY_JSON, OCI_CONFIG, OCI_IMAGE, OCI_INDEX, descriptor, dump, image, index
from trow.oci.digest import Digest
from trow.registry import records
from trow.registry.referrers import PAGE_BYTES, ReferrersIndex, list_referrers
from trow.storage import layout

if TYPE_CHECKING:
    from tests.storage.peer import Opening
    from tests.support.documents import Document
    from trow.oci.manifest import Descriptor
    from trow.registry.repository import Repository

CONTENT = dump(image(b"the subject"))
SUBJECT = Digest.of(CONTENT)
SBOM = "application/spdx+json"
SIGNATURE = "application/vnd.dev.cosign.artifact.sig.v1+json"


def artifact(number: int, artifact_type: str | None = SBOM, subject: bytes = CONTENT, size: int = 0) -> Document:
    annotations = {"number": str(number), "padding": "x" * size}
    return image(
        EMPTY_JSON, subject=descriptor(subject, OCI_IMAGE), artifact_type=artifact_type, annotations=annotations
    )


async def listed(repository: Repository, artifact_type: str | None = None, after: str = "") -> list[Descriptor]:
    page = await list_referrers(repository, SUBJECT, artifact_type, after)
    assert page.last is None
    return page.descriptors


async def digests(repository: Repository, artifact_type: str | None = None) -> list[str]:
    return [each.digest for each in await listed(repository, artifact_type)]


async def test_nothing_refers_to_what_nobody_knows(repository: Repository) -> None:
    assert await listed(repository) == []


async def test_a_referrer_is_described_with_type_size_and_annotations(repository: Repository) -> None:
    document = artifact(1)
    digest = await push(repository, document)
    (found,) = await listed(repository)
    assert found.digest == digest
    assert found.media_type == OCI_IMAGE
    assert found.size == len(dump(document))
    assert found.artifact_type == SBOM
    assert found.annotations == document["annotations"]


@pytest.mark.parametrize("subject_first", [True, False])
async def test_subject_and_referrer_may_come_in_any_order(repository: Repository, *, subject_first: bool) -> None:
    for document in [image(b"the subject"), artifact(1)][:: 1 if subject_first else -1]:
        await push(repository, document)
    assert await digests(repository) == [Digest.of(dump(artifact(1)))]


async def test_without_a_type_of_its_own_an_image_has_its_configs_and_an_index_none(repository: Repository) -> None:
    subject = descriptor(CONTENT, OCI_IMAGE)
    plain = await push(repository, image(EMPTY_JSON, subject=subject))
    listing = await push(repository, index([], subject=subject))
    types = {each.digest: (each.media_type, each.artifact_type) for each in await listed(repository)}
    assert types == {plain: (OCI_IMAGE, OCI_CONFIG), listing: (OCI_INDEX, None)}


async def test_the_filter_leaves_one_type(repository: Repository) -> None:
    expected: dict[str, list[str]] = {SBOM: [], SIGNATURE: []}
    for number in range(6):
        kind = (SBOM, SIGNATURE)[number % 2]
        expected[kind].append(await push(repository, artifact(number, kind)))
    for kind, found in expected.items():
        assert await digests(repository, kind) == sorted(found)
    assert await digests(repository, "application/other") == []
    assert await digests(repository) == sorted(expected[SBOM] + expected[SIGNATURE])


async def test_each_repository_and_each_subject_has_its_own(repository: Repository, other: Repository) -> None:
    await push(other, artifact(1))
    await push(repository, artifact(2, subject=b"another subject"))
    assert await listed(repository) == []


async def test_referrers_pushed_at_once_by_many_are_all_there(repository: Repository, opening: Opening) -> None:
    instances = [repository, elsewhere(repository, opening)]
    async with anyio.create_task_group() as tasks:
        for number in range(24):
            tasks.start_soon(push, instances[number % 2], artifact(number))
    assert await digests(repository) == sorted(Digest.of(dump(artifact(number))) for number in range(24))


async def test_a_deleted_referrer_is_gone_and_a_deleted_subject_keeps_its_referrers(repository: Repository) -> None:
    await push(repository, image(b"the subject"))
    first, second = [await push(repository, artifact(number)) for number in range(2)]
    await repository.delete_manifest(first)
    assert await digests(repository) == [second]
    await repository.delete_manifest(SUBJECT)
    assert await digests(repository) == [second]
    await push(repository, artifact(0))
    assert await digests(repository) == sorted([first, second])


async def test_a_descriptor_that_points_to_no_manifest_is_invisible(repository: Repository) -> None:
    digest = await push(repository, artifact(1))
    await repository.storage.records.delete(layout.manifest(repository.name, digest))
    assert await repository.storage.records.get(layout.referrer(repository.name, SUBJECT, digest))
    assert await listed(repository) == []


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
async def test_what_older_clients_listed_under_the_fallback_tag_is_listed(
    repository: Repository, algorithm: str
) -> None:
    subject = Digest.of(CONTENT, algorithm)
    document = image(EMPTY_JSON, artifact_type=SIGNATURE)
    digest = await push(repository, document)
    entry = {**descriptor(dump(document), OCI_IMAGE), "artifactType": SIGNATURE, "annotations": {"a": "b"}}
    await push(repository, index([entry]), f"{subject.algorithm}-{subject.hex[:64]}")
    page = await list_referrers(repository, subject, SIGNATURE, "")
    assert [(each.digest, each.artifact_type, each.annotations) for each in page.descriptors] == [
        (digest, SIGNATURE, {"a": "b"})
    ]
    assert (await list_referrers(repository, subject, SBOM, "")).descriptors == []


async def test_what_is_listed_in_both_ways_is_listed_once(repository: Repository) -> None:
    document = artifact(1)
    digest = await push(repository, document)
    await push(repository, index([descriptor(dump(document), OCI_IMAGE)]), f"sha256-{SUBJECT.hex}")
    (found,) = await listed(repository)
    assert (found.digest, found.artifact_type) == (digest, SBOM)


async def test_the_fallback_tag_lists_nothing_that_is_not_there(repository: Repository) -> None:
    document = image(EMPTY_JSON, artifact_type=SBOM)
    digest = await push(repository, document)
    entries = [descriptor(dump(document), OCI_IMAGE), descriptor(b"never pushed", OCI_IMAGE)]
    await push(repository, index(entries), f"sha256-{SUBJECT.hex}")
    assert await digests(repository) == [digest]
    await repository.delete_manifest(digest)
    assert await digests(repository) == []


async def test_a_fallback_tag_that_names_no_index_lists_nothing(repository: Repository) -> None:
    await push(repository, image(EMPTY_JSON), f"sha256-{SUBJECT.hex}")
    digest = await push(repository, artifact(1))
    assert await digests(repository) == [digest]


@pytest.mark.parametrize("artifact_type", [None, SBOM])
async def test_pages_are_no_larger_than_a_client_must_take(repository: Repository, artifact_type: str | None) -> None:
    expected = [await push(repository, artifact(number, size=900_000)) for number in range(10)]
    await push(repository, artifact(10, SIGNATURE, size=900_000))
    found: list[str] = []
    after, pages = "", 0
    while True:
        page = await list_referrers(repository, SUBJECT, artifact_type, after)
        assert len(records.encode(ReferrersIndex(manifests=page.descriptors))) <= PAGE_BYTES == 4 * 1024 * 1024
        found += [each.digest for each in page.descriptors if artifact_type is None or each.artifact_type == SBOM]
        pages += 1
        if page.last is None:
            break
        assert page.last == page.descriptors[-1].digest
        after = page.last
    assert pages == 3
    assert sorted(set(found) & set(expected)) == sorted(expected)
    assert found == sorted(found)


async def test_a_page_holds_at_least_one_however_large(repository: Repository) -> None:
    expected = [await push(repository, artifact(number, size=4_194_200)) for number in range(2)]
    first = await list_referrers(repository, SUBJECT, None, "")
    assert first.last is not None
    second = await list_referrers(repository, SUBJECT, None, first.last)
    assert second.last is None
    assert [each.digest for each in [*first.descriptors, *second.descriptors]] == sorted(expected)


async def test_referrers_of_both_algorithms_are_sorted_together(repository: Repository) -> None:
    expected = [
        await push(repository, artifact(number, size=number), algorithm=algorithm)
        for number in range(3)
        for algorithm in ("sha256", "sha512")
    ]
    assert await digests(repository) == sorted(expected)

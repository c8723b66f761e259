"""What a manifest refers to must be there, in this repository, whole and durably; `sparse` says how much of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.registry.steps import elsewhere, push, push_blob
from tests.support.documents import (
    DOCKER_FOREIGN,
    EMPTY_JSON,
    OCI_IMAGE,
    Document,
    descriptor,
    docker_image,
    docker_list,
    dump,
    image,
    index,
)
from trow.config.model import Sparse
from trow.errors import ManifestBlobUnknown
from trow.oci.digest import Digest
from trow.oci.manifest import parse_manifest
from trow.registry.validation import require_references
from trow.storage import layout

if TYPE_CHECKING:
    from pathlib import Path

    from tests.storage.peer import Opening
    from tests.storage.tracing import Trace
    from trow.registry.repository import Repository

LAYER = b"a layer"
IMAGE = image(EMPTY_JSON, [LAYER])
INDEX = index([descriptor(dump(IMAGE), OCI_IMAGE)])


async def missing(repository: Repository, document: Document, sparse: Sparse = Sparse.NONE) -> list[str]:
    """The digests that keep a manifest from being stored."""
    try:
        await require_references(repository, parse_manifest(dump(document), ""), sparse)
    except ManifestBlobUnknown as error:
        detail = error.detail
    else:
        return []
    assert isinstance(detail, list)
    return [each["digest"] for each in detail]


@pytest.mark.parametrize("document", [IMAGE, docker_image(EMPTY_JSON, [LAYER])], ids=["oci", "docker"])
async def test_config_and_layers_must_be_here(repository: Repository, other: Repository, document: Document) -> None:
    config, layer = Digest.of(EMPTY_JSON), Digest.of(LAYER)
    await push_blob(other, EMPTY_JSON)
    assert await missing(repository, document) == [config, layer]
    await push_blob(repository, EMPTY_JSON)
    assert await missing(repository, document) == [layer]
    await push_blob(repository, LAYER)
    assert await missing(repository, document) == []


@pytest.mark.parametrize("document", [INDEX, docker_list(INDEX["manifests"])], ids=["oci", "docker"])
async def test_children_of_an_index_must_be_here(repository: Repository, other: Repository, document: Document) -> None:
    await push(other, IMAGE)
    assert await missing(repository, document) == [Digest.of(dump(IMAGE))]
    digest = await push(repository, IMAGE)
    assert await missing(repository, document) == []
    await repository.delete_manifest(digest)
    assert await missing(repository, document) == [digest]


async def test_a_child_counts_as_a_manifest_and_not_as_a_blob(repository: Repository) -> None:
    digest = await push_blob(repository, dump(IMAGE))
    assert await missing(repository, INDEX) == [digest]


async def test_a_subject_may_be_missing(repository: Repository) -> None:
    await push_blob(repository, EMPTY_JSON)
    assert await missing(repository, image(EMPTY_JSON, subject=descriptor(b"nowhere", OCI_IMAGE))) == []


async def test_layers_that_stay_elsewhere_may_be_missing(repository: Repository) -> None:
    await push_blob(repository, EMPTY_JSON)
    document = docker_image(EMPTY_JSON)
    for media_type in (DOCKER_FOREIGN, "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"):
        document["layers"].append(descriptor(media_type.encode(), media_type))
    assert await missing(repository, document) == []


@pytest.mark.parametrize(
    ("sparse", "image_may_lack", "index_may_lack"),
    [(Sparse.NONE, False, False), (Sparse.INDEXES, False, True), (Sparse.ALL, True, True)],
)
async def test_sparse_says_what_may_be_missing(
    repository: Repository, sparse: Sparse, *, image_may_lack: bool, index_may_lack: bool
) -> None:
    assert (await missing(repository, IMAGE, sparse) == []) == image_may_lack
    assert (await missing(repository, INDEX, sparse) == []) == index_may_lack


async def test_a_blob_of_the_wrong_size_on_disk_is_missing(root: Path, repository: Repository) -> None:
    digest = await push_blob(repository, EMPTY_JSON)
    (root / layout.blob(digest)).chmod(0o644)
    (root / layout.blob(digest)).write_bytes(b"")
    assert await missing(repository, image(EMPTY_JSON)) == [digest]


async def test_no_more_than_a_hundred_missing_digests_are_told(repository: Repository) -> None:
    assert len(await missing(repository, image(EMPTY_JSON, [b"%d" % number for number in range(300)]))) == 100


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
async def test_what_another_process_pushed_is_synced_before_it_says_yes(
    repository: Repository, opening: Opening, trace: Trace, algorithm: str
) -> None:
    other = elsewhere(repository, opening)
    await push_blob(other, EMPTY_JSON, algorithm)
    child = image(EMPTY_JSON, algorithm=algorithm)
    await push(other, child, algorithm=algorithm)
    parent = index([descriptor(dump(child), OCI_IMAGE, algorithm)])
    trace.clear()
    for instance in (other, repository, repository):
        assert await missing(instance, child) == []
        assert await missing(instance, parent) == []
        if instance is other:  # it synced all of that itself, and nobody has touched it since
            assert trace.of("fsync") == []
    synced = {call.path for call in trace.of("fsync")}
    assert f"blobs/{algorithm}/{Digest.of(EMPTY_JSON, algorithm).hex[:2]}" in synced
    assert synced >= {f"repositories/{repository.name}/{kind}/{algorithm}" for kind in ("_blobs", "_manifests")}

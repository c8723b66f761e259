"""Manifests that are not taken, and what they may refer to that is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support import documents
from tests.support.client import Client
from tests.support.documents import (
    DOCKER_FOREIGN,
    DOCKER_IMAGE,
    DOCKER_LIST,
    EMPTY_JSON,
    OCI_IMAGE,
    OCI_INDEX,
    Blob,
    digest_of,
    dump,
)
from tests.support.server import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.documents import Document

LAYER = b"a layer"
MISSING = b"never pushed anywhere"
SCHEMA_1 = {"schemaVersion": 1, "name": "library/old", "tag": "latest", "fsLayers": [], "history": []}


@pytest.fixture
def filled(client: Client, name: str) -> str:
    """A repository that holds the blobs which the documents below speak of."""
    client.push_blob(name, EMPTY_JSON)
    client.push_blob(name, LAYER)
    return name


def changed(**values: Any) -> Document:
    """An image, with fields replaced, or left out when they are None."""
    return {key: value for key, value in (documents.image(EMPTY_JSON, [LAYER]) | values).items() if value is not None}


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b"{}" * 2, b"[" * 100_000),
        dump(changed(schemaVersion=3)),
        dump(changed(schemaVersion=None)),
        dump(changed(schemaVersion="2")),
        dump(changed(config=None)),
        dump(changed(config={"mediaType": "x", "digest": "sha256:short", "size": 2})),
        dump(changed(config={"mediaType": "x", "digest": "../../etc/passwd", "size": 2})),
        dump(changed(config={"mediaType": "x", "size": 2})),
        dump(changed(layers=[{"mediaType": "x", "digest": "latest", "size": 2}])),
        dump(changed(layers="none")),
        dump(changed(subject={"mediaType": "x", "digest": "sha256:", "size": 2})),
        dump(changed(mediaType=7)),
    ],
)
def test_what_is_no_manifest_is_refused(client: Client, filled: str, content: bytes) -> None:
    answer = client.put_manifest(filled, content, "broken", OCI_IMAGE)

    assert (answer.status, answer.code) == (400, "MANIFEST_INVALID")
    assert client.head(f"/v2/{filled}/manifests/broken").status == 404
    assert client.head(f"/v2/{filled}/manifests/{digest_of(content)}").status == 404


@pytest.mark.parametrize("declared", [OCI_INDEX, DOCKER_IMAGE, DOCKER_LIST])
def test_a_content_type_that_contradicts_the_manifest_is_refused(client: Client, filled: str, declared: str) -> None:
    answer = client.put_manifest(filled, changed(), "contradiction", declared)

    assert (answer.status, answer.code) == (400, "MANIFEST_INVALID")


@pytest.mark.parametrize("declared", [OCI_IMAGE, f"{OCI_IMAGE}; charset=utf-8", OCI_IMAGE.upper()])
def test_a_content_type_may_bear_parameters_and_capitals(client: Client, filled: str, declared: str) -> None:
    assert client.put_manifest(filled, changed(), "parameters", declared).status == 201

    assert client.get(f"/v2/{filled}/manifests/parameters").headers["content-type"] == OCI_IMAGE


@pytest.mark.parametrize(
    "media_type",
    [
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "application/json",
    ],
)
def test_schema_1_gets_a_message_that_says_what_to_do(client: Client, name: str, media_type: str) -> None:
    answer = client.put_manifest(name, SCHEMA_1, "old", media_type)

    assert (answer.status, answer.code) == (400, "MANIFEST_INVALID")
    message = answer.json()["errors"][0]["message"]
    assert message.startswith("Manifest Schema version 1 is not supported. Please update.")
    assert "skopeo" in message


@pytest.mark.parametrize("tag", ["-x", ".x", "a" * 129, "a b", "tag!", "ä"])
def test_a_manifest_under_what_is_no_tag_is_refused(client: Client, filled: str, tag: str) -> None:
    answer = client.put_manifest(filled, changed(), tag)

    assert answer.status == 400
    assert answer.code in ("MANIFEST_INVALID", "NAME_INVALID")
    assert client.get(f"/v2/{filled}/tags/list").json()["tags"] == []


def missing_config() -> Document:
    return documents.image(MISSING, [LAYER])


def missing_layer() -> Document:
    return documents.image(EMPTY_JSON, [LAYER, MISSING])


def missing_docker_layer() -> Document:
    return documents.docker_image(EMPTY_JSON, [MISSING])


def missing_child() -> Document:
    return documents.index([documents.descriptor(MISSING, OCI_IMAGE)])


def missing_docker_child() -> Document:
    return documents.docker_list([documents.descriptor(MISSING, DOCKER_IMAGE)])


def blob_as_child() -> Document:
    return documents.index([documents.descriptor(LAYER, OCI_IMAGE)])


BLOBS = (missing_config, missing_layer, missing_docker_layer)
CHILDREN = (missing_child, missing_docker_child, blob_as_child)


@pytest.mark.parametrize("make", [*BLOBS, *CHILDREN])
def test_what_a_manifest_refers_to_must_be_there(client: Client, filled: str, make: Any) -> None:
    answer = client.put_manifest(filled, make(), "dangling")

    assert (answer.status, answer.code) == (400, "MANIFEST_BLOB_UNKNOWN")
    missing = Blob.of(LAYER if make is blob_as_child else MISSING).digest
    assert answer.json()["errors"][0]["detail"] == [{"digest": missing}]
    assert client.head(f"/v2/{filled}/manifests/dangling").status == 404


def test_a_blob_of_another_repository_does_not_count(client: Client, name: str) -> None:
    pushed = client.push_image(f"{name}/one")
    client.push_blob(f"{name}/two", EMPTY_JSON)

    answer = client.put_manifest(f"{name}/two", pushed.content, "latest")

    assert answer.code == "MANIFEST_BLOB_UNKNOWN"


def test_a_manifest_of_another_repository_does_not_count(client: Client, name: str) -> None:
    pushed = client.push_image(f"{name}/one")

    answer = client.put_manifest(f"{name}/two", documents.index([pushed.as_subject()]), "multi")

    assert answer.code == "MANIFEST_BLOB_UNKNOWN"


@pytest.mark.parametrize("media_type", [DOCKER_FOREIGN, "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"])
def test_a_foreign_layer_may_be_missing(client: Client, filled: str, media_type: str) -> None:
    foreign = documents.descriptor(MISSING, media_type) | {"urls": ["https://example.test/layer"]}

    assert client.put_manifest(filled, changed(layers=[foreign]), "windows").status == 201


def test_a_subject_may_be_missing(client: Client, filled: str) -> None:
    subject = documents.descriptor(MISSING, OCI_IMAGE)

    answer = client.put_manifest(filled, changed(subject=subject), "attached")

    assert (answer.status, answer.headers["oci-subject"]) == (201, subject["digest"])


@pytest.fixture(scope="module", params=["none", "indexes", "all"])
def sparse(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Client]]:
    mode: str = request.param
    with (
        running(tmp_path_factory.mktemp(mode) / "data", "--sparse", mode) as server,
        Client(server.port) as client,
    ):
        for content in (EMPTY_JSON, LAYER):
            client.push_blob("sparse", content)
        yield mode, client


@pytest.mark.parametrize("make", [*BLOBS, *CHILDREN])
def test_sparse_says_what_may_be_missing(sparse: tuple[str, Client], make: Any) -> None:
    mode, client = sparse

    status = client.put_manifest("sparse", make(), "dangling").status

    allowed = mode == "all" or (mode == "indexes" and make in CHILDREN)
    assert status == (201 if allowed else 400)

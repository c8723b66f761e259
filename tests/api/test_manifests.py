"""Pushing and pulling manifests of every kind (Distribution spec, "Pushing manifests")."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support import documents
from tests.support.client import Client
from tests.support.documents import EMPTY_JSON, OCI_IMAGE, OCI_INDEX, Blob, digest_of, dump
from tests.support.server import running

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.documents import Document

LAYER = b"a layer"


@pytest.fixture
def filled(client: Client, name: str) -> str:
    """A repository that holds the blobs which the documents below speak of."""
    client.push_blob(name, EMPTY_JSON)
    client.push_blob(name, LAYER)
    return name


def image() -> Document:
    return documents.image(EMPTY_JSON, [LAYER])


def artifact() -> Document:
    return documents.image(EMPTY_JSON, [LAYER], artifact_type="application/vnd.x", config_type=documents.OCI_EMPTY)


def docker_image() -> Document:
    return documents.docker_image(EMPTY_JSON, [LAYER])


def image_without_media_type() -> Document:
    return {key: value for key, value in image().items() if key != "mediaType"}


KINDS = (image, artifact, docker_image, image_without_media_type)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("by", ["tag", "digest"])
def test_a_manifest_is_kept_as_it_was_pushed(
    client: Client, filled: str, kind: Callable[[], Document], by: str
) -> None:
    content = json.dumps(kind(), indent=3).encode() + b"\n\n"
    media_type = kind().get("mediaType", OCI_IMAGE)
    reference = "v1" if by == "tag" else digest_of(content)

    put = client.put_manifest(filled, content, reference, media_type)

    assert put.status == 201
    assert put.location == f"/v2/{filled}/manifests/{reference}"
    assert put.headers["docker-content-digest"] == digest_of(content)
    assert put.headers["oci-subject"] is None
    for name in (reference, digest_of(content)):
        got = client.get(f"/v2/{filled}/manifests/{name}")
        assert got.status == 200
        assert got.body == content
        assert got.headers["content-type"] == media_type
        assert got.headers["docker-content-digest"] == digest_of(content)
        assert got.headers["etag"] == f'"{digest_of(content)}"'


@pytest.mark.parametrize(("make", "child"), [(documents.index, image), (documents.docker_list, docker_image)])
def test_an_index_is_kept_as_it_was_pushed(
    client: Client, filled: str, make: Callable[[list[Document]], Document], child: Callable[[], Document]
) -> None:
    inner = dump(child())
    client.push_manifest(filled, inner)
    document = make([documents.descriptor(inner, child()["mediaType"])])

    client.push_manifest(filled, document, "multi")

    got = client.get(f"/v2/{filled}/manifests/multi")
    assert (got.body, got.headers["content-type"]) == (dump(document), document["mediaType"])


def test_an_index_may_hold_an_index_and_may_be_empty(client: Client, name: str) -> None:
    empty = dump(documents.index([]))
    client.push_manifest(name, empty)

    client.push_manifest(name, documents.index([documents.descriptor(empty, OCI_INDEX)]), "outer")

    assert client.get(f"/v2/{name}/manifests/outer").status == 200


@pytest.mark.parametrize("accept", ["", "*/*", "application/vnd.docker.distribution.manifest.v2+json", "text/html"])
def test_what_a_client_accepts_changes_no_byte(client: Client, name: str, accept: str) -> None:
    pushed = client.push_image(name)

    answer = client.get(f"/v2/{name}/manifests/latest", accept=accept)

    assert (answer.body, answer.headers["content-type"]) == (pushed.content, OCI_IMAGE)


@pytest.mark.parametrize("reference", ["latest", "digest"])
def test_head_of_a_manifest_has_the_headers_of_get(client: Client, name: str, reference: str) -> None:
    pushed = client.push_image(name)
    target = f"/v2/{name}/manifests/{pushed.digest if reference == 'digest' else reference}"

    head, get = client.head(target), client.get(target)

    assert head.status == 200
    assert head.headers["content-length"] == str(len(pushed.content))
    assert {key: value for key, value in head.headers.items() if key not in ("date", "x-request-id")} == {
        key: value for key, value in get.headers.items() if key not in ("date", "x-request-id")
    }


@pytest.mark.parametrize("form", ['"{}"', 'W/"{}"', '"other", "{}"', "*"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_manifest_that_the_client_has_is_304(client: Client, name: str, method: str, form: str) -> None:
    pushed = client.push_image(name)

    answer = client.request(
        method, f"/v2/{name}/manifests/latest", headers={"If-None-Match": form.format(pushed.digest)}
    )

    assert answer.status == 304
    assert answer.headers["etag"] == f'"{pushed.digest}"'
    assert answer.headers["docker-content-digest"] == pushed.digest
    assert client.get(f"/v2/{name}/manifests/latest", if_none_match='"other"').body == pushed.content


def test_a_tag_moves_and_the_old_manifest_stays(client: Client, name: str) -> None:
    old = client.push_image(name, salt="old")
    new = client.push_image(name, salt="new")

    assert client.get(f"/v2/{name}/manifests/latest").body == new.content
    assert client.get(f"/v2/{name}/manifests/{old.digest}").body == old.content
    assert client.get(f"/v2/{name}/manifests/latest", if_none_match=f'"{old.digest}"').status == 200


def test_a_push_by_digest_makes_no_tag(client: Client, name: str) -> None:
    client.push_image(name, None)

    assert client.get(f"/v2/{name}/tags/list").json() == {"name": name, "tags": []}


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_push_by_another_digest_is_refused(client: Client, filled: str, algorithm: str) -> None:
    wrong = digest_of(b"something else", algorithm)

    answer = client.put_manifest(filled, image(), wrong)

    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")
    assert client.head(f"/v2/{filled}/manifests/{wrong}").status == 404
    assert client.head(f"/v2/{filled}/manifests/{digest_of(dump(image()))}").status == 404


def test_a_manifest_and_all_it_holds_may_be_sha512(client: Client, name: str) -> None:
    config, layer = (client.push_blob(name, content, "sha512") for content in (EMPTY_JSON, LAYER))
    content = dump(documents.image(config.content, [layer.content], algorithm="sha512"))
    digest = digest_of(content, "sha512")

    put = client.put_manifest(name, content, digest, query="?tag=v512")

    assert (put.status, put.headers["docker-content-digest"]) == (201, digest)
    for reference in (digest, "v512"):
        got = client.get(f"/v2/{name}/manifests/{reference}")
        assert (got.body, got.headers["docker-content-digest"]) == (content, digest)
    assert client.head(f"/v2/{name}/manifests/{digest_of(content)}").status == 404
    child = {"mediaType": OCI_IMAGE, "digest": digest, "size": len(content)}
    client.push_manifest(name, documents.index([child]), "outer")


def test_a_manifest_at_the_limit_is_taken_and_one_over_it_is_413(client: Client, filled: str) -> None:
    limit = 4 * 1024 * 1024
    bare = json.dumps(image()).encode()

    assert client.put_manifest(filled, bare.ljust(limit), "full").status == 201
    answer = client.put_manifest(filled, bare.ljust(limit + 1), "over")
    stream = client.request("PUT", f"/v2/{filled}/manifests/over", iter([bare.ljust(limit), b" "]))

    assert (answer.status, answer.code) == (413, "SIZE_INVALID")
    assert (stream.status, stream.code) == (413, "SIZE_INVALID")
    assert len(client.get(f"/v2/{filled}/manifests/full").body) == limit
    assert client.head(f"/v2/{filled}/manifests/over").status == 404


def test_the_limit_of_manifests_is_a_setting(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--max-manifest-size", "1") as server, Client(server.port) as client:
        for content in (EMPTY_JSON, LAYER):
            client.push_blob("limited", content)
        bare = dump(image())
        assert client.put_manifest("limited", bare.ljust(1024 * 1024), "full").status == 201
        assert client.put_manifest("limited", bare.ljust(1024 * 1024 + 1), "over").status == 413


def test_a_pushed_manifest_can_be_pushed_again(client: Client, name: str) -> None:
    pushed = client.push_image(name)

    for _ in range(2):
        assert client.push_manifest(name, pushed.content, "latest") == pushed.digest

    assert client.get(f"/v2/{name}/manifests/latest").body == pushed.content


def test_a_manifest_streams_in(client: Client, filled: str) -> None:
    content = dump(image())

    answer = client.request("PUT", f"/v2/{filled}/manifests/streamed", iter([content[:10], content[10:]]))

    assert answer.status == 201
    assert client.get(f"/v2/{filled}/manifests/streamed").body == content


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
@pytest.mark.parametrize("reference", ["missing", Blob.of(b"missing").digest, "-not-a-tag", "a" * 129])
def test_an_unknown_manifest_is_404(client: Client, name: str, method: str, reference: str) -> None:
    client.push_image(name)

    answer = client.request(method, f"/v2/{name}/manifests/{reference}")

    assert answer.status == 404
    if method != "HEAD":
        assert answer.code == "MANIFEST_UNKNOWN"

"""Pulling and deleting blobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.documents import Blob

if TYPE_CHECKING:
    from tests.support.client import Client

# in one message; as a file from native code; in several pieces
SIZES = (1, 1000, 65_536, 65_537, 1_000_000)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("size", [0, *SIZES])
def test_a_blob_comes_back_byte_for_byte(client: Client, name: str, size: int, algorithm: str) -> None:
    blob = client.push_blob(name, bytes(range(256)) * (size // 256) + b"x" * (size % 256), algorithm)

    answer = client.get(f"/v2/{name}/blobs/{blob.digest}")

    assert answer.status == 200
    assert answer.body == blob.content
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-length"] == str(size)
    assert answer.headers["docker-content-digest"] == blob.digest
    assert answer.headers["etag"] == f'"{blob.digest}"'
    assert answer.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize("size", [0, *SIZES])
def test_head_of_a_blob_has_the_headers_of_get(client: Client, name: str, size: int) -> None:
    blob = client.push_blob(name, b"y" * size)

    head, get = (client.request(method, f"/v2/{name}/blobs/{blob.digest}") for method in ("HEAD", "GET"))

    assert head.status == 200
    assert without_date(head.headers.items()) == without_date(get.headers.items())


def without_date(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted((name, value) for name, value in headers if name not in ("date", "x-request-id"))


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_unknown_blob_is_404(client: Client, name: str, method: str) -> None:
    client.push_blob(name, b"another")

    answer = client.request(method, f"/v2/{name}/blobs/{Blob.of(b'never pushed').digest}")

    assert answer.status == 404
    if method == "GET":
        assert answer.code == "BLOB_UNKNOWN"


def test_a_blob_is_served_only_through_a_repository_that_holds_it(client: Client, name: str) -> None:
    blob = client.push_blob(f"{name}/one", b"held by one alone")
    client.push_blob(f"{name}/two", b"something else")

    for other in (f"{name}/two", f"{name}/three", f"{name}/one/below", name):
        assert client.head(f"/v2/{other}/blobs/{blob.digest}").status == 404
        assert client.get(f"/v2/{other}/blobs/{blob.digest}").code == "BLOB_UNKNOWN"
        assert client.delete(f"/v2/{other}/blobs/{blob.digest}").status == 404
    assert client.get(f"/v2/{name}/one/blobs/{blob.digest}").body == blob.content


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("form", ['"{}"', 'W/"{}"', '"other", "{}"', '"other" ,W/"{}",  "more"', "*", '"a,b", "{}"'])
def test_a_blob_that_the_client_has_is_304(client: Client, name: str, method: str, form: str) -> None:
    blob = client.push_blob(name, b"held already")

    target = f"/v2/{name}/blobs/{blob.digest}"
    answer = client.request(method, target, headers={"If-None-Match": form.format(blob.digest)})

    assert answer.status == 304
    assert answer.headers["etag"] == f'"{blob.digest}"'
    assert answer.headers["docker-content-digest"] == blob.digest


@pytest.mark.parametrize("condition", ['"other"', 'W/"other", "sha256:00"', "", "garbage", '"*"'])
def test_a_blob_that_the_client_has_not_is_200(client: Client, name: str, condition: str) -> None:
    blob = client.push_blob(name, b"not held")

    answer = client.get(f"/v2/{name}/blobs/{blob.digest}", if_none_match=condition)

    assert answer.status == 200
    assert answer.body == blob.content


def test_no_condition_makes_an_unknown_blob_304(client: Client, name: str) -> None:
    digest = Blob.of(b"not here at all").digest

    for condition in ("*", f'"{digest}"'):
        assert client.get(f"/v2/{name}/blobs/{digest}", if_none_match=condition).status == 404


def test_a_deleted_blob_is_gone_from_its_repository_alone(client: Client, name: str) -> None:
    blob = client.push_blob(f"{name}/one", b"shared content")
    client.push_blob(f"{name}/two", blob.content)

    answer = client.delete(f"/v2/{name}/one/blobs/{blob.digest}")

    assert answer.status == 202
    assert client.get(f"/v2/{name}/one/blobs/{blob.digest}").code == "BLOB_UNKNOWN"
    assert client.get(f"/v2/{name}/two/blobs/{blob.digest}").body == blob.content


def test_a_deleted_blob_can_be_pushed_again(client: Client, name: str) -> None:
    blob = client.push_blob(name, b"coming back")
    client.delete(f"/v2/{name}/blobs/{blob.digest}")

    client.push_blob(name, blob.content)

    assert client.get(f"/v2/{name}/blobs/{blob.digest}").body == blob.content


def test_deleting_an_unknown_blob_is_404(client: Client, name: str) -> None:
    blob = client.push_blob(name, b"deleted twice")

    assert client.delete(f"/v2/{name}/blobs/{blob.digest}").status == 202
    answer = client.delete(f"/v2/{name}/blobs/{blob.digest}")

    assert (answer.status, answer.code) == (404, "BLOB_UNKNOWN")


def test_a_manifest_is_no_blob_of_its_repository(client: Client, name: str) -> None:
    pushed = client.push_image(name)

    assert client.get(f"/v2/{name}/blobs/{pushed.digest}").code == "BLOB_UNKNOWN"
    assert client.get(f"/v2/{name}/manifests/{pushed.config.digest}").code == "MANIFEST_UNKNOWN"


@pytest.mark.parametrize(
    "text", ["sha256:abc", "sha256:" + "G" * 64, "sha256:" + "A" * 64, "md5:" + "0" * 32, "latest"]
)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_what_is_no_digest_is_refused(client: Client, name: str, method: str, text: str) -> None:
    answer = client.request(method, f"/v2/{name}/blobs/{text}")

    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")

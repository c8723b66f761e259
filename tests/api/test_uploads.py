"""Pushing a blob: every way in, and what becomes of one that goes wrong (Distribution spec, "Pushing blobs")."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.client import Client
from tests.support.documents import Blob
from tests.support.server import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.client import Answer

CONTENT = b"0123456789" * 50_000


def post_then_put(client: Client, name: str, blob: Blob) -> Answer:
    return client.put(f"{client.begin(name)}?digest={blob.digest}", blob.content)


def post_then_put_of_a_stream(client: Client, name: str, blob: Blob) -> Answer:
    return client.request("PUT", f"{client.begin(name)}?digest={blob.digest}", in_pieces(blob.content))


def single_post(client: Client, name: str, blob: Blob) -> Answer:
    return client.post(f"/v2/{name}/blobs/uploads/?digest={blob.digest}", blob.content)


def single_post_of_a_stream(client: Client, name: str, blob: Blob) -> Answer:
    return client.request("POST", f"/v2/{name}/blobs/uploads/?digest={blob.digest}", in_pieces(blob.content))


def stream_then_put(client: Client, name: str, blob: Blob) -> Answer:
    return closed(client, blob, client.patch(client.begin(name), in_pieces(blob.content)))


def patch_without_range_then_put(client: Client, name: str, blob: Blob) -> Answer:
    return closed(client, blob, client.patch(client.begin(name), blob.content))


def closed(client: Client, blob: Blob, taken: Answer) -> Answer:
    return client.put(f"{taken.location}?digest={blob.digest}") if taken.status == 202 else taken


def chunks_then_put(client: Client, name: str, blob: Blob) -> Answer:
    location = client.begin(name)
    for start, chunk in chunks(blob.content):
        answer = client.patch(location, chunk, content_range=f"{start}-{start + len(chunk) - 1}")
        assert answer.status == 202
        assert answer.headers["range"] == f"0-{start + len(chunk) - 1}"
        location = answer.location
    return client.put(f"{location}?digest={blob.digest}")


def chunks_then_put_of_the_last(client: Client, name: str, blob: Blob) -> Answer:
    location = client.begin(name)
    *first, (start, last) = chunks(blob.content)
    for begin, chunk in first:
        location = client.patch(location, chunk, content_range=f"{begin}-{begin + len(chunk) - 1}").location
    content_range = f"{start}-{start + len(last) - 1}"
    return client.put(f"{location}?digest={blob.digest}", last, content_range=content_range)


def in_pieces(content: bytes) -> Iterator[bytes]:
    return (chunk for _, chunk in chunks(content))


def chunks(content: bytes, size: int = 70_000) -> list[tuple[int, bytes]]:
    return [(start, content[start : start + size]) for start in range(0, len(content), size)]


WAYS = (
    post_then_put,
    post_then_put_of_a_stream,
    single_post,
    single_post_of_a_stream,
    stream_then_put,
    patch_without_range_then_put,
    chunks_then_put,
    chunks_then_put_of_the_last,
)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("way", WAYS)
def test_a_blob_can_be_pushed_in_every_way(
    client: Client, name: str, way: Callable[[Client, str, Blob], Answer], algorithm: str
) -> None:
    blob = Blob.of(CONTENT, algorithm)

    answer = way(client, name, blob)

    assert answer.status == 201
    assert answer.location == f"/v2/{name}/blobs/{blob.digest}"
    assert answer.headers["docker-content-digest"] == blob.digest
    assert answer.body == b""
    assert client.get(answer.location).body == blob.content


@pytest.mark.parametrize("way", [post_then_put, single_post, patch_without_range_then_put])
def test_an_empty_blob_can_be_pushed(client: Client, name: str, way: Callable[[Client, str, Blob], Answer]) -> None:
    answer = way(client, name, Blob.of(b""))

    assert answer.status == 201
    assert client.get(answer.location).body == b""


@pytest.mark.parametrize("way", WAYS)
def test_a_wrong_digest_stores_nothing(client: Client, name: str, way: Callable[[Client, str, Blob], Answer]) -> None:
    wrong = Blob(CONTENT, Blob.of(b"something else").digest)

    answer = way(client, name, wrong)

    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")
    for digest in (wrong.digest, Blob.of(CONTENT).digest):
        assert client.head(f"/v2/{name}/blobs/{digest}").status == 404


@pytest.mark.parametrize("query", ["", "?digest=", "?digest=sha256:abc", "?digest=md5:" + "0" * 32, "?DIGEST=x"])
def test_a_closing_put_needs_a_digest(client: Client, name: str, query: str) -> None:
    location = client.begin(name)
    client.patch(location, b"abc")

    answer = client.put(f"{location}{query}", b"def")

    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")
    assert client.offset(location) == 3


def test_a_closing_put_can_be_repeated(client: Client, name: str) -> None:
    blob = Blob.of(b"said twice")
    location = client.begin(name)
    client.patch(location, blob.content)

    first, second = (client.put(f"{location}?digest={blob.digest}") for _ in range(2))

    assert first.status == second.status == 201
    assert first.location == second.location
    assert client.get(location).code == "BLOB_UPLOAD_UNKNOWN"


def test_a_blob_that_is_there_can_be_pushed_again(client: Client, name: str) -> None:
    blob = Blob.of(b"pushed over and over")

    for way in WAYS:
        assert way(client, name, blob).status == 201

    assert client.get(f"/v2/{name}/blobs/{blob.digest}").body == blob.content


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("announced", ["sha256", "sha512"])
def test_an_upload_may_end_in_any_digest_whatever_was_announced(
    client: Client, name: str, announced: str, algorithm: str
) -> None:
    blob = Blob.of(CONTENT, algorithm)
    location = client.begin(name, f"?digest-algorithm={announced}")
    client.patch(location, blob.content[:1000])

    answer = client.put(f"{location}?digest={blob.digest}", blob.content[1000:])

    assert answer.status == 201
    assert client.get(answer.location).body == blob.content


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "SHA256", "sha256:", "..", "%00", ""])
def test_an_unknown_digest_algorithm_is_refused(client: Client, name: str, algorithm: str) -> None:
    assert client.post(f"/v2/{name}/blobs/uploads/?digest-algorithm={algorithm}").status == 400


def test_a_blob_over_the_limit_is_refused_and_one_at_the_limit_is_not(tmp_path: Path) -> None:
    limit = 1024 * 1024
    with running(tmp_path / "data", "--max-blob-size", "1") as server, Client(server.port) as client:
        for way in WAYS[:6]:
            assert way(client, "limited", Blob.of(b"x" * limit)).status == 201
            answer = way(client, "limited", Blob.of(b"y" * (limit + 1)))
            assert (answer.status, answer.code) == (413, "SIZE_INVALID"), way
        location = client.begin("limited")
        client.patch(location, b"z" * limit)
        assert client.patch(location, b"z").status == 413
        assert client.offset(location) == limit
        assert client.put(f"{location}?digest={Blob.of(b'z' * limit).digest}").status == 201

"""An upload while it is open: begun, asked for, added to, cancelled, forgotten."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

import pytest

from tests.support.documents import Blob

if TYPE_CHECKING:
    from tests.support.client import Client


@pytest.mark.parametrize("slash", ["", "/"])
def test_post_begins_an_upload_at_a_relative_location(client: Client, name: str, slash: str) -> None:
    answer = client.post(f"/v2/{name}/blobs/uploads{slash}")

    assert answer.status == 202
    assert re.fullmatch(rf"/v2/{name}/blobs/uploads/[0-9a-f-]{{36}}", answer.location)
    assert answer.headers["docker-upload-uuid"] == answer.location.rpartition("/")[2]
    assert answer.headers["range"] == "0-0"
    assert answer.headers["content-length"] == "0"
    assert int(answer.headers["oci-chunk-min-length"]) > 0


@pytest.mark.parametrize("query", ["", "?mount=sha256:{0}&from=none", "?mount=sha256:{0}&from=none&digest=sha256:{0}"])
@pytest.mark.parametrize("size", [10, 3_000_000])
def test_a_body_that_post_has_no_use_for_harms_nobody(client: Client, name: str, query: str, size: int) -> None:
    for _ in range(2):
        assert client.post(f"/v2/{name}/blobs/uploads/{query.format('0' * 64)}", b"x" * size).status == 202


def test_status_says_how_far_an_upload_is(client: Client, name: str) -> None:
    location = client.begin(name)

    for sent in (b"abc", b"defgh"):
        client.patch(location, sent)
    answer = client.get(location)

    assert answer.status == 204
    assert answer.headers["range"] == "0-7"
    assert answer.location == location
    assert answer.headers["docker-upload-uuid"] == location.rpartition("/")[2]
    assert client.head(location).status == 204


def test_an_empty_patch_is_taken_and_moves_nothing(client: Client, name: str) -> None:
    location = client.begin(name)
    client.patch(location, b"abc")

    answer = client.patch(location, b"")

    assert (answer.status, answer.headers["range"]) == (202, "0-2")


def test_patch_answers_where_to_go_on(client: Client, name: str) -> None:
    location = client.begin(name)

    answer = client.patch(location, b"abcdef")

    assert (answer.status, answer.location, answer.headers["range"]) == (202, location, "0-5")
    assert answer.headers["docker-upload-uuid"] == location.rpartition("/")[2]


def test_chunks_smaller_than_advised_are_taken(client: Client, name: str) -> None:
    blob = Blob.of(b"one byte at a time")
    location = client.begin(name)

    for start in range(len(blob.content)):
        assert client.patch(location, blob.content[start : start + 1], content_range=f"{start}-{start}").status == 202

    assert client.put(f"{location}?digest={blob.digest}").status == 201


def test_a_wrong_digest_leaves_the_upload_where_it_was(client: Client, name: str) -> None:
    location = client.begin(name)
    client.patch(location, b"abc")

    refused = client.put(f"{location}?digest={Blob.of(b'wrong').digest}", b"lost")

    assert refused.code == "DIGEST_INVALID"
    assert client.offset(location) == 3
    assert client.put(f"{location}?digest={Blob.of(b'abcdef').digest}", b"def").status == 201


@pytest.mark.parametrize("method", ["GET", "HEAD", "PATCH", "PUT", "DELETE"])
@pytest.mark.parametrize("upload", ["fresh", "garbage", "of another repository", "cancelled", "finished"])
def test_an_unknown_upload_is_404(client: Client, name: str, method: str, upload: str) -> None:
    blob = Blob.of(b"never pushed here")
    identifier = {"fresh": str(uuid.uuid4()), "garbage": "..%2e"}.get(upload) or started(client, name, upload)

    answer = client.request(method, f"/v2/{name}/blobs/uploads/{identifier}?digest={blob.digest}")

    assert answer.status in ((400, 404) if upload == "garbage" else (404,))
    if method != "HEAD" and upload != "garbage":
        assert answer.code == "BLOB_UPLOAD_UNKNOWN"


def started(client: Client, name: str, upload: str) -> str:
    location = client.begin(f"{name}/other" if upload == "of another repository" else name)
    if upload == "cancelled":
        assert client.delete(location).status == 204
    elif upload == "finished":
        assert client.put(f"{location}?digest={Blob.of(b'finished').digest}", b"finished").status == 201
    return location.rpartition("/")[2]


def test_cancel_forgets_the_upload(client: Client, name: str) -> None:
    location = client.begin(name)
    client.patch(location, b"abc")

    answer = client.delete(location)

    assert (answer.status, answer.body) == (204, b"")
    assert client.get(location).code == "BLOB_UPLOAD_UNKNOWN"
    assert client.delete(location).code == "BLOB_UPLOAD_UNKNOWN"

"""Mounting a blob of another repository instead of sending it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.documents import Blob

if TYPE_CHECKING:
    from tests.support.client import Client


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("named", [True, False], ids=["with from", "without from"])
def test_a_blob_of_another_repository_is_mounted(client: Client, name: str, algorithm: str, *, named: bool) -> None:
    blob = client.push_blob(f"{name}/source", b"mounted %s" % name.encode(), algorithm)

    source = f"&from={name}/source" if named else ""
    answer = client.post(f"/v2/{name}/target/blobs/uploads/?mount={blob.digest}{source}")

    assert answer.status == 201
    assert answer.location == f"/v2/{name}/target/blobs/{blob.digest}"
    assert answer.headers["docker-content-digest"] == blob.digest
    assert client.get(answer.location).body == blob.content


def test_a_mounted_blob_stays_when_its_source_deletes_it(client: Client, name: str) -> None:
    blob = client.push_blob(f"{name}/source", b"outlives its source")
    client.post(f"/v2/{name}/target/blobs/uploads/?mount={blob.digest}&from={name}/source")

    client.delete(f"/v2/{name}/source/blobs/{blob.digest}")

    assert client.get(f"/v2/{name}/target/blobs/{blob.digest}").body == blob.content
    assert client.head(f"/v2/{name}/source/blobs/{blob.digest}").status == 404


def test_a_mounted_blob_counts_for_a_manifest(client: Client, name: str) -> None:
    pushed = client.push_image(f"{name}/source")
    for blob in (pushed.config, *pushed.layers):
        client.post(f"/v2/{name}/target/blobs/uploads/?mount={blob.digest}&from={name}/source")

    client.push_manifest(f"{name}/target", pushed.content, "latest")

    assert client.get(f"/v2/{name}/target/manifests/latest").body == pushed.content


@pytest.mark.parametrize("source", ["holds something else", "was never there", "no from"])
def test_a_mount_of_what_is_not_there_begins_an_upload(client: Client, name: str, source: str) -> None:
    blob = Blob.of(f"not mounted {name}".encode())
    client.push_blob(f"{name}/source", b"something else")

    query = {"holds something else": f"&from={name}/source", "was never there": f"&from={name}/none"}.get(source, "")
    answer = client.post(f"/v2/{name}/target/blobs/uploads/?mount={blob.digest}{query}")

    assert answer.status == 202
    assert client.put(f"{answer.location}?digest={blob.digest}", blob.content).status == 201
    assert client.get(f"/v2/{name}/target/blobs/{blob.digest}").body == blob.content


def test_a_mount_from_one_repository_is_not_served_by_a_third(client: Client, name: str) -> None:
    blob = client.push_blob(f"{name}/third", b"the third holds it %s" % name.encode())
    client.push_blob(f"{name}/source", b"something else")

    answer = client.post(f"/v2/{name}/target/blobs/uploads/?mount={blob.digest}&from={name}/source")

    assert answer.status == 202
    assert client.head(f"/v2/{name}/target/blobs/{blob.digest}").status == 404


def test_a_blob_can_be_mounted_from_its_own_repository(client: Client, name: str) -> None:
    blob = client.push_blob(name, b"already here %s" % name.encode())

    for query in (f"&from={name}", ""):
        assert client.post(f"/v2/{name}/blobs/uploads/?mount={blob.digest}{query}").status == 201


def test_a_deleted_blob_is_not_mounted(client: Client, name: str) -> None:
    blob = client.push_blob(f"{name}/source", b"deleted everywhere %s" % name.encode())
    client.delete(f"/v2/{name}/source/blobs/{blob.digest}")

    for query in (f"&from={name}/source", ""):
        assert client.post(f"/v2/{name}/target/blobs/uploads/?mount={blob.digest}{query}").status == 202


@pytest.mark.parametrize("digest", ["", "sha256:abc", "latest", "sha256%3A" + "0" * 63])
def test_a_mount_of_what_is_no_digest_is_refused(client: Client, name: str, digest: str) -> None:
    answer = client.post(f"/v2/{name}/blobs/uploads/?mount={digest}&from=other")

    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")


@pytest.mark.parametrize("source", ["", "UPPER", "../other", "a//b", "%2e%2e", "a" * 256])
def test_a_mount_from_what_is_no_name_is_refused(client: Client, name: str, source: str) -> None:
    blob = client.push_blob(name, b"here")

    answer = client.post(f"/v2/{name}/target/blobs/uploads/?mount={blob.digest}&from={source}")

    assert (answer.status, answer.code) == (400, "NAME_INVALID")


def test_a_failed_mount_that_names_a_digest_too_begins_an_upload_of_it(client: Client, name: str) -> None:
    blob = Blob.of(f"mount and digest {name}".encode())

    answer = client.post(f"/v2/{name}/blobs/uploads/?mount={blob.digest}&from={name}/none&digest={blob.digest}")

    assert answer.status == 202
    assert client.put(f"{answer.location}?digest={blob.digest}", blob.content).status == 201

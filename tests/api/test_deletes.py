"""Deleting manifests and tags, and what goes with them (Distribution spec, "Content Management")."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import documents
from tests.support.documents import digest_of

if TYPE_CHECKING:
    from tests.support.client import Client


def test_a_deleted_tag_is_gone_and_its_manifest_stays(client: Client, name: str) -> None:
    pushed = client.push_image(name, "one")
    client.push_manifest(name, pushed.content, "two")

    answer = client.delete(f"/v2/{name}/manifests/one")

    assert (answer.status, answer.body) == (202, b"")
    assert client.get(f"/v2/{name}/manifests/one").code == "MANIFEST_UNKNOWN"
    assert client.get(f"/v2/{name}/manifests/two").body == pushed.content
    assert client.get(f"/v2/{name}/manifests/{pushed.digest}").body == pushed.content
    assert client.get(f"/v2/{name}/tags/list").json()["tags"] == ["two"]


def test_a_deleted_manifest_takes_its_tags_with_it(client: Client, name: str) -> None:
    first = client.push_image(name, "one", salt="first")
    client.push_manifest(name, first.content, "two")
    other = client.push_image(name, "three", salt="other")

    answer = client.delete(f"/v2/{name}/manifests/{first.digest}")

    assert answer.status == 202
    for reference in (first.digest, "one", "two"):
        assert client.get(f"/v2/{name}/manifests/{reference}").code == "MANIFEST_UNKNOWN"
    assert client.get(f"/v2/{name}/tags/list").json()["tags"] == ["three"]
    assert client.get(f"/v2/{name}/manifests/three").body == other.content


@pytest.mark.parametrize("reference", ["latest", "digest"])
def test_a_second_delete_is_404(client: Client, name: str, reference: str) -> None:
    pushed = client.push_image(name)
    target = f"/v2/{name}/manifests/{pushed.digest if reference == 'digest' else reference}"

    assert client.delete(target).status == 202
    answer = client.delete(target)

    assert (answer.status, answer.code) == (404, "MANIFEST_UNKNOWN")


def test_a_manifest_deleted_in_one_repository_stays_in_another(client: Client, name: str) -> None:
    pushed = client.push_image(f"{name}/one")
    client.push_image(f"{name}/two")

    client.delete(f"/v2/{name}/one/manifests/{pushed.digest}")

    assert client.get(f"/v2/{name}/two/manifests/latest").body == pushed.content


def test_a_deleted_manifest_pushed_again_has_only_its_new_tags(client: Client, name: str) -> None:
    pushed = client.push_image(name, "before")
    client.delete(f"/v2/{name}/manifests/{pushed.digest}")

    client.push_image(name, "after")

    assert client.get(f"/v2/{name}/tags/list").json()["tags"] == ["after"]
    assert client.head(f"/v2/{name}/manifests/before").status == 404
    assert client.get(f"/v2/{name}/manifests/after").body == pushed.content


def test_a_tag_that_moved_away_survives_the_delete_of_its_old_manifest(client: Client, name: str) -> None:
    old = client.push_image(name, "moving", salt="old")
    new = client.push_image(name, "moving", salt="new")

    client.delete(f"/v2/{name}/manifests/{old.digest}")

    assert client.get(f"/v2/{name}/manifests/moving").body == new.content


def test_a_deleted_child_is_gone_though_an_index_names_it(client: Client, name: str) -> None:
    child = client.push_image(name, None)
    index = client.push_manifest(name, documents.index([child.as_subject()]), "multi")

    assert client.delete(f"/v2/{name}/manifests/{child.digest}").status == 202

    assert client.get(f"/v2/{name}/manifests/{child.digest}").status == 404
    assert client.get(f"/v2/{name}/manifests/{index}").status == 200


def test_a_blob_that_a_manifest_needs_can_be_deleted_and_pushed_again(client: Client, name: str) -> None:
    pushed = client.push_image(name)
    layer = pushed.layers[0]

    assert client.delete(f"/v2/{name}/blobs/{layer.digest}").status == 202
    assert client.put_manifest(name, pushed.content, "again").code == "MANIFEST_BLOB_UNKNOWN"
    client.push_blob(name, layer.content)

    assert client.put_manifest(name, pushed.content, "again").status == 201


def test_a_repository_with_nothing_left_leaves_the_catalog_and_has_no_tags(client: Client, name: str) -> None:
    pushed = client.push_image(name)
    client.push_image(f"{name}/below")
    assert name in catalog(client)

    client.delete(f"/v2/{name}/manifests/{pushed.digest}")
    for blob in (pushed.config, *pushed.layers):
        client.delete(f"/v2/{name}/blobs/{blob.digest}")

    assert name not in catalog(client)
    assert f"{name}/below" in catalog(client)
    assert client.get(f"/v2/{name}/tags/list").code == "NAME_UNKNOWN"


def catalog(client: Client) -> list[str]:
    return [name for page in client.pages("/v2/_catalog?n=1000", "repositories") for name in page]


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_what_was_never_pushed_can_be_neither_read_nor_deleted(client: Client, name: str, method: str) -> None:
    digest = digest_of(b"never pushed")

    for target in ("manifests/latest", f"manifests/{digest}", f"blobs/{digest}"):
        assert client.request(method, f"/v2/{name}/{target}").status == 404

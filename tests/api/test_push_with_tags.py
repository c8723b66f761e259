"""Pushing a manifest by digest with `tag` parameters (Distribution spec 1.2, end-7b)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.documents import digest_of

if TYPE_CHECKING:
    from tests.support.client import Client


def test_a_push_by_digest_sets_all_the_tags_that_it_names(client: Client, name: str) -> None:
    pushed = client.push_image(name, None)

    answer = client.put_manifest(name, pushed.content, query="?tag=a&tag=b&tag=c.1_2-3")

    assert answer.status == 201
    assert answer.location == f"/v2/{name}/manifests/{pushed.digest}"
    assert sorted(answer.headers.get_all("oci-tag") or []) == ["a", "b", "c.1_2-3"]
    assert client.get(f"/v2/{name}/tags/list").json()["tags"] == ["a", "b", "c.1_2-3"]
    for tag in ("a", "b", "c.1_2-3"):
        assert client.get(f"/v2/{name}/manifests/{tag}").body == pushed.content


def test_a_push_without_tag_parameters_answers_no_tag(client: Client, name: str) -> None:
    pushed = client.push_image(name, None)

    for reference in (None, "tagged"):
        assert client.put_manifest(name, pushed.content, reference).headers["oci-tag"] is None


def test_ten_tags_and_more_can_be_set_at_once(client: Client, name: str) -> None:
    pushed = client.push_image(name, None)
    tags = sorted(f"tag-{number}" for number in range(50))

    answer = client.put_manifest(name, pushed.content, query="?" + "&".join(f"tag={tag}" for tag in tags))

    assert answer.status == 201
    assert client.get(f"/v2/{name}/tags/list").json()["tags"] == tags


def test_too_many_tags_are_414_and_nothing_is_stored(client: Client, name: str) -> None:
    content = client.push_image(f"{name}/source").content
    for blob in (b"{}", b"layer 0 "):
        client.push_blob(name, blob)

    answer = client.put_manifest(name, content, query="?" + "&".join(f"tag=t{number}" for number in range(101)))

    assert (answer.status, answer.code) == (414, "UNSUPPORTED")
    assert client.head(f"/v2/{name}/manifests/{digest_of(content)}").status == 404


@pytest.mark.parametrize("tag", ["", "-a", "%2e%2e", "a%2fb", "a" * 129, "%00", "a b"])
def test_a_wrong_tag_among_right_ones_stores_nothing(client: Client, name: str, tag: str) -> None:
    content = client.push_image(f"{name}/source").content
    for blob in (b"{}", b"layer 0 "):
        client.push_blob(name, blob)

    answer = client.put_manifest(name, content, query=f"?tag=right&tag={tag.replace(' ', '%20')}")

    assert (answer.status, answer.code) == (400, "MANIFEST_INVALID")
    assert client.head(f"/v2/{name}/manifests/{digest_of(content)}").status == 404
    assert client.get(f"/v2/{name}/tags/list").json()["tags"] == []


def test_a_tag_parameter_moves_a_tag(client: Client, name: str) -> None:
    client.push_image(name, "moving", salt="old")
    new = client.push_image(name, None, salt="new")

    client.put_manifest(name, new.content, query="?tag=moving")

    assert client.head(f"/v2/{name}/manifests/moving").headers["docker-content-digest"] == new.digest


def test_a_tag_named_twice_is_set_once(client: Client, name: str) -> None:
    pushed = client.push_image(name, None)

    assert client.put_manifest(name, pushed.content, query="?tag=twice&tag=twice").status == 201

    assert client.get(f"/v2/{name}/tags/list").json()["tags"] == ["twice"]
    assert len(client.get(f"/{name}/manifest_history/twice").json()["history"]) == 1

"""tags/list: what is there, in order, and page by page (Distribution spec, end-8)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.client import Client, clients_of_different_workers

if TYPE_CHECKING:
    from tests.support.server import Server

TAGS = ["0", "1.0", "1.10", "1.2", "A", "Z", "_x", "a", "a-1", "a.1", "a_1", "ab", "latest", "v" * 128]


@pytest.fixture(scope="module")
def tagged(server: Server) -> str:
    """A repository with TAGS, pushed in another order."""
    name = "tests/tags/filled"
    with Client(server.port) as client:
        content = client.push_image(name, None).content
        for tag in reversed(TAGS):
            client.push_manifest(name, content, tag)
    return name


def test_tags_are_sorted_as_ascii(client: Client, tagged: str) -> None:
    answer = client.get(f"/v2/{tagged}/tags/list")

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"name": tagged, "tags": TAGS}
    assert answer.next_page is None


@pytest.mark.parametrize("size", [1, 2, 3, 5, 13, 14, 15, 1000, 999_999_999])
def test_pages_make_the_whole(client: Client, tagged: str, size: int) -> None:
    pages = client.pages(f"/v2/{tagged}/tags/list?n={size}", "tags")

    assert [tag for page in pages for tag in page] == TAGS
    assert all(len(page) == size for page in pages[:-1])
    assert 0 < len(pages[-1]) <= size


@given(size=st.integers(0, 16), last=st.one_of(st.sampled_from(TAGS), st.text("-._aAzZ019é/", max_size=5)))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_last_is_where_a_page_begins_whether_or_not_it_is_there(
    server: Server, tagged: str, size: int, last: str
) -> None:
    with Client(server.port) as client:
        answer = client.get(f"/v2/{tagged}/tags/list?n={size}&last={quote(last, safe='')}")

    following = [tag for tag in TAGS if tag > last]
    assert answer.json()["tags"] == following[:size]
    assert (answer.next_page is not None) == (0 < size < len(following))


def test_last_without_n_gives_all_that_follow(client: Client, tagged: str) -> None:
    assert client.get(f"/v2/{tagged}/tags/list?last=Z").json()["tags"] == TAGS[TAGS.index("Z") + 1 :]


def test_n_of_zero_gives_an_empty_list(client: Client, tagged: str) -> None:
    answer = client.get(f"/v2/{tagged}/tags/list?n=0")

    assert (answer.status, answer.json()["tags"], answer.next_page) == (200, [], None)


@pytest.mark.parametrize("query", ["n=-1", "n=abc", "n=1.5", "n=", "n=%31%00", "n=9999999999", "n=²", "n=1e3"])
def test_a_wrong_n_is_400(client: Client, tagged: str, query: str) -> None:
    answer = client.get(f"/v2/{tagged}/tags/list?{quote(query, safe='=%')}")

    assert (answer.status, answer.code) == (400, "UNSUPPORTED")


def test_the_tags_of_an_unknown_repository_are_404(client: Client, name: str) -> None:
    answer = client.get(f"/v2/{name}/tags/list")

    assert (answer.status, answer.code) == (404, "NAME_UNKNOWN")


def test_the_page_after_the_last_tag_is_empty(client: Client, tagged: str) -> None:
    answer = client.get(f"/v2/{tagged}/tags/list?last={'z' * 10}")

    assert (answer.status, answer.json()["tags"]) == (200, [])


def test_a_nested_repository_lends_no_tags_to_the_one_above(client: Client, name: str) -> None:
    client.push_image(name, "mine")
    client.push_image(f"{name}/below", "not-mine")

    assert client.get(f"/v2/{name}/tags/list").json()["tags"] == ["mine"]


def test_a_repository_whose_tags_are_all_deleted_has_none(client: Client, name: str) -> None:
    client.push_image(name, "only")
    client.delete(f"/v2/{name}/manifests/only")

    assert client.get(f"/v2/{name}/tags/list").json() == {"name": name, "tags": []}


def test_every_process_sees_at_once_what_another_was_told(server: Server, name: str) -> None:
    with clients_of_different_workers(server.port) as (one, two):
        content = one.push_image(name, None).content
        for number in range(20):
            writer, reader = (one, two) if number % 2 else (two, one)
            writer.push_manifest(name, content, f"t{number:02}")
            assert reader.get(f"/v2/{name}/tags/list").json()["tags"][-1] == f"t{number:02}"
            assert reader.head(f"/v2/{name}/manifests/t{number:02}").status == 200
            writer.delete(f"/v2/{name}/manifests/t{number:02}")
            assert reader.head(f"/v2/{name}/manifests/t{number:02}").status == 404
            assert reader.get(f"/v2/{name}/tags/list").json()["tags"] == []

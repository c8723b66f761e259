"""_catalog: every repository that holds a manifest, in ASCII order over the whole name, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.client import Client, clients_of_different_workers
from tests.support.server import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.server import Server

# where a folder's order is not that of names: "-" and "." sort before "/", digits and letters after it
NAMES = sorted(
    [
        *("a", "a-b", "a-b/c", "a.b", "a/b", "a/b-c", "a/b.c", "a/b/c", "a/b0", "a0", "a__b", "a_b", "ab", "ab/c"),
        *("b-c/d", "b/c", "b0/c", "deep/" + "x/" * 60 + "end", "f", "g" * 255, "v2", "blobs/uploads", "tags/list"),
    ]
)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with two workers and the repositories NAMES."""
    with running(tmp_path_factory.mktemp("catalog") / "data", "--workers", "2") as server:
        with Client(server.port) as client:
            for name in reversed(NAMES):
                client.push_image(name)
        yield server


@pytest.fixture
def client(filled: Server) -> Iterator[Client]:
    with Client(filled.port) as connected:
        yield connected


def test_the_catalog_is_sorted_as_ascii_over_whole_names(client: Client) -> None:
    answer = client.get("/v2/_catalog")

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"repositories": NAMES}
    assert answer.next_page is None


@pytest.mark.parametrize("size", [1, 2, 3, 7, len(NAMES) - 1, len(NAMES), len(NAMES) + 1, 100_000])
def test_pages_make_the_whole(client: Client, size: int) -> None:
    pages = client.pages(f"/v2/_catalog?n={size}", "repositories")

    assert [name for page in pages for name in page] == NAMES
    assert all(len(page) == size for page in pages[:-1])


@given(size=st.integers(0, 25), last=st.one_of(st.sampled_from(NAMES), st.text("-._/ab0é", max_size=6)))
@settings(max_examples=80, deadline=None, derandomize=True)
def test_last_is_where_a_page_begins_whether_or_not_it_is_there(filled: Server, size: int, last: str) -> None:
    with Client(filled.port) as client:
        answer = client.get(f"/v2/_catalog?n={size}&last={quote(last, safe='')}")

    following = [name for name in NAMES if name > last]
    assert answer.json()["repositories"] == following[:size]
    assert (answer.next_page is not None) == (0 < size < len(following))


@pytest.mark.parametrize("n", ["-1", "abc", "", "1.0", "0x10", "99999999999"])
def test_a_wrong_n_is_400(client: Client, n: str) -> None:
    answer = client.get(f"/v2/_catalog?n={n}")

    assert (answer.status, answer.code) == (400, "UNSUPPORTED")


def test_a_trailing_slash_changes_nothing(client: Client) -> None:
    assert client.get("/v2/_catalog/").json() == {"repositories": NAMES}


def test_repositories_come_and_go_with_their_manifests_in_every_process(filled: Server) -> None:
    with clients_of_different_workers(filled.port) as (one, two):
        for name in ("a/b/zz", "zz/below"):
            one.push_blob(name, b"a blob alone makes no entry")
            assert name not in two.get("/v2/_catalog").json()["repositories"]

            pushed = one.push_image(name)
            assert two.get("/v2/_catalog").json()["repositories"] == sorted([*NAMES, name])

            two.delete(f"/v2/{name}/manifests/{pushed.digest}")
            assert one.get("/v2/_catalog").json()["repositories"] == NAMES


def test_the_catalog_of_an_empty_server_is_empty(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running(tmp_path_factory.mktemp("empty") / "data") as server, Client(server.port) as client:
        for target in ("/v2/_catalog", "/v2/_catalog?n=0", "/v2/_catalog?n=5&last=x"):
            answer = client.get(target)
            assert (answer.status, answer.json(), answer.next_page) == (200, {"repositories": []}, None)

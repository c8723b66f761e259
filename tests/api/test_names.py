"""Repository names: what is one, what is kept for proxied repositories, and that no word of the API is in the way."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.client import Client
from tests.support.documents import Blob
from tests.support.server import Server, running

VALID = (
    *("a", "0", "library/alpine", "a.b", "a_b", "a__b", "a-b", "a---b", "0a/1b/2c", "f", "v2", "f2/x"),
    *("a" * 255, "x/" * 127 + "y", "l" * 100 + "/" + "m" * 100 + "/" + "n" * 53),
    *("blobs", "manifests/latest", "tags/list", "a/blobs/uploads", "blobs/uploads", "a/referrers/b", "v2/a/v2"),
    *("a/manifests/b", "uploads", "healthz", "readiness", "login", "manifest/history", "a/tags/list"),
)


@pytest.mark.parametrize("name", VALID)
def test_an_image_can_be_pushed_to_and_pulled_from_any_name(client: Client, name: str) -> None:
    pushed = client.push_image(name, "tag")

    assert client.get(f"/v2/{name}/manifests/tag").body == pushed.content
    assert client.get(f"/v2/{name}/blobs/{pushed.config.digest}").body == pushed.config.content
    assert client.get(f"/v2/{name}/tags/list").json() == {"name": name, "tags": ["tag"]}
    assert client.get(f"/{name}/manifest_history/tag").json()["image"] == f"{name}:tag"
    assert client.get(f"/v2/{name}/referrers/{pushed.digest}").json()["manifests"] == []


INVALID = (
    *("A", "a/B", "a//b", "a..b", "a.", ".a", "-a", "a-", "_a", "a_", "a___b", "a._b", "a b", "a:b", "a@b", "ä", "a+b"),
    *("a" * 256, "x/" * 128 + "y", "a/.", "a/..", "../a", "a/../b", "_manifests", "a/_blobs/b", "~", "a\\b"),
)


@pytest.mark.parametrize("name", INVALID)
def test_what_is_no_name_is_refused(client: Client, name: str) -> None:
    digest = Blob.of(b"").digest
    escaped = quote(name, safe="/:@+~")
    for method, target in (
        ("GET", f"/v2/{escaped}/manifests/latest"),
        ("PUT", f"/v2/{escaped}/manifests/latest"),
        ("GET", f"/v2/{escaped}/blobs/{digest}"),
        ("POST", f"/v2/{escaped}/blobs/uploads/"),
        ("GET", f"/v2/{escaped}/tags/list"),
        ("GET", f"/v2/{escaped}/referrers/{digest}"),
        ("DELETE", f"/v2/{escaped}/manifests/latest"),
    ):
        answer = client.request(method, target)
        assert (answer.status, answer.code) == (400, "NAME_INVALID"), target


COMPONENTS = st.from_regex(r"[a-z0-9]{1,9}((\.|__?|-{1,4})[a-z0-9]{1,9}){0,2}", fullmatch=True)


@given(name=st.lists(COMPONENTS, min_size=1, max_size=20).map("/".join))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_every_name_of_the_specification_is_taken(server: Server, name: str) -> None:
    expected = 400 if len(name) > 255 else 405 if name.startswith("f/") else 202
    with Client(server.port) as client:
        assert client.post(f"/v2/{name}/blobs/uploads/").status == expected


WRITES = (
    ("POST", "/v2/{}/blobs/uploads/"),
    ("POST", "/v2/{}/blobs/uploads"),
    ("PUT", "/v2/{}/manifests/latest"),
    ("DELETE", "/v2/{}/manifests/latest"),
    ("DELETE", "/v2/{}/blobs/sha256:" + "0" * 64),
    ("PATCH", "/v2/{}/blobs/uploads/01234567-0123-4567-89ab-0123456789ab"),
    ("PUT", "/v2/{}/blobs/uploads/01234567-0123-4567-89ab-0123456789ab?digest=sha256:" + "0" * 64),
)
READS = (
    ("GET", "/v2/{}/manifests/latest"),
    ("HEAD", "/v2/{}/manifests/latest"),
    ("GET", "/v2/{}/blobs/sha256:" + "0" * 64),
    ("GET", "/v2/{}/tags/list"),
    ("GET", "/v2/{}/referrers/sha256:" + "0" * 64),
)


@pytest.mark.parametrize("name", ["f/docker/alpine", "f/quay.io/a/b", "f/localhost:5000/a", "f/x", "f/[::1]:80/a"])
@pytest.mark.parametrize(("method", "target"), WRITES)
def test_a_proxied_repository_can_not_be_written(client: Client, name: str, method: str, target: str) -> None:
    answer = client.request(method, target.format(name))

    assert (answer.status, answer.code) == (405, "UNSUPPORTED")
    assert "POST" not in answer.headers["allow"]
    assert "proxied repos" in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize("name", ["f/docker/alpine", "f/quay.io/a/b", "f/localhost:5000/a", "f/x"])
@pytest.mark.parametrize(("method", "target"), READS)
def test_a_proxied_repository_is_not_read_yet(client: Client, name: str, method: str, target: str) -> None:
    assert client.request(method, target.format(name)).status == 404


@pytest.mark.parametrize(("method", "target"), [*READS, *WRITES])
@pytest.mark.parametrize("host", ["docker.io", "localhost:5000", "[::1]:5000"])
def test_a_namespace_names_another_registry(client: Client, name: str, method: str, target: str, host: str) -> None:
    client.push_image(name)
    separator = "&" if "?" in target else "?"

    answer = client.request(method, f"{target.format(name)}{separator}ns={quote(host)}")

    assert answer.status == (404 if (method, target) in READS else 405)


@pytest.mark.parametrize("host", ["", "..", "a/b", "a b", "-a", "a:b:c", "x" * 300, "ä", "%00", "user@host"])
def test_a_namespace_that_is_no_host_is_refused(client: Client, name: str, host: str) -> None:
    answer = client.get(f"/v2/{name}/manifests/latest?ns={quote(host, safe='%')}")

    assert (answer.status, answer.code) == (400, "NAME_INVALID")


def test_a_namespace_of_our_own_is_local(tmp_path_factory: pytest.TempPathFactory) -> None:
    data = tmp_path_factory.mktemp("names") / "data"
    with running(data, "--names", "trow.example:5000,other") as server, Client(server.port) as client:
        pushed = client.push_image("local")
        for host in ("trow.example:5000", "other"):
            assert client.get(f"/v2/local/manifests/latest?ns={host}").body == pushed.content
        assert client.get("/v2/local/manifests/latest?ns=trow.example").status == 404


@pytest.mark.parametrize("path", ["/f/docker.io/v2/a/manifests/latest", "/f/localhost:5000/v2/a/b/tags/list"])
def test_the_root_of_a_proxied_registry_is_refused(client: Client, path: str) -> None:
    assert client.get(path).status == 404
    assert client.request("DELETE", path).status == 405


@pytest.mark.parametrize("path", ["/f/docker.io/v2/", "/f/docker.io/v2", "/f/docker.io/v2/_catalog"])
def test_the_api_of_a_proxied_registry_is_refused(client: Client, path: str) -> None:
    assert client.get(path).status == 404


@pytest.mark.parametrize("host", ["..", "a b", "-", "x" * 300])
def test_the_root_of_what_is_no_host_is_refused(client: Client, host: str) -> None:
    assert client.get(f"/f/{quote(host)}/v2/a/manifests/latest").code == "NAME_INVALID"


def test_nothing_is_made_of_what_was_refused(server: Server) -> None:
    repositories = server.data_dir / "repositories"

    assert not (repositories / "f").is_dir() or not any(path.is_dir() for path in (repositories / "f").glob("[!_]*"))

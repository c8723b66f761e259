"""What is not a resource of its own: the API's root, the history of a tag, the landing page, health."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.support.documents import Blob

if TYPE_CHECKING:
    from tests.support.client import Client


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
def test_the_api_says_that_it_is_there(client: Client, path: str) -> None:
    get, head = client.get(path), client.head(path)

    assert (get.status, get.json(), get.headers["content-type"]) == (200, {}, "application/json")
    assert (head.status, head.headers["content-length"]) == (200, "2")


def test_the_landing_page_is_that_of_trow_0_3(client: Client) -> None:
    answer = client.get("/")

    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.body == (
        b"<!DOCTYPE html><html><body>\n<h1>Welcome to Trow, the cluster registry</h1>\n</body></html>"
    )
    assert client.head("/").status == 200


def test_health_is_told_as_trow_0_3_did(client: Client) -> None:
    health, ready = client.get("/healthz"), client.get("/readiness")

    assert (health.status, health.json()) == (200, {"message": "", "is_healthy": True})
    assert ready.status == 200
    document = ready.json()
    settings = document.pop("config")
    assert document == {"message": "", "is_ready": True, "writable": True}
    assert settings.keys() == {"generation", "since", "sha256", "file", "error", "last_good", "pending"}
    assert (settings["generation"], settings["error"], settings["last_good"]) == (1, "", False)
    for path in ("/healthz", "/readiness"):
        assert client.head(path).status == 200


def history(client: Client, name: str, query: str = "") -> list[dict[str, str]]:
    answer = client.get(f"/{name}/manifest_history/latest{query}")
    assert answer.status == 200
    document = answer.json()
    assert document["image"] == f"{name}:latest"
    entries: list[dict[str, str]] = document["history"]
    return entries


def test_the_history_of_a_tag_is_newest_first(client: Client, name: str) -> None:
    digests = [client.push_image(name, salt=salt).digest for salt in ("a", "b", "c", "a")]

    entries = history(client, name)

    assert [entry["digest"] for entry in entries] == digests[::-1]
    assert all(set(entry) == {"digest", "date"} for entry in entries)
    dates = [entry["date"] for entry in entries]
    assert dates == sorted(dates, reverse=True)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ UTC", date) for date in dates)
    newest = datetime.strptime(dates[0][:19], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - newest).total_seconds()) < 120


def test_a_tag_said_again_adds_nothing_to_its_history(client: Client, name: str) -> None:
    for _ in range(3):
        client.push_image(name, salt="same")

    assert len(history(client, name)) == 1


def test_the_history_of_a_tag_comes_in_parts(client: Client, name: str) -> None:
    digests = [client.push_image(name, salt=str(number)).digest for number in range(5)][::-1]

    def part(query: str) -> list[str]:
        return [entry["digest"] for entry in history(client, name, query)]

    assert part("?n=2") == digests[:2]
    assert part(f"?last={digests[1]}") == digests[2:]
    assert part(f"?last={digests[1]}&n=2") == digests[2:4]
    assert part(f"?last={digests[4]}") == []
    assert part(f"?last={Blob.of(b'unknown').digest}") == []
    assert part("?n=0") == []
    assert part("?n=100") == digests


def test_the_history_keeps_a_hundred_entries(client: Client, name: str) -> None:
    one, two = (client.push_image(name, None, salt=salt) for salt in ("one", "two"))
    for _ in range(52):
        for image in (one, two):
            client.push_manifest(name, image.content, "latest")

    entries = history(client, name)

    assert len(entries) == 100
    assert entries[0]["digest"] == two.digest


@pytest.mark.parametrize("tag", ["unknown", "digest", "-no-tag", "a" * 129])
def test_an_unknown_tag_has_no_history(client: Client, name: str, tag: str) -> None:
    digest = client.push_image(name).digest

    for path in (f"/{name}/manifest_history/{digest if tag == 'digest' else tag}", f"/{name}/none/manifest_history/x"):
        answer = client.get(path)
        assert (answer.status, answer.code) == (404, "MANIFEST_UNKNOWN")


def test_a_deleted_tag_has_no_history(client: Client, name: str) -> None:
    client.push_image(name)
    client.delete(f"/v2/{name}/manifests/latest")

    assert client.get(f"/{name}/manifest_history/latest").status == 404


@pytest.mark.parametrize("query", ["n=-1", "n=x", "n="])
def test_a_history_of_a_wrong_length_is_400(client: Client, name: str, query: str) -> None:
    client.push_image(name)

    answer = client.get(f"/{name}/manifest_history/latest?{query}")

    assert (answer.status, answer.code) == (400, "UNSUPPORTED")

"""Pages of other hosts: allowed if the settings name them, and without a word about them otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.client import Client
from tests.support.server import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UI = "https://ui.example"
PREFLIGHT = {"Origin": UI, "Access-Control-Request-Method": "DELETE", "Access-Control-Request-Headers": "authorization"}


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A server that allows one origin, as with Trow 0.10's flag."""
    with (
        running(
            tmp_path_factory.mktemp("cors") / "data", "--workers", "1", "--cors", f"{UI},http://localhost:3000"
        ) as it,
        Client(it.port) as client,
    ):
        yield client


@pytest.mark.parametrize("path", ["/v2/", "/v2/_catalog", "/v2/nobody/tags/list", "/readiness", "/v2/a/manifests/none"])
def test_an_answer_to_a_page_that_may_ask_says_so(named: Client, path: str) -> None:
    answer = named.request("GET", path, headers={"Origin": UI})
    assert answer.headers["access-control-allow-origin"] == UI
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "docker-content-digest" in answer.headers["access-control-expose-headers"]
    assert "origin" in answer.headers["vary"]


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "https://ui.example.evil.example", "http://ui.example", "null"]
)
def test_an_answer_to_any_other_page_says_nothing(named: Client, origin: str) -> None:
    answer = named.request("GET", "/v2/", headers={"Origin": origin})
    assert answer.status == 200
    assert "access-control-allow-origin" not in answer.headers
    assert "origin" in answer.headers["vary"]


def test_a_preflight_says_what_a_page_may_send(named: Client) -> None:
    answer = named.request("OPTIONS", "/v2/a/manifests/latest", headers=PREFLIGHT)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == UI
    assert "DELETE" in answer.headers["access-control-allow-methods"]
    assert {"authorization", "content-type"} <= set(answer.headers["access-control-allow-headers"].split(", "))


def test_a_preflight_of_another_page_grants_nothing(named: Client) -> None:
    answer = named.request("OPTIONS", "/v2/", headers={**PREFLIGHT, "Origin": "https://evil.example"})
    assert answer.status == 204
    assert not [each for each in answer.headers if each.startswith("access-control-")]


def test_what_is_not_a_preflight_is_answered_as_ever(named: Client) -> None:
    assert named.request("OPTIONS", "/v2/").status == 405
    assert "access-control-allow-origin" not in named.request("GET", "/v2/").headers


def test_without_the_setting_nobody_hears_of_it(client: Client) -> None:
    answer = client.request("GET", "/v2/", headers={"Origin": UI})
    assert not [each for each in answer.headers if each.startswith("access-control-") or each == "vary"]
    assert client.request("OPTIONS", "/v2/", headers=PREFLIGHT).status == 405


def test_the_flag_of_trow_0_3_means_every_origin(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--workers", "1", "--enable-cors") as server, Client(server.port) as client:
        for origin in (UI, "http://localhost:1"):
            answer = client.request("GET", "/v2/", headers={"Origin": origin})
            assert answer.headers["access-control-allow-origin"] == origin
        assert client.request("OPTIONS", "/login", headers=PREFLIGHT).status == 204
        assert "Cross-Origin Resource Sharing(CORS) requests are allowed" in server.log()

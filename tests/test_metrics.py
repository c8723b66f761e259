"""The numbers: right over several workers and those that died, with labels that nobody outside can make more of."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.client import Client, clients_of_different_workers, raw_exchange
from tests.support.processes import alive, wait_until
from tests.support.server import running
from trow import __version__
from trow.metrics import FOLDER, Metrics, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.server import Server

Numbers = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running(tmp_path / "data", "--workers", "2") as own:
        yield own


def scrape(client: Client) -> Numbers:
    answer = client.get("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


def number(numbers: Numbers, name: str, **labels: str) -> float:
    return numbers.get((name, frozenset(labels.items())), 0.0)


def pulls(numbers: Numbers) -> float:
    return number(numbers, "trow_http_requests_total", route="manifest", method="GET", code="200")


def test_requests_are_counted_over_all_workers_also_dead_ones(server: Server) -> None:
    with Client(server.port) as client:
        pushed = client.push_image("counted")
    with clients_of_different_workers(server.port) as clients:
        for client in clients:
            for _ in range(5):
                client.get("/v2/counted/manifests/latest")
        for client in clients:
            numbers = scrape(client)
            assert pulls(numbers) == 10
            labels = {"route": "manifest", "method": "GET"}
            assert number(numbers, "trow_http_request_duration_seconds_count", **labels) == 10
            assert number(numbers, "trow_http_request_duration_seconds_bucket", **labels, le="+Inf") == 10
            assert number(numbers, "trow_http_response_bytes_total", route="manifest") == 10 * len(pushed.content)
            assert number(numbers, "trow_http_request_bytes_total", route="manifest") == len(pushed.content)

    for _ in range(3):
        victim = server.workers()[0]
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda victim=victim: not alive(victim) and len(server.workers()) == 2)  # type: ignore[misc]
    with clients_of_different_workers(server.port) as clients:
        for client in clients:
            client.get("/v2/counted/manifests/latest")
        for client in clients:
            assert pulls(scrape(client)) == 12
    (folder,) = [path for path in (server.data_dir / "locks/metrics").iterdir() if path.is_dir()]
    assert len(list(folder.glob("*.db"))) == 4  # as many as there are workers, whoever died


def test_another_start_counts_from_nothing(server: Server) -> None:
    with Client(server.port) as client:
        client.push_image("x")
        client.get("/v2/x/manifests/latest")
    server.stop()
    with running(server.data_dir, "--workers", "2") as again, Client(again.port) as client:
        assert pulls(scrape(client)) == 0
        assert len([path for path in (server.data_dir / "locks/metrics").iterdir() if path.is_dir()]) == 1


def test_hostile_requests_make_no_new_label(server: Server) -> None:
    with Client(server.port) as client:
        client.get("/x")
        client.get("/v2/x/manifests/x")
        client.request("BREW", "/v2/")
        client.get("/metrics")
        before = scrape(client).keys()
        for each in range(50):
            client.get(f"/x{each}")
            client.get(f"/v2/x{each}/manifests/x{each}")
            client.request(f"BREW{each}", "/v2/")
            raw_exchange(server.port, b"GET /v2/%%0a{%d} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % each)
        after = {
            (name, labels)
            for name, labels in scrape(client).keys() - before
            if ("code", "400") not in labels and ("route", "other") not in labels
        }
        assert after == set()


def test_what_trow_0_3_called_its_numbers_is_there(server: Server) -> None:
    with Client(server.port) as client:
        pushed = client.push_image("old")
        client.get("/v2/old/manifests/latest")
        client.get("/v2/old/manifests/none")
        client.get(f"/v2/old/blobs/{pushed.config.digest}")
        client.get(f"/v2/old/blobs/sha256:{'0' * 64}")
        numbers = scrape(client)
    assert number(numbers, "total_manifest_requests", type="manifests") == 1
    assert number(numbers, "total_blob_requests", type="blobs") == 2
    total, free, available = (number(numbers, f"{name}_space", type="disk") for name in ("total", "free", "available"))
    assert total >= free >= available > 0
    assert number(numbers, "trow_build_info", version=__version__) == 1
    assert number(numbers, "trow_config_last_reload_successful") == 1
    assert number(numbers, "trow_config_generation") == 1
    assert number(numbers, "trow_storage_writable") == 1
    assert number(numbers, "trow_storage_size_bytes") == total


def test_openmetrics_is_spoken_to_who_asks_for_it_and_head_works(server: Server) -> None:
    with Client(server.port) as client:
        answer = client.get("/metrics", accept="application/openmetrics-text; version=1.0.0")
        assert answer.headers["content-type"].startswith("application/openmetrics-text")
        assert answer.body.endswith(b"# EOF\n")
        assert client.head("/metrics").status == 200


def test_damaged_files_leave_the_rest(server: Server) -> None:
    with Client(server.port) as client:
        client.get("/v2/")
        (folder,) = [path for path in (server.data_dir / "locks/metrics").iterdir() if path.is_dir()]
        (folder / "counter_9.db").write_bytes(b"\xff\x01\x00\x00" + b"x" * 300)
        assert number(scrape(client), "trow_build_info", version=__version__) == 1


def test_a_scrape_over_four_workers_is_cheap(tmp_path: Path) -> None:
    with (
        running(tmp_path / "data", "--workers", "4") as server,
        clients_of_different_workers(server.port, 4) as clients,
    ):
        for client in clients:
            client.push_image("x")
            client.get("/v2/x/manifests/latest")
        scrape(clients[0])
        took = []
        for _ in range(5):
            begun = time.perf_counter()
            scrape(clients[0])
            took.append(time.perf_counter() - begun)
    assert min(took) < 0.25, took


def test_two_servers_of_one_directory_count_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, "")
    parent = tmp_path / "metrics"
    prepare(parent)
    first = Metrics()
    first.request("manifest", "GET", 200, 0.1, 5, 0)
    prepare(parent)
    second = Metrics()
    second.request("manifest", "BREW", 200, 0.1, 0, 3)
    assert len([path for path in parent.iterdir() if path.is_dir()]) == 2
    (counted,) = [
        sample for family in second.families() for sample in family.samples if sample.name == "trow_http_requests_total"
    ]
    assert (counted.labels, counted.value) == ({"route": "manifest", "method": "other", "code": "200"}, 1)


def test_without_a_folder_a_process_counts_for_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(FOLDER, "")
    prepare(tmp_path / "missing" / "metrics")
    metrics = Metrics()
    metrics.request("manifest", "GET", 200, 0.1, 5, 0)
    samples = [sample for family in metrics.families() for sample in family.samples]
    assert [sample.value for sample in samples if sample.name == "trow_http_requests_total"] == [1]

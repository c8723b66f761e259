"""Workers: killed ones are replaced, none outlives the first process, and any may go on with an upload."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.client import Client, clients_of_different_workers
from tests.support.documents import Blob
from tests.support.processes import alive, group_of, is_held, wait_until
from tests.support.server import Server, running
from tests.support.slow import SlowRequest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running(tmp_path / "data", "--workers", "2") as own:
        yield own


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not alive(pid))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_worker_that_ends_is_replaced(server: Server, number: signal.Signals) -> None:
    victim, other = server.workers()
    os.kill(victim, number)

    wait_until(lambda: victim not in server.workers() and len(server.workers()) == 2)

    assert other in server.workers()
    with clients_of_different_workers(server.port) as clients:
        assert {client.get("/v2/").worker for client in clients} == set(server.workers())


def test_ten_workers_killed_in_ten_seconds_do_not_end_the_server(server: Server) -> None:
    dead: set[int] = set()
    for _ in range(10):
        victim = server.workers()[0]
        kill(victim)
        dead.add(victim)
        time.sleep(0.3)

    wait_until(lambda: len(server.workers()) == 2 and not dead & set(server.workers()))
    assert len(dead) == 10
    assert server.process.poll() is None
    with clients_of_different_workers(server.port) as clients:
        for client in clients:
            client.push_image("still/there")
    assert server.stop() == 0


def test_all_workers_killed_at_once_are_replaced(server: Server) -> None:
    for pid in server.workers():
        os.kill(pid, signal.SIGKILL)

    with Client(server.port) as client:  # it waits in the socket's queue
        assert client.get("/v2/").status == 200


def test_no_worker_outlives_the_first_process(server: Server) -> None:
    with Client(server.port) as client:
        location = client.begin("orphan")
    with SlowRequest(server.port, "PATCH", location) as upload:
        upload.send(b"abc")

        server.process.kill()
        server.process.wait()

        wait_until(lambda: group_of(server.process.pid) == [], 3)


def test_a_first_process_that_was_killed_can_be_started_again_at_once(server: Server) -> None:
    server.process.kill()
    server.process.wait()
    server.log_path.unlink()

    with running(server.data_dir, port=server.port) as again, Client(again.port) as client:
        assert client.get("/v2/").status == 200


def test_any_worker_may_go_on_with_an_upload(server: Server) -> None:
    blob = Blob.of(bytes(range(256)) * 1000)
    with clients_of_different_workers(server.port) as clients:
        took_part, offset = [], 0
        answer = clients[0].post("/v2/shared/blobs/uploads/")
        for number in range(8):
            took_part.append(answer.worker)
            piece = blob.content[offset : offset + 32_000]
            content_range = f"{offset}-{offset + len(piece) - 1}"
            answer = clients[(number + 1) % 2].patch(answer.location, piece, content_range=content_range)
            assert answer.status == 202
            offset += len(piece)
            for client in clients:
                assert client.offset(answer.location) == offset
        answer = clients[0].put(f"{answer.location}?digest={blob.digest}")

        assert answer.status == 201
        assert {*took_part, answer.worker} == set(server.workers())
        for client in clients:
            assert client.get(f"/v2/shared/blobs/{blob.digest}").body == blob.content


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_another_worker_goes_on_after_the_first_was_killed(server: Server, algorithm: str) -> None:
    blob = Blob.of(bytes(range(256)) * 10_000, algorithm)
    with clients_of_different_workers(server.port) as (first, second):
        begun = first.post(f"/v2/killed/blobs/uploads/?digest-algorithm={algorithm}")
        taken = first.patch(begun.location, blob.content[:1_000_000], content_range="0-999999")
        assert (begun.worker, taken.status) == (taken.worker, 202)

        kill(taken.worker)

        assert second.offset(begun.location) == 1_000_000
        end = len(blob.content) - 1
        rest = second.patch(begun.location, blob.content[1_000_000:], content_range=f"1000000-{end}")
        assert (rest.status, rest.headers["range"]) == (202, f"0-{end}")
        closed = second.put(f"{begun.location}?digest={blob.digest}")
        assert closed.status == 201
        assert closed.worker != begun.worker
        assert second.get(closed.location).body == blob.content


def test_a_worker_killed_in_the_middle_of_a_chunk_frees_the_upload(server: Server) -> None:
    blob = Blob.of(b"0123456789" * 100_000)
    with Client(server.port) as client:
        location = client.begin("killed")
        assert client.patch(location, blob.content[:300_000]).status == 202
        with SlowRequest(server.port, "PATCH", location, length=700_000) as cut:
            cut.send(blob.content[300_000:600_000])
            wait_until(lambda: is_held(server, location))
            for pid in server.workers():
                os.kill(pid, signal.SIGKILL)
            cut.wait_closed(10)
    with Client(server.port) as client:
        offset = client.offset(location)

        assert 300_000 <= offset <= 600_000
        rest = blob.content[offset:]
        answer = client.patch(location, rest, content_range=f"{offset}-{len(blob.content) - 1}")
        assert answer.status == 202
        assert client.put(f"{location}?digest={blob.digest}").status == 201
        assert client.get(f"/v2/killed/blobs/{blob.digest}").body == blob.content

"""Ending: what is in flight is finished, and nothing stays behind."""

from __future__ import annotations

import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.client import Client
from tests.support.documents import Blob
from tests.support.processes import group_of, wait_until
from tests.support.server import running
from tests.support.slow import SlowRequest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.server import Server


def assert_gone(server: Server) -> None:
    assert group_of(server.process.pid) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_idle_server_with_0(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path / "data", "--workers", "2") as server, Client(server.port) as kept_alive:
        kept_alive.get("/v2/")
        begun = time.monotonic()
        server.process.send_signal(number)

        assert server.process.wait(10) == 0
        assert time.monotonic() - begun < 5
        assert_gone(server)


def test_sigterm_finishes_uploads_and_downloads_that_are_in_flight(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--workers", "2") as server, Client(server.port) as client:
        blob = client.push_blob("busy", b"0123456789abcdef" * 1_000_000)
        location = client.begin("busy")
        upload = SlowRequest(server.port, "PUT", f"{location}?digest={Blob.of(b'abcdef').digest}", length=6)
        stream = SlowRequest(server.port, "PATCH", client.begin("busy"))
        target = f"/v2/busy/blobs/{blob.digest}"
        whole = SlowRequest(server.port, "GET", target, length=0, receive_buffer=65536)
        part = SlowRequest(server.port, "GET", target, length=0, headers={"Range": "bytes=5-"}, receive_buffer=65536)
        with upload, stream, whole, part:
            upload.send(b"abc")
            stream.send(b"abc")
            wait_until(lambda: client.offset(location) >= 1)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(2.5)

            upload.send(b"def")
            stream.send(b"def")
            assert upload.answer().status == 201
            answer = stream.finish()
            assert (answer.status, answer.headers["range"]) == (202, "0-5")
            assert whole.answer().body == blob.content
            assert part.answer().body == blob.content[5:]
        assert server.process.wait(10) == 0
        assert_gone(server)


def test_it_accepts_for_a_moment_after_sigterm(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--workers", "2") as server:
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)

        with Client(server.port) as client:
            assert client.get("/v2/").status == 200
        assert server.process.wait(10) == 0


def test_what_never_ends_is_cut_off_after_the_time_allowed(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--workers", "2", "--shutdown-seconds", "1") as server:
        with Client(server.port) as client:
            location = client.begin("endless")
        with SlowRequest(server.port, "PATCH", location) as upload:
            upload.send(b"abc")
            begun = time.monotonic()
            server.process.send_signal(signal.SIGTERM)

            assert server.process.wait(10) == 0
            assert 1.5 < time.monotonic() - begun < 5
            assert_gone(server)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path / "data", "--workers", "2") as server:
        with Client(server.port) as client:
            location = client.begin("endless")
        with SlowRequest(server.port, "PATCH", location) as upload:
            upload.send(b"abc")
            server.process.send_signal(number)
            time.sleep(0.2)
            begun = time.monotonic()
            server.process.send_signal(number)

            server.process.wait(10)
            assert time.monotonic() - begun < 0.5
            wait_until(lambda: group_of(server.process.pid) == [], 2)


def test_a_push_that_goes_on_while_it_ends_is_whole(tmp_path: Path) -> None:
    """What was acknowledged before the end is there after it."""
    data, acknowledged = tmp_path / "data", []

    def push(server: Server) -> None:
        with Client(server.port) as client:
            for number in range(10_000):
                try:
                    acknowledged.append(client.push_blob("cut", b"number %d" % number))
                except (OSError, AssertionError):
                    return

    with running(data, "--workers", "2") as server:
        thread = threading.Thread(target=push, args=[server])
        thread.start()
        time.sleep(0.5)
        assert server.stop() == 0
        thread.join()

    assert len(acknowledged) > 5
    with running(data) as server, Client(server.port) as client:
        for blob in acknowledged:
            assert client.get(f"/v2/cut/blobs/{blob.digest}").body == blob.content

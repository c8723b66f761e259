"""Clients that are slow, stall, or vanish: they harm nobody, and what they sent is not lost."""

from __future__ import annotations

import contextlib
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.client import Client
from tests.support.documents import Blob
from tests.support.processes import is_held, wait_until
from tests.support.server import Server, running
from tests.support.slow import SlowRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTENT = bytes(range(256)) * 8000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that waits a second for what stalls."""
    with running(tmp_path_factory.mktemp("slow") / "data", "--workers", "2", "--stall-seconds", "1") as own:
        yield own


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with Client(server.port) as connected:
        yield connected


def assert_resumable(
    server: Server, client: Client, location: str, *, at_most: int = len(CONTENT), at_least: int = 0
) -> None:
    """The upload is free, stands at a prefix of CONTENT, and can be finished to the right digest."""
    wait_until(lambda: not is_held(server, location))
    offset = client.offset(location) if at_least else stands_at(client, location)
    assert at_least <= offset <= at_most
    rest = CONTENT[offset:]
    digest = Blob.of(CONTENT).digest
    headers = {"content_range": f"{offset}-{len(CONTENT) - 1}"} if rest else {}
    answer = client.put(f"{location}?digest={digest}", rest, **headers)
    assert answer.status == 201, answer
    assert client.get(answer.location).body == CONTENT


def stands_at(client: Client, location: str) -> int:
    """The offset, where `0-0` may mean none or one: a first chunk that is taken or not tells."""
    offset = client.offset(location)
    if offset == 1 and client.patch(location, CONTENT[:1], content_range="0-0").status == 202:
        return 1
    return offset


@pytest.mark.parametrize("length", [len(CONTENT), None], ids=["announced", "chunked"])
@pytest.mark.parametrize("sent", [0, 1, 1_000_000])
def test_a_body_that_stalls_is_given_up_and_can_be_resumed(
    server: Server, client: Client, name: str, sent: int, length: int | None
) -> None:
    location = client.begin(name)
    with SlowRequest(server.port, "PATCH", location, length=length) as stalled:
        if sent:
            stalled.send(CONTENT[:sent])
        begun = time.monotonic()
        answer = stalled.answer()

        assert 0.8 < time.monotonic() - begun < 5
        assert (answer.status, answer.code) == (408, "BLOB_UPLOAD_INVALID")
        assert answer.headers["connection"] == "close"
        assert stalled.wait_closed(5) == b""
    assert_resumable(server, client, location, at_least=sent, at_most=max(sent, 1))


def test_a_manifest_that_stalls_is_given_up(server: Server, client: Client, name: str) -> None:
    with SlowRequest(server.port, "PUT", f"/v2/{name}/manifests/x", length=1000) as stalled:
        stalled.send(b"{")

        assert stalled.answer().status == 408
    assert client.head(f"/v2/{name}/manifests/x").status == 404


def test_a_body_that_drips_is_not_given_up(server: Server, client: Client, name: str) -> None:
    location = client.begin(name)
    with SlowRequest(server.port, "PATCH", location, length=5) as dripping:
        for start in range(5):
            time.sleep(0.5)
            dripping.send(CONTENT[start : start + 1])
        assert dripping.answer().status == 202
    assert_resumable(server, client, location, at_least=5, at_most=5)


@pytest.mark.parametrize("length", [len(CONTENT), None], ids=["announced", "chunked"])
@pytest.mark.parametrize("reset", [True, False], ids=["reset", "closed"])
@pytest.mark.parametrize("sent", [1, 1000, 70_000, 1_000_000])
def test_an_upload_whose_client_hangs_up_can_be_resumed(
    server: Server, client: Client, name: str, sent: int, length: int | None, *, reset: bool
) -> None:
    location = client.begin(name)
    assert client.patch(location, CONTENT[:500]).status == 202
    with SlowRequest(server.port, "PATCH", location, length=length) as cut:
        cut.send(CONTENT[500 : 500 + sent])
        wait_until(lambda: is_held(server, location))
        if reset:
            cut.vanish()

    assert_resumable(server, client, location, at_least=500, at_most=500 + sent)


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_closing_body_that_is_cut_commits_nothing(server: Server, client: Client, name: str, method: str) -> None:
    location, blob = client.begin(name), Blob.of(CONTENT[:1000])
    target = location if method == "PUT" else f"/v2/{name}/blobs/uploads/"
    with SlowRequest(server.port, method, f"{target}?digest={blob.digest}", length=len(CONTENT)) as cut:
        cut.send(blob.content)
        time.sleep(0.1)

    wait_until(lambda: not is_held(server, location))
    assert client.head(f"/v2/{name}/blobs/{blob.digest}").status == 404


@pytest.mark.parametrize("ending", [b"zz\r\n", b"-1\r\n", b"5\r\n" + CONTENT[1000:1005] + b"fgh\r\n", None], ids=repr)
def test_a_body_that_breaks_off_is_answered_with_an_error_of_the_client(
    server: Server, client: Client, name: str, ending: bytes | None
) -> None:
    location = client.begin(name)
    with SlowRequest(server.port, "PATCH", location) as broken:
        broken.send(CONTENT[:1000])
        wait_until(lambda: is_held(server, location))
        if ending is None:
            broken.end_sending()
        else:
            broken.send_raw(ending)

        answer = broken.answer()

        assert (answer.status, answer.code) == (400, "BLOB_UPLOAD_INVALID")
    assert_resumable(server, client, location, at_most=1008)


def test_a_client_that_hangs_up_in_a_download_harms_nobody(server: Server, client: Client, name: str) -> None:
    blob = client.push_blob(name, CONTENT * 8)
    for headers in ({}, {"Range": "bytes=1-"}):
        for _ in range(5):
            target = f"/v2/{name}/blobs/{blob.digest}"
            with SlowRequest(server.port, "GET", target, length=0, headers=headers, receive_buffer=8192) as cut:
                assert cut.receive(1000)
                cut.vanish()

    assert client.get(f"/v2/{name}/blobs/{blob.digest}").body == blob.content
    wait_until(lambda: not open_blobs(server))


def open_blobs(server: Server) -> list[str]:
    """The blobs that workers still have open."""
    blobs = server.data_dir / "blobs"
    found = []
    for pid in server.workers():
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if descriptor.readlink().is_relative_to(blobs):
                    found.append(str(descriptor.readlink()))
    return found


def test_headers_that_never_end_keep_nobody_out(server: Server, client: Client) -> None:
    loris = [socket.create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(300)]
    try:
        for connection in loris:
            connection.sendall(b"GET /v2/ HTTP/1.1\r\nX-A: ")
        for _ in range(20):
            begun = time.monotonic()
            assert client.get("/v2/").status == 200
            assert time.monotonic() - begun < 0.5
            for connection in loris:
                connection.sendall(b"b")
    finally:
        for connection in loris:
            connection.close()


def test_headers_that_never_end_are_given_up(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=8) as loris:
        loris.sendall(b"GET /v2/ HTTP/1.1\r\nX-A: ")

        received = loris.recv(1000)

        assert received == b"" or received.startswith(b"HTTP/1.1 408 ")


def test_a_refused_upload_is_answered_though_the_client_still_sends(server: Server, client: Client, name: str) -> None:
    location = client.begin(name)
    for size in (100_000, 4_000_000):
        answer = client.patch(location, b"x" * size, content_range=f"7-{6 + size}")
        assert answer.status == 416
        answer = client.put(f"/v2/{name}/manifests/huge", b"x" * (5_000_000 + size))
        assert answer.status == 413


def test_nothing_stays_in_uploads_but_open_uploads(server: Server, client: Client, name: str) -> None:
    uploads = server.data_dir / "uploads"
    before = {path.name for path in uploads.iterdir()}
    blob = Blob.of(b"not left behind")
    client.push_image(name)
    client.post(f"/v2/{name}/blobs/uploads/?digest={blob.digest}", blob.content)
    client.post(f"/v2/{name}/blobs/uploads/?digest={blob.digest}", b"wrong")
    client.put_manifest(name, b"{}", "wrong")
    client.delete(client.begin(name))
    with SlowRequest(server.port, "POST", f"/v2/{name}/blobs/uploads/?digest={blob.digest}", length=99) as cut:
        cut.send(b"cut")
    with SlowRequest(server.port, "POST", f"/v2/{name}/blobs/uploads/?digest={blob.digest}", length=99) as stalled:
        stalled.send(b"stalled")
        assert stalled.answer().status == 408
    left = client.begin(name)
    client.patch(left, b"open")

    def extra() -> set[str]:
        return {path.name for path in uploads.iterdir()} - before

    wait_until(lambda: len(extra()) == 1)
    assert left.rpartition("/")[2] in extra().pop()

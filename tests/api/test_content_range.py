"""Chunks in order: what `Content-Range` may say of an upload's body, and that nothing moves when it is wrong."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.client import Client, clients_of_different_workers
from tests.support.documents import Blob
from tests.support.processes import is_held, wait_until
from tests.support.slow import SlowRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.client import Answer
    from tests.support.server import Server


def begun(client: Client, name: str, content: bytes = b"abcde") -> str:
    location = client.begin(name)
    client.patch(location, content)
    return location


MALFORMED = (
    *("", "-", "5", "5-", "-9", "a-b", "5-9-", "9-5", "5\u20139", "5 - 9", "+5-9", "0x5-9", "5.0-9", "5-9,10-12"),
    *("bytes 5-9/", "bytes */10", "items 5-9/10", "5-99999999999999999999999999"),
)


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
@pytest.mark.parametrize("header", MALFORMED)
def test_a_malformed_content_range_is_400_and_moves_nothing(
    client: Client, name: str, method: str, header: str
) -> None:
    location = begun(client, name)

    target = f"{location}?digest={Blob.of(b'abcdefghij').digest}"
    answer = client.request(method, target, b"fghij", {"Content-Range": header.encode().decode("latin-1")})

    assert (answer.status, answer.code) == (400, "BLOB_UPLOAD_INVALID")
    assert client.offset(location) == 5
    assert client.put(target, b"fghij", content_range="5-9").status == 201


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
@pytest.mark.parametrize("start", [0, 3, 4, 6, 7, 1000, 10**18])
def test_a_chunk_that_does_not_follow_is_416_with_the_offset(
    client: Client, name: str, method: str, start: int
) -> None:
    location = begun(client, name)

    target = f"{location}?digest={Blob.of(b'abcdefghij').digest}"
    answer = client.request(method, target, b"fghij", {"Content-Range": f"{start}-{start + 4}"})

    assert (answer.status, answer.code) == (416, "BLOB_UPLOAD_INVALID")
    assert answer.headers["range"] == "0-4"
    assert answer.location == location
    assert client.offset(location) == 5
    assert client.put(target, b"fghij", content_range="5-9").status == 201


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
@pytest.mark.parametrize("header", ["5-8", "5-10", "5-5", "5-99999999"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_another_length_than_its_range_moves_nothing(
    client: Client, name: str, method: str, header: str, *, chunked: bool
) -> None:
    location = begun(client, name)

    target = f"{location}?digest={Blob.of(b'abcdefghij').digest}"
    body = iter([b"fg", b"hij"]) if chunked else b"fghij"
    answer = client.request(method, target, body, {"Content-Range": header})

    assert (answer.status, answer.code) == (400, "BLOB_UPLOAD_INVALID")
    assert client.offset(location) == 5
    assert client.put(target, b"fghij", content_range="5-9").status == 201


@pytest.mark.parametrize("header", ["5-9", " 5-9 ", "bytes 5-9/*", "bytes 5-9/10", "bytes=5-9", "0005-0009"])
def test_a_chunk_that_follows_is_taken(client: Client, name: str, header: str) -> None:
    location = begun(client, name)

    answer = client.patch(location, b"fghij", content_range=header)

    assert (answer.status, answer.headers["range"]) == (202, "0-9")


def test_a_chunk_said_twice_is_416_the_second_time(client: Client, name: str) -> None:
    location = client.begin(name)

    first, second = (client.patch(location, b"abc", content_range="0-2") for _ in range(2))

    assert (first.status, second.status) == (202, 416)
    assert client.put(f"{location}?digest={Blob.of(b'abc').digest}").status == 201


def test_a_single_post_with_a_content_range_obeys_it(client: Client, name: str) -> None:
    target = f"/v2/{name}/blobs/uploads/?digest={Blob.of(b'abc').digest}"

    assert client.post(target, b"abc", content_range="1-3").status == 416
    assert client.post(target, b"abc", content_range="0-9").status == 400
    assert client.post(target, b"abc", content_range="0-2").status == 201


@given(header=st.text("0123456789-/* byte=", max_size=14))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_no_content_range_is_a_server_error(server: Server, header: str) -> None:
    with Client(server.port) as client:
        location = begun(client, "tests/any-content-range")

        status = client.patch(location, b"fghij", content_range=header).status

        assert status in (202, 400, 416)
        assert client.offset(location) == (10 if status == 202 else 5)


def all_at_once(clients: Sequence[Client], location: str, chunk: bytes, header: str) -> list[Answer]:
    answers: list[Answer] = []
    barrier = threading.Barrier(len(clients))

    def send(client: Client) -> None:
        barrier.wait()
        answers.append(client.patch(location, chunk, content_range=header))

    threads = [threading.Thread(target=send, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == len(clients)
    return answers


@pytest.mark.parametrize("size", [10, 1_000_000])
def test_of_identical_chunks_sent_at_once_exactly_one_is_taken(server: Server, name: str, size: int) -> None:
    content = bytes(5) + b"x" * size
    with clients_of_different_workers(server.port) as clients, Client(server.port) as third:
        for _ in range(8):
            location = begun(third, name, bytes(5))

            answers = all_at_once([*clients, third], location, content[5:], f"5-{size + 4}")

            assert sorted(answer.status for answer in answers) == [202, 416, 416]
            assert {answer.worker for answer in answers} == set(server.workers())
            digest = Blob.of(content).digest
            assert third.put(f"{location}?digest={digest}").status == 201


def test_a_chunk_that_is_still_arriving_keeps_the_others_out(server: Server, name: str) -> None:
    with clients_of_different_workers(server.port) as clients:
        location = begun(clients[0], name)
        with SlowRequest(server.port, "PATCH", location, length=5, headers={"Content-Range": "5-9"}) as slow:
            slow.send(b"fg")
            wait_until(lambda: is_held(server, location))
            for client in clients:
                assert client.patch(location, b"fghij", content_range="5-9").status == 416
                assert client.put(f"{location}?digest={Blob.of(b'abcde').digest}").status == 416
                assert client.delete(location).status == 416
                assert client.get(location).status == 204
            slow.send(b"hij")
            assert slow.answer().status == 202
        assert clients[1].offset(location) == 10
        assert clients[1].put(f"{location}?digest={Blob.of(b'abcdefghij').digest}").status == 201

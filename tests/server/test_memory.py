"""Large bodies: memory is bounded whatever their size and number, and everybody else is still answered."""

from __future__ import annotations

import hashlib
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.support.client import Client, clients_of_different_workers
from tests.support.processes import MIB, memory
from tests.support.server import Server, running
from tests.support.slow import SlowRequest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PIECE = bytes(range(256)) * 4096
PIECES = 256  # MiB
MOST_BYTES = 150 * MIB


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running(tmp_path / "data", "--workers", "2") as own:
        yield own


class Watch:
    """While it is open: the most memory that the server took, and how long small requests took of each worker."""

    def __init__(self, server: Server) -> None:
        self.most = 0
        self.waits: list[float] = []
        self._server = server
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._weigh), threading.Thread(target=self._ask)]

    def __enter__(self) -> Watch:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _weigh(self) -> None:
        while not self._ended.wait(0.05):
            self.most = max(self.most, memory(self._server))

    def _ask(self) -> None:
        with clients_of_different_workers(self._server.port) as clients:
            while not self._ended.wait(0.02):
                for client in clients:
                    begun = time.monotonic()
                    assert client.get("/v2/").status == 200
                    self.waits.append(time.monotonic() - begun)


def push(server: Server, who: int, statuses: list[int]) -> None:
    """Push a blob of PIECES MiB that is like no other, as one stream."""
    first = b"%d" % who
    hasher = hashlib.sha256(first)
    for _ in range(PIECES):
        hasher.update(PIECE)
    with Client(server.port) as client:
        location = client.patch(client.begin("large"), iter([first, *[PIECE] * PIECES])).location
        statuses.append(client.put(f"{location}?digest=sha256:{hasher.hexdigest()}").status)


def test_four_large_pushes_at_once_take_little_memory_and_block_nobody(server: Server) -> None:
    statuses: list[int] = []
    threads = [threading.Thread(target=push, args=[server, who, statuses]) for who in range(4)]
    with Watch(server) as watch:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert statuses == [201] * 4
    assert watch.most < MOST_BYTES, f"{watch.most / MIB:.0f} MiB"
    waits = sorted(watch.waits)
    assert waits[len(waits) // 2] < 0.1, f"half of the small requests took {waits[len(waits) // 2]:.3f} s and more"
    assert waits[-1] < 1.5, f"the slowest small request took {waits[-1]:.3f} s"


def test_slow_readers_and_slow_writers_take_little_memory(server: Server) -> None:
    with Client(server.port) as client, ExitStack() as stack:
        blob = client.push_blob("large", PIECE * 64)
        target = f"/v2/large/blobs/{blob.digest}"
        before = memory(server)
        readers = []
        for number in range(40):
            headers = {"Range": "bytes=1-"} if number % 2 else {}
            reader = SlowRequest(server.port, "GET", target, length=0, headers=headers, receive_buffer=4096)
            readers.append(stack.enter_context(reader))
        for _ in range(40):
            writer = SlowRequest(server.port, "PATCH", client.begin("large"))
            stack.enter_context(writer).send(b"slow")
        for reader in readers:
            assert reader.receive(100)
        time.sleep(1)

        each = (memory(server) - before) / 80

        assert each < 1.5 * MIB, f"{each / MIB:.2f} MiB a connection"
        assert client.get("/v2/").status == 200

"""Several addresses at once: an ingress wants it plain, the webhook wants TLS."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import time
from http.client import HTTPSConnection
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_tls import EC, make_certificate
from tests.support.client import Client, clients_of_different_workers
from tests.support.command import assert_one_line, trow
from tests.support.processes import wait_until
from tests.support.server import Server, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def listening(tmp_path: Path, plain: int, tls: int) -> Path:
    certificate, key = make_certificate(tmp_path / "certs", EC)
    file = tmp_path / "config.yaml"
    file.write_text(
        f"version: 1\nworkers: 2\nlisten:\n  - address: 127.0.0.1:{plain}\n  - address: 127.0.0.1:{tls}\n"
        f"    tls: {{certificate: {certificate}, key: {key}}}\nstorage: {{directory: {tmp_path / 'data'}}}\n"
    )
    return file


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[Server, int]]:
    """A server on two addresses, and the port of the one with TLS."""
    plain, tls = free_port(), free_port()
    file = listening(tmp_path, plain, tls)
    # in place of the words of a test's server, which name one address
    only = ["sh", "-c", f'exec "$1" -m trow serve --config-file {file}', "sh"]
    server = Server(tmp_path / "data", port=plain, prefix=only)
    try:
        yield server.wait_ready(), tls
    finally:
        server.kill()


def answer(port: int, context: ssl.SSLContext, path: str) -> tuple[int, int, bytes]:
    """Status, worker and content, by TLS on a connection of its own."""
    connection = HTTPSConnection("127.0.0.1", port, context=context, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, int(response.headers["trow-worker"]), response.read()
    finally:
        connection.close()


def test_both_addresses_are_served_by_every_worker(both: tuple[Server, int], tmp_path: Path) -> None:
    server, tls = both
    context = ssl.create_default_context(cafile=str(tmp_path / "certs/domain.crt"))
    with clients_of_different_workers(server.port) as clients:
        workers = {client.get("/v2/").worker for client in clients}
        pushed = clients[0].push_image("both")
    met: set[int] = set()
    deadline = time.monotonic() + 10
    while met != workers and time.monotonic() < deadline:
        status, worker, content = answer(tls, context, "/v2/both/manifests/latest")
        assert (status, content) == (200, pushed.content)
        met.add(worker)
    assert met == workers
    assert f"Listening on https://127.0.0.1:{tls} too" in server.log()

    for victim in workers:
        os.kill(victim, signal.SIGKILL)
    wait_until(lambda: not workers & set(server.workers()))
    assert answer(tls, context, "/v2/")[0] == 200
    with Client(server.port) as client:
        assert client.get("/v2/").status == 200
        assert client.get("/readiness").status == 200
    assert server.stop() == 0


@pytest.mark.parametrize("taken", [0, 1], ids=["the first", "the second"])
def test_an_address_that_is_taken_is_said_in_one_line_and_none_is_listened_on(tmp_path: Path, taken: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        ports = [free_port(), free_port()]
        ports[taken] = other.getsockname()[1]
        file = listening(tmp_path, *ports)
        assert_one_line(trow("serve", "--config-file", str(file)), 1, str(ports[taken]), "address already in use")

        with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", ports[1 - taken])):
            pass

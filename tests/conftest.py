"""Fixtures that several rooms share: a running server, a connection to it, and a repository name of one's own."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

import pytest

from tests.support.client import Client
from tests.support.server import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.server import Server

_counter = itertools.count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with two workers for all tests that leave it running and unharmed; each uses names of its own."""
    with running(tmp_path_factory.mktemp("shared") / "data", "--workers", "2") as shared:
        yield shared


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    """A connection to the shared server."""
    with Client(server.port) as connected:
        yield connected


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """The name of a repository that no other test knows."""
    test = re.sub(r"[^a-z0-9]+", "-", request.node.originalname.removeprefix("test_").lower()).strip("-")
    return f"tests/{test[:80].strip('-')}/n{next(_counter)}"

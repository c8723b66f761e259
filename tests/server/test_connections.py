"""Very many connections that do nothing."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.processes import MIB, memory
from tests.support.server import running

COUNT = 10_000
PROGRAM = Path(__file__).parent.parent / "support" / "idle.py"


@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_NOFILE)[1] < COUNT + 100, reason="too few open files allowed")
def test_ten_thousand_idle_connections_keep_nobody_out(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--workers", "2", "--log-level", "warn") as server:
        before = memory(server)
        idle = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(server.port), str(COUNT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with idle:
            assert idle.stdin
            assert idle.stdout
            assert idle.stdout.readline() == f"{COUNT} open\n"

            with Client(server.port) as client:
                begun = time.monotonic()
                client.push_image("among/many")
                assert client.get("/v2/among/many/tags/list").json()["tags"] == ["latest"]
                assert time.monotonic() - begun < 2

            idle.stdin.write("ask\n")
            idle.stdin.flush()
            assert idle.stdout.readline() == f"{COUNT} answered\n"
            each = (memory(server) - before) / COUNT
            idle.stdin.write("end\n")
        assert idle.returncode == 0
        assert each < 0.02 * MIB
        with Client(server.port) as client:
            assert client.get("/v2/").status == 200
        assert server.stop() == 0

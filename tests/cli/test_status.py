"""`trow status`, of real servers, of none, and of something else that answers."""

from __future__ import annotations

import http.server
import json
import threading
from typing import TYPE_CHECKING

import pytest

from tests.support.command import assert_one_line, trow
from tests.support.server import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.server import Server

IN_FORCE = {"generation": 3, "since": 0.5, "sha256": "ab" * 32, "file": "/c.yaml", "last_good": False}


class Saying:
    """A server that answers whatever it is told to."""

    def __init__(self) -> None:
        self.status, self.body = 200, b""
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(outer.status)
                self.end_headers()
                self.wfile.write(outer.body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def saying() -> Iterator[Saying]:
    answering = Saying()
    yield answering
    answering.server.shutdown()
    answering.server.server_close()


def test_a_server_at_work_is_ready(server: Server) -> None:
    result = trow("status", "--url", server.url, env={"http_proxy": "http://127.0.0.1:1"})

    assert (result.returncode, result.stderr) == (0, "")
    assert "ready      yes" in result.stdout


def test_it_is_found_where_the_settings_listen(server: Server) -> None:
    result = trow("status", "-o", "json", env={"TROW_BIND": f"0.0.0.0:{server.port}"})

    document = json.loads(result.stdout)
    assert (result.returncode, document["url"], document["is_ready"]) == (0, server.url, True)


def test_nobody_there_is_status_1() -> None:
    assert_one_line(trow("status", "--url", f"http://127.0.0.1:{free_port()}"), 1, "connection refused")


@pytest.mark.parametrize("url", ["x", "ftp://a", "http://", "http://a:b", "127.0.0.1:80"])
def test_what_is_no_url_is_status_2(url: str) -> None:
    assert_one_line(trow("status", "--url", url), 2, "--url")


@pytest.mark.parametrize("body", [b"", b"hello", b"[]", b'{"a": 1}'])
def test_somebody_else_is_not_taken_for_trow(saying: Saying, body: bytes) -> None:
    saying.body = body

    assert_one_line(trow("status", "--url", saying.url), 1, "not as Trow does")


def test_a_file_in_error_is_status_1_and_told(saying: Saying) -> None:
    saying.body = json.dumps(
        {"is_ready": True, "writable": False, "config": {**IN_FORCE, "error": "c.yaml:1:1: x", "pending": ["workers"]}}
    ).encode()

    result = trow("status", "--url", saying.url)

    assert result.returncode == 1
    for part in ("generation 3", "error      c.yaml:1:1: x", "pending    workers", "no: pushes fail"):
        assert part in result.stdout


def test_one_that_is_not_ready_is_status_1(saying: Saying) -> None:
    saying.status, saying.body = 503, b'{"is_ready": false, "message": "gone"}'

    result = trow("status", "--url", saying.url)

    assert (result.returncode, "no: gone" in result.stdout) == (1, True)

"""The log's lines, as their readers take them apart again: JSON and text, of a real server and of one process."""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from tests.support.client import Client, raw_exchange
from tests.support.documents import digest_of
from tests.support.processes import wait_until
from tests.support.server import running
from trow import log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.server import Server

TEXT = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d) \[trow\.request\] (?P<level>[A-Z]+) (?P<client>\S+) (?P<method>\S+) "
    r"(?P<path>\S+) (?P<status>\d+) (?P<bytes>\d+) (?P<ms>[\d.]+)ms id=(?P<id>\S+)(?P<more>( \w+=\S+)*)"
)
SECRET = "hunter2-planted"


@pytest.fixture
def here() -> Iterator[None]:
    """The log of this process, put back afterwards."""
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    structlog.reset_defaults()


def requests(server: Server) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == "request"]


def line_of(server: Server, number: str) -> dict[str, Any]:
    wait_until(lambda: any(line["id"] == number for line in requests(server)))
    (line,) = [line for line in requests(server) if line["id"] == number]
    return line


def test_a_request_is_one_line_of_json(server: Server, client: Client, name: str) -> None:
    pushed = client.push_image(name, "v1")
    answer = client.get(f"/v2/{name}/manifests/v1?ns=", x_request_id="pull-1")
    assert answer.headers["x-request-id"] == "pull-1"
    answer = client.get(f"/v2/{name}/manifests/v1", x_request_id="pull-2")
    line = line_of(server, "pull-2")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert 0 < line.pop("duration_ms") < 10_000
    assert line == {
        "level": "info",
        "logger": "trow.request",
        "event": "request",
        "id": "pull-2",
        "client": "127.0.0.1",
        "method": "GET",
        "path": f"/v2/{name}/manifests/v1",
        "status": 200,
        "bytes": len(pushed.content),
        "repository": name,
        "reference": "v1",
        "digest": pushed.digest,
    }


def test_a_push_says_how_much_came_and_what_it_is(server: Server, client: Client, name: str) -> None:
    content = b"pushed" * 1000
    target = f"{client.begin(name)}?digest={digest_of(content)}"
    assert client.put(target, content, x_request_id="push-1").status == 201
    line = line_of(server, "push-1")
    assert (line["bytes_in"], line["bytes"], line["digest"]) == (6000, 0, digest_of(content))


def test_head_sends_nothing_and_an_unknown_path_has_no_repository(server: Server, client: Client, name: str) -> None:
    client.push_image(name, "v1")
    client.head(f"/v2/{name}/manifests/v1", x_request_id="head-1")
    client.get("/nowhere", x_request_id="nowhere-1")
    assert line_of(server, "head-1")["bytes"] == 0
    assert "repository" not in line_of(server, "nowhere-1")
    assert line_of(server, "nowhere-1")["status"] == 404


@pytest.mark.parametrize("odd", ["", "a b", "é", "x" * 65, "a\tb"])
def test_a_request_id_that_is_not_sane_is_replaced(client: Client, odd: str) -> None:
    for target in ("/v2/", "/healthz"):
        number = client.get(target, x_request_id=odd).headers["x-request-id"]
        assert re.fullmatch("[0-9a-f]{16}", number)


def test_no_secret_reaches_log_or_metrics(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--log-level", "trace") as server, Client(server.port) as client:
        for target in (f"/v2/a/tags/list?token={SECRET}", f"/healthz?{SECRET}", f"/v2/a/manifests/b?{SECRET}"):
            client.get(target, authorization=f"Bearer {SECRET}", x_request_id=f"{SECRET} with a space")
        client.put("/v2/a/manifests/b", SECRET.encode())
        target = (
            f"GET http://user:{SECRET}@127.0.0.1:{server.port}/v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        raw_exchange(server.port, target.encode())
        told = client.get("/metrics", authorization=f"Basic {SECRET}").body.decode()
        client.get("/v2/", x_request_id="last")
        line_of(server, "last")
        assert SECRET not in server.log()
        assert SECRET not in told


def test_a_hostile_path_stays_one_line(server: Server) -> None:
    path = b"/v2/a\x1b[31m/manifests/%0a{\xe2\x80\xa8\x85"
    raw_exchange(
        server.port, b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nX-Request-Id: evil\r\nConnection: close\r\n\r\n"
    )
    with Client(server.port) as client:
        client.get("/v2/a%0a/manifests/%1b%9b", x_request_id="evil-2")
    line = line_of(server, "evil-2")
    assert line["path"] == "/v2/a%0a/manifests/%1b%9b"
    assert all(line.isprintable() for line in server.log().split("\n"))


def test_text_is_read_back_field_by_field(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("version: 1\nlogging: {format: text}\n")
    flags = ("--config-file", str(tmp_path / "config.yaml"))
    with running(tmp_path / "data", *flags) as server, Client(server.port) as client:
        pushed = client.push_image("a/b", "v1")
        client.get("/v2/a/b/manifests/v1", x_request_id="text-1")
        wait_until(lambda: "text-1" in server.log())
        (line,) = [line for line in server.log().splitlines() if "text-1" in line]
    found = TEXT.fullmatch(line)
    assert found, line
    fields = found.groupdict()
    assert (fields["level"], fields["client"], fields["method"]) == ("INFO", "127.0.0.1", "GET")
    assert (fields["path"], fields["status"], fields["bytes"]) == (
        "/v2/a/b/manifests/v1",
        "200",
        str(len(pushed.content)),
    )
    assert fields["more"] == f" digest={pushed.digest}"


def test_probes_are_told_to_those_who_debug(tmp_path: Path) -> None:
    for level, told in (("info", False), ("debug", True)):
        with running(tmp_path / level, "--log-level", level) as server, Client(server.port) as client:
            client.get("/healthz", x_request_id="probe")
            client.get("/v2/", x_request_id="after")
            line_of(server, "after")
            assert any(line["id"] == "probe" for line in requests(server)) is told


@pytest.mark.usefixtures("here")
def test_a_traceback_is_a_field(capfd: pytest.CaptureFixture[str]) -> None:
    log.set_up("info", "json")
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logging.getLogger("trow.x").exception("failed\x1b[0m: %s", "why")
    structlog.get_logger("trow.y").warning("changed", key="limits.blob_size")
    first, second = map(json.loads, capfd.readouterr().err.splitlines())
    assert (first["level"], first["logger"], first["event"]) == ("error", "trow.x", "failed\\x1b[0m: why")
    assert first["exception"].endswith("ValueError: two\nlines")
    assert (second["level"], second["logger"], second["key"]) == ("warn", "trow.y", "limits.blob_size")


@pytest.mark.usefixtures("here")
def test_text_keeps_a_traceback_in_its_line(capfd: pytest.CaptureFixture[str]) -> None:
    log.set_up("info", "text")
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logging.getLogger("trow.x").exception("failed")
    (line,) = capfd.readouterr().err.splitlines()
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d \[trow\.x\] ERROR failed exception='Traceback", line)
    assert r"two\nlines" in line


@pytest.mark.usefixtures("here")
def test_level_and_form_change_while_it_runs(capfd: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("trow.x")
    for level, form in (("error", "json"), ("warn", "text"), ("off", "json"), ("debug", "json")):
        log.set_up(level, form)
        logger.debug("debug")
        logger.warning("warning")
        logger.error("error")
        said = capfd.readouterr().err.splitlines()
        assert len(said) == {"error": 1, "warn": 2, "off": 0, "debug": 3}[level]
        assert all(line.startswith("{") == (form == "json") for line in said)


@pytest.mark.usefixtures("here")
def test_what_is_no_text_harms_no_line(capfd: pytest.CaptureFixture[str]) -> None:
    log.set_up("info", "json")
    logging.getLogger("trow.x").info("odd \udcff %s", object)
    structlog.get_logger("trow.x").info("odd", value="\udcff", time="mine")
    said = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    assert said[0]["event"].startswith("odd \\udcff")
    assert said[-1]["value"] == "\\udcff"


@pytest.mark.usefixtures("here")
def test_lines_are_written_in_whole_pieces(capfd: pytest.CaptureFixture[str]) -> None:
    log.set_up("info", "json")
    for number in range(300):
        log.lines.held.append(
            log.RequestLine(log.now(), "info", "l", "e", str(number), "c", "GET", "/" * 200, 1, 1, 1.0)
        )
    log.lines.flush()
    said = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [line["id"] for line in said] == [str(number) for number in range(300)]

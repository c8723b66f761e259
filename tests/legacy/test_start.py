"""A real server on the directory of an earlier Trow: it imports, then serves all of it."""

from __future__ import annotations

import os
import random
import re
import signal
import tempfile
import time
from pathlib import Path

import pytest

from tests.legacy.directories import make_everything
from tests.support.client import Client
from tests.support.command import NOBODY, assert_one_line, trow
from tests.support.documents import digest_of, image
from tests.support.legacy import Trow010, Trow03, old_files
from tests.support.processes import alive, wait_until
from tests.support.server import READY, Server, running


def test_everything_can_be_pulled_afterwards(tmp_path: Path) -> None:
    root = tmp_path / "data"
    there = make_everything(root)
    before = old_files(root)
    with running(root, "--workers", "2") as server, Client(server.port) as client:
        for (name, tag), digest in there.tags.items():
            answer = client.get(f"/v2/{name}/manifests/{tag}")
            assert (answer.status, answer.headers["docker-content-digest"]) == (200, digest)
            assert digest_of(answer.body) == digest
        for name, digest in there.manifests:
            assert client.get(f"/v2/{name}/manifests/{digest}").status == 200
        for name, content in there.blobs:
            assert client.get(f"/v2/{name}/blobs/{digest_of(content)}").body == content
        history = client.get("/team/app/manifest_history/latest").json()["history"]
        assert len(history) == 3
        assert client.get("/v2/team/app/tags/list").json()["tags"] == ["latest", "v2"]
        assert client.get("/v2/f/docker.io/library/nginx/manifests/latest").status == 404
        warnings = re.findall(r'"warn".*"not imported from Trow ([\d.]+): (\w+) ', server.log())
        assert len(warnings) == there.left_out
    assert old_files(root, before) == before


def test_a_second_start_is_quick_and_says_nothing_of_it(tmp_path: Path) -> None:
    root = tmp_path / "data"
    there = make_everything(root)
    with running(root) as server:
        said = server.log()
        order = [said.index(part) for part in ("Imported data of Trow 0.3: ", "Imported data of Trow 0.10: ", READY)]
        assert order == sorted(order)
    begun = time.monotonic()
    with running(root) as server, Client(server.port) as client:
        took = time.monotonic() - begun
        assert "mport" not in server.log()
        answer = client.get("/v2/team/app/manifests/latest")
        assert answer.headers["docker-content-digest"] == there.tags["team/app", "latest"]
    assert took < 5


def test_what_is_pushed_and_deleted_afterwards_stays_so(tmp_path: Path) -> None:
    root = tmp_path / "data"
    there = make_everything(root)
    with running(root) as server, Client(server.port) as client:
        pushed = client.push_image("team/app", "latest", salt="pushed").digest
        assert client.delete(f"/v2/team/app/web/manifests/{there.tags['team/app/web', 'v1']}").status == 202
    with running(root) as server, Client(server.port) as client:
        assert client.get("/v2/team/app/manifests/latest").headers["docker-content-digest"] == pushed
        assert client.get("/v2/team/app/web/manifests/v1").status == 404


def test_of_two_that_start_at_once_one_imports(tmp_path: Path) -> None:
    root = tmp_path / "data"
    many(root, 60)
    servers = [Server(root, "--workers", "1") for _ in range(2)]
    try:
        for server in servers:
            server.wait_ready()
            with Client(server.port) as client:
                assert len(client.get("/v2/many/tags/list").json()["tags"]) == 60
        summaries = [server.log().count("Imported data of Trow 0.3") for server in servers]
        assert sorted(summaries) == [0, 1]
    finally:
        for server in servers:
            server.kill()


def test_killed_at_random_it_goes_on(tmp_path: Path) -> None:
    root = tmp_path / "data"
    many(root, 60)
    before = old_files(root)
    for _ in range(2):
        server = Server(root)
        wait_until(lambda server=server: "Importing" in server.log() or READY in server.log())  # type: ignore[misc]
        time.sleep(random.uniform(0, 0.2))
        server.kill()
    assert old_files(root, before) == before
    with running(root) as server, Client(server.port) as client:
        assert len(client.get("/v2/many/tags/list").json()["tags"]) == 60
        for number in range(60):
            assert client.get(f"/v2/many/manifests/v{number}").status == 200


def test_a_signal_ends_an_import_and_the_next_start_goes_on(tmp_path: Path) -> None:
    root = tmp_path / "data"
    many(root, 400)
    server = Server(root)
    wait_until(lambda: "Importing" in server.log())
    status = server.stop(10)
    if READY not in server.log():
        assert status == 0
        assert server.log().splitlines()[-1] == "The import was interrupted; the next start goes on with it"
        assert (root / "locks/host").read_bytes() == b""
    assert (root / "imported").exists() == (READY in server.log())


def test_an_importing_process_does_not_outlive_the_first_one(tmp_path: Path) -> None:
    root = tmp_path / "data"
    many(root, 400)
    server = Server(root)
    wait_until(lambda: "Importing" in server.log() and len(server.workers()) > 0)
    (importing,) = server.workers()
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    wait_until(lambda: not alive(importing), 5)
    server.kill()


def test_what_stops_an_import_is_one_line(tmp_path: Path) -> None:
    root = tmp_path / "data"
    Trow010(root).close()
    (root / "trow.db").write_bytes(b"noise" * 1000)
    ended = trow("serve", "--bind", "127.0.0.1:0", "--data-dir", str(root))
    assert_one_line(ended, 1, "trow.db of the earlier Trow can't be read", "the next start goes on with it")


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")
def test_an_old_file_that_may_not_be_read_stops_the_import_by_its_name() -> None:
    """A directory of another user must not count as imported without what is in it."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        root = Path(name) / "data"
        many(root, 1)
        for path in (root, *root.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        unreadable = Trow03(root).blob_path(digest_of(b"0"))
        unreadable.chmod(0o000)
        ended = trow("serve", "--bind", "127.0.0.1:0", "--data-dir", str(root), as_nobody=True)
        assert_one_line(ended, 1, str(unreadable), "permission denied", "chown -R")
        assert not (root / "imported").exists()


def test_an_import_that_was_killed_says_so(tmp_path: Path) -> None:
    root = tmp_path / "data"
    many(root, 400)
    server = Server(root)
    wait_until(lambda: "Importing" in server.log() and len(server.workers()) > 0)
    os.kill(server.workers()[0], signal.SIGKILL)
    assert server.process.wait(10) == 1
    assert "ended by signal 9" in server.log()
    server.kill()


def many(root: Path, count: int) -> None:
    """A repository of that many small images."""
    v03 = Trow03(root)
    v03.blob(b"{}")
    for number in range(count):
        document = image(b"{}", [b"%d" % number])
        v03.blob(b"%d" % number)
        v03.tag("many", f"v{number}", f"{v03.manifest(document)} 2021-01-01T00:00:00.000000000Z")

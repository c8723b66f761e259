"""One host serves a directory: processes of one kernel share it, a second host is refused by name."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import anyio
import pytest

from tests.storage.peer import peer
from trow.storage.filesystem import claim as claims
from trow.storage.filesystem.claim import Claim, ClaimError, claim
from trow.storage.filesystem.locks import try_lock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection
    from pathlib import Path

    from tests.storage.peer import Opening, Peer

OTHER_HOST = "11111111-2222-3333-4444-555555555555 node-7.example"


@pytest.fixture
def served(tmp_path: Path) -> Path:
    """A directory that was in service before."""
    claim(tmp_path / "served").release()
    return tmp_path / "served"


@pytest.fixture(autouse=True)
def soon_presumed_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "_PRESUMED_DEAD_SECONDS", 1.0)


@contextmanager
def another_host(root: Path, opening: Opening, *, locks_are_seen: bool, beats: bool) -> Iterator[Peer]:
    """A host that serves the directory, as far as this one can see."""
    with peer(opening, serve_as_another_host, root / "locks/host", locks_are_seen, beats) as other:
        other.hear()
        yield other


def test_a_second_host_whose_lock_is_seen_is_named_at_once(served: Path, opening: Opening) -> None:
    with another_host(served, opening, locks_are_seen=True, beats=False):
        before = time.monotonic()
        with pytest.raises(ClaimError, match=r"node-7\.example") as refused:
            claim(served)
        assert time.monotonic() - before < 1
        assert "\n" not in str(refused.value)
        assert (served / "locks/host").read_text() == OTHER_HOST


def test_a_second_host_whose_heart_is_seen_to_beat_is_named(served: Path, opening: Opening) -> None:
    """As over a network file system that keeps locks to each client."""
    with another_host(served, opening, locks_are_seen=False, beats=True):
        with pytest.raises(ClaimError, match=r"node-7\.example"):
            claim(served)
        assert (served / "locks/host").read_text() == OTHER_HOST


@pytest.mark.parametrize("ahead_seconds", [-3600, 3600])
def test_a_second_host_is_seen_to_live_though_the_clocks_differ(
    served: Path, opening: Opening, monkeypatch: pytest.MonkeyPatch, ahead_seconds: int
) -> None:
    """The file server's clock stamps the heartbeat, ours may be far from it."""
    real = time.time
    with another_host(served, opening, locks_are_seen=False, beats=True):
        monkeypatch.setattr(time, "time", lambda: real() + ahead_seconds)
        with pytest.raises(ClaimError, match=r"node-7\.example"):
            claim(served)


def test_a_host_that_was_killed_is_waited_for_and_followed(served: Path, opening: Opening) -> None:
    with another_host(served, opening, locks_are_seen=True, beats=True) as other:
        other.kill()
    os.utime(served / "locks/host")
    before = time.monotonic()
    held = claim(served)
    assert time.monotonic() - before > 0.5
    assert OTHER_HOST not in (served / "locks/host").read_text()
    held.release()


def test_a_host_that_died_long_ago_is_followed_at_once(served: Path) -> None:
    (served / "locks/host").write_text(OTHER_HOST)
    os.utime(served / "locks/host", (1, 1))
    before = time.monotonic()
    claim(served).release()
    assert time.monotonic() - before < 1


def test_a_host_that_ended_cleanly_is_followed_at_once(served: Path) -> None:
    held = claim(served)
    assert (served / "locks/host").read_text()
    held.release()
    assert (served / "locks/host").read_text() == ""


def test_a_refused_claim_lets_go_of_the_lock(served: Path, opening: Opening) -> None:
    with another_host(served, opening, locks_are_seen=False, beats=True), pytest.raises(ClaimError):
        claim(served)
    with (served / "locks/host").open("rb") as file:
        assert try_lock(file.fileno())


def test_this_host_may_serve_it_twice(served: Path) -> None:
    with ExitStack() as stack:
        for _ in range(3):
            stack.callback(claim(served).release)
        name = (served / "locks/host").read_text()
    assert name


def test_who_leaves_first_does_not_take_the_name_of_who_stays(served: Path) -> None:
    first, second = claim(served), claim(served)
    first.release()
    assert (served / "locks/host").read_text()
    second.release()
    assert (served / "locks/host").read_text() == ""


def test_a_killed_process_of_this_host_is_followed_at_once(served: Path, opening: Opening) -> None:
    with peer(opening, hold_claim, served) as other:
        other.hear()
        other.kill()
    before = time.monotonic()
    claim(served).release()
    assert time.monotonic() - before < 1


def test_a_heartbeat_touches_the_file(served: Path) -> None:
    held = claim(served)
    os.utime(served / "locks/host", (1, 1))
    held.beat()
    assert time.time() - (served / "locks/host").stat().st_mtime < 60
    held.release()


def test_a_heartbeat_that_the_disk_refuses_is_no_end_of_service(served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that turned read-only still serves pulls."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    held = claim(served)
    with monkeypatch.context() as patch:
        patch.setattr(os, "utime", refuse)
        held.beat()
    held.release()


def test_a_file_system_whose_locks_do_not_exclude_is_refused(served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fcntl.flock", lambda *_: None)
    with pytest.raises(ClaimError, match="flock"):
        claim(served)


async def serve_as_another_host(
    _: object,
    connection: Connection,
    path: Path,
    locks_are_seen: bool,
    beats: bool,
) -> None:
    with path.open("r+") as file:
        file.write(OTHER_HOST)
        file.flush()
        if locks_are_seen:
            assert try_lock(file.fileno(), shared=True)
        held = Claim(file.fileno())
        connection.send(None)
        while not connection.poll():
            if beats:
                held.beat()
            await anyio.sleep(0.05)


async def hold_claim(_: object, connection: Connection, root: Path) -> None:
    held = claim(root)
    connection.send(held is not None)
    connection.recv()

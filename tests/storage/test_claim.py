"""Taking a directory into service: its layout, what is not ours, and what a crash at start leaves behind."""

from __future__ import annotations

import itertools
import json
import os
import stat
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.storage.peer import peers
from tests.storage.tracing import Trace
from trow.storage.filesystem.claim import LAYOUT, OLDEST_READER, ClaimError, claim

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection
    from pathlib import Path

    from tests.storage.peer import Opening

FOLDERS = ["blobs", "format", "locks", "private", "repositories", "uploads"]
LEGACY = {
    "0.3, whole": ["blobs/sha256/ab", "manifests/library/alpine/latest", "scratch/x"],
    "0.3, empty": ["manifests/.keep"],
    "0.3, half begun": ["blobs/.keep", "scratch/.keep"],
    "0.10, whole": ["trow.db", "blobs/sha256:ab"],
    "0.10, without blobs": ["trow.db"],
}


def snapshot(root: Path) -> dict[str, tuple[int, int, bytes]]:
    """All that is there, to the nanosecond."""
    return {
        str(path.relative_to(root)): (
            path.stat().st_mtime_ns,
            path.stat().st_mode,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in [root, *root.rglob("*")]
    }


def refusal(root: Path) -> str:
    """The one line that says why it can't be served."""
    with pytest.raises(ClaimError) as refused:
        claim(root)
    message = str(refused.value)
    assert "\n" not in message
    assert str(root) in message
    return message


def test_a_new_directory_is_prepared_with_its_parents(tmp_path: Path) -> None:
    root = tmp_path / "a/b/data"
    held = claim(root)
    assert sorted(path.name for path in root.iterdir()) == FOLDERS
    assert json.loads((root / "format").read_bytes()) == {"layout": LAYOUT, "oldest_reader": OLDEST_READER}
    assert list((root / "uploads").iterdir()) == []
    held.release()


def test_a_new_directory_is_synced_with_the_parents_that_were_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = Trace(tmp_path, monkeypatch)
    held = claim(tmp_path / "a/b/data")
    for name in FOLDERS:
        assert trace.unsynced(f"a/b/data/{name}") == []
    held.release()


def test_what_is_private_is_for_nobody_else(tmp_path: Path) -> None:
    held = claim(tmp_path / "data")
    assert stat.S_IMODE((tmp_path / "data/private").stat().st_mode) == 0o700
    held.release()


def test_what_is_private_is_made_so_again(tmp_path: Path) -> None:
    """Kubernetes' `fsGroup` and a careless restore open it."""
    (tmp_path / "data/private").mkdir(parents=True)
    (tmp_path / "data/private").chmod(0o2770)
    held = claim(tmp_path / "data")
    assert stat.S_IMODE((tmp_path / "data/private").stat().st_mode) & 0o077 == 0
    held.release()


def test_a_directory_can_be_taken_again_and_again(tmp_path: Path) -> None:
    claim(tmp_path / "data").release()
    (tmp_path / "data/repositories/x").mkdir()
    before = (tmp_path / "data/format").read_bytes()
    claim(tmp_path / "data").release()
    assert (tmp_path / "data/format").read_bytes() == before
    assert (tmp_path / "data/repositories/x").is_dir()


@pytest.mark.parametrize("left", ["tmp-start-{pid}", "tmp-format-{pid}"])
@pytest.mark.parametrize("before_format", [True, False])
def test_what_a_start_that_was_killed_left_behind_is_no_obstacle(
    tmp_path: Path, left: str, *, before_format: bool
) -> None:
    """In a container the next process has the same id."""
    root = tmp_path / "data"
    claim(root).release()
    (root / "uploads" / left.format(pid=os.getpid())).touch()
    if before_format:
        (root / "format").unlink()
    claim(root).release()
    assert (root / "format").exists()


def test_a_start_that_is_cut_off_at_any_step_can_be_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for step in itertools.count(1):
        root = tmp_path / f"data{step}"
        with monkeypatch.context() as patch:
            trace = Trace(root, patch)
            steps = itertools.count(1)
            for name in ("mkdir", "open", "write", "fsync", "rename", "unlink"):
                trace.every(name, partial(_cut_off, steps, step))
            try:
                claim(root).release()
            except KeyboardInterrupt:
                pass
            else:
                assert step > 15
                return
        claim(root).release()
        assert sorted(path.name for path in root.iterdir()) == FOLDERS


def _cut_off(steps: Iterator[int], last: int, _: str) -> None:
    if next(steps) == last:
        raise KeyboardInterrupt


def test_a_newer_layout_is_refused_and_says_which_version_reads_it(tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    (root / "format").write_text(json.dumps({"layout": LAYOUT + 1, "oldest_reader": "7.8.9"}))
    before = snapshot(root)
    assert "7.8.9" in refusal(root)
    assert snapshot(root) == before


def test_a_format_with_more_to_say_is_read(tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    more = {"layout": LAYOUT, "oldest_reader": OLDEST_READER, "added": [1]}
    (root / "format").write_text(json.dumps(more))
    claim(root).release()
    assert json.loads((root / "format").read_text()) == more


@pytest.mark.parametrize("written", [b"", b"{}", b"1", b'{"layout": "x", "oldest_reader": "y"}', b"\xff"])
def test_a_format_that_is_not_readable_is_refused_and_left_alone(tmp_path: Path, written: bytes) -> None:
    root = tmp_path / "data"
    root.mkdir()
    (root / "format").write_bytes(written)
    before = snapshot(root)
    assert "format" in refusal(root)
    assert snapshot(root) == before


@pytest.mark.parametrize("names", LEGACY.values(), ids=LEGACY)
def test_what_an_earlier_trow_left_is_left_untouched(tmp_path: Path, names: list[str]) -> None:
    """It lies beside ours, and whoever goes back to that version finds all of it."""
    root = tmp_path / "data"
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"of an earlier Trow")
    before = snapshot(root)
    claim(root).release()
    after = snapshot(root)
    assert {name: after[name] for name in names} == {name: before[name] for name in names}


@pytest.mark.parametrize("name", ["manifests", "scratch", "trow.db"])
def test_what_we_took_ourselves_is_not_mistaken_for_an_earlier_one(tmp_path: Path, name: str) -> None:
    claim(tmp_path / "data").release()
    (tmp_path / "data" / name).mkdir()
    claim(tmp_path / "data").release()


def test_many_processes_take_a_new_directory_at_once(tmp_path: Path, opening: Opening) -> None:
    with peers(4, opening, take, tmp_path / "new") as others:
        for other in others:
            other.hear()
        for other in others:
            other.tell()
        assert [other.hear() for other in others] == [""] * 4
        for other in others:
            other.tell()
            other.join()
    assert list((tmp_path / "new/uploads").iterdir()) == []


async def take(_: object, connection: Connection, root: Path) -> None:
    connection.send(None)
    connection.recv()
    try:
        held = claim(root)
    except ClaimError as error:
        connection.send(str(error))
        return
    connection.send("")
    connection.recv()
    held.release()

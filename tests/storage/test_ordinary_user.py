"""Trow as a user that may not do everything: what it can't use it explains in one line, what it may it uses fully."""

from __future__ import annotations

import os
import stat
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.storage.contract_blobs import CONTENT, DIGEST, commit
from tests.storage.contract_uploads import OWNER
from tests.storage.peer import peer
from tests.storage.tracing import Trace
from trow.oci.digest import Digest
from trow.storage import layout
from trow.storage.filesystem import open_storage
from trow.storage.filesystem.claim import ClaimError, claim

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

    from trow.storage.base import Storage

NOBODY = 65534
AM_ROOT = os.getuid() == 0


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that everybody can reach and that belongs to the ordinary user; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        if AM_ROOT:
            os.chown(path, NOBODY, NOBODY)
        yield path


def become_ordinary() -> None:
    if AM_ROOT:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def claimed(root: Path) -> str:
    """What an ordinary user hears who takes a directory: nothing, or a line."""
    with peer(partial(open_storage, root), take, root) as other:
        heard = other.hear()
    assert isinstance(heard, str)
    return heard


def test_an_ordinary_user_can_take_a_directory_of_its_own(public: Path) -> None:
    assert claimed(public / "a/data") == ""


@pytest.mark.parametrize("name", ["", "uploads", "locks", "repositories", "blobs"])
def test_a_directory_that_may_not_be_written_is_explained_in_one_line(public: Path, name: str) -> None:
    root = public / "data"
    assert claimed(root) == ""
    if name == "":
        (root / "format").unlink()
        (root / "private").rmdir()
    elif name == "locks":
        (root / "locks/host").unlink()
    (root / name).chmod(0o555)
    line = claimed(root)
    assert str(root / name) in line
    assert str(os.getuid() or NOBODY) in line
    assert "chown" in line
    (root / name).chmod(0o755)


@pytest.mark.skipif(not AM_ROOT, reason="only root can make what belongs to another")
def test_a_directory_of_another_user_is_explained_with_both_users(public: Path) -> None:
    root = public / "data"
    root.mkdir()
    line = claimed(root)
    assert f"uid {NOBODY}" in line
    assert "owned by uid 0" in line
    assert f"chown -R {NOBODY}:{NOBODY} {root}" in line


def test_a_directory_that_can_not_be_made_is_explained(public: Path) -> None:
    (public / "closed").mkdir(mode=0o555)
    assert str(public / "closed/data") in claimed(public / "closed/data")


def test_a_directory_that_can_not_be_looked_into_is_explained(public: Path) -> None:
    root = public / "data"
    assert claimed(root) == ""
    root.chmod(0o000)
    assert str(root) in claimed(root)
    root.chmod(0o755)


def test_a_parent_that_may_only_be_passed_through_is_no_obstacle(public: Path) -> None:
    """As for a home directory of mode 0711."""
    root = public / "passage/data"
    assert claimed(root) == ""
    if AM_ROOT:
        os.chown(public / "passage", 0, 0)
        (public / "passage").chmod(0o711)
    else:
        (public / "passage").chmod(0o311)
    assert claimed(root) == ""


@pytest.mark.skipif(not AM_ROOT, reason="only root can mount")
def test_a_file_system_that_is_read_only_is_called_so(tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", root], capture_output=True, check=False
    ).returncode:
        pytest.skip("this place allows no mounts")
    try:
        claim(root).release()
        subprocess.run(["mount", "-o", "remount,ro", root], capture_output=True, check=True)
        with pytest.raises(ClaimError, match=r"(?i)read-only file system"):
            claim(root)
    finally:
        subprocess.run(["umount", root], check=True)


@pytest.mark.parametrize("door", ["put", "commit"])
def test_an_ordinary_user_can_store_a_blob_again(public: Path, door: str) -> None:
    with peer(partial(open_storage, public / "data"), store_twice, public / "data", door) as other:
        other.join()


def test_an_ordinary_user_can_go_on_after_a_commit_that_was_cut_off(public: Path) -> None:
    with peer(partial(open_storage, public / "data"), go_on_after_cut_commit, public / "data") as other:
        other.join()


def test_a_look_at_an_upload_that_is_being_committed_does_not_open_the_blob_to_writers(public: Path) -> None:
    with peer(partial(open_storage, public / "data"), look_while_committing, public / "data") as other:
        assert other.hear() == 0o444


async def take(_: Storage, connection: Connection, root: Path) -> None:
    become_ordinary()
    try:
        claim(root).release()
    except ClaimError as error:
        lines = str(error).splitlines()
        connection.send(lines[0] if len(lines) == 1 else f"{len(lines)} lines")
    else:
        connection.send("")


async def store_twice(storage: Storage, _: Connection, root: Path, door: str) -> None:
    become_ordinary()
    held = claim(root)
    for _time in range(2):
        await (storage.blobs.put(DIGEST, CONTENT) if door == "put" else commit(storage, CONTENT))
    assert await storage.blobs.read(DIGEST) == CONTENT
    held.release()


async def go_on_after_cut_commit(storage: Storage, _: Connection, root: Path) -> None:
    become_ordinary()
    held = claim(root)
    upload_id = await storage.uploads.create(OWNER, "sha256")
    (path,) = (root / "uploads").iterdir()
    path.chmod(0o444)
    assert await storage.uploads.offset(OWNER, upload_id) == 0
    async with storage.uploads.resume(OWNER, upload_id) as upload:
        await upload.write(CONTENT)
        await upload.commit(DIGEST)
    assert stat.S_IMODE((root / layout.blob(DIGEST)).stat().st_mode) == 0o444
    held.release()


async def look_while_committing(storage: Storage, connection: Connection, root: Path) -> None:
    """Ask for the offset in the moment between the file's becoming read-only and its rename."""
    become_ordinary()
    held = claim(root)
    content = b"of an upload"
    upload_id = await storage.uploads.create(OWNER, "sha256")
    other = open_storage(root)
    with pytest.MonkeyPatch.context() as patch:
        trace = Trace(root, patch)

        def look(_: str) -> None:
            offset = other.uploads.offset(OWNER, upload_id)
            with pytest.raises(StopIteration):
                offset.send(None)

        trace.before("rename", 1, look)
        async with storage.uploads.resume(OWNER, upload_id) as upload:
            await upload.write(content)
            await upload.commit(Digest.of(content))
    connection.send(stat.S_IMODE((root / layout.blob(Digest.of(content))).stat().st_mode))
    held.release()

"""`FileBlobs.adopt`: a file that is kept elsewhere becomes a blob too, verified, and stays what it was."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, cast

import pytest

from tests.storage.contract_blobs import commit
from tests.storage.tracing import Call
from trow.errors import BlobUnknown, DigestInvalid, StorageFailed
from trow.oci.digest import Digest
from trow.storage import layout

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.storage.tracing import Trace
    from trow.storage.base import Storage
    from trow.storage.filesystem.blobs import FileBlobs

CONTENT = os.urandom(1_500_000)
DIGEST = Digest.of(CONTENT)


@pytest.fixture
def blobs(storage: Storage) -> FileBlobs:
    return cast("FileBlobs", storage.blobs)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old"
    path.write_bytes(CONTENT)
    path.chmod(0o640)
    return path


def marker(root: Path) -> Path:
    return root / layout.cached_marker(DIGEST)


async def test_it_is_the_same_file_and_keeps_its_mode(blobs: FileBlobs, root: Path, old: Path) -> None:
    assert await blobs.adopt(str(old), DIGEST, cached=False) == len(CONTENT)
    blob = root / layout.blob(DIGEST)
    assert blob.samefile(old)
    assert os.stat(old).st_mode & 0o777 == 0o640  # noqa: PTH116
    assert not marker(root).exists()
    assert list((root / "uploads").iterdir()) == []


@pytest.mark.parametrize("hard_links", [True, False])
async def test_it_is_synced_before_it_is_a_blob(
    blobs: FileBlobs, old: Path, trace: Trace, monkeypatch: pytest.MonkeyPatch, *, hard_links: bool
) -> None:
    if not hard_links:
        monkeypatch.setattr(os, "link", _refuse(errno.EXDEV))
    await blobs.adopt(str(old), DIGEST, cached=False)
    assert trace.unsynced(layout.blob(DIGEST)) == []
    (renamed,) = trace.of("rename")
    assert any(call.path == renamed.path for call in trace.of("fsync"))


@pytest.mark.parametrize("door", ["adopt", "put", "commit"])
async def test_a_marker_says_that_it_is_only_cached_until_somebody_pushes_it(
    storage: Storage, blobs: FileBlobs, root: Path, old: Path, trace: Trace, door: str
) -> None:
    await blobs.adopt(str(old), DIGEST, cached=True)
    made = [call.path if call.name == "create" else call.more for call in trace.of("create", "rename")]
    assert made[-2:] == [layout.cached_marker(DIGEST), layout.blob(DIGEST)]
    assert trace.unsynced(layout.cached_marker(DIGEST)) == []
    await blobs.adopt(str(old), DIGEST, cached=True)
    assert marker(root).exists()
    trace.clear()
    match door:
        case "adopt":
            await blobs.adopt(str(old), DIGEST, cached=False)
        case "put":
            await blobs.put(DIGEST, CONTENT)
        case _:
            await commit(storage, CONTENT)
    assert not marker(root).exists()
    after = trace.calls[trace.calls.index(Call("unlink", layout.cached_marker(DIGEST))) :]
    assert Call("fsync", os.path.dirname(layout.blob(DIGEST))) in after  # noqa: PTH120
    await blobs.adopt(str(old), DIGEST, cached=True)
    await blobs.put(DIGEST, CONTENT, cached=True)
    assert not marker(root).exists()


async def test_content_of_another_digest_is_refused_and_leaves_nothing(blobs: FileBlobs, root: Path, old: Path) -> None:
    wrong = Digest.of(b"x")
    with pytest.raises(DigestInvalid):
        await blobs.adopt(str(old), wrong, cached=False)
    assert await blobs.find(wrong) is None
    assert not (root / layout.cached_marker(wrong)).exists()
    assert list((root / "uploads").iterdir()) == []


@pytest.mark.parametrize("kind", ["nothing", "folder", "pipe", "dangling"])
async def test_what_is_no_file_is_unknown(blobs: FileBlobs, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "there"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "dangling":
        path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(BlobUnknown):
        await blobs.adopt(str(path), DIGEST, cached=False)


async def test_what_is_there_already_is_not_read_again_but_synced(blobs: FileBlobs, old: Path, trace: Trace) -> None:
    await blobs.put(DIGEST, CONTENT)
    trace.clear()
    assert await blobs.adopt(str(old), DIGEST, cached=False) == len(CONTENT)
    assert [call.path for call in trace.of("fsync")] == [os.path.dirname(layout.blob(DIGEST))]  # noqa: PTH120
    assert await blobs.adopt(f"{old}-gone", DIGEST, cached=False) == len(CONTENT)


async def test_a_blob_that_was_cut_short_is_repaired(blobs: FileBlobs, root: Path, old: Path) -> None:
    await blobs.put(DIGEST, CONTENT)
    (root / layout.blob(DIGEST)).unlink()
    (root / layout.blob(DIGEST)).write_bytes(CONTENT[:100])
    await blobs.adopt(str(old), DIGEST, cached=False)
    assert await blobs.read(DIGEST) == CONTENT


async def test_what_the_disk_has_lost_is_unknown_and_any_other_failure_is_one(
    blobs: FileBlobs, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "read", _refuse(errno.EIO))
    with pytest.raises(BlobUnknown):
        await blobs.adopt(str(old), DIGEST, cached=False)
    monkeypatch.setattr(os, "read", _refuse(errno.EACCES))
    with pytest.raises(StorageFailed):
        await blobs.adopt(str(old), DIGEST, cached=False)


async def test_an_fsync_that_failed_leaves_no_blob(blobs: FileBlobs, old: Path, trace: Trace) -> None:
    trace.fail("fsync", 1, errno.EIO)
    with pytest.raises(StorageFailed):
        await blobs.adopt(str(old), DIGEST, cached=False)
    assert await blobs.find(DIGEST) is None


def _refuse(number: int) -> Callable[..., None]:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return refuse

"""A committed blob is a file that nobody may write, or opens for writing; a push repairs what the disk has spoilt."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from tests.storage.contract_blobs import CONTENT, DIGEST, commit, streamed
from trow.errors import BlobUnknown
from trow.storage import layout
from trow.storage.filesystem.blobs import FileBlobs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.storage.tracing import Trace
    from trow.storage.base import Storage


@pytest.fixture
def blob(root: Path) -> Path:
    return root / layout.blob(DIGEST)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def spoil(path: Path, content: bytes | None) -> None:
    """What a bad disk or a careless hand does; None removes it."""
    path.chmod(0o644)
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)


@pytest.mark.parametrize("door", ["put", "commit"])
async def test_a_committed_blob_is_read_only(storage: Storage, blob: Path, door: str) -> None:
    for _ in range(2):
        await (storage.blobs.put(DIGEST, CONTENT) if door == "put" else commit(storage, CONTENT))
        assert mode(blob) == 0o444


async def test_a_committed_blob_is_never_opened_for_writing(storage: Storage, trace: Trace) -> None:
    for _ in range(2):
        await storage.blobs.put(DIGEST, CONTENT)
        await commit(storage, CONTENT)
        assert await storage.blobs.read(DIGEST) == CONTENT
        assert await streamed(storage, DIGEST, 0, 1) == CONTENT[:1]
    opened = [call for call in trace.of("open", "create") if call.path == layout.blob(DIGEST)]
    assert len(opened) == 4
    assert not [call for call in opened if call.more & (os.O_WRONLY | os.O_RDWR)]


async def test_its_file_is_told_for_the_server_to_send(storage: Storage, blob: Path) -> None:
    await storage.blobs.put(DIGEST, CONTENT)
    assert await storage.blobs.find(DIGEST) == (len(CONTENT), str(blob))


async def test_a_deleted_blob_takes_its_marker_along(root: Path, storage: Storage) -> None:
    blobs = storage.blobs
    assert isinstance(blobs, FileBlobs)
    await blobs.put(DIGEST, CONTENT, cached=True)
    await storage.blobs.delete(DIGEST)
    assert list((root / "blobs").iterdir()) == []


@pytest.mark.parametrize("spoilt", [b"", b"short", CONTENT.swapcase(), CONTENT + b"more", None])
@pytest.mark.parametrize("door", ["put", "commit"])
async def test_storing_it_again_repairs_a_blob_that_the_disk_has_spoilt(
    storage: Storage, blob: Path, door: str, spoilt: bytes | None
) -> None:
    await storage.blobs.put(DIGEST, CONTENT)
    spoil(blob, spoilt)
    await (storage.blobs.put(DIGEST, CONTENT) if door == "put" else commit(storage, CONTENT))
    assert await storage.blobs.read(DIGEST) == CONTENT


async def test_the_size_that_is_found_is_the_size_on_disk(storage: Storage, blob: Path) -> None:
    await storage.blobs.put(DIGEST, CONTENT)
    spoil(blob, b"short")
    found = await storage.blobs.find(DIGEST)
    assert found is not None
    assert found.size == 5


async def test_a_blob_that_is_cut_off_while_it_is_streamed_ends_in_an_error(storage: Storage, blob: Path) -> None:
    content = bytes(1_000_000)
    digest = await commit(storage, content)
    stream = storage.blobs.stream(digest, 0, len(content))
    received = len(await anext(stream))
    spoil(blob.parents[1] / digest.hex[:2] / digest.hex, content[:300_000])
    received += len(await anext(stream))
    with pytest.raises(BlobUnknown):
        await anext(stream)
    assert received == 300_000


async def test_what_is_not_a_file_is_no_blob(root: Path, storage: Storage) -> None:
    (root / layout.blob(DIGEST)).mkdir(parents=True)
    assert await storage.blobs.find(DIGEST) is None


async def test_a_reader_keeps_what_it_opened_though_it_is_stored_again_or_deleted(storage: Storage) -> None:
    content = bytes(1_000_000)
    digest = await commit(storage, content)
    received = 0
    async for piece in storage.blobs.stream(digest, 0, len(content)):
        received += len(piece)
        await commit(storage, content)
        await storage.blobs.delete(digest)
    assert received == len(content)


async def test_streams_leave_no_descriptor_open(storage: Storage, trace: Trace) -> None:
    content = bytes(1_000_000)
    digest = await commit(storage, content)
    trace.clear()
    await streamed(storage, digest, 0, len(content))
    stream = storage.blobs.stream(digest, 0, len(content))
    await anext(aiter(stream))
    del stream
    with pytest.raises(BlobUnknown):
        await streamed(storage, digest, 0, len(content) + 1)
    storage.blobs.stream(digest, 0, 1)  # never begun
    assert len(trace.of("open")) == len(trace.of("close")) == 3

"""`Blobs`: immutable content by digest, verified at both doors."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING

import anyio
import pytest

from tests.storage.peer import peers
from trow.errors import BlobUnknown, DigestInvalid
from trow.oci.digest import Digest

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from tests.storage.peer import Opening
    from trow.storage.base import Storage

CONTENT = b"some content"
DIGEST = Digest.of(CONTENT)
LARGE = random.Random(1).randbytes(1_500_001)
LARGE_DIGEST = Digest.of(LARGE)
LARGEST_PIECE = 1024 * 1024


class BlobsContract:
    """Found, read and streamed as they came; never of another digest than they are called by."""

    async def test_a_blob_that_was_never_stored_is_absent(self, storage: Storage) -> None:
        assert await storage.blobs.find(DIGEST) is None
        assert await storage.blobs.read(DIGEST) is None
        with pytest.raises(BlobUnknown):
            await streamed(storage, DIGEST, 0, 1)

    @pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
    @pytest.mark.parametrize("content", [b"", b"x", CONTENT, b"m" * 65536, LARGE])
    async def test_what_is_put_is_found_and_read_and_streamed(
        self, storage: Storage, opening: Opening, algorithm: str, content: bytes
    ) -> None:
        digest = Digest.of(content, algorithm)
        await storage.blobs.put(digest, content)
        for instance in (storage, opening()):
            found = await instance.blobs.find(digest)
            assert found is not None
            assert found.size == len(content)
            assert await instance.blobs.read(digest) == content
            assert await streamed(instance, digest, 0, len(content)) == content

    @pytest.mark.parametrize("wrong", [DIGEST, Digest.of(b"other"), Digest.of(b"other", "sha512")])
    async def test_put_with_wrong_digest_stores_nothing(self, storage: Storage, wrong: Digest) -> None:
        content = CONTENT + b"!"
        with pytest.raises(DigestInvalid):
            await storage.blobs.put(wrong, content)
        assert await storage.blobs.find(wrong) is None
        assert await storage.blobs.find(Digest.of(content)) is None

    @pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
    async def test_commit_with_wrong_digest_stores_nothing(self, storage: Storage, algorithm: str) -> None:
        wrong = Digest.of(b"other", algorithm)
        upload_id = await storage.uploads.create("owner", "sha256")
        async with storage.uploads.resume("owner", upload_id) as upload:
            await upload.write(CONTENT)
            with pytest.raises(DigestInvalid):
                await upload.commit(wrong)
        assert await storage.blobs.find(wrong) is None
        assert await storage.blobs.find(DIGEST) is None

    async def test_the_two_algorithms_name_two_blobs(self, storage: Storage) -> None:
        await storage.blobs.put(DIGEST, CONTENT)
        assert await storage.blobs.find(Digest.of(CONTENT, "sha512")) is None

    @pytest.mark.parametrize(
        ("start", "stop"),
        [
            *[(0, 0), (0, 1), (1, 1), (5, 17), (262_143, 262_145), (262_144, 524_288), (0, len(LARGE) - 1)],
            *[(len(LARGE) - 1, len(LARGE)), (len(LARGE), len(LARGE)), (1_000_000, len(LARGE))],
        ],
    )
    async def test_a_range_is_streamed_exactly_in_pieces_of_bounded_size(
        self, storage: Storage, start: int, stop: int
    ) -> None:
        await storage.blobs.put(LARGE_DIGEST, LARGE)
        pieces = [piece async for piece in storage.blobs.stream(LARGE_DIGEST, start, stop)]
        assert b"".join(pieces) == LARGE[start:stop]
        assert all(0 < len(piece) <= LARGEST_PIECE for piece in pieces)

    async def test_a_stream_beyond_the_end_is_an_error_and_is_never_padded(self, storage: Storage) -> None:
        await storage.blobs.put(DIGEST, CONTENT)
        received: list[bytes] = []
        with pytest.raises(BlobUnknown):
            await _receive(storage, DIGEST, len(CONTENT) + 1, received)
        assert CONTENT.startswith(b"".join(received))

    async def test_many_streams_of_a_blob_do_not_disturb_each_other(self, storage: Storage) -> None:
        await storage.blobs.put(LARGE_DIGEST, LARGE)
        starts = [0, 1, 300_000, 1_000_000]
        received: dict[int, bytes] = {}

        async def read_from(start: int) -> None:
            received[start] = await streamed(storage, LARGE_DIGEST, start, len(LARGE))

        async with anyio.create_task_group() as tasks:
            for start in starts:
                tasks.start_soon(read_from, start)
        assert received == {start: LARGE[start:] for start in starts}

    async def test_a_stream_that_is_left_early_can_be_begun_again(self, storage: Storage) -> None:
        await storage.blobs.put(LARGE_DIGEST, LARGE)
        async for _ in storage.blobs.stream(LARGE_DIGEST, 0, len(LARGE)):
            break
        assert await streamed(storage, LARGE_DIGEST, 7, 9) == LARGE[7:9]

    async def test_a_blob_can_be_put_and_committed_again(self, storage: Storage, opening: Opening) -> None:
        for instance in (storage, storage, opening()):
            await instance.blobs.put(DIGEST, CONTENT)
            await commit(instance, CONTENT)
        assert await storage.blobs.read(DIGEST) == CONTENT

    async def test_delete_tells_whether_the_blob_was_there(self, storage: Storage) -> None:
        await storage.blobs.put(DIGEST, CONTENT)
        assert await storage.blobs.delete(DIGEST) is True
        assert await storage.blobs.find(DIGEST) is None
        assert await storage.blobs.read(DIGEST) is None
        assert await storage.blobs.delete(DIGEST) is False

    async def test_a_deleted_blob_can_be_stored_again(self, storage: Storage) -> None:
        for _ in range(3):
            await storage.blobs.put(DIGEST, CONTENT)
            await storage.blobs.delete(DIGEST)
            await commit(storage, CONTENT)
            assert await storage.blobs.read(DIGEST) == CONTENT

    async def test_what_is_synced_is_still_there(self, storage: Storage, opening: Opening) -> None:
        await opening().blobs.put(DIGEST, CONTENT)
        await storage.blobs.sync([DIGEST, Digest.of(CONTENT, "sha512"), LARGE_DIGEST])
        await storage.blobs.sync([])
        assert await storage.blobs.read(DIGEST) == CONTENT
        assert await storage.blobs.find(LARGE_DIGEST) is None

    async def test_many_tasks_may_store_the_same_blob_at_once(self, storage: Storage, opening: Opening) -> None:
        other = opening()
        async with anyio.create_task_group() as tasks:
            for number in range(10):
                tasks.start_soon(commit, (storage, other)[number % 2], LARGE)
                tasks.start_soon((storage, other)[number % 2].blobs.put, LARGE_DIGEST, LARGE)
        assert await storage.blobs.read(LARGE_DIGEST) == LARGE

    async def test_a_blob_is_whole_at_any_moment_while_processes_store_it_again(
        self, storage: Storage, opening: Opening
    ) -> None:
        await storage.blobs.put(LARGE_DIGEST, LARGE)
        with peers(2, opening, store_again, 10) as others:
            for other in others:
                other.hear()
            for number in itertools.count():
                assert await streamed(storage, LARGE_DIGEST, 0, len(LARGE)) == LARGE
                found = await storage.blobs.find(LARGE_DIGEST)
                assert found is not None
                assert found.size == len(LARGE)
                if number == 20:
                    break
            for other in others:
                other.join()


async def streamed(storage: Storage, digest: Digest, start: int, stop: int) -> bytes:
    return b"".join([piece async for piece in storage.blobs.stream(digest, start, stop)])


async def _receive(storage: Storage, digest: Digest, stop: int, received: list[bytes]) -> None:
    async for piece in storage.blobs.stream(digest, 0, stop):
        received.append(piece)  # noqa: PERF401 (what came before an error counts)


async def commit(storage: Storage, content: bytes, algorithm: str = "sha256") -> Digest:
    """Store content through an upload."""
    digest = Digest.of(content, algorithm)
    upload_id = await storage.uploads.create("owner", algorithm)
    async with storage.uploads.resume("owner", upload_id) as upload:
        await upload.write(content)
        assert await upload.commit(digest) == len(content)
    return digest


async def store_again(storage: Storage, connection: Connection, times: int) -> None:
    connection.send(None)
    for _ in range(times):
        await commit(storage, LARGE)
        await storage.blobs.put(LARGE_DIGEST, LARGE)

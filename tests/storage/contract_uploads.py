"""`Uploads` and `Upload`, as one holder sees them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import anyio
import pytest

from trow.errors import BlobUploadUnknown, DigestInvalid
from trow.oci.digest import Digest

if TYPE_CHECKING:
    from tests.storage.peer import Opening
    from trow.storage.base import Storage

OWNER = "library/alpine"
CONTENT = random.Random(2).randbytes(700_001)
DIGEST = Digest.of(CONTENT)
UNKNOWN_IDS = [
    "",
    ".",
    "..",
    "../blobs",
    "00000000-0000-4000-8000-000000000000",
    "00000000-0000-4000-8000-000000000000\n",
    "00000000-0000-4000-8000-00000000000\u0660",
    "\0",
    "x" * 10_000,
]


class UploadsContract:
    """An upload grows, and ends in a blob of the digest that is said of it, or in nothing."""

    async def test_a_new_upload_is_empty_and_has_an_id_of_its_own(self, storage: Storage, opening: Opening) -> None:
        ids = [await storage.uploads.create(OWNER, algorithm) for algorithm in ("sha256", "sha256", "sha512")]
        assert len(set(ids)) == 3
        for instance in (storage, opening()):
            assert [await instance.uploads.offset(OWNER, upload_id) for upload_id in ids] == [0, 0, 0]

    @pytest.mark.parametrize("upload_id", UNKNOWN_IDS, ids=range(len(UNKNOWN_IDS)))
    async def test_an_id_that_was_never_given_is_unknown(self, storage: Storage, upload_id: str) -> None:
        await storage.uploads.create(OWNER, "sha256")
        await assert_unknown(storage, upload_id)

    async def test_an_upload_is_unknown_to_another_owner(self, storage: Storage) -> None:
        upload_id = await storage.uploads.create(OWNER, "sha256")
        for owner in ("library/alpin", "library", "library/alpine/x", "", OWNER.upper()):
            await assert_unknown(storage, upload_id, owner)
        assert await storage.uploads.offset(OWNER, upload_id) == 0

    async def test_the_offset_is_what_has_arrived(self, storage: Storage, opening: Opening) -> None:
        upload_id = await storage.uploads.create(OWNER, "sha256")
        async with storage.uploads.resume(OWNER, upload_id) as upload:
            for size, expected in ((0, 0), (1, 1), (400_000, 400_001), (3, 400_004)):
                await upload.write(CONTENT[upload.offset : upload.offset + size])
                assert upload.offset == expected
            assert await upload.flush() == 400_004
            assert await opening().uploads.offset(OWNER, upload_id) == 400_004
        assert await storage.uploads.offset(OWNER, upload_id) == 400_004

    @pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
    @pytest.mark.parametrize("expected", ["sha256", "sha512"])
    @pytest.mark.parametrize("size", [0, 1, 262_144, len(CONTENT)])
    async def test_commit_makes_a_blob_also_of_another_algorithm_than_was_expected(
        self, storage: Storage, expected: str, algorithm: str, size: int
    ) -> None:
        content = CONTENT[:size]
        digest = Digest.of(content, algorithm)
        upload_id = await storage.uploads.create(OWNER, expected)
        async with storage.uploads.resume(OWNER, upload_id) as upload:
            await upload.write(content)
            assert await upload.commit(digest) == size
        assert await storage.blobs.read(digest) == content
        await assert_unknown(storage, upload_id)

    async def test_pieces_of_any_size_make_the_same_blob(self, storage: Storage) -> None:
        choice = random.Random(3)
        content = choice.randbytes(3_000_000)
        upload_id = await storage.uploads.create(OWNER, "sha256")
        async with storage.uploads.resume(OWNER, upload_id) as upload:
            while upload.offset < len(content):
                size = choice.choice((1, 100, 16_384, 65_536, 262_143, 262_144, 262_145, 600_000))
                await upload.write(content[upload.offset : upload.offset + size])
                if choice.random() < 0.1:
                    assert await upload.flush() == upload.offset
            await upload.commit(Digest.of(content))
        assert await storage.blobs.read(Digest.of(content)) == content

    async def test_a_wrong_digest_keeps_the_upload_as_it_was(self, storage: Storage) -> None:
        upload_id = await storage.uploads.create(OWNER, "sha256")
        async with storage.uploads.resume(OWNER, upload_id) as upload:
            await upload.write(CONTENT[:300_000])
            for wrong in (DIGEST, Digest.of(b"", "sha512"), Digest.of(CONTENT[:299_999])):
                with pytest.raises(DigestInvalid):
                    await upload.commit(wrong)
                assert upload.offset == 300_000
            await upload.write(CONTENT[300_000:])
        assert await storage.uploads.offset(OWNER, upload_id) == len(CONTENT)
        async with storage.uploads.resume(OWNER, upload_id) as upload:
            assert await upload.commit(DIGEST) == len(CONTENT)
        assert await storage.blobs.read(DIGEST) == CONTENT

    async def test_verify_tells_the_size_and_keeps_the_upload_for_the_commit(
        self, storage: Storage, opening: Opening
    ) -> None:
        upload_id = await storage.uploads.create(OWNER, "sha512")
        async with storage.uploads.resume(OWNER, upload_id) as upload:
            await upload.write(CONTENT)
            with pytest.raises(DigestInvalid):
                await upload.verify(Digest.of(b"other"))
            assert await upload.verify(DIGEST) == len(CONTENT)
            assert await storage.blobs.find(DIGEST) is None
        assert await opening().uploads.offset(OWNER, upload_id) == len(CONTENT)
        await finish(opening(), upload_id, at_least=len(CONTENT))

    @pytest.mark.parametrize("change", ["write", "truncate", "other"])
    async def test_what_was_verified_before_a_change_is_verified_again(self, storage: Storage, change: str) -> None:
        upload_id = await storage.uploads.create(OWNER, "sha256")
        async with storage.uploads.resume(OWNER, upload_id) as upload:
            await upload.write(CONTENT)
            await upload.verify(DIGEST)
            if change == "write":
                await upload.write(b"more")
            elif change == "truncate":
                await upload.truncate(5)
            wrong = Digest.of(b"other") if change == "other" else DIGEST
            with pytest.raises(DigestInvalid):
                await upload.commit(wrong)
            assert await storage.blobs.find(wrong) is None

    @pytest.mark.parametrize("flushed", [True, False])
    @pytest.mark.parametrize("offset", [0, 1, 300_000, 600_000])
    async def test_truncate_forgets_what_came_after(self, storage: Storage, offset: int, *, flushed: bool) -> None:
        upload_id = await storage.uploads.create(OWNER, "sha256")
        async with storage.uploads.resume(OWNER, upload_id) as upload:
            await upload.write(CONTENT[:offset])
            await upload.write(b"wrong" * 60_000)
            if flushed:
                await upload.flush()
            await upload.truncate(offset)
            assert upload.offset == offset
            await upload.write(CONTENT[offset:])
            await upload.commit(DIGEST)
        assert await storage.blobs.read(DIGEST) == CONTENT

    async def test_truncate_is_seen_by_the_next_holder(self, storage: Storage, opening: Opening) -> None:
        upload_id = await storage.uploads.create(OWNER, "sha256")
        async with storage.uploads.resume(OWNER, upload_id) as upload:
            await upload.write(CONTENT)
            await upload.flush()
            await upload.truncate(5)
        assert await opening().uploads.offset(OWNER, upload_id) == 5

    @pytest.mark.parametrize("written", [0, 10, 300_000])
    async def test_cancel_forgets_the_upload(self, storage: Storage, opening: Opening, written: int) -> None:
        upload_id = await storage.uploads.create(OWNER, "sha256")
        async with storage.uploads.resume(OWNER, upload_id) as upload:
            await upload.write(CONTENT[:written])
            await upload.cancel()
        await assert_unknown(storage, upload_id)
        await assert_unknown(opening(), upload_id)

    async def test_an_error_in_the_block_keeps_what_was_flushed(self, storage: Storage, opening: Opening) -> None:
        upload_id = await storage.uploads.create(OWNER, "sha256")
        with pytest.raises(LookupError):
            await _break_off(storage, upload_id)
        await finish(storage, upload_id, at_least=400_000)
        assert await opening().blobs.read(DIGEST) == CONTENT

    async def test_a_cancelled_holder_keeps_what_was_flushed(self, storage: Storage, opening: Opening) -> None:
        for pause in (0.0, 0.0005, 0.001, 0.002, 0.004):
            upload_id = await storage.uploads.create(OWNER, "sha256")
            async with anyio.create_task_group() as tasks:
                flushed = anyio.Event()
                tasks.start_soon(_write_in_two_steps, storage, upload_id, flushed)
                await flushed.wait()
                await anyio.sleep(pause)
                tasks.cancel_scope.cancel()
            await finish(opening(), upload_id, at_least=400_000)
            assert await storage.blobs.read(DIGEST) == CONTENT
            await storage.blobs.delete(DIGEST)

    async def test_many_uploads_at_once_do_not_mix(self, storage: Storage) -> None:
        async def push(number: int) -> None:
            content = random.Random(number).randbytes(300_000 + number)
            upload_id = await storage.uploads.create(f"owner/{number % 3}", "sha256")
            async with storage.uploads.resume(f"owner/{number % 3}", upload_id) as upload:
                for start in range(0, len(content), 50_000):
                    await upload.write(content[start : start + 50_000])
                    await anyio.lowlevel.checkpoint()
                await upload.commit(Digest.of(content))
            assert await storage.blobs.read(Digest.of(content)) == content

        async with anyio.create_task_group() as tasks:
            for number in range(30):
                tasks.start_soon(push, number)

    async def test_a_finished_upload_does_not_come_back(self, storage: Storage, opening: Opening) -> None:
        upload_id = await storage.uploads.create(OWNER, "sha256")
        await finish(storage, upload_id)
        for instance in (storage, opening()):
            await assert_unknown(instance, upload_id)
        await storage.blobs.delete(DIGEST)
        await assert_unknown(storage, upload_id)


async def assert_unknown(storage: Storage, upload_id: str, owner: str = OWNER) -> None:
    with pytest.raises(BlobUploadUnknown):
        await storage.uploads.offset(owner, upload_id)
    with pytest.raises(BlobUploadUnknown):
        async with storage.uploads.resume(owner, upload_id):
            pass


async def finish(storage: Storage, upload_id: str, *, at_least: int = 0) -> None:
    """Go on with an upload of CONTENT from where it stands, and make it the blob."""
    async with storage.uploads.resume(OWNER, upload_id) as upload:
        assert at_least <= upload.offset <= len(CONTENT)
        await upload.write(CONTENT[upload.offset :])
        assert await upload.commit(DIGEST) == len(CONTENT)


async def _break_off(storage: Storage, upload_id: str) -> None:
    async with storage.uploads.resume(OWNER, upload_id) as upload:
        await upload.write(CONTENT[:400_000])
        await upload.flush()
        await upload.write(CONTENT[400_000:500_000])
        raise LookupError


async def _write_in_two_steps(storage: Storage, upload_id: str, flushed: anyio.Event) -> None:
    async with storage.uploads.resume(OWNER, upload_id) as upload:
        await upload.write(CONTENT[:400_000])
        await upload.flush()
        flushed.set()
        await upload.write(CONTENT[400_000:])
        await upload.flush()
        await anyio.sleep_forever()

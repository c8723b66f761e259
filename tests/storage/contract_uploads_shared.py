"""`Uploads`, as several holders, instances and processes see them; and how abandoned ones go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from tests.storage.contract_uploads import CONTENT, DIGEST, OWNER, assert_unknown, finish
from tests.storage.peer import peer, peers, until_told
from trow.errors import ChunkOutOfOrder, DigestInvalid
from trow.oci.digest import Digest

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from tests.storage.peer import Opening
    from trow.storage.base import Storage


class SharedUploadsContract:
    """Any process may go on with any upload, one at a time."""

    async def test_instances_go_on_with_each_others_upload(self, storage: Storage, opening: Opening) -> None:
        instances = [storage, opening(), opening()]
        upload_id = await storage.uploads.create(OWNER, "sha256")
        for number, start in enumerate(range(0, len(CONTENT), 90_000)):
            async with instances[number % 3].uploads.resume(OWNER, upload_id) as upload:
                assert upload.offset == start
                await upload.write(CONTENT[start : start + 90_000])
                await upload.flush()
        async with instances[0].uploads.resume(OWNER, upload_id) as upload:
            await upload.commit(DIGEST)
        assert await instances[1].blobs.read(DIGEST) == CONTENT

    @pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
    async def test_an_instance_that_saw_none_of_it_verifies_it_all(
        self, storage: Storage, opening: Opening, algorithm: str
    ) -> None:
        upload_id = await storage.uploads.create(OWNER, "sha256")
        async with storage.uploads.resume(OWNER, upload_id) as upload:
            await upload.write(CONTENT)
            await upload.flush()
        async with opening().uploads.resume(OWNER, upload_id) as upload:
            with pytest.raises(DigestInvalid):
                await upload.commit(Digest.of(b"", algorithm))
            await upload.commit(Digest.of(CONTENT, algorithm))
        assert await storage.blobs.read(Digest.of(CONTENT, algorithm)) == CONTENT

    async def test_an_instance_does_not_trust_what_it_remembers_of_bytes_that_another_replaced(
        self, storage: Storage, opening: Opening
    ) -> None:
        upload_id = await storage.uploads.create(OWNER, "sha256")
        async with storage.uploads.resume(OWNER, upload_id) as upload:
            await upload.write(CONTENT)
            await upload.flush()
        async with opening().uploads.resume(OWNER, upload_id) as upload:
            await upload.truncate(0)
            await upload.write(bytes(len(CONTENT)))
            await upload.flush()
        async with storage.uploads.resume(OWNER, upload_id) as upload:
            with pytest.raises(DigestInvalid):
                await upload.commit(DIGEST)
            await upload.commit(Digest.of(bytes(len(CONTENT))))

    async def test_a_second_holder_is_told_the_offset(self, storage: Storage, opening: Opening) -> None:
        upload_id = await storage.uploads.create(OWNER, "sha256")
        async with storage.uploads.resume(OWNER, upload_id) as upload:
            await upload.write(CONTENT[:300_000])
            await upload.flush()
            for instance in (storage, opening()):
                with pytest.raises(ChunkOutOfOrder) as refusal:
                    async with instance.uploads.resume(OWNER, upload_id):
                        pytest.fail("two hold it")
                assert refusal.value.offset == 300_000
            await upload.write(CONTENT[300_000:])
            await upload.commit(DIGEST)
        assert await storage.blobs.read(DIGEST) == CONTENT

    async def test_another_process_holds_it_alone_and_another_goes_on(self, storage: Storage, opening: Opening) -> None:
        upload_id = await storage.uploads.create(OWNER, "sha256")
        with peer(opening, begin, upload_id, 400_000) as other:
            assert other.hear() == 400_000
            with pytest.raises(ChunkOutOfOrder) as refusal:
                async with storage.uploads.resume(OWNER, upload_id):
                    pytest.fail("two hold it")
            assert refusal.value.offset == 400_000
            other.tell()
            other.join()
        await finish(storage, upload_id, at_least=400_000)
        assert await storage.blobs.read(DIGEST) == CONTENT

    @pytest.mark.parametrize("more", [0, 10, 300_000])
    async def test_after_the_holder_was_killed_another_goes_on(
        self, storage: Storage, opening: Opening, more: int
    ) -> None:
        upload_id = await storage.uploads.create(OWNER, "sha256")
        with peer(opening, begin, upload_id, 400_000, more) as other:
            other.hear()
            other.kill()
            await finish(storage, upload_id, at_least=400_000)
        assert await storage.blobs.read(DIGEST) == CONTENT

    async def test_of_many_who_finish_it_at_once_one_does(self, storage: Storage, opening: Opening) -> None:
        upload_id = await storage.uploads.create(OWNER, "sha256")
        with peers(3, opening, try_to_finish, upload_id) as others:
            for other in others:
                other.hear()
            for other in others:
                other.tell()
            outcomes = [other.hear() for other in others]
        assert outcomes.count("finished") == 1
        assert set(outcomes) <= {"finished", "ChunkOutOfOrder", "BlobUploadUnknown"}
        assert await storage.blobs.read(DIGEST) == CONTENT

    async def test_sweep_removes_what_nobody_touched_and_nothing_younger(
        self, storage: Storage, opening: Opening
    ) -> None:
        old = [await storage.uploads.create(OWNER, "sha256") for _ in range(3)]
        await anyio.sleep(0.5)
        since = anyio.current_time()
        young = await storage.uploads.create(OWNER, "sha256")
        async with storage.uploads.resume(OWNER, old[0]) as upload:
            await upload.write(b"touched")
            await upload.flush()
        assert await opening().uploads.sweep(anyio.current_time() - since + 0.25) == 2
        for upload_id in old[1:]:
            await assert_unknown(storage, upload_id)
        assert await storage.uploads.offset(OWNER, old[0]) == 7
        assert await storage.uploads.offset(OWNER, young) == 0

    async def test_sweep_leaves_an_upload_that_somebody_holds(self, storage: Storage, opening: Opening) -> None:
        upload_id = await storage.uploads.create(OWNER, "sha256")
        with peer(opening, begin, upload_id, 400_000) as other:
            other.hear()
            await anyio.sleep(0.02)
            assert await storage.uploads.sweep(0) == 0
            other.tell()
            other.join()
        await anyio.sleep(0.02)
        assert await storage.uploads.sweep(0) == 1
        await assert_unknown(storage, upload_id)

    async def test_what_many_sweep_at_once_is_counted_once(self, storage: Storage, opening: Opening) -> None:
        for _ in range(40):
            await storage.uploads.create(OWNER, "sha256")
        await anyio.sleep(0.02)
        counts = []

        async def sweep(instance: Storage) -> None:
            counts.append(await instance.uploads.sweep(0))

        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(sweep, opening())
        assert sum(counts) == 40

    async def test_sweep_of_nothing_removes_nothing(self, storage: Storage) -> None:
        assert await storage.uploads.sweep(0) == 0


async def begin(storage: Storage, connection: Connection, upload_id: str, size: int, more: int = 0) -> None:
    """Flush so much, write so much more, and hold on."""
    async with storage.uploads.resume(OWNER, upload_id) as upload:
        await upload.write(CONTENT[:size])
        await upload.flush()
        await upload.write(CONTENT[size : size + more])
        await until_told(connection, upload.offset)


async def try_to_finish(storage: Storage, connection: Connection, upload_id: str) -> None:
    await until_told(connection)
    try:
        await finish(storage, upload_id)
        connection.send("finished")
    except Exception as error:  # noqa: BLE001 (the test judges it)
        connection.send(type(error).__name__)

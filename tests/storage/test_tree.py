"""The tree below the directory: temporary files only in `uploads/`, empty directories go one by one and come back."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import anyio
import pytest

from tests.storage.peer import peers
from trow.oci.digest import Digest

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path

    from tests.storage.peer import Opening
    from tests.storage.tracing import Trace
    from trow.storage.base import Storage

FOLDERS = {"blobs", "locks", "private", "repositories", "uploads"}
SIBLINGS = [f"repositories/x/{name}/k" for name in ("y/_tags", "y/_blobs/sha256", "y/z/_tags", "z/_tags")]


def folders(path: Path) -> set[str]:
    return {each.name for each in path.iterdir() if each.is_dir()}


async def test_temporary_files_live_only_in_uploads_and_are_gone_afterwards(
    root: Path, storage: Storage, trace: Trace
) -> None:
    await storage.records.put("repositories/a/_tags/x", b"x")
    await storage.records.update({"repositories/a/_tags/x": lambda _: b"y"})
    await storage.blobs.put(Digest.of(b"x"), b"x")
    upload_id = await storage.uploads.create("owner", "sha256")
    async with storage.uploads.resume("owner", upload_id) as upload:
        await upload.write(b"y")
        await upload.commit(Digest.of(b"y"))
    assert [call.path for call in trace.of("create") if not call.path.startswith(("uploads/", "locks/"))] == []
    assert {call.path.partition("/")[0] for call in trace.of("write", "pwrite")} == {"uploads"}
    assert list((root / "uploads").iterdir()) == []


async def test_empty_directories_go_by_rmdir_up_to_the_top_ones(root: Path, storage: Storage, trace: Trace) -> None:
    await storage.records.put("repositories/a/b/c/_tags/x", b"x")
    await storage.records.put("repositories/a/_tags/x", b"x")
    await storage.records.delete("repositories/a/b/c/_tags/x")
    assert [call.path for call in trace.of("rmdir")] == [f"repositories/a/{name}" for name in ("b/c/_tags", "b/c", "b")]
    await storage.blobs.put(Digest.of(b"x"), b"x")
    await storage.blobs.delete(Digest.of(b"x"))
    await storage.records.delete("repositories/a/_tags/x")
    assert folders(root) == FOLDERS
    assert folders(root / "repositories") == folders(root / "blobs") == set()


async def test_a_directory_that_got_something_at_the_last_moment_stays(
    root: Path, storage: Storage, trace: Trace
) -> None:
    await storage.records.put("repositories/a/_tags/x", b"x")
    trace.before("rmdir", 1, lambda path: (root / path / "y").touch())
    await storage.records.delete("repositories/a/_tags/x")
    assert await storage.listing.children("repositories/a/_tags/") == ["y"]


@pytest.mark.parametrize("step", ["rename", "mkdir"])
async def test_a_writer_whose_directory_is_tidied_away_makes_it_again(
    root: Path, storage: Storage, trace: Trace, step: str
) -> None:
    def tidy(_: str) -> None:
        for name in ("a/_tags", "a"):
            if (root / "repositories" / name).is_dir():
                (root / "repositories" / name).rmdir()

    await storage.records.put("repositories/a/_tags/x", b"x")
    (root / "repositories/a/_tags/x").unlink()
    for number in (1, 2):
        trace.before(step, number, tidy)
        await storage.records.put("repositories/a/_tags/x", b"y")
        assert await storage.records.get("repositories/a/_tags/x") == b"y"
        (root / "repositories/a/_tags/x").unlink()


async def test_a_directory_that_comes_and_goes_between_two_steps_of_a_writer_is_no_error(
    root: Path, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`makedirs` finds it there, and looks once more when it is gone."""
    real, times = os.mkdir, 0

    def mkdir(path: str, mode: int = 0o777) -> None:
        nonlocal times
        times += 1
        if times == 1:
            real(path, mode)
            try:
                real(path, mode)
            finally:
                (root / "repositories/a").rmdir()
        real(path, mode)

    monkeypatch.setattr(os, "mkdir", mkdir)
    await storage.records.put("repositories/a/x", b"x")
    assert await storage.records.get("repositories/a/x") == b"x"


async def test_tasks_that_put_and_delete_beside_each_other_lose_nothing(storage: Storage, opening: Opening) -> None:
    other = opening()
    async with anyio.create_task_group() as tasks:
        for number, key in enumerate(SIBLINGS * 2):
            tasks.start_soon(come_and_go, (storage, other)[number % 2], f"{key}{number}", 40)
    assert await storage.listing.children("repositories/") == []


async def test_processes_that_put_and_delete_beside_each_other_lose_nothing(storage: Storage, opening: Opening) -> None:
    with peers(3, opening, come_and_go_beside, 60) as others:
        for number, other in enumerate(others):
            other.tell(number)
        await come_and_go(storage, "repositories/x/y/_tags/test", 60)
        for other in others:
            other.join()
    assert await storage.listing.children("repositories/") == []


async def test_blobs_that_come_and_go_beside_each_other_are_whole(storage: Storage, opening: Opening) -> None:
    contents = [b"%d" % number for number in range(3000)]
    neighbours = [content for content in contents if Digest.of(content).hex[:2] == "00"]

    async def come_and_go_as_blob(instance: Storage, content: bytes) -> None:
        for _ in range(20):
            await instance.blobs.put(Digest.of(content), content)
            assert await instance.blobs.read(Digest.of(content)) == content
            assert await instance.blobs.delete(Digest.of(content))

    async with anyio.create_task_group() as tasks:
        for number, content in enumerate(neighbours[:8]):
            tasks.start_soon(come_and_go_as_blob, (storage, opening())[number % 2], content)


async def come_and_go(storage: Storage, key: str, times: int) -> None:
    for number in range(times):
        await storage.records.put(key, b"%d" % number)
        assert await storage.records.get(key) == b"%d" % number
        assert await storage.records.delete(key)
        assert await storage.records.get(key) is None


async def come_and_go_beside(storage: Storage, connection: Connection, times: int) -> None:
    number = connection.recv()
    async with anyio.create_task_group() as tasks:
        for key in SIBLINGS:
            tasks.start_soon(come_and_go, storage, f"{key}{number}", times)

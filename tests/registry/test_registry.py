"""The way from a digest to who holds it, and the sweeping of uploads."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import anyio

from tests.registry.steps import push_blob
from trow.errors import BlobUploadUnknown
from trow.oci.digest import Digest
from trow.registry import registry as registries

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from trow.registry.registry import Registry
    from trow.registry.repository import Repository

CONTENT = b"a layer"


async def test_a_holder_is_found_wherever_it_is(registry: Registry, repository: Repository, other: Repository) -> None:
    assert await registry.holder(Digest.of(CONTENT)) is None
    digest = await push_blob(other, CONTENT)
    holder = await registry.holder(digest)
    assert holder is not None
    assert holder.name == other.name
    assert await repository.mount(digest, holder)


async def test_a_blob_that_nobody_links_has_no_holder(registry: Registry, other: Repository) -> None:
    digest = await push_blob(other, CONTENT)
    await other.delete_blob(digest)
    await other.storage.blobs.put(digest, CONTENT)
    assert await registry.holder(digest) is None


async def begin_old(repository: Repository, root: Path) -> str:
    upload_id = await repository.storage.uploads.create(repository.name, "sha256")
    for path in (root / "uploads").iterdir():
        os.utime(path, (1, 1))
    return upload_id


async def swept(repository: Repository, upload_id: str, seconds: float = 10) -> bool:
    """Whether an upload goes within so many seconds."""
    deadline = anyio.current_time() + seconds
    while await known(repository, upload_id):
        if anyio.current_time() > deadline:
            return False
        await anyio.sleep(0.01)
    return True


async def known(repository: Repository, upload_id: str) -> bool:
    try:
        await repository.storage.uploads.offset(repository.name, upload_id)
    except BlobUploadUnknown:
        return False
    return True


async def test_uploads_are_swept_again_and_again(
    registry: Registry, repository: Repository, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registries, "_SWEEP_SECONDS", 0.02)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(registry.sweep_for_ever)
        for _ in range(3):
            old = await begin_old(repository, root)
            young = await repository.storage.uploads.create(repository.name, "sha256")
            assert await swept(repository, old)
            assert await known(repository, young)
        tasks.cancel_scope.cancel()


async def test_a_sweep_that_failed_is_not_the_last_one(
    registry: Registry, repository: Repository, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = os.scandir, 0

    def fail_twice(path: str) -> object:
        nonlocal failures
        if path.endswith("uploads") and failures < 2:
            failures += 1
            raise OSError(5, "Input/output error")
        return real(path)

    monkeypatch.setattr(registries, "_SWEEP_SECONDS", 0.02)
    old = await begin_old(repository, root)
    monkeypatch.setattr(os, "scandir", fail_twice)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(registry.sweep_for_ever)
        assert await swept(repository, old)
        tasks.cancel_scope.cancel()
    assert failures == 2

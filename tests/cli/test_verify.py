"""`trow verify`, of real directories, beside a real server."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.registry.steps import push, push_blob
from tests.support.command import NOBODY, assert_one_line, trow
from tests.support.documents import image
from tests.support.server import running
from trow.cli.verify import shown_bytes
from trow.oci.reference import RepositoryName
from trow.registry.registry import Registry
from trow.storage.filesystem import open_storage
from trow.storage.filesystem.claim import claim

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory with one image in it."""
    folder = tmp_path / "data"
    held = claim(folder)

    async def fill() -> None:
        repository = Registry(open_storage(folder)).repository(RepositoryName("busy/x"))
        for blob in (b"config", b"layer"):
            await push_blob(repository, blob)
        await push(repository, image(b"config", [b"layer"]), "latest")

    asyncio.run(fill())
    held.release()
    return folder


def damage(root: Path) -> None:
    (blob,) = [path for path in (root / "blobs").rglob("*") if path.is_file() and path.read_bytes() == b"layer"]
    blob.chmod(0o644)
    blob.write_bytes(b"LAYER")


def test_what_is_whole_is_one_line(root: Path) -> None:
    result = trow("verify", "-d", str(root))

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("1 repository, 1 tag, 1 manifest, ")
    assert result.stdout.endswith("): 0 problems, 0 repaired, 0 notes\n")


def test_damage_is_named_and_mended_beside_a_server(root: Path) -> None:
    damage(root)

    with running(root):
        found = trow("verify", "-d", str(root))
        mended = trow("verify", "--repair", "-d", str(root), "-o", "json")

    assert found.returncode == 1
    assert "busy/x:latest" in found.stdout
    assert "--repair removes it" in found.stdout
    document = json.loads(mended.stdout)
    assert any(each["repaired"] for each in document["findings"])
    assert mended.returncode == (document["summary"]["problems"] != document["summary"]["repaired"])


@pytest.mark.parametrize("flags", [(), ("--repair",)])
def test_what_is_no_data_directory_is_status_2_and_stays_as_it_is(tmp_path: Path, flags: tuple[str, ...]) -> None:
    assert_one_line(trow("verify", "-d", str(tmp_path), *flags), 2, "format")
    assert_one_line(trow("verify", "-d", str(tmp_path / "nowhere"), *flags), 2, "format")
    assert list(tmp_path.iterdir()) == []


def test_a_newer_layout_is_refused(root: Path) -> None:
    (root / "format").write_text('{"layout": 99, "oldest_reader": "9.0"}')

    assert_one_line(trow("verify", "-d", str(root)), 2, "9.0")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_root_repairs_nothing_of_another_user(root: Path) -> None:
    shutil.chown(root / "format", NOBODY)

    assert_one_line(trow("verify", "--repair", "-d", str(root)), 2, f"uid {NOBODY}")


def test_sizes_are_shown_as_people_read_them() -> None:
    assert [shown_bytes(count) for count in (0, 1023, 1536, 5 << 30)] == ["0 B", "1023 B", "1.5 KiB", "5.0 GiB"]

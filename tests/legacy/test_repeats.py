"""The files of an import, what is durable of it, and an import that is done once more."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from tests.legacy.steps import T1, T2, T4, Imported, bring_over
from tests.storage.tracing import Trace
from tests.support.documents import (
    OCI_IMAGE,
    digest_of,
    dump,
    image,
)
from tests.support.legacy import new_files, old_files
from trow.oci.digest import Digest
from trow.oci.manifest import parse_manifest
from trow.oci.reference import Tag
from trow.storage import layout

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.support.legacy import Trow03

    Importing = Callable[[], Awaitable[Imported]]


async def test_a_blob_is_a_hard_link_and_the_old_mode_stays(v03: Trow03, importing: Importing) -> None:
    v03.tag("a", "latest", f"{v03.image('x')} {T1}")
    layer = digest_of(b"x 0")
    v03.blob_path(layer).chmod(0o640)
    imported = await importing()
    assert imported.path(layer).samefile(v03.blob_path(layer))
    assert imported.path(layer).stat().st_mode & 0o777 == 0o640
    assert list((v03.root / "uploads").iterdir()) == []


@pytest.mark.parametrize("refusal", [errno.EXDEV, errno.EPERM, errno.EMLINK])
async def test_where_no_hard_link_can_be_had_it_is_a_copy(
    v03: Trow03, importing: Importing, monkeypatch: pytest.MonkeyPatch, refusal: int
) -> None:
    def refuse(source: str, _: str) -> None:
        raise OSError(refusal, os.strerror(refusal), source)

    monkeypatch.setattr(os, "link", refuse)
    v03.tag("a", "latest", f"{v03.image('x')} {T1}")
    imported = await importing()
    layer = digest_of(b"x 0")
    assert not imported.path(layer).samefile(v03.blob_path(layer))
    assert await imported.blob("a", layer) == b"x 0"
    assert list((v03.root / "uploads").iterdir()) == []


async def test_a_symbolic_link_is_followed(v03: Trow03, importing: Importing, tmp_path: Path) -> None:
    v03.tag("a", "latest", f"{v03.image('x')} {T1}")
    layer = v03.blob_path(digest_of(b"x 0"))
    layer.rename(tmp_path / "elsewhere")
    layer.symlink_to(tmp_path / "elsewhere")
    imported = await importing()
    assert imported.path(digest_of(b"x 0")).is_file()
    assert not imported.path(digest_of(b"x 0")).is_symlink()


async def test_all_that_came_is_synced(v03: Trow03, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = v03.image("x")
    v03.blob(b"{}")
    v03.tag("a", "latest", f"{subject} {T1}")
    signature = v03.manifest(image(b"{}", subject={"mediaType": OCI_IMAGE, "digest": subject, "size": 1}))
    v03.tag("a", "signature", f"{signature} {T1}")
    before = old_files(root)
    trace = Trace(root, monkeypatch)
    await bring_over(root)
    made = new_files(root, before)
    assert len(made) > 12
    assert {name: trace.unsynced(name) for name in made if trace.unsynced(name)} == {}


async def test_what_a_round_that_was_cut_off_left_unsynced_is_synced(
    v03: Trow03, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    v03.tag("a", "latest", f"{v03.image('x')} {T1}")
    await bring_over(root)
    (root / "imported/0.3").unlink()
    trace = Trace(root, monkeypatch)
    await bring_over(root)
    synced = [call.path for call in trace.of("fsync")]
    assert {"repositories/a/_manifests/sha256", "repositories/a/_tags"} < {*synced}
    assert [call.more for call in trace.of("rename")] == ["imported/0.3"]


async def test_a_finished_import_is_not_done_again(v03: Trow03, importing: Importing) -> None:
    v03.tag("a", "latest", f"{v03.image('x')} {T1}")
    assert (await importing()).said != []
    v03.tag("a", "later", f"{v03.image('y')} {T1}")
    imported = await importing()
    assert imported.said == []
    assert await imported.repository("a").tags() == ["latest"]


async def test_a_repeat_never_overwrites_what_was_pushed_since(v03: Trow03, importing: Importing) -> None:
    old = v03.image("old")
    v03.tag("a", "latest", f"{old} {T2}", f"{v03.image('older')} {T1}")
    imported = await importing()
    repository = imported.repository("a")
    pushed = parse_manifest(dump(image(b"new")), "")
    await repository.put_manifest(pushed, Digest.of(pushed.content), [Tag("latest")])
    before = await imported.history("a", "latest")
    (v03.root / "imported/0.3").unlink()
    imported = await importing()
    assert len(imported.said) > 0
    assert await imported.history("a", "latest") == before
    assert before[0].digest == Digest.of(pushed.content)


async def test_a_repeat_repairs_what_got_lost(v03: Trow03, root: Path) -> None:
    v03.tag("a", "latest", f"{v03.image('x')} {T1}")
    imported = await bring_over(root)
    for name in ("imported/0.3", f"repositories/a/_blobs/{digest_of(b'x 0').replace(':', '/')}"):
        (root / name).unlink()
    (record,) = (root / "repositories/a/_manifests/sha256").iterdir()
    record.unlink()
    imported = await bring_over(root)
    assert await imported.tag("a", "latest") is not None
    assert await imported.blob("a", digest_of(b"x 0")) == b"x 0"


async def test_a_manifest_that_lost_its_bytes_gets_them_back_and_keeps_the_time_of_its_life(
    v03: Trow03, root: Path
) -> None:
    digest = v03.image("x")
    v03.tag("a", "latest", f"{digest} {T1}")
    imported = await bring_over(root)
    repository = imported.repository("a")
    await repository.delete_manifest(Digest(digest))
    pushed = parse_manifest(v03.blob_path(digest).read_bytes(), "")
    await repository.put_manifest(pushed, Digest(digest), [])
    key = layout.manifest("a", Digest(digest))
    record = await imported.storage.records.get(key)
    for name in ("imported/0.3", layout.blob(Digest(digest))):
        (root / name).unlink()
    imported = await bring_over(root)
    assert await imported.tag("a", "latest") == digest
    assert await imported.storage.records.get(key) == record


async def test_progress_is_told_now_and_then(v03: Trow03, root: Path) -> None:
    for number in range(20):
        v03.tag("a", f"v{number}", f"{v03.image(f'x{number}')} {T4}")
    imported = await bring_over(root, tell=0.001)
    assert imported.said[0] == "Importing data of Trow 0.3: 0 of 20 manifests, 0 bytes verified"
    assert len(imported.said) > 3
    assert imported.said[-1].startswith("Imported data of Trow 0.3: 20 manifests, 20 tags in 1 repository, ")
    assert imported.said[-1].endswith("nothing was left out")


async def test_an_empty_directory_of_trow_0_3_is_imported_too(v03: Trow03, importing: Importing) -> None:
    (v03.root / "scratch/unfinished").write_bytes(b"half")
    imported = await importing()
    assert await imported.registry.catalog() == []
    assert imported.left_out() == []
    assert "scratch/unfinished" in old_files(v03.root)

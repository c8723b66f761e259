"""What Trow 0.10 left: a database that says which repository holds what, and blobs that were never verified."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from tests.legacy.steps import T1, Imported, bring_over
from tests.support.documents import OCI_IMAGE, descriptor, digest_of, image, index
from tests.support.legacy import Trow010, Trow03, old_files
from trow.errors import BlobUnknown
from trow.legacy.source import ImportStopped
from trow.legacy.v010 import open_v010
from trow.registry import records

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    Importing = Callable[[], Awaitable[Imported]]

LAST_WRITE = 1_700_000_000_123_456_789
LAST_WRITE_TEXT = "2023-11-14T22:13:20.123456789Z"


def closed(v010: Trow010) -> None:
    """The directory after a clean end, long ago."""
    v010.close()
    os.utime(v010.root / "trow.db", ns=(LAST_WRITE, LAST_WRITE))


async def test_images_come_with_their_tags(v010: Trow010, importing: Importing) -> None:
    digest = v010.image("a/b", "x", "v1", "V1", layers=2)
    closed(v010)
    imported = await importing()
    assert await imported.tag("a/b", "v1") == await imported.tag("a/b", "V1") == digest
    assert await imported.blob("a/b", digest_of(b"x 1")) == b"x 1"
    assert [each.time for each in await imported.history("a/b", "v1")] == [LAST_WRITE_TEXT]
    assert imported.path(digest_of(b"x 1")).samefile(v010.blob_path(digest_of(b"x 1")))
    assert imported.left_out() == []
    assert imported.said[-1].startswith("Imported data of Trow 0.10: 1 manifest, 2 tags in 1 repository")


async def test_a_database_of_0_7_is_read_too(root: Path, importing: Importing) -> None:
    v07 = Trow010(root, like_0_7=True)
    digest = v07.image("a", "x", "v1")
    lonely = v07.blob("a", b"no manifest needs it")
    v07.close()
    imported = await importing()
    assert await imported.tag("a", "v1") == digest
    assert await imported.blob("a", lonely) == b"no manifest needs it"
    assert imported.left_out() == []


async def test_what_is_in_the_log_alone_comes_too(v010: Trow010, importing: Importing) -> None:
    digest = v010.image("a", "x", "v1")
    v010.kill()
    assert (v010.root / "trow.db-wal").stat().st_size > 0
    imported = await importing()
    assert await imported.tag("a", "v1") == digest
    assert list((v010.root / "uploads").iterdir()) == []


def test_nothing_is_written_beside_the_database(v010: Trow010, root: Path) -> None:
    v010.image("a", "x", "v1")
    v010.close()
    before = sorted(path.name for path in root.iterdir())
    with open_v010(root) as source:
        assert [repository.key for repository in source.repositories()] == ["a"]
        assert sorted(path.name for path in root.iterdir()) == before
    assert "trow.db-wal" not in before


async def test_a_time_that_is_still_to_come_is_not_believed(v010: Trow010, importing: Importing) -> None:
    v010.image("a", "x", "v1")
    v010.close()
    future = time.time_ns() + 10**15
    os.utime(v010.root / "trow.db", ns=(future, future))
    imported = await importing()
    assert (await imported.history("a", "v1"))[0].time < records.now()


async def test_manifests_without_a_tag_and_blobs_without_a_manifest_come_too(
    v010: Trow010, importing: Importing
) -> None:
    digest = v010.image("a", "x")
    lonely = v010.blob("a", b"lonely", "sha512")
    v010.close()
    imported = await importing()
    assert await imported.holds("a", digest)
    assert await imported.blob("a", lonely) == b"lonely"
    with pytest.raises(BlobUnknown):
        await imported.blob("b", lonely)


async def test_referrers_are_listed(v010: Trow010, importing: Importing) -> None:
    subject = v010.image("a", "x", "v1")
    v010.blob("a", b"{}")
    signature = v010.manifest("a", image(b"{}", subject={"mediaType": OCI_IMAGE, "digest": subject, "size": 1}))
    v010.close()
    imported = await importing()
    assert await imported.referrers("a", subject) == [signature]


async def test_an_upload_under_a_wrong_digest_is_found_out(v010: Trow010, importing: Importing) -> None:
    """0.10 took whatever digest a client gave."""
    v010.blob("a", b"config")
    wrong = v010.blob("a", b"something else", digest=digest_of(b"layer"))
    bad = v010.manifest("a", image(b"config", [b"layer"]), "bad")
    good = v010.image("a", "good", "good")
    v010.close()
    imported = await importing()
    assert imported.left_out() == [
        f"blob {wrong}: its content is of another digest",
        f"manifest a@{bad}: it needs {wrong}",
        f"tag a:bad: it needs {bad}",
    ]
    assert await imported.tag("a", "good") == good


async def test_a_manifest_without_its_config_is_left_out(v010: Trow010, importing: Importing) -> None:
    """0.10 looked for the layers alone."""
    v010.blob("a", b"layer")
    bad = v010.manifest("a", image(b"config", [b"layer"]), "bad")
    v010.close()
    imported = await importing()
    assert f"manifest a@{bad}: it needs {digest_of(b'config')}" in imported.left_out()


async def test_names_that_are_not_allowed_are_told(v010: Trow010, importing: Importing) -> None:
    v010.image("Upper", "x", "v1")
    v010.image("f/no host/x", "y", "v1")
    v010.manifest("a", b"noise", "v1")
    v010.close()
    imported = await importing()
    left_out = "\n".join(imported.left_out())
    assert "repository Upper: Invalid repository name" in left_out
    assert "repository f/no host/x: Invalid registry host" in left_out
    assert f"manifest a@{digest_of(b'noise')}: Manifest invalid" in left_out


async def test_an_upload_that_was_not_finished_stays_behind(v010: Trow010, importing: Importing) -> None:
    path = v010.unfinished_upload("a", b"half of it")
    v010.close()
    imported = await importing()
    assert path.read_bytes() == b"half of it"
    assert imported.left_out() == []
    assert await imported.registry.catalog() == []


# --- proxied repositories


async def test_a_proxied_repository_keeps_its_host(v010: Trow010, importing: Importing) -> None:
    names = ("f/docker.io/library/nginx", "f/localhost:5000/x", "f/ghcr.io/x")
    digests = [v010.image(name, name, "v1") for name in names]
    v010.close()
    imported = await importing()
    assert await imported.tag("f/docker.io/library/nginx", "v1") == digests[0]
    assert await imported.tag("f/ghcr.io/x", "v1") == digests[2]
    assert (v010.root / "repositories/f/localhost:5000/x/_tags/v1").exists()
    assert all(imported.cached(digest) for digest in digests)
    assert imported.cached(digest_of(b"f/ghcr.io/x 0"))


async def test_a_proxied_index_comes_with_the_children_that_were_asked_for(v010: Trow010, importing: Importing) -> None:
    repository = "f/docker.io/library/nginx"
    child = v010.image(repository, "amd64")
    content = v010.database.execute("SELECT blob FROM manifest WHERE digest = ?", (child,)).fetchone()[0]
    parent = v010.manifest(
        repository, index([descriptor(content, OCI_IMAGE), descriptor(b"arm64", OCI_IMAGE)]), "latest"
    )
    v010.close()
    imported = await importing()
    assert await imported.tag(repository, "latest") == parent
    assert await imported.holds(repository, child)
    assert imported.left_out() == []


# --- a database that can't be read


@pytest.mark.parametrize("content", [b"", b"not a database" * 1000])
async def test_a_database_that_is_none_stops_the_import(root: Path, content: bytes) -> None:
    Trow010(root).close()
    (root / "trow.db").write_bytes(content)
    before = old_files(root)
    with pytest.raises(ImportStopped, match=r"trow\.db of the earlier Trow can't be read"):
        await bring_over(root)
    assert old_files(root, before) == before


async def test_a_database_that_is_being_written_to_stops_the_import(
    v010: Trow010, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    v010.image("a", "x", "v1")
    v010.kill()
    states = iter(range(1000))
    monkeypatch.setattr("trow.legacy.v010._state", lambda _: next(states))
    with pytest.raises(ImportStopped, match="stop the earlier Trow first"):
        await bring_over(root)
    assert list((root / "uploads").iterdir()) == []


# --- one directory, two versions


async def test_both_versions_of_a_directory_come_over(root: Path, importing: Importing) -> None:
    v03, v010 = Trow03(root), Trow010(root)
    old, new = v03.image("old"), v010.image("a", "new", "latest", "new")
    v03.tag("a", "latest", f"{old} {T1}")
    v03.tag("a", "old", f"{old} {T1}")
    closed(v010)
    imported = await importing()
    assert [each.digest for each in await imported.history("a", "latest")] == [new, old]
    assert await imported.repository("a").tags() == ["latest", "new", "old"]
    assert [line.partition(":")[0] for line in imported.said if "Imported" in line] == [
        "Imported data of Trow 0.3",
        "Imported data of Trow 0.10",
    ]


async def test_the_same_manifest_from_both_versions_keeps_every_tag(root: Path, importing: Importing) -> None:
    v03, v010 = Trow03(root), Trow010(root)
    v010.image("a", "x", "from-010")
    v03.image("x")
    digest = v03.manifest(image(b'{"name":"x"}', [b"x 0"]))
    late = "2999-01-01T00:00:00.000000000Z"
    v03.tag("a", "from-03", f"{digest} {late}")
    closed(v010)
    imported = await importing()
    assert await imported.tag("a", "from-03") == await imported.tag("a", "from-010") == digest


async def test_what_one_version_has_lost_comes_from_the_other(root: Path, importing: Importing) -> None:
    v03, v010 = Trow03(root), Trow010(root)
    digest = v03.image("x")
    v03.blob_path(digest_of(b"x 0")).unlink()
    v03.tag("a", "latest", f"{digest} {T1}")
    v010.image("a", "x", "latest")
    v010.close()
    imported = await importing()
    assert await imported.tag("a", "latest") == digest

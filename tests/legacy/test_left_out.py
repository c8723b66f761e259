"""What can't come over stays behind with all that needs it, each by its name; the rest comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.legacy.steps import T1, T2, Imported, bring_over
from tests.support.documents import (
    OCI_IMAGE,
    descriptor,
    digest_of,
    index,
)
from trow.config.model import Sparse
from trow.oci.digest import Digest
from trow.registry.records import TagEntry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.support.legacy import Trow03

    Importing = Callable[[], Awaitable[Imported]]


def entry(digest: str, time: str) -> TagEntry:
    return TagEntry(Digest(digest), time)


@pytest.mark.parametrize(("corrupt", "reason"), [(False, "it is missing"), (True, "its content is of another digest")])
async def test_a_blob_that_is_not_there_or_not_right_stays_with_all_that_needs_it(
    v03: Trow03, importing: Importing, caplog: pytest.LogCaptureFixture, reason: str, *, corrupt: bool
) -> None:
    good, bad = v03.image("good"), v03.image("bad")
    blob = digest_of(b"bad 0")
    if corrupt:
        v03.blob_path(blob).write_bytes(b"bad !")
    else:
        v03.blob_path(blob).unlink()
    v03.tag("a", "good", f"{good} {T2}", f"{bad} {T1}")
    v03.tag("a", "bad", f"{bad} {T2}", f"{good} {T1}")
    v03.tag("b", "bad", f"{bad} {T1}")
    imported = await importing()
    assert imported.left_out() == sorted(
        (
            f"blob {blob}: {reason}",
            f"manifest a@{bad}: it needs {blob}",
            f"manifest b@{bad}: it needs {blob}",
            f"tag a:bad: it needs {bad}",
            f"tag b:bad: it needs {bad}",
        )
    )
    assert len(caplog.messages) == 5
    assert imported.said[-1].endswith("left out: 1 blob, 2 manifests, 2 tags")
    assert await imported.history("a", "good") == [entry(good, T2)]
    assert await imported.repository("a").tags() == ["good"]
    assert await imported.registry.catalog() == ["a"]
    assert not imported.path(blob).exists()


async def test_a_manifest_of_another_digest_is_left_out_with_its_tags(v03: Trow03, importing: Importing) -> None:
    bad, good = v03.image("bad"), v03.image("good")
    v03.blob_path(bad).write_bytes(v03.blob_path(good).read_bytes())
    v03.tag("a", "latest", f"{bad} {T2}", f"{good} {T1}")
    imported = await importing()
    assert imported.left_out() == [
        f"manifest a@{bad}: its content is of another digest",
        f"tag a:latest: it needs {bad}",
    ]
    assert await imported.holds("a", good)


@pytest.mark.parametrize("sparse", [Sparse.NONE, Sparse.INDEXES])
async def test_an_index_needs_its_children_as_far_as_the_registry_asks(v03: Trow03, root: Path, sparse: Sparse) -> None:
    child, gone = v03.image("child"), v03.image("gone")
    children = [descriptor(v03.blob_path(digest).read_bytes(), OCI_IMAGE) for digest in (child, gone)]
    v03.blob_path(gone).unlink()
    parent = v03.manifest(index(children))
    v03.tag("a", "latest", f"{parent} {T1}")
    imported = await bring_over(root, sparse)
    assert await imported.tag("a", "latest") == (parent if sparse is Sparse.INDEXES else None)
    assert await imported.holds("a", child)


async def test_what_is_no_manifest_is_left_out_by_name(v03: Trow03, importing: Importing) -> None:
    schema_1 = v03.blob(b'{"schemaVersion":1}')
    v03.tag("a", "schema-1", f"{schema_1} {T1}")
    v03.tag("a", "noise", f"{v03.blob(b'noise')} {T1}")
    v03.tag("a", "empty")
    v03.tag("a", "strange", f"sha256:xyz {T1}")
    v03.tag("a", "not allowed", f"{v03.image('x')} {T1}")
    v03.tag("Upper", "case", f"{v03.image('x')} {T1}")
    v03.tag("a", ".hidden\udcff\n", f"{v03.image('x')} {T1}")
    (v03.root / "manifests/.keep").touch()
    imported = await importing()
    left_out = "\n".join(imported.left_out())
    for line in (
        "Manifest Schema version 1 is not supported",
        "tag a:noise: it needs",
        "tag a:empty: it names nothing",
        "manifest a@sha256:xyz: it is not named by a digest",
        "tag a:not allowed: Invalid tag",
        r"'tag a:.hidden\udcff\n: Invalid tag'",
        "repository Upper: Invalid repository name",
    ):
        assert line in left_out
    assert await imported.repository("a").tags() == []

"""A directory in which both earlier versions were at work, with a bit of everything."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from tests.legacy.steps import T1, T2, T3
from tests.support.documents import OCI_IMAGE, descriptor, digest_of, image, index
from tests.support.legacy import Trow010, Trow03

if TYPE_CHECKING:
    from pathlib import Path


class Everything(NamedTuple):
    """What is in it: the manifest of each tag, what each repository serves, and what can't come over."""

    tags: dict[tuple[str, str], str]
    manifests: list[tuple[str, str]]
    blobs: list[tuple[str, bytes]]
    left_out: int


def make_everything(root: Path) -> Everything:
    v03, v010 = Trow03(root), Trow010(root)
    old, new, child, bad = (v03.image(name) for name in ("old", "new", "child", "bad"))
    v03.blob_path(digest_of(b"bad 0")).write_bytes(b"bad !")
    parent = v03.manifest(index([descriptor(v03.blob_path(child).read_bytes(), OCI_IMAGE)]))
    v03.blob(b"{}")
    signature = v03.manifest(image(b"{}", subject={"mediaType": OCI_IMAGE, "digest": new, "size": 1}))
    v03.tag("team/app", "latest", f"{new} {T2}", f"{old} {T1}")
    v03.tag("team/app", f"{signature}", f"{signature} {T3}")
    v03.tag("team/app/web", "v1", f"{parent} {T1}")
    v03.tag("team/app", "bad", f"{bad} {T1}")
    v03.tag("f/docker/nginx", "latest", f"{old} {T1}")

    later = v010.image("team/app", "later", "latest", "v2")
    v010.image("f/ghcr.io/x", "proxied", "v1")
    v010.blob("team/app", b"never", digest=digest_of(b"wrong"))
    v010.kill()
    for name in ("trow.db", "trow.db-wal"):
        os.utime(root / name, ns=(1_700_000_000_000_000_000,) * 2)
    return Everything(
        tags={("team/app", "latest"): later, ("team/app", "v2"): later, ("team/app/web", "v1"): parent},
        manifests=[("team/app", each) for each in (old, new, later, signature)] + [("team/app/web", child)],
        blobs=[("team/app", b"new 0"), ("team/app", b"later 0"), ("team/app/web", b"child 0")],
        left_out=4,
    )

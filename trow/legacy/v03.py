"""Data of Trow 0.3, which 0.4 to 0.6 kept in the same way: plain files, and no word of which repository holds a blob.

manifests/<repository>/<tag>             lines "<digest> <time>", newest first: the tag and its history
manifests/<repository>/<alg>:<hex>       the same, of a manifest that was pushed by its digest
manifests/f/docker/<repository>/<tag>    the same, of a repository of Docker Hub
blobs/sha256/<hex>                       content, of manifests too
scratch/…                                uploads that were not finished: they stay where they are

Folders nest as names do: in `manifests/a/b` the file `c` is a tag of `a/b`, the folder `c` is the repository `a/b/c`.
"""

from __future__ import annotations

import datetime
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from trow.legacy.source import DOCKER_HUB, EPOCH, Entry, OldRepository, content_of, proxied_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trow.oci.digest import Digest

MARK = "manifests"
_PROXIED_HUB = "f/docker/"
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII).fullmatch


class V03:
    """The data of Trow 0.3 in a directory."""

    def __init__(self, root: Path) -> None:
        self._manifests = root / MARK
        self._blobs = root / "blobs"

    def repositories(self) -> Iterator[OldRepository]:
        for folder, below, files in os.walk(self._manifests, onerror=_fail):
            below.sort()
            key = Path(folder).relative_to(self._manifests).as_posix()
            if files and key != ".":
                yield OldRepository(key, _name(key))

    def tags(self, key: str) -> Iterator[tuple[str, list[Entry]]]:
        for path in self._files(key):
            if ":" not in path.name:
                yield path.name, _entries(path)

    def untagged(self, key: str) -> Iterator[Entry]:
        for path in self._files(key):
            if ":" in path.name:
                yield from _entries(path)

    def _files(self, key: str) -> Iterator[Path]:
        for path in sorted((self._manifests / key).iterdir()):
            if path.is_file():
                yield path

    def blobs(self, key: str) -> Iterator[str]:
        yield from ()

    def manifest(self, digest: Digest) -> bytes | None:
        return content_of(self.blob(digest))

    def blob(self, digest: Digest) -> Path:
        return self._blobs / digest.algorithm / digest.hex


def _fail(error: OSError) -> None:
    raise error


def _name(key: str) -> str:
    return proxied_name(DOCKER_HUB, key.removeprefix(_PROXIED_HUB)) if key.startswith(_PROXIED_HUB) else key


def _entries(path: Path) -> list[Entry]:
    lines = (content_of(path) or b"").decode(errors="replace").split("\n")
    words = [line.strip().partition(" ") for line in lines if line.strip()]
    return [Entry(digest, _time(moment.strip())) for digest, _, moment in words]


def _time(text: str) -> str:
    """A time as it is written here: in UTC, with nine digits. What can't be read, and what is missing, is the epoch."""
    found = _TIME(text)
    if not found:
        return EPOCH
    second, fraction, zone = found.groups()
    try:
        moment = datetime.datetime.fromisoformat(f"{second}{zone}").astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        return EPOCH
    return f"{moment.replace(tzinfo=None).isoformat()}.{(fraction or '').ljust(9, '0')}Z"

"""What a reader of an earlier Trow's data gives: texts as they were found, none of them checked yet.

A source reads and never writes. Repositories of proxied registries come under the names that they have here.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, NamedTuple, Protocol

from trow.oci.reference import PROXIED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trow.oci.digest import Digest

EPOCH = "1970-01-01T00:00:00.000000000Z"
DOCKER_HUB = "docker.io"


class ImportStopped(Exception):
    """The import can't go on; the message is one line for the operator."""


class Entry(NamedTuple):
    """A manifest that was named, and since when: a time of `registry.records`."""

    digest: str
    time: str


class OldRepository(NamedTuple):
    """A repository: how the earlier Trow knew it, and what its name is here."""

    key: str
    name: str


class Source(Protocol):
    """One version's data."""

    def repositories(self) -> Iterator[OldRepository]: ...

    def tags(self, key: str) -> Iterator[tuple[str, list[Entry]]]:
        """Each tag of a repository with what it named, newest first."""
        ...

    def untagged(self, key: str) -> Iterator[Entry]:
        """Manifests of a repository that may have no tag."""
        ...

    def blobs(self, key: str) -> Iterator[str]:
        """Blobs that a repository is known to hold, beside those that its manifests refer to."""
        ...

    def manifest(self, digest: Digest) -> bytes | None:
        """What is kept under a manifest's digest, not verified."""
        ...

    def blob(self, digest: Digest) -> Path:
        """Where a blob lies, if it is there."""
        ...


def oldest_times(source: Source, key: str) -> dict[str, str]:
    """Every manifest that a repository names, with the first time it is known to have been named."""
    times: dict[str, str] = {}

    def note(entry: Entry) -> None:
        times[entry.digest] = min(entry.time, times.get(entry.digest, entry.time))

    for entry in source.untagged(key):
        note(entry)
    for _, entries in source.tags(key):
        for entry in entries:
            note(entry)
    return times


def proxied_name(host: str, repository: str) -> str:
    """What a repository of another registry is called here: Docker Hub's own images are those of `library`."""
    if host == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    return f"{PROXIED}{host}/{repository}"


def content_of(path: Path) -> bytes | None:
    """All of a file; None if it isn't there, or the disk has lost it."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return None

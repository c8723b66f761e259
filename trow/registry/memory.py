"""Manifests that were read a moment ago, for as long as nothing they rest on may have changed.

Pulls ask for few manifests many times. One that is remembered costs no system call; where the storage can't tell of
changes, nothing is remembered.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trow.oci.digest import Digest
    from trow.oci.reference import Reference
    from trow.storage.base import Watch

MEMORY_BYTES = 16 * 1024 * 1024
LIFE_SECONDS = 30.0  # how long a hand that changes files under a running server may go unnoticed
_LARGEST = 64 * 1024
_OVERHEAD = 700


class StoredManifest(NamedTuple):
    """A manifest as it was pushed."""

    digest: Digest
    media_type: str
    content: bytes


class _Entry(NamedTuple):
    manifest: StoredManifest
    tag: Watch
    record: Watch
    until: float


class ManifestMemory:
    """By repository and reference, as much as `MEMORY_BYTES` hold; what was remembered first is forgotten first."""

    def __init__(self) -> None:
        self._entries: OrderedDict[tuple[str, Reference], _Entry] = OrderedDict()
        self._bytes = 0

    def recall(self, name: str, reference: Reference) -> StoredManifest | None:
        """The manifest, if it is known and still so."""
        entry = self._entries.get((name, reference))
        if entry is None or entry.tag.changed() or entry.record.changed() or time.monotonic() > entry.until:
            return None
        return entry.manifest

    def remember(
        self, name: str, reference: Reference, manifest: StoredManifest, watches: Sequence[Watch | None]
    ) -> None:
        """Keep it until one of the watches, each begun before what it watches was read, tells of a change."""
        tag, record = watches[0], watches[-1]
        if tag is None or record is None or len(manifest.content) > _LARGEST:
            return
        key = (name, reference)
        before = self._entries.pop(key, None)
        self._bytes += _weight(manifest) - (_weight(before.manifest) if before else 0)
        self._entries[key] = _Entry(manifest, tag, record, time.monotonic() + LIFE_SECONDS)
        while self._bytes > MEMORY_BYTES:
            _, oldest = self._entries.popitem(last=False)
            self._bytes -= _weight(oldest.manifest)


def _weight(manifest: StoredManifest) -> int:
    return len(manifest.content) + _OVERHEAD

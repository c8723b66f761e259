"""The documents that a repository keeps: of a manifest, of a tag with its history, of a blob that it may serve.

Times are RFC 3339 in UTC with nanoseconds, all of one length, so that they compare as text.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from trow.errors import DigestInvalid
from trow.oci.codec import encode_json
from trow.oci.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Sequence

HISTORY = 100


class ManifestRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """That a repository holds a manifest; `pushed` is when this life of it began."""

    media_type: str
    size: int
    pushed: str
    subject: str | None = None
    artifact_type: str | None = None
    annotations: dict[str, str] | None = None


class ManifestHead(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a pull needs of a ManifestRecord."""

    media_type: str
    size: int
    pushed: str


class TagEntry(NamedTuple):
    """What a tag named since `time`."""

    digest: Digest
    time: str


encode = encode_json
_record_decoder = msgspec.json.Decoder(ManifestRecord)
_head_decoder = msgspec.json.Decoder(ManifestHead)


def decode_record(document: bytes | None) -> ManifestRecord | None:
    """A manifest's record; None for one that isn't there or is damaged, so that a push mends it."""
    try:
        return _record_decoder.decode(document) if document else None
    except msgspec.MsgspecError:
        return None


def decode_head(document: bytes | None) -> ManifestHead | None:
    """As `decode_record`, for a pull."""
    try:
        return _head_decoder.decode(document) if document else None
    except msgspec.MsgspecError:
        return None


def now() -> str:
    """This moment."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{nanoseconds:09}Z"


def newest(document: bytes | None) -> TagEntry | None:
    """What a tag names now; None if that can't be read, so that a push mends it."""
    return _entry(document.partition(b"\n")[0]) if document else None


def history(document: bytes | None) -> list[TagEntry]:
    """All that a tag named, newest first."""
    entries = [_entry(line) for line in (document or b"").splitlines()]
    return [entry for entry in entries if entry]


@lru_cache(4096)
def _entry(line: bytes) -> TagEntry | None:
    digest, _, moment = line.partition(b" ")
    try:
        return TagEntry(Digest(digest.decode("ascii")), moment.decode("ascii"))
    except (DigestInvalid, UnicodeDecodeError):
        return None


def tag_document(entries: Sequence[TagEntry]) -> bytes:
    """A tag and its history, as far back as is kept."""
    return "".join(f"{digest} {moment}\n" for digest, moment in entries[:HISTORY]).encode()

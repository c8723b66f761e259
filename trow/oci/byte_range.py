"""Byte ranges: what a reader asks for (RFC 9110 section 14) and what an uploader says it sends (`Content-Range`)."""

from __future__ import annotations

import re

from trow.errors import BlobUploadInvalid, RangeNotSatisfiable

_RANGE = re.compile(r"bytes\s*=\s*(\d{0,19})\s*-\s*(\d{0,19})", re.IGNORECASE | re.ASCII).fullmatch
_CHUNK = re.compile(r"(?:bytes[ =])?(\d{1,19})-(\d{1,19})(?:/(\d{1,19}|\*))?", re.ASCII).fullmatch


def requested_range(header: str, size: int) -> tuple[int, int] | None:
    """The `[start, stop)` that a `Range` header asks of `size` bytes; None means the whole.

    A header that is malformed, of another unit or of several ranges is ignored, as RFC 9110 section 14.2 allows.

    Raises:
        RangeNotSatisfiable: it asks for nothing that is there.
    """
    match = _RANGE(header.strip())
    if not match or match.group(1) == match.group(2) == "":
        return None
    first, last = match.groups()
    if not first:
        suffix = min(int(last), size)
        if not suffix:
            raise RangeNotSatisfiable(size)
        return size - suffix, size
    start = int(first)
    stop = min(int(last) + 1, size) if last else size
    # RFC 9110 lets a range that ends before it begins be ignored; the conformance suite wants it refused
    if start >= size or stop <= start:
        raise RangeNotSatisfiable(size)
    return start, stop


def chunk_range(header: str) -> tuple[int, int]:
    """The `[start, stop)` of an upload's `Content-Range` (Distribution spec, "Pushing a blob in chunks").

    Raises:
        BlobUploadInvalid: it is malformed, or ends before it begins.
    """
    match = _CHUNK(header.strip())
    if match:
        start, last, total = match.groups()
        if int(start) <= int(last) and (total in (None, "*") or int(last) < int(total)):
            return int(start), int(last) + 1
    raise BlobUploadInvalid({"Reason": "Invalid Content Range"})

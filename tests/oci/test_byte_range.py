"""Ranges, against what one gets by looking at every byte."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.oci.hostile import HOSTILE, each
from trow.errors import BlobUploadInvalid, RangeNotSatisfiable
from trow.oci.byte_range import chunk_range, requested_range

DIGITS = set("0123456789")
spaces = st.sampled_from(["", "", "", " ", "\t", "  "])
small = st.integers(0, 24).map(str) | st.just("")


def is_number(text: str) -> bool:
    return 0 < len(text) <= 19 and set(text) <= DIGITS


def wanted_bytes(header: str, size: int) -> list[int] | None:
    """The positions that a header asks for, one by one; None if it is no single range (RFC 9110 section 14)."""
    unit, _, rest = header.partition("=")
    first, dash, last = (part.strip() for part in rest.partition("-"))
    numbers = [text for text in (first, last) if text]
    if unit.strip().lower() != "bytes" or not dash or not numbers or not all(map(is_number, numbers)):
        return None
    if not first:
        return list(range(size))[max(size - int(last), 0) :] if int(last) else []
    return [position for position in range(size) if int(first) <= position <= (int(last) if last else size)]


@given(
    st.tuples(
        spaces, st.sampled_from(["bytes", "Bytes", "BYTES"]), spaces, spaces, small, spaces, spaces, small, spaces
    ),
    st.integers(0, 20),
)
def test_a_range_is_the_bytes_that_it_asks_for(
    parts: tuple[str, str, str, str, str, str, str, str, str], size: int
) -> None:
    header = f"{parts[0]}{parts[1]}{parts[2]}={parts[3]}{parts[4]}{parts[5]}-{parts[6]}{parts[7]}{parts[8]}"
    assert_as_wanted(header, size)


@given(st.text("bytes=-, 0123456789\t", max_size=16).map(lambda text: f"bytes={text}") | st.text(max_size=20))
@example("bytes=0-0,2-3")
@example("bytes=--1")
@example("bytes=1-2-3")
@example("bytes=\u0661-2")
@example("items=0-1")
@example("bytes 0-1")
@example("bytes=")
@example("bytes=-")
def test_what_is_no_single_range_of_bytes_is_ignored(header: str) -> None:
    assert_as_wanted(header, 10)


def assert_as_wanted(header: str, size: int) -> None:
    wanted = wanted_bytes(header, size)
    if wanted is None:
        assert requested_range(header, size) is None
    elif not wanted:
        with pytest.raises(RangeNotSatisfiable) as refusal:
            requested_range(header, size)
        assert (b"content-range", b"bytes */%d" % size) in refusal.value.headers()
    else:
        assert requested_range(header, size) == (wanted[0], wanted[-1] + 1)


@given(st.integers(0, 2**63), st.integers(0, 10**19 - 1), st.integers(0, 10**19 - 1))
def test_a_range_of_any_size_stays_within_it(size: int, first: int, last: int) -> None:
    for header, start, stop in (
        (f"bytes={first}-{last}", first, min(last + 1, size)),
        (f"bytes={first}-", first, size),
        (f"bytes=-{last}", max(size - last, 0), size),
    ):
        if start < stop:
            assert requested_range(header, size) == (start, stop)
        else:
            with pytest.raises(RangeNotSatisfiable):
                requested_range(header, size)


@each("text", HOSTILE)
def test_hostile_ranges_ask_for_nothing_in_particular(text: str) -> None:
    for header in (text, f"bytes={text}", f"bytes={text}-{text}", f"bytes=0-{text}x", f"bytes=0-1{text}x"):
        assert requested_range(header, 10) is None


@given(st.integers(0, 10**18), st.integers(1, 10**18), st.sampled_from(["", "bytes ", "bytes="]), st.booleans())
def test_a_chunk_says_where_it_starts_and_stops(start: int, length: int, unit: str, total: bool) -> None:
    stop = start + length
    for more in ("", "/*", f"/{stop + 5}" if total else f"/{stop}"):
        assert chunk_range(f"{unit}{start}-{stop - 1}{more}") == (start, stop)


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_chunk_that_ends_before_it_begins_is_malformed(last: int, more: int) -> None:
    with pytest.raises(BlobUploadInvalid):
        chunk_range(f"{last + more}-{last}")


@given(st.text("bytes=-/* 0123456789", max_size=14) | st.text(max_size=20))
def test_a_chunk_that_is_not_two_numbers_is_malformed(header: str) -> None:
    text = header.strip()
    for unit in ("bytes ", "bytes="):
        text = text.removeprefix(unit)
    numbers, slash, total = text.partition("/")
    first, dash, last = numbers.partition("-")
    well = bool(dash) and is_number(first) and is_number(last) and (not slash or total == "*" or is_number(total))
    assume(not (well and int(first) <= int(last)))
    with pytest.raises(BlobUploadInvalid):
        chunk_range(header)


@pytest.mark.parametrize("header", ["0-9/5", "0-9/9", "bytes 5-9/0", "0-0/0"])
def test_a_chunk_that_goes_beyond_its_own_total_is_malformed(header: str) -> None:
    """RFC 9110 section 14.4: a complete length no greater than the last position is invalid."""
    with pytest.raises(BlobUploadInvalid):
        chunk_range(header)


@each(
    "header",
    [
        *HOSTILE,
        *(f"0-1{text}x" for text in HOSTILE),
        "0-\u0661",
        "0-1\n2-3",
        "-1",
        "1-",
        "-1-2",
        "0--1",
        "0-1/",
        "0-1/-1",
        "0-1/**",
        "0x0-0x1",
        "1e1-2e1",
        "+0-1",
        "0_0-1_0",
        "9" * 20 + "-" + "9" * 21,
    ],
)
def test_hostile_chunks_are_malformed(header: str) -> None:
    with pytest.raises(BlobUploadInvalid):
        chunk_range(header)

"""Parts of a blob (RFC 9110 sections 13.1.5 and 14)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.client import Client
from tests.support.documents import Blob

if TYPE_CHECKING:
    from tests.support.server import Server

NAME = "tests/ranges"
SMALL = Blob.of(bytes(range(100)))
LARGE = Blob.of(bytes(range(256)) * 2400)


class Case(NamedTuple):
    header: str
    of_small: tuple[int, int] | None
    of_large: tuple[int, int] | None


@pytest.fixture(scope="module", autouse=True)
def pushed(server: Server) -> None:
    with Client(server.port) as client:
        for blob in (SMALL, LARGE, Blob.of(b"")):
            client.push_blob(NAME, blob.content)


PARTS = (
    Case("bytes=0-0", (0, 1), (0, 1)),
    Case("bytes=0-9", (0, 10), (0, 10)),
    Case("bytes=10-", (10, 100), (10, 614_400)),
    Case("bytes=0-", (0, 100), (0, 614_400)),
    Case("bytes=99-99", (99, 100), (99, 100)),
    Case("bytes=50-5000000000", (50, 100), (50, 614_400)),
    Case("bytes=-1", (99, 100), (614_399, 614_400)),
    Case("bytes=-30", (70, 100), (614_370, 614_400)),
    Case("bytes=-1000000000", (0, 100), (0, 614_400)),
    Case("Bytes=3-4", (3, 5), (3, 5)),
    Case("bytes=0-99", (0, 100), (0, 100)),
    Case("bytes=300000-600000", None, (300_000, 600_001)),
    Case("bytes=262143-262144", None, (262_143, 262_145)),
    Case("bytes=65536-", None, (65_536, 614_400)),
    Case("bytes=100-", None, (100, 614_400)),
    Case("bytes=614400-", None, None),
    Case("bytes=99999999999-", None, None),
    Case("bytes=-0", None, None),
    Case("bytes=9-5", None, None),
)


@pytest.mark.parametrize("case", PARTS, ids=[case.header for case in PARTS])
@pytest.mark.parametrize("blob", [SMALL, LARGE], ids=["small", "large"])
def test_one_range_is_served_or_refused(client: Client, blob: Blob, case: Case) -> None:
    part = case.of_small if blob is SMALL else case.of_large
    size = len(blob.content)

    answer = client.get(f"/v2/{NAME}/blobs/{blob.digest}", range=case.header)

    if part is None:
        assert (answer.status, answer.code) == (416, "SIZE_INVALID")
        assert answer.headers["content-range"] == f"bytes */{size}"
    else:
        start, stop = part
        assert answer.status == 206
        assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{size}"
        assert answer.headers["content-length"] == str(stop - start)
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["docker-content-digest"] == blob.digest
        assert answer.headers["etag"] == f'"{blob.digest}"'
        assert answer.body == blob.content[start:stop]


@pytest.mark.parametrize(
    "header",
    [
        *("bytes=0-1,5-6", "bytes=0-1, -1", "bytes=0-0,99999999-"),
        *("items=0-1", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=0x1-2", "bytes=--1", "bytes=1", "0-1", ""),
    ],
)
@pytest.mark.parametrize("blob", [SMALL, LARGE], ids=["small", "large"])
def test_several_ranges_and_what_is_no_range_get_the_whole(client: Client, blob: Blob, header: str) -> None:
    answer = client.get(f"/v2/{NAME}/blobs/{blob.digest}", range=header)

    assert answer.status == 200
    assert answer.headers["content-range"] is None
    assert answer.body == blob.content


def test_a_range_of_the_empty_blob_is_refused(client: Client) -> None:
    for header in ("bytes=0-", "bytes=0-0", "bytes=-1"):
        answer = client.get(f"/v2/{NAME}/blobs/{Blob.of(b'').digest}", range=header)
        assert answer.status == 416, header
        assert answer.headers["content-range"] == "bytes */0"


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ('"{}"', 206),
        ('W/"{}"', 200),
        ('"other"', 200),
        ('"other", "{}"', 200),
        ("*", 200),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 200),
        ("", 200),
    ],
)
def test_if_range_serves_the_part_only_of_the_very_same_blob(client: Client, condition: str, status: int) -> None:
    answer = client.get(
        f"/v2/{NAME}/blobs/{SMALL.digest}", range="bytes=10-19", if_range=condition.format(SMALL.digest)
    )

    assert answer.status == status
    assert answer.body == (SMALL.content[10:20] if status == 206 else SMALL.content)


def test_if_range_that_fails_makes_an_impossible_range_harmless(client: Client) -> None:
    answer = client.get(f"/v2/{NAME}/blobs/{SMALL.digest}", range="bytes=1000-", if_range='"other"')

    assert answer.status == 200


def test_if_none_match_comes_before_a_range(client: Client) -> None:
    answer = client.get(f"/v2/{NAME}/blobs/{SMALL.digest}", range="bytes=1000-", if_none_match=f'"{SMALL.digest}"')

    assert answer.status == 304


def test_a_range_of_an_unknown_blob_is_404(client: Client) -> None:
    answer = client.get(f"/v2/{NAME}/blobs/{Blob.of(b'unknown to all').digest}", range="bytes=0-1")

    assert (answer.status, answer.code) == (404, "BLOB_UNKNOWN")


def test_the_parts_of_a_blob_make_the_whole(client: Client) -> None:
    step = 100_000
    parts = [
        client.get(f"/v2/{NAME}/blobs/{LARGE.digest}", range=f"bytes={start}-{start + step - 1}").body
        for start in range(0, len(LARGE.content), step)
    ]

    assert b"".join(parts) == LARGE.content


@given(first=st.integers(0, 700_000), length=st.integers(1, 700_000))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_any_range_is_a_slice(server: Server, first: int, length: int) -> None:
    with Client(server.port) as client:
        answer = client.get(f"/v2/{NAME}/blobs/{LARGE.digest}", range=f"bytes={first}-{first + length - 1}")

    if first >= len(LARGE.content):
        assert answer.status == 416
    else:
        assert answer.status == 206
        assert answer.body == LARGE.content[first : first + length]

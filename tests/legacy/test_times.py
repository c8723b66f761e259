"""Times of tag files, whatever wrote them."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.documents import digest_of
from trow.legacy.source import EPOCH, Entry
from trow.legacy.v03 import V03

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = digest_of(b"x")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2021-05-06T07:08:09.123456789Z", "2021-05-06T07:08:09.123456789Z"),
        ("2021-05-06T07:08:09Z", "2021-05-06T07:08:09.000000000Z"),
        ("2021-05-06T07:08:09.5Z", "2021-05-06T07:08:09.500000000Z"),
        ("2021-05-06T07:08:09.5+02:00", "2021-05-06T05:08:09.500000000Z"),
        ("  2021-05-06T07:08:09Z \r", "2021-05-06T07:08:09.000000000Z"),
        ("", EPOCH),
        ("yesterday", EPOCH),
        ("2021-13-06T07:08:09Z", EPOCH),
        ("0001-01-01T00:00:00+14:00", EPOCH),
        ("٢٠٢١-05-06T07:08:09Z", EPOCH),
    ],
)
def test_a_time_is_read_as_it_is_written_here(tmp_path: Path, written: str, read: str) -> None:
    folder = tmp_path / "manifests/a"
    folder.mkdir(parents=True)
    (folder / "v1").write_text(f"{DIGEST} {written}\n\n")
    assert list(V03(tmp_path).tags("a")) == [("v1", [Entry(DIGEST, read)])]


@given(st.lists(st.datetimes(timezones=st.just(datetime.UTC)), max_size=5))
def test_every_time_that_trow_0_3_could_write_is_kept(
    tmp_path_factory: pytest.TempPathFactory, times: list[datetime.datetime]
) -> None:
    texts = [f"{time.replace(tzinfo=None).isoformat(timespec='microseconds')}000Z" for time in times]
    folder = tmp_path_factory.mktemp("data")
    (folder / "manifests/a").mkdir(parents=True)
    (folder / "manifests/a/v1").write_text("".join(f"{DIGEST} {text}\n" for text in texts))
    assert list(V03(folder).tags("a")) == [("v1", [Entry(DIGEST, text) for text in texts])]


def test_bytes_that_are_no_text_are_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "manifests/a").mkdir(parents=True)
    (tmp_path / "manifests/a/v1").write_bytes(b"\xff\xfe\x00 \x85\n" + DIGEST.encode() + b"\n")
    ((_, entries),) = V03(tmp_path).tags("a")
    assert [each.digest for each in entries][1:] == [DIGEST]
    assert {each.time for each in entries} == {EPOCH}

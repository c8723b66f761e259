"""The documents that a repository keeps."""

from __future__ import annotations

import re
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trow.oci.digest import Digest
from trow.registry import records
from trow.registry.records import HISTORY, ManifestRecord, TagEntry

TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{9}Z")
digests = st.builds(Digest.of, st.binary(max_size=8), st.sampled_from(["sha256", "sha512"]))
entries = st.lists(st.builds(TagEntry, digests, st.builds(records.now)), max_size=8)


def test_times_compare_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = [0, 1, 999_999_999, 1_000_000_000, 1_700_000_000_000_000_007, 1_700_000_000_100_000_000, 2**62]
    texts = []
    for moment in moments:
        monkeypatch.setattr(time, "time_ns", lambda moment=moment: moment)
        texts.append(records.now())
    assert texts == sorted(set(texts))
    assert all(TIME.fullmatch(text) for text in texts)


@given(entries)
def test_a_tags_document_comes_back_as_it_was_written(kept: list[TagEntry]) -> None:
    document = records.tag_document(kept)
    assert records.history(document) == kept
    assert records.newest(document) == (kept[0] if kept else None)


def test_a_tags_document_is_cut_to_the_newest() -> None:
    many = [TagEntry(Digest.of(b"%d" % number), records.now()) for number in range(HISTORY + 5)]
    assert records.history(records.tag_document(many)) == many[:HISTORY]


@pytest.mark.parametrize("document", [None, b""])
def test_no_document_names_nothing(document: bytes | None) -> None:
    assert records.newest(document) is None
    assert records.history(document) == []


def test_what_a_pull_needs_is_read_from_the_whole_record() -> None:
    record = ManifestRecord(media_type="a/b", size=3, pushed=records.now(), annotations={"k": "v"})
    encoded = records.encode(record)
    head = records.decode_head(encoded)
    assert head
    assert (head.media_type, head.size, head.pushed) == ("a/b", 3, record.pushed)
    assert records.decode_record(encoded) == record


def test_a_record_written_by_a_later_version_is_read() -> None:
    more = {"mediaType": "a/b", "size": 3, "pushed": "x", "added": {"later": 1}}
    encoded = msgspec.json.encode(more)
    head, record = records.decode_head(encoded), records.decode_record(encoded)
    assert head
    assert record
    assert (head.size, record.subject) == (3, None)

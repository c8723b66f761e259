"""Two histories of one tag as one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trow.legacy.target import merged
from trow.oci.digest import Digest
from trow.registry.records import HISTORY, TagEntry

digests = st.sampled_from([Digest.of(b"%d" % number) for number in range(4)])
times = st.integers(1, 9).map(lambda number: f"200{number}-01-01T00:00:00.000000000Z")
histories = st.lists(st.builds(TagEntry, digests, times), max_size=12)


def entry(content: bytes, year: int) -> TagEntry:
    return TagEntry(Digest.of(content), f"{year}-01-01T00:00:00.000000000Z")


def test_the_newer_of_two_heads_is_the_head() -> None:
    old, pushed = entry(b"old", 2020), entry(b"pushed", 2024)
    assert merged([pushed], [old]) == merged([old], [pushed]) == [pushed, old]


def test_a_clock_that_was_set_back_changes_no_order() -> None:
    """The file says what came after what."""
    history = [entry(b"c", 2020), entry(b"b", 2030), entry(b"a", 2019)]
    assert merged([], history) == history
    assert merged([entry(b"x", 2025)], history) == [entry(b"x", 2025), *history]


def test_what_fell_off_the_end_never_comes_back_at_the_front() -> None:
    late = entry(b"late", 2030)
    old = [*(entry(b"%d" % number, 2020) for number in range(HISTORY - 1)), late]
    there = merged([entry(b"pushed", 2021)], old)[:HISTORY]
    assert late not in there
    assert merged(there, old)[:HISTORY] == there


@given(histories, histories)
def test_each_keeps_its_order_and_nothing_is_lost(there: list[TagEntry], old: list[TagEntry]) -> None:
    result = merged(there, old)
    new = [each for each in old if each not in there]
    assert sorted(result) == sorted([*there, *new])
    assert _is_part(there, result)
    assert _is_part(new, result)


@given(histories, histories)
def test_once_more_changes_nothing(there: list[TagEntry], old: list[TagEntry]) -> None:
    once = merged(there, old)
    assert merged(once, old) == once


@given(histories, histories)
def test_what_was_pushed_last_stays_the_head(there: list[TagEntry], old: list[TagEntry]) -> None:
    pushed = entry(b"pushed", 2024)
    assert merged([pushed, *there], old)[0] == pushed


def _is_part(part: list[TagEntry], whole: list[TagEntry]) -> bool:
    rest = iter(whole)
    return all(each in rest for each in part)

"""Digests: two algorithms, exact lengths, lower-case hex, and nothing around them."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oci.hostile import HOSTILE, each
from trow.errors import DigestInvalid
from trow.oci.digest import ALGORITHMS, CANONICAL, Digest, new_hasher

HEX = "0123456789abcdef"
LENGTHS = {"sha256": 64, "sha512": 128}
algorithms = st.sampled_from(list(LENGTHS))
valid = algorithms.flatmap(
    lambda algorithm: st.text(HEX, min_size=LENGTHS[algorithm], max_size=LENGTHS[algorithm]).map(
        lambda text: f"{algorithm}:{text}"
    )
)


def is_digest(text: str) -> bool:
    """image-spec descriptor.md, "Digests": for these two algorithms, spelled out without a regular expression."""
    algorithm, _, rest = text.partition(":")
    return len(rest) == LENGTHS.get(algorithm, -1) and all(letter in HEX for letter in rest)


@given(valid)
def test_a_digest_is_the_text_that_it_was_made_of(text: str) -> None:
    digest = Digest(text)
    assert digest == text
    assert f"{digest.algorithm}:{digest.hex}" == text
    assert len(digest.hex) == ALGORITHMS[digest.algorithm]
    assert hash(digest) == hash(text)


@given(valid, st.data())
def test_a_digest_with_one_letter_changed_is_taken_or_refused_as_the_specification_says(
    text: str, data: st.DataObject
) -> None:
    position = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.one_of(st.sampled_from(HEX + "ABCDEFgz:\n\0\u0661"), st.characters()))
    changed = text[:position] + letter + text[position + 1 :]
    if is_digest(changed):
        assert Digest(changed) == changed
    else:
        with pytest.raises(DigestInvalid):
            Digest(changed)


@given(valid, st.sampled_from(["\n", "\r\n", " ", "\0", "0", "a", ":", "/"]))
def test_nothing_may_stand_around_a_digest(text: str, more: str) -> None:
    for changed in (text + more, more + text, text[:-1], text[1:], text.upper()):
        if not is_digest(changed):
            with pytest.raises(DigestInvalid):
                Digest(changed)


@given(st.text(max_size=200))
def test_any_other_text_is_refused(text: str) -> None:
    if not is_digest(text):
        with pytest.raises(DigestInvalid):
            Digest(text)


@each(
    "text",
    [
        *HOSTILE,
        *(f"sha256:{text}" for text in HOSTILE),
        "sha256:" + "\u0661" * 64,
        f"sha256:{'A' * 64}",
        f"sha256:{'0' * 128}",
        f"sha512:{'0' * 64}",
        f"sha384:{'0' * 96}",
        f"SHA256:{'0' * 64}",
        f"sha256-{'0' * 64}",
        f"sha256:../{'0' * 61}",
        f"sha256:{'0' * 64}\n",
    ],
)
def test_hostile_text_is_refused_and_told_back_no_longer_than_needed(text: str) -> None:
    with pytest.raises(DigestInvalid) as refusal:
        Digest(text)
    assert len(str(refusal.value)) < 1000


@given(st.binary(max_size=100), algorithms)
def test_the_digest_of_content_is_its_hash(content: bytes, algorithm: str) -> None:
    expected = f"{algorithm}:{getattr(hashlib, algorithm)(content).hexdigest()}"
    assert Digest.of(content, algorithm) == expected
    hasher = new_hasher(algorithm)
    for number in range(len(content)):
        hasher.update(content[number : number + 1])
    assert f"{algorithm}:{hasher.hexdigest()}" == expected


def test_sha256_is_what_is_meant_when_nothing_is_said() -> None:
    assert CANONICAL == "sha256"
    assert Digest.of(b"").algorithm == "sha256"
    assert dict(ALGORITHMS) == LENGTHS

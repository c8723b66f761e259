"""Names, tags and hosts, against the grammars of the specifications, stated once more."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.oci.hostile import HOSTILE, each
from trow.errors import DigestInvalid, ManifestInvalid, NameInvalid
from trow.oci.digest import Digest
from trow.oci.reference import Host, RepositoryName, Tag, parse_reference

# Distribution spec, "Pulling manifests", as it is printed there
NAME = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*"
TAG = r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"
# github.com/distribution/reference, "Grammar": domain, with addresses in brackets
_PART = r"([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
HOST = rf"({_PART}(\.{_PART})*|\[[a-fA-F0-9:.]+\])(:[0-9]{{1,5}})?"

components = st.lists(st.text("ab0", min_size=1, max_size=3), min_size=1, max_size=3).flatmap(
    lambda words: st.sampled_from([".", "_", "__", "-", "----"]).map(lambda separator: separator.join(words))
)
names = st.lists(components, min_size=1, max_size=6).map("/".join)


def matches(grammar: str, text: str, longest: int) -> bool:
    return len(text) <= longest and re.fullmatch(grammar, text) is not None


def near(letters: str) -> st.SearchStrategy[str]:
    """Text that is a name, a tag or a host, or nearly one."""
    return st.text(letters, max_size=12)


@given(names)
def test_every_name_of_the_grammar_is_a_name(text: str) -> None:
    assert matches(NAME, text, 255)
    assert RepositoryName(text) == text


@given(near("aZ0._-/") | st.text(max_size=30))
@example("a" * 255)
@example("a" * 256)
@example("/".join("a" * 128))
@example("a___b")
@example("a..b")
@example("a--b")
@example("a/")
def test_a_name_is_what_the_grammar_says(text: str) -> None:
    if matches(NAME, text, 255):
        assert RepositoryName(text) == text
    else:
        with pytest.raises(NameInvalid):
            RepositoryName(text)


@given(names)
def test_no_component_of_a_name_can_be_mistaken_for_a_key_or_leave_its_folder(text: str) -> None:
    for part in RepositoryName(text).split("/"):
        assert part
        assert not part.startswith(("_", "."))
        assert len(part.encode()) <= 255


@given(near("aZ0._-:") | st.text(max_size=30))
@example("a" * 128)
@example("a" * 129)
@example(".a")
@example("_")
def test_a_tag_is_what_the_grammar_says(text: str) -> None:
    if matches(TAG, text, 128):
        assert Tag(text) == text
    else:
        with pytest.raises(ManifestInvalid):
            Tag(text)


@given(st.from_regex(HOST, fullmatch=True, alphabet="aZ0.-[]:f").filter(lambda text: len(text) <= 255))
def test_every_host_of_the_grammar_is_a_host(text: str) -> None:
    assert Host(text) == text


@given(near("aZ0.-:[]") | st.text(max_size=30))
@example("docker.io")
@example("localhost:5000")
@example("[::1]:5000")
@example("a..b")
@example("a.-b")
@example("a-.b")
@example("a:")
@example("a:123456")
@example("a_b")
@example("[::1")
def test_a_host_is_what_the_grammar_says(text: str) -> None:
    if matches(HOST, text, 255):
        assert Host(text) == text
    else:
        with pytest.raises(NameInvalid):
            Host(text)


@each("text", [*HOSTILE, *(f"a/{text}" for text in HOSTILE), "a/_tags", "_manifests", "a/.b", "f//a"])
def test_hostile_names_are_refused_and_told_back_no_longer_than_needed(text: str) -> None:
    with pytest.raises(NameInvalid) as refusal:
        RepositoryName(text)
    assert len(str(refusal.value)) < 1000


@each("text", [*HOSTILE, "a/b", "a:b", "-a", ".a", "a\n", "latest\n", "\u0661.0"])
def test_hostile_tags_are_refused_and_told_back_no_longer_than_needed(text: str) -> None:
    with pytest.raises(ManifestInvalid) as refusal:
        Tag(text)
    assert len(str(refusal.value)) < 1000


@each("text", [*HOSTILE, "docker.io\n", "docker.io:\u0661", "docker.io@evil", "docker.io/x", "a:-1"])
def test_hostile_hosts_are_refused_and_told_back_no_longer_than_needed(text: str) -> None:
    with pytest.raises(NameInvalid) as refusal:
        Host(text)
    assert len(str(refusal.value)) < 1000


@given(st.from_regex(TAG, fullmatch=True))
def test_a_reference_without_a_colon_is_a_tag(text: str) -> None:
    assert type(parse_reference(text)) is Tag


@given(st.binary(max_size=8), st.sampled_from(["sha256", "sha512"]))
def test_a_reference_with_a_colon_is_a_digest(content: bytes, algorithm: str) -> None:
    reference = parse_reference(str(Digest.of(content, algorithm)))
    assert type(reference) is Digest
    assert reference == Digest.of(content, algorithm)


@given(st.text(max_size=200))
def test_what_is_neither_is_refused_by_the_one_that_it_resembles(text: str) -> None:
    try:
        parse_reference(text)
    except (DigestInvalid, ManifestInvalid) as error:
        refused_by = type(error)
    else:
        return
    assert refused_by is (DigestInvalid if ":" in text else ManifestInvalid)

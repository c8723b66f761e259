"""Image references, against github.com/distribution/reference itself: the golden file is what that library answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.oci.hostile import HOSTILE, each
from trow.oci.image import ImageReference, ImageReferenceInvalid, parse_image

# made again by the command at the head of oracle/main.go
GOLDEN = Path(__file__).parent / "image_references.jsonl"
HEX = "0123456789abcdef" * 8
SHA256 = f"sha256:{HEX[:64]}"


class Answer(NamedTuple):
    """A row of the golden file: what the library reads in a text."""

    text: str
    host: str
    repository: str
    tag: str
    digest: str
    pulled: str
    familiar: str

    @property
    def ours(self) -> ImageReference | None:
        """The same by the rules that trow.oci.image adds, stated once more; None: refused."""
        if not self.host:
            return None
        host, repository = self.host, self.repository
        if "." in host or ":" in host:
            host = host.lower()
        if host in ("index.docker.io", "registry-1.docker.io"):
            host = "docker.io"
        if host == "docker.io" and "/" not in repository:
            repository = f"library/{repository}"
        tag = self.tag or (None if self.digest else "latest")
        return ImageReference(host, repository, tag, self.digest or None)


ROWS = [json.loads(line) for line in GOLDEN.read_text("ascii").splitlines()]
READ = [Answer(*row) for row in ROWS if len(row) > 1]


def read(text: str) -> ImageReference | None:
    """What is read in a text; None if it is refused."""
    try:
        return parse_image(text)
    except ImageReferenceInvalid:
        return None


def refused(text: str) -> str:
    """Why a text is refused."""
    with pytest.raises(ImageReferenceInvalid) as caught:
        parse_image(text)
    return str(caught.value)


def test_the_golden_file_has_plenty_of_both_kinds() -> None:
    assert len(ROWS) > 2500
    assert 800 < len(READ) < len(ROWS) - 800


def test_what_the_library_refuses_is_refused() -> None:
    assert not [(row[0], image) for row in ROWS if len(row) == 1 and (image := read(row[0]))]


def test_what_the_library_reads_is_read_alike() -> None:
    assert not [(answer, image) for answer in READ if (image := read(answer.text)) != answer.ours]


def test_only_few_of_these_differ_from_the_library_and_in_no_more_than_the_host() -> None:
    for answer in READ:
        ours = answer.ours
        if ours is None:
            assert "_" in answer.repository.partition("/")[0]
        elif ours.host == answer.host:
            assert ours.repository == answer.repository
        else:
            assert answer.host == "registry-1.docker.io" or answer.host.lower() != answer.host


def test_what_is_pulled_is_what_the_library_says() -> None:
    same = [answer for answer in READ if (ours := answer.ours) and ours.host == answer.host]
    assert len(same) > 500
    assert not [answer for answer in same if parse_image(answer.text).pulled != answer.pulled]


def test_the_familiar_form_is_the_librarys_unless_that_reads_as_another_image() -> None:
    longer = 0
    for answer in READ:
        ours = answer.ours
        if ours is None or ours.host != answer.host:
            continue
        image = parse_image(answer.text)
        theirs = answer.familiar if answer.tag or answer.digest else f"{answer.familiar}:latest"
        if image.familiar != theirs:
            longer += 1
            assert image.familiar == str(image)
            assert read(theirs) != image
    assert 0 < longer < 200


def test_every_form_reads_as_the_same_image() -> None:
    for answer in READ:
        if answer.ours:
            image = parse_image(answer.text)
            assert parse_image(str(image)) == image
            assert parse_image(image.familiar) == image
            pulled = parse_image(image.pulled)
            assert (pulled.name, pulled.digest) == (image.name, image.digest)
            assert str(image).startswith(f"{image.name}{':' if image.tag else '@'}")


@pytest.mark.parametrize(
    "text",
    [
        "nginx",
        "nginx:latest",
        "library/nginx",
        "docker.io/nginx",
        "docker.io/library/nginx:latest",
        "index.docker.io/library/nginx:latest",
        "index.docker.io/nginx",
        "registry-1.docker.io/library/nginx",
        "registry-1.docker.io/nginx",
        "DOCKER.IO/library/nginx",
        "Index.Docker.IO/nginx",
    ],
)
def test_one_image_of_docker_hub_has_many_names(text: str) -> None:
    image = parse_image(text)
    assert image == ImageReference("docker.io", "library/nginx", "latest")
    assert str(image) == image.pulled == "docker.io/library/nginx:latest"
    assert image.familiar == "nginx:latest"


@pytest.mark.parametrize(
    ("text", "host", "repository"),
    [
        ("a/b", "docker.io", "a/b"),
        ("localhost/b", "localhost", "b"),
        ("localhost:5000/b", "localhost:5000", "b"),
        ("QUAY.io:5000/a/b", "quay.io:5000", "a/b"),
        ("Build/app", "Build", "app"),
        ("[FE80::1]:5000/a", "[fe80::1]:5000", "a"),
        ("quay.io/nginx", "quay.io", "nginx"),
        ("docker.io:443/nginx", "docker.io:443", "nginx"),
        ("f/docker.io/library/nginx", "docker.io", "f/docker.io/library/nginx"),
    ],
)
def test_the_first_part_is_a_host_if_it_looks_like_one(text: str, host: str, repository: str) -> None:
    assert parse_image(text) == ImageReference(host, repository, "latest")


def test_a_tag_beside_a_digest_is_kept_but_not_pulled() -> None:
    image = parse_image(f"nginx:1.27@{SHA256}")
    assert image == ImageReference("docker.io", "library/nginx", "1.27", SHA256)
    assert str(image) == f"docker.io/library/nginx:1.27@{SHA256}"
    assert image.pulled == f"docker.io/library/nginx@{SHA256}"
    assert image.familiar == f"nginx:1.27@{SHA256}"
    assert parse_image(f"nginx@{SHA256}").tag is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the image reference is empty"),
        (HEX[:64], f"'{HEX[:64]}' is not an image reference: 64 hexadecimal digits are an image's identifier"),
        (":latest", "there is no name before the tag or digest"),
        ("docker.io/", "there is no name before the tag or digest"),
        ("quay.io/Nginx:1", "a repository is written in lower case"),
        ("nginx:", "what follows the : is not a tag"),
        ("nginx@sha256:abc", "what follows the @ is not a digest"),
        (f"nginx@md5:{HEX[:32]}", "what follows the @ is not a digest"),
        ("https://quay.io/nginx", "'https:' is not a host"),
        ("a_b.c/d", "'a_b.c' is not a host"),
        ("\u212a.io/d", r"'\u212a.io' is not a host"),
        ("quay.io/a..b", "'a..b' is not a repository"),
        (f"quay.io/{'a' * 256}", "the repository is longer than 255 characters"),
    ],
)
def test_a_refusal_says_why(text: str, reason: str) -> None:
    assert reason in refused(text)


@each("text", [*HOSTILE, *(f"{text}/a" for text in HOSTILE), *(f"quay.io/a:{text}" for text in HOSTILE)])
def test_hostile_text_is_refused_on_one_short_printable_line(text: str) -> None:
    image = read(text)
    if image:
        assert str(image).isascii()
    else:
        reason = refused(text)
        assert reason.isascii()
        assert reason.isprintable()
        assert len(reason) < 500


@given(st.text("aA0._-/:@[]", max_size=24) | st.text(max_size=40))
@example("a/" + "a-" * 50_000)
@example("a." * 50_000 + "/a")
def test_whatever_is_read_is_of_a_host_and_reads_again_as_the_same(text: str) -> None:
    image = read(text)
    if image:
        assert image.host
        assert str(image).isascii()
        assert parse_image(str(image)) == parse_image(image.familiar) == image

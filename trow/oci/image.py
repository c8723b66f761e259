"""Image references: a name with its host, as a pod spec writes it, read as kubelet's runtimes read it.

The rules are those of github.com/distribution/reference (`ParseNormalizedNamed`, `ParseDockerRef`), which containerd
and cri-dockerd use; `tests/oci/oracle` holds this module to that library. It differs where one image would else be two:

- `registry-1.docker.io` is `docker.io`, as `index.docker.io` is: it is the address at which runtimes reach Docker Hub,
  and a rule about Docker Hub must not be evaded by naming it.
- A host with a dot or a port is in lower case, since DNS knows no case. One without either keeps its case: capital
  letters alone make it a host (`Build/app` is `app` at `Build`, `build/app` is on Docker Hub).
- A first part that is written as a host but can't be one (`a_b.c/d`) is refused; the library reads a name of no host.
"""

from __future__ import annotations

import re

import msgspec

DOCKER_HUB = "docker.io"
DEFAULT_TAG = "latest"
MAX_REPOSITORY = 255

_ALIASES = ("index.docker.io", "registry-1.docker.io")
_LIBRARY = "library/"
_SHOWN = 120

# The library's regexp.go; all of it ASCII, and `fullmatch` lets no line end slip in as `$` would.
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?").fullmatch
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*").fullmatch
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}").fullmatch
# The algorithms and lengths of go-digest; it knows no other, and no capital letters
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}").fullmatch
_IDENTIFIER = re.compile(r"[0-9a-f]{64}").fullmatch


class ImageReferenceInvalid(ValueError):
    """A text that is no image reference; the message is one line and says why."""


class ImageReference(msgspec.Struct, frozen=True):
    """What a runtime asks of whom. `tag` is `latest` if the text had neither tag nor digest.

    With both a tag and a digest the digest alone says what is pulled; the tag is kept, since a rule or a reader may
    want it. `str()` is the whole reference, and reads as the same one.
    """

    host: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    def __str__(self) -> str:
        return self.name + _suffix(self.tag, self.digest)

    @property
    def name(self) -> str:
        """Host and repository."""
        return f"{self.host}/{self.repository}"

    @property
    def pulled(self) -> str:
        """What a runtime pulls, as the library's `ParseDockerRef` gives it: without the tag if there is a digest."""
        return self.name + (_suffix(None, self.digest) if self.digest else _suffix(self.tag, None))

    @property
    def familiar(self) -> str:
        """As people write it: without `docker.io/` and `library/`, where that reads as the same image."""
        if self.host != DOCKER_HUB:
            return str(self)
        official = self.repository.removeprefix(_LIBRARY)
        short = (self.repository if "/" in official else official) + _suffix(self.tag, self.digest)
        try:
            return short if parse_image(short) == self else str(self)
        except ImageReferenceInvalid:
            return str(self)


def parse_image(text: str) -> ImageReference:
    """Read an image reference. Raises ImageReferenceInvalid."""
    if not text:
        raise ImageReferenceInvalid("the image reference is empty")
    if _IDENTIFIER(text):
        raise _invalid(text, "64 hexadecimal digits are an image's identifier, not its name")
    before, at, digest = text.partition("@")
    if at and not _DIGEST(digest):
        raise _invalid(
            text, "what follows the @ is not a digest (sha256:<64 hex>, sha384:<96 hex> or sha512:<128 hex>)"
        )
    host, rest = _split(before)
    repository, colon, tag = rest.partition(":")
    if not _HOST(host):  # as it came: outside ASCII there are letters whose lower case is one of ours
        raise _invalid(text, f"{_shown(host)} is not a host")
    if "." in host or ":" in host:
        host = host.lower()
        host = DOCKER_HUB if host in _ALIASES else host
    if host == DOCKER_HUB and "/" not in repository:
        repository = _LIBRARY + repository
    if not _REPOSITORY(repository):
        raise _invalid(text, _why_not(repository))
    if len(repository) > MAX_REPOSITORY:
        raise _invalid(text, f"the repository is longer than {MAX_REPOSITORY} characters")
    if colon and not _TAG(tag):
        raise _invalid(text, "what follows the : is not a tag (1 to 128 of a-z A-Z 0-9 _ . -, the first not . or -)")
    return ImageReference(host, repository, tag or (None if digest else DEFAULT_TAG), digest or None)


def _split(text: str) -> tuple[str, str]:
    """Host and the rest: the first part is a host if it has a dot, a colon or a capital letter, or is `localhost`."""
    first, slash, rest = text.partition("/")
    if not slash:
        return DOCKER_HUB, text
    if "." in first or ":" in first or first == "localhost" or first.lower() != first:
        return first, rest
    return DOCKER_HUB, text


def _suffix(tag: str | None, digest: str | None) -> str:
    return (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")


def _why_not(repository: str) -> str:
    if repository in ("", _LIBRARY):
        return "there is no name before the tag or digest"
    if _REPOSITORY(repository.lower()):
        return "a repository is written in lower case"
    return f"{_shown(repository)} is not a repository (parts of a-z 0-9, joined by . _ __ or -, with / between them)"


def _invalid(text: str, reason: str) -> ImageReferenceInvalid:
    return ImageReferenceInvalid(f"{_shown(text)} is not an image reference: {reason}")


def _shown(text: str) -> str:
    """On one line, whatever it is."""
    return ascii(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")

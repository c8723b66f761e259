"""Names and tags as the Distribution specification writes them ("Pulling manifests"), parsed once at the edge."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trow.errors import ManifestInvalid, NameInvalid
from trow.oci.digest import Digest

if TYPE_CHECKING:
    from typing import Self

MAX_NAME = 255
PROXIED = "f/"

_COMPONENT = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_COMPONENTS = re.compile(_COMPONENT).fullmatch
_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*").fullmatch
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}").fullmatch
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:.]+\])(?::[0-9]{{1,5}})?").fullmatch


class RepositoryName(str):
    """A repository name of at most 255 characters, of any depth; anything else raises NameInvalid.

    No component can begin with `_`, so that names and the storage's own keys never meet.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        if len(text) > MAX_NAME or not _NAME(text):
            raise NameInvalid({"Repository": text[: MAX_NAME + 1]})
        return super().__new__(cls, text)


class Tag(str):
    """A tag; anything else raises ManifestInvalid."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        if not _TAG(text):
            raise ManifestInvalid({"Tag": text[:160]}, message="Invalid tag")
        return super().__new__(cls, text)


def is_tag(text: str) -> bool:
    """Whether a text can be a tag."""
    return _TAG(text) is not None


def is_component(text: str) -> bool:
    """Whether a text can be a part of a repository name."""
    return _COMPONENTS(text) is not None


Reference = Tag | Digest


def parse_reference(text: str) -> Reference:
    """A digest if it has a colon, else a tag; raises DigestInvalid or ManifestInvalid."""
    return Digest(text) if ":" in text else Tag(text)


class Host(str):
    """A registry host with an optional port, as `?ns=` and `f/<host>/…` name it; else it raises NameInvalid."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        if len(text) > MAX_NAME or not _HOST(text):
            raise NameInvalid({"Host": text[: MAX_NAME + 1]}, message="Invalid registry host")
        return super().__new__(cls, text)

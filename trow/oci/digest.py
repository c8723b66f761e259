"""Digests: `algorithm:hex`, the algorithms that this registry verifies (image-spec, descriptor.md, "Digests")."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from trow.errors import DigestInvalid

if TYPE_CHECKING:
    from typing import Protocol, Self

    class Hasher(Protocol):
        """What hashlib gives."""

        def update(self, data: bytes | memoryview, /) -> None: ...
        def hexdigest(self) -> str: ...


CANONICAL = "sha256"
ALGORITHMS = {"sha256": 64, "sha512": 128}
_VALID = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}").fullmatch


class Digest(str):
    """A digest that is well formed and of an algorithm that can be verified; else it raises DigestInvalid."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        if not _VALID(text):
            raise DigestInvalid(
                {"digest": text[:160]}, message="Invalid digest: expected sha256:<64 hex> or sha512:<128 hex>"
            )
        return super().__new__(cls, text)

    @property
    def algorithm(self) -> str:
        return self[:6]

    @property
    def hex(self) -> str:
        return self[7:]

    @classmethod
    def of(cls, content: bytes, algorithm: str = CANONICAL) -> Self:
        """The digest of `content`."""
        return cls(f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}")


def new_hasher(algorithm: str) -> Hasher:
    """A running hash of an algorithm of `ALGORITHMS`."""
    return hashlib.new(algorithm, usedforsecurity=False)

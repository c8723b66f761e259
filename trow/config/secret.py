"""A value that nobody may see by accident: masked wherever it is printed, and refused where it would be written."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, NoReturn, Self

if TYPE_CHECKING:
    from pathlib import Path

MASK = "********"


class Secret:
    """A password or token. Only `reveal()` gives it away; `file` says which file it came from, if it did.

    It has no `__dict__`, can't be pickled, and msgspec refuses to encode it.
    """

    __slots__ = ("_value", "file")

    def __init__(self, value: str, file: Path | None = None) -> None:
        self._value = value
        self.file = file

    def reveal(self) -> str:
        """The value itself."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    def __format__(self, _: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode()) and self.file == other.file

    def __hash__(self) -> int:
        return hash((self._value, self.file))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written anywhere")

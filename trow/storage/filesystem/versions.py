"""Whether a record may have changed, without a system call: numbers in memory that all processes share.

Keys are spread over a fixed set of numbers, many to one. A number is odd while one of its records is being replaced and
even, and another, afterwards; it changes only under the lock of its keys, so a process that is killed in between leaves
it odd: then nothing is told of these keys until the next change, and who asks looks at the files. The file is derived:
it may be deleted while nobody serves.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import zlib
from functools import cached_property
from typing import TYPE_CHECKING

from trow.storage.filesystem.disk import storage_errors
from trow.storage.filesystem.locks import SLOTS
from trow.storage.layout import REPOSITORIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from trow.storage.base import Watch

NUMBERS = SLOTS * 32  # a multiple: keys of one number have one lock
_BYTES = 4


class Versions:
    """The numbers of a directory."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def _numbers(self) -> memoryview:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            if os.fstat(descriptor).st_size < NUMBERS * _BYTES:
                os.ftruncate(descriptor, NUMBERS * _BYTES)
            return memoryview(mmap.mmap(descriptor, NUMBERS * _BYTES)).cast("I")
        finally:
            os.close(descriptor)

    def watch(self, key: str) -> NumberWatch | None:
        """What tells of changes of a record from now on; None while one is under way."""
        if not key.startswith(REPOSITORIES):
            return None
        index = zlib.crc32(key.encode()) % NUMBERS
        with storage_errors():
            number = self._numbers[index]
        return None if number & 1 else NumberWatch(self._numbers, index, number)

    @contextlib.contextmanager
    def changing(self, keys: Iterable[str]) -> Iterator[None]:
        """For who replaces these records and holds their locks."""
        numbers = self._numbers
        indexes = {zlib.crc32(key.encode()) % NUMBERS for key in keys if key.startswith(REPOSITORIES)}
        for index in indexes:
            numbers[index] |= 1
        try:
            yield
        finally:
            for index in indexes:
                numbers[index] = (numbers[index] + 1) & 0xFFFF_FFFF


class NumberWatch:
    """A number as it was."""

    __slots__ = ("_index", "_number", "_numbers")

    def __init__(self, numbers: memoryview, index: int, number: int) -> None:
        self._numbers = numbers
        self._index = index
        self._number = number

    def changed(self) -> bool:
        return self._numbers[self._index] != self._number


if TYPE_CHECKING:
    _: type[Watch] = NumberWatch

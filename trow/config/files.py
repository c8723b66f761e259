"""The files that a configuration consists of: itself, and those with secrets that it names. Each is read once.

What was looked at is remembered, also what was missing, so that a watcher knows what to watch and what has changed.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import msgspec

MOST_BYTES = 1024 * 1024


class Sources(msgspec.Struct, frozen=True):
    """The files and folders that were looked at, also those that are missing, and a sha256 over what they hold.

    Two reads with the same fingerprint saw the same.
    """

    paths: tuple[Path, ...]
    fingerprint: str


class Unreadable(Exception):
    """A file can't be used: its message says why and holds nothing of its content."""


class Missing(Unreadable):
    """There is no such file."""


class Files:
    """Reads files below a folder, within bounds, and keeps account."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: dict[Path, bytes | Unreadable] = {}

    def note(self, path: Path, content: bytes) -> None:
        """A file that somebody else has read."""
        self.seen[path] = content

    def resolve(self, text: str) -> Path:
        """A path of the file: relative ones start at its folder."""
        return self.folder / text

    def read(self, path: Path) -> bytes:
        """The whole content of a regular file. Raises Unreadable."""
        if path not in self.seen:
            try:
                self.seen[path] = _read(path)
            except Unreadable as error:
                self.seen[path] = error
        content = self.seen[path]
        if isinstance(content, Unreadable):
            raise content
        return content

    def exists(self, path: Path) -> bool:
        """Whether there is such a file or folder; one that isn't counts as looked at."""
        try:
            path.stat()
        except (OSError, ValueError) as error:
            self.seen.setdefault(path, _unreadable(error))
            return False
        return True

    def is_folder(self, path: Path) -> bool:
        return path.is_dir()

    def text(self, path: Path) -> str:
        """A secret in a file: without the newline that editors leave at its end. Raises Unreadable."""
        content = self.read(path)
        try:
            text = content.decode()
        except UnicodeDecodeError:
            raise Unreadable("isn't text in UTF-8") from None
        text = text.removesuffix("\n").removesuffix("\r")
        if not text:
            raise Unreadable("is empty")
        if "\n" in text or "\0" in text:
            raise Unreadable("holds more than one line")
        return text

    def names(self, folder: Path) -> list[str]:
        """What a folder holds, hidden names left out: those are how a mounted Secret is swapped. Raises Unreadable."""
        try:
            found = sorted(each.name for each in folder.iterdir() if not each.name.startswith("."))
        except (OSError, ValueError) as error:
            self.seen[folder] = _unreadable(error)
            raise _unreadable(error) from None
        self.seen[folder] = os.fsencode("/".join(found))
        return found

    def sources(self) -> Sources:
        """What was looked at until now."""
        digest = hashlib.sha256()
        for path, content in sorted(self.seen.items()):
            state = b"-" + str(content).encode() if isinstance(content, Unreadable) else b"+" + content
            for part in (os.fsencode(path), state):
                digest.update(b"%d:" % len(part) + part)
        return Sources(tuple(self.seen), digest.hexdigest())


def _read(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a FIFO must not hold us up
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Unreadable("isn't a regular file")
            content = b""
            while len(content) <= MOST_BYTES and (more := os.read(descriptor, MOST_BYTES + 1)):
                content += more
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        raise _unreadable(error) from None
    if len(content) > MOST_BYTES:
        raise Unreadable(f"is larger than {MOST_BYTES // 1024} KiB")
    return content


def _unreadable(error: OSError | ValueError) -> Unreadable:
    if isinstance(error, FileNotFoundError):
        return Missing("doesn't exist")
    return Unreadable(f"can't be read ({(getattr(error, 'strerror', None) or 'no such path').lower()})")

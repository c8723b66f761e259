"""Reading small files, with a memory that one look at the file's status makes good or throws away.

A pull reads three of them. Opening, reading and closing are three system calls, and at each another thread may take
the interpreter; the look is one. Files are never written in place, so another content is another inode or another time;
of a file so young that the clock might not tell two apart, nothing is remembered.
"""

from __future__ import annotations

import os
import time

from trow.storage.filesystem.disk import translated

MEMORY_BYTES = 8 * 1024 * 1024
_LARGEST = 64 * 1024
_OVERHEAD = 400
YOUNG_NANOSECONDS = 2_500_000_000  # some file systems count in seconds


class SmallFiles:
    """Contents by path, as much as `MEMORY_BYTES` hold; what was remembered first is forgotten first."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, int, int, bytes]] = {}
        self._bytes = 0

    def read(self, path: str) -> bytes | None:
        """All of a file, or None."""
        try:
            status = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise translated(error) from error
        known = self._known.get(path)
        if known and known[0] == status.st_mtime_ns and known[1] == status.st_ino and known[2] == status.st_size:
            return known[3]
        content = read_file(path)
        if content is not None and len(content) <= _LARGEST and time.time_ns() - status.st_mtime_ns > YOUNG_NANOSECONDS:
            self._remember(path, (status.st_mtime_ns, status.st_ino, status.st_size, content))
        return content

    def _remember(self, path: str, entry: tuple[int, int, int, bytes]) -> None:
        before = self._known.pop(path, None)
        self._bytes += len(entry[3]) + _OVERHEAD - (len(before[3]) + _OVERHEAD if before else 0)
        self._known[path] = entry
        while self._bytes > MEMORY_BYTES:
            oldest = self._known.pop(next(iter(self._known)))
            self._bytes -= len(oldest[3]) + _OVERHEAD


def read_file(path: str) -> bytes | None:
    """All of a small file, or None; from the page cache this takes less time than waking a thread."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise translated(error) from error
    try:
        content = os.read(descriptor, 65536)
        if len(content) < 65536:
            return content
        pieces = [content]
        while piece := os.read(descriptor, 1 << 20):
            pieces.append(piece)
        return b"".join(pieces)
    except OSError as error:
        raise translated(error) from error
    finally:
        os.close(descriptor)

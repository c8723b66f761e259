"""How far an import is and what it left behind: a line now and then, a warning for each thing left out, a document."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trow.oci.digest import Digest

_LINES_AT_MOST = 10_000

logger = logging.getLogger("trow.legacy")


class Report:
    """Of one version's data."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.expected = 0
        self.looked_at = 0
        self.repositories = 0
        self.manifests = 0
        self.tags = 0
        self._blobs: set[Digest] = set()
        self._bytes = 0
        self._left_out: Counter[str] = Counter()
        self._lines: list[str] = []

    def saw_blob(self, digest: Digest, size: int) -> None:
        """A blob is here, and was verified when it came."""
        if digest not in self._blobs:
            self._blobs.add(digest)
            self._bytes += size

    def leave_out(self, kind: str, name: str, reason: str) -> None:
        """Something stays behind."""
        line = _printable(f"{kind} {name}: {reason}")
        logger.warning("not imported from Trow %s: %s", self.version, line)
        self._left_out[kind] += 1
        if len(self._lines) < _LINES_AT_MOST:
            self._lines.append(line)

    @property
    def progress(self) -> str:
        return (
            f"Importing data of Trow {self.version}: {_spaced(self.looked_at)} of {_spaced(self.expected)} manifests, "
            f"{_weight(self._bytes)} verified"
        )

    @property
    def summary(self) -> str:
        came = [(self.manifests, "manifest"), (self.tags, "tag")]
        left = [(count, kind) for kind, count in sorted(self._left_out.items())]
        return (
            f"Imported data of Trow {self.version}: {_listed(came)} in {_counted(self.repositories, 'repository')}, "
            f"{_weight(self._bytes)} verified; " + (f"left out: {_listed(left)}" if left else "nothing was left out")
        )

    @property
    def document(self) -> bytes:
        """What is kept of it: the summary, then a line for each thing left out."""
        return "".join(f"{line}\n" for line in (self.summary, *self._lines)).encode()


def _printable(text: str) -> str:
    return text if text.isascii() and text.isprintable() else ascii(text)


def _spaced(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def _counted(count: int, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{_spaced(count)} {noun if count == 1 else plural}"


def _listed(counts: list[tuple[int, str]]) -> str:
    return ", ".join(_counted(count, noun) for count, noun in counts)


def _weight(size: float) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.1f} {unit}" if unit != "bytes" else f"{size} bytes"
        size /= 1024
    return f"{size:.1f} TiB"

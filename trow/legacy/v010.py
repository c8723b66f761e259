"""Data of Trow 0.10, which 0.7 to 0.9 kept in the same way: a database of manifests and names, and files of blobs.

trow.db, trow.db-wal, trow.db-shm    sqlite
    manifest(digest, blob)           content of manifests
    tag(tag, repo, manifest_digest)  without a time and without a history
    repo_blob_assoc(repo_name, blob_digest, manifest_digest)   which repository holds what; one of the two is NULL
    repo_blob_association(repo_name, blob_digest)              the same in 0.7, for both kinds
blobs/<digest>                       content of blobs; what was pushed was never verified
uploads/…                            uploads that were not finished: they are not carried over

The database is opened so that nothing is written beside it. What is still in its log alone can't be read so: then a
copy of both is read instead. No times were kept, so all that is known is that the tags were set before the last write.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import time
from typing import TYPE_CHECKING

from trow.legacy.source import Entry, ImportStopped, OldRepository, proxied_name
from trow.oci.reference import PROXIED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trow.oci.digest import Digest

MARK = "trow.db"
_LOG = "trow.db-wal"
_HELD = "SELECT repo_name AS repo, blob_digest AS blob, manifest_digest AS manifest FROM repo_blob_assoc"
_HELD_IN_0_7 = (
    "SELECT a.repo_name AS repo, iif(m.digest IS NULL, a.blob_digest, NULL) AS blob, m.digest AS manifest "
    "FROM repo_blob_association a LEFT JOIN manifest m ON m.digest = a.blob_digest"
)


class V010:
    """The data of Trow 0.10 in a directory."""

    def __init__(self, root: Path, database: sqlite3.Connection, last_write: str) -> None:
        self._blobs = root / "blobs"
        self._database = database
        self._last_write = last_write
        tables = {name for (name,) in self._select("SELECT name FROM sqlite_master WHERE type = 'table'")}
        self._held = _HELD if "repo_blob_assoc" in tables else _HELD_IN_0_7

    def _select(self, query: str, *values: str) -> Iterator[tuple[str, ...]]:
        with _understood():
            yield from self._database.execute(query, values)

    def repositories(self) -> Iterator[OldRepository]:
        query = f"SELECT DISTINCT repo FROM ({self._held} UNION ALL SELECT repo, NULL, NULL FROM tag) ORDER BY repo"  # noqa: S608 (a constant)
        for (key,) in self._select(query):
            yield OldRepository(key, _name(key))

    def tags(self, key: str) -> Iterator[tuple[str, list[Entry]]]:
        for tag, digest in self._select("SELECT tag, manifest_digest FROM tag WHERE repo = ? ORDER BY tag", key):
            yield tag, [Entry(digest, self._last_write)]

    def untagged(self, key: str) -> Iterator[Entry]:
        query = f"SELECT DISTINCT manifest FROM ({self._held}) WHERE repo = ? AND manifest IS NOT NULL"  # noqa: S608
        for (digest,) in self._select(query, key):
            yield Entry(digest, self._last_write)

    def blobs(self, key: str) -> Iterator[str]:
        query = f"SELECT DISTINCT blob FROM ({self._held}) WHERE repo = ? AND blob IS NOT NULL"  # noqa: S608
        for (digest,) in self._select(query, key):
            yield digest

    def manifest(self, digest: Digest) -> bytes | None:
        with _understood():
            row = self._database.execute("SELECT blob FROM manifest WHERE digest = ?", (digest,)).fetchone()
        return bytes(row[0]) if row else None

    def blob(self, digest: Digest) -> Path:
        return self._blobs / digest


@contextlib.contextmanager
def open_v010(root: Path) -> Iterator[V010]:
    """The data of Trow 0.10 in a directory that is ours by now. Raises ImportStopped."""
    database, log = root / MARK, root / _LOG
    with contextlib.ExitStack() as stack:
        last_write = max(path.stat().st_mtime_ns for path in (database, log) if path.exists())
        if log.exists() and log.stat().st_size:
            database = stack.enter_context(_copied(database, log, root / "uploads"))
            address = f"{database.absolute().as_uri()}?mode=rw"
        else:
            address = f"{database.absolute().as_uri()}?mode=ro&immutable=1"
        with _understood():
            connection = stack.enter_context(contextlib.closing(sqlite3.connect(address, uri=True)))
        connection.text_factory = lambda text: text.decode(errors="replace")
        yield V010(root, connection, _time(min(last_write, time.time_ns())))


@contextlib.contextmanager
def _copied(database: Path, log: Path, folder: Path) -> Iterator[Path]:
    copy = folder / f"tmp-{os.urandom(8).hex()}"
    try:
        before = _state(database), _state(log)
        shutil.copyfile(database, copy)
        shutil.copyfile(log, f"{copy}-wal")
        if (_state(database), _state(log)) != before:
            raise ImportStopped(f"{database} is being written to: stop the earlier Trow first")
        yield copy
    finally:
        for end in ("", "-wal", "-shm"):
            copy.with_name(copy.name + end).unlink(missing_ok=True)


def _state(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


@contextlib.contextmanager
def _understood() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise ImportStopped(
            f"{MARK} of the earlier Trow can't be read ({error}): restore it from a backup, or move it out of the "
            "data directory to start without what it holds"
        ) from error


def _name(key: str) -> str:
    host, _, repository = key.removeprefix(PROXIED).partition("/")
    return proxied_name(host, repository) if key.startswith(PROXIED) else key


def _time(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:09}Z"

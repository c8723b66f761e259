"""Data directories as Trow 0.3 and 0.10 left them, made by hand."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.support.documents import digest_of, dump, image

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.documents import Document

SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE blob (digest TEXT NOT NULL PRIMARY KEY, size INTEGER NOT NULL, last_accessed INTEGER NOT NULL) STRICT;
CREATE TABLE manifest (digest TEXT NOT NULL PRIMARY KEY, json BLOB NOT NULL, blob BLOB NOT NULL) STRICT;
CREATE TABLE blob_upload (
    uuid TEXT NOT NULL PRIMARY KEY, "offset" INTEGER NOT NULL, updated_at TEXT NOT NULL, repo TEXT NOT NULL
) STRICT;
"""
SCHEMA_0_10 = """
CREATE TABLE repo_blob_assoc (
    repo_name TEXT NOT NULL,
    blob_digest TEXT REFERENCES blob (digest) ON DELETE CASCADE,
    manifest_digest TEXT REFERENCES manifest (digest) ON DELETE CASCADE,
    PRIMARY KEY (repo_name, blob_digest, manifest_digest)
);
CREATE TABLE tag (
    tag TEXT NOT NULL, repo TEXT NOT NULL, manifest_digest TEXT NOT NULL REFERENCES manifest (digest) ON DELETE CASCADE,
    PRIMARY KEY (repo, tag)
) STRICT;
CREATE TABLE manifest_blob_assoc (manifest_digest TEXT NOT NULL, blob_digest TEXT NOT NULL);
"""
SCHEMA_0_7 = """
CREATE TABLE repo_blob_association (
    repo_name TEXT NOT NULL, blob_digest TEXT NOT NULL, PRIMARY KEY (repo_name, blob_digest)
) STRICT;
CREATE TABLE tag (
    tag TEXT NOT NULL, repo TEXT NOT NULL, manifest_digest TEXT NOT NULL, PRIMARY KEY (repo, tag)
) STRICT;
"""


class Trow03:
    """What Trow 0.3 keeps."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("blobs/sha256", "manifests", "scratch"):
            (root / name).mkdir(parents=True, exist_ok=True)

    def blob_path(self, digest: str) -> Path:
        return self.root / "blobs" / digest.replace(":", "/")

    def blob(self, content: bytes) -> str:
        """Content of any kind: blobs and manifests lie together."""
        path = self.blob_path(digest_of(content))
        path.write_bytes(content)
        return digest_of(content)

    def image(self, name: str, layers: int = 1) -> str:
        """An image that no tag names yet; another name makes another image."""
        config, content = b'{"name":"%s"}' % name.encode(), [f"{name} {number}".encode() for number in range(layers)]
        for each in (config, *content):
            self.blob(each)
        return self.manifest(image(config, content))

    def manifest(self, document: Document) -> str:
        return self.blob(dump(document))

    def tag(self, repository: str, tag: str, *lines: str) -> None:
        """A tag's file: a line a push, newest first."""
        path = self.root / "manifests" / repository / tag
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines))


class Trow010:
    """What Trow 0.10 keeps; 0.7 had another table."""

    def __init__(self, root: Path, *, like_0_7: bool = False) -> None:
        self.root = root
        self._like_0_7 = like_0_7
        for name in ("blobs", "uploads"):
            (root / name).mkdir(parents=True, exist_ok=True)
        self.database = sqlite3.connect(root / "trow.db")
        self.database.executescript(SCHEMA + (SCHEMA_0_7 if like_0_7 else SCHEMA_0_10))
        self.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.database.execute("PRAGMA wal_autocheckpoint = 0")

    def blob_path(self, digest: str) -> Path:
        return self.root / "blobs" / digest

    def blob(self, repository: str, content: bytes, algorithm: str = "sha256", digest: str | None = None) -> str:
        """An uploaded blob, under whatever digest was claimed."""
        digest = digest or digest_of(content, algorithm)
        self.blob_path(digest).write_bytes(content)
        self._insert("blob", digest, len(content), 0)
        self._hold(repository, blob=digest)
        return digest

    def image(self, repository: str, name: str, *tags: str, layers: int = 1) -> str:
        config, content = b'{"name":"%s"}' % name.encode(), [f"{name} {number}".encode() for number in range(layers)]
        for each in (config, *content):
            self.blob(repository, each)
        return self.manifest(repository, image(config, content), *tags)

    def manifest(self, repository: str, document: Document | bytes, *tags: str) -> str:
        content = document if isinstance(document, bytes) else dump(document)
        digest = digest_of(content)
        self._insert("manifest", digest, b"(jsonb)", content)
        self._hold(repository, manifest=digest)
        for tag in tags:
            self._insert("tag", tag, repository, digest)
        return digest

    def unfinished_upload(self, repository: str, content: bytes) -> Path:
        name = "cf2ba1d0-6d9e-4b1c-9c0e-0123456789ab"
        self._insert("blob_upload", name, len(content), "1700000000", repository)
        path = self.root / "uploads" / name
        path.write_bytes(content)
        return path

    def _hold(self, repository: str, *, blob: str | None = None, manifest: str | None = None) -> None:
        if self._like_0_7:
            self._insert("repo_blob_association", repository, blob or manifest)
        else:
            self._insert("repo_blob_assoc", repository, blob, manifest)

    def _insert(self, table: str, *values: object) -> None:
        marks = ", ".join("?" * len(values))
        self.database.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", values)  # noqa: S608

    def close(self) -> None:
        """As after a clean end: all is in the database itself."""
        self.database.commit()
        self.database.close()

    def kill(self) -> None:
        """As after SIGKILL: the last of it is in the write-ahead log alone."""
        with tempfile.TemporaryDirectory() as aside:
            self.database.commit()
            names = [path.name for path in self.root.glob("trow.db*")]
            for name in names:
                shutil.copy2(self.root / name, aside)
            self.database.close()
            for path in self.root.glob("trow.db*"):
                path.unlink()
            for name in names:
                shutil.copy2(Path(aside) / name, self.root)


class OldFile(NamedTuple):
    """A file or folder, to the nanosecond."""

    mode: int
    modified: int
    content: str


def old_files(root: Path, only: Iterable[str] | None = None) -> dict[str, OldFile]:
    """All that is there but for locks; `only` these, as far as they still are. A folder's time is nobody's promise."""
    paths = (root / name for name in only) if only is not None else root.rglob("*")
    paths = (path for path in paths if "locks" not in path.parts[:-1])
    return {
        path.relative_to(root).as_posix(): OldFile(
            path.stat().st_mode,
            path.stat().st_mtime_ns if path.is_file() else 0,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in paths
        if path.exists()
    }


def new_files(root: Path, old: Iterable[str] = ()) -> dict[str, bytes]:
    """What an import made, but for locks and the names of temporary files."""
    known = set(old)
    found = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    return {
        name: path.read_bytes()
        for name, path in sorted(found.items())
        if name not in known and not name.startswith(("locks/", "format"))
    }

"""What the process that watches the file tells the others: the generation in force, and all the bytes it consists of.

A worker makes the settings anew from those bytes, so that all processes live in the same generation, whatever the file
holds by then. It also survives a restart: a start that finds a file it can't use takes the last good one from here.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import msgspec

from trow.config.files import Files, Missing, Unreadable
from trow.config.live import Generation
from trow.config.model import Logging

NAME = "private/configuration"


class Held(msgspec.Struct, frozen=True, array_like=True):
    """A file or folder as it was: its content, or why it had none."""

    path: bytes
    content: bytes | None = None
    missing: bool = False
    wrong: str = ""


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """A generation, where its file is, and what every file of it held. It bears secrets."""

    generation: Generation
    path: str
    held: tuple[Held, ...]
    logging: Logging
    """Of the settings in force: for the processes that take nothing else from them."""

    def __repr__(self) -> str:
        return f"<generation {self.generation.number} of {self.path}>"

    def files(self) -> Files:
        """The files, as they were."""
        return _Recorded(Path(self.path).parent, self.held)


class Board:
    """Memory that processes share which are forked after it was made: one posts there what all others read.

    Not a file of the data directory, so that settings can be changed when the disk is full.
    """

    def __init__(self) -> None:
        self._descriptor = os.memfd_create("trow-configuration", os.MFD_CLOEXEC)

    def post(self, published: Published) -> None:
        """Replace what is there, as a whole."""
        content = msgspec.msgpack.encode(published)
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX)
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, content, 0)
        finally:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN)

    def read(self) -> Published:
        """What was posted last."""
        fcntl.lockf(self._descriptor, fcntl.LOCK_SH)
        try:
            content = os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0)
        finally:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN)
        return msgspec.msgpack.decode(content, type=Published)


def keep(data_dir: Path, published: Published) -> None:
    """Keep it for the next start, durably and for nobody else to read. Raises OSError."""
    target = data_dir / NAME
    temporary = target.with_suffix(".new")  # only the watcher writes, and one that was cut off is written over
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.msgpack.encode(published))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def last_kept(data_dir: Path) -> Published | None:
    """What was kept last; None if nothing was, or nothing that this version understands."""
    try:
        return msgspec.msgpack.decode((data_dir / NAME).read_bytes(), type=Published)
    except (OSError, msgspec.MsgspecError):
        return None


def held(files: Files) -> tuple[Held, ...]:
    """What was read of the files."""
    return tuple(
        Held(os.fsencode(path), None, isinstance(content, Missing), str(content))
        if isinstance(content, Unreadable)
        else Held(os.fsencode(path), content)
        for path, content in files.seen.items()
    )


class _Recorded(Files):
    """Files as they were: nothing is looked up."""

    def __init__(self, folder: Path, held: tuple[Held, ...]) -> None:
        super().__init__(folder)
        for each in held:
            self.seen[Path(os.fsdecode(each.path))] = _why(each) if each.content is None else each.content

    def read(self, path: Path) -> bytes:
        self.seen.setdefault(path, Missing("doesn't exist"))
        return super().read(path)

    def exists(self, path: Path) -> bool:
        return not isinstance(self.seen.get(path), Unreadable)

    def is_folder(self, path: Path) -> bool:
        return any(each.parent == path for each in self.seen)

    def names(self, folder: Path) -> list[str]:
        content = self.read(folder)
        return os.fsdecode(content).split("/") if content else []


def _why(each: Held) -> Unreadable:
    return Missing(each.wrong) if each.missing else Unreadable(each.wrong)

"""Taking a directory into service: is it ours to write, of a layout that we read, and served by this host alone?

Every refusal is one line that names the path and the fix.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import time
from pathlib import Path

import msgspec

from trow.storage.filesystem.disk import DISK_FULL, fsync_directory, write_new
from trow.storage.filesystem.locks import try_lock

LAYOUT = 1
OLDEST_READER = "0.11.0"
HEARTBEAT_SECONDS = 5.0
_PRESUMED_DEAD_SECONDS = 16.0
_FOLDERS = ("blobs", "repositories", "uploads", "locks", "private")


class ClaimError(Exception):
    """The directory can't be served; the message is one line for the operator."""


class Format(msgspec.Struct, frozen=True):
    """The file `format`: the layout's version, and the oldest Trow that reads it."""

    layout: int
    oldest_reader: str


class Claim:
    """Holds a directory for this host while it lives; its lock is shared with the processes forked from this one."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def beat(self) -> None:
        """Show a host that can't see our kernel's locks that we live; to be called every HEARTBEAT_SECONDS."""
        with contextlib.suppress(OSError):  # a disk that fails is told of by those who need it
            os.utime(self._descriptor)

    def release(self) -> None:
        """A clean end: the next host need not wait."""
        if try_lock(self._descriptor):
            os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)


def claim(root: Path) -> Claim:
    """Prepare `root` and take it into service.

    Raises:
        ClaimError: it can't be written, is of another layout, or another host serves it.
    """
    try:
        return _claim_for_host(root, _prepare(root))
    except OSError as error:
        raise ClaimError(explain(root, error)) from error


def _prepare(root: Path) -> float:
    """Make what is missing; the file system's own time, in seconds, which may not be ours."""
    _make_folder(root)
    _check_format(root)
    for name in _FOLDERS:
        folder = root / name
        _make_folder(folder)
    new = not (root / "format").exists()
    temporary = root / "uploads" / f"tmp-{os.urandom(8).hex()}"
    try:
        write_new(os.fspath(temporary), msgspec.json.encode(Format(LAYOUT, OLDEST_READER)) + b"\n" if new else b"")
        now = temporary.stat().st_mtime
        if new:
            temporary.rename(root / "format")
    except OSError as error:
        if new or error.errno not in DISK_FULL:
            raise
        now = time.time()  # reads and deletes go on
    finally:
        temporary.unlink(missing_ok=True)
    (root / "private").chmod(0o700)
    for name in _FOLDERS:
        if not os.access(root / name, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(root / name))
    fsync_directory(os.fspath(root))
    return now


def _make_folder(folder: Path) -> None:
    """A folder and the parents it lacks, each durably."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700 if folder.name == "private" else 0o755)
    with contextlib.suppress(PermissionError):  # a parent that may be passed through but not read
        fsync_directory(os.fspath(folder.parent))


def _check_format(root: Path) -> None:
    try:
        written = (root / "format").read_bytes()
    except FileNotFoundError:
        return  # new, or an earlier Trow's: what that one left lies beside ours, and is imported
    try:
        found = msgspec.json.decode(written, type=Format)
    except msgspec.MsgspecError:
        raise ClaimError(
            f"{root}/format is not readable as a data directory's format; restore it or choose another"
        ) from None
    if found.layout > LAYOUT:
        raise ClaimError(
            f"{root} was written by a newer Trow (layout {found.layout}, this one reads {LAYOUT}): "
            f"use Trow {found.oldest_reader} or later"
        )


def _claim_for_host(root: Path, now: float) -> Claim:
    path = root / "locks" / "host"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    me = f"{_boot_id()} {socket.gethostname()}"
    try:
        alone = try_lock(descriptor)
        boot, _, host = os.pread(descriptor, 512, 0).decode(errors="replace").partition(" ")
        if boot and boot != _boot_id() and (not alone or _still_beats(descriptor, now)):
            raise ClaimError(
                f"{root} is served by the host {host.strip()!r}: stop Trow there, or give each its own --data-dir"
            )
        if alone:
            _prove_that_locks_exclude(path)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, me.encode(), 0)
        while not try_lock(descriptor, shared=True):  # another process of this host is taking it at this moment
            time.sleep(0.02)
    except BaseException:
        os.close(descriptor)
        raise
    return Claim(descriptor)


def _still_beats(descriptor: int, now: float) -> bool:
    """Whether a host whose locks we may not see still touches its file."""
    last = os.fstat(descriptor).st_mtime_ns
    if now - last / 1e9 > _PRESUMED_DEAD_SECONDS:
        return False
    deadline = time.monotonic() + _PRESUMED_DEAD_SECONDS
    while time.monotonic() < deadline:
        time.sleep(0.5)
        if os.fstat(descriptor).st_mtime_ns != last:
            return True
    return False


def _prove_that_locks_exclude(path: Path) -> None:
    second = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        if try_lock(second):
            raise ClaimError(f"the file system of {path.parent} does not exclude with flock: use one that does")
    finally:
        os.close(second)


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return socket.gethostname()


def explain(root: Path, error: OSError) -> str:
    """One line for the operator on what the operating system refused in a data directory."""
    path = Path(error.filename or root)
    reason = (error.strerror or str(error)).lower()
    if error.errno in DISK_FULL:
        return f"data directory {root}: {path}: {reason}: make room, or choose another --data-dir"
    seen = path.absolute()
    while not os.path.lexists(seen):
        seen = seen.parent
    return (
        f"data directory {root}: {path}: {reason} "
        f"(Trow runs as uid {os.getuid()}, gid {os.getgid()}; {seen} is owned by uid {seen.lstat().st_uid}): "
        f"make it writable, for instance with chown -R {os.getuid()}:{os.getgid()} {root}, or choose another --data-dir"
    )

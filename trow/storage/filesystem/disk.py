"""Durable steps on a directory tree: the order is always data, rename, directory, and parents that were just made.

Blocking calls, meant for `Disk.run` (a small pool of threads); only reads of small files are made on the event loop.
An fsync that failed is a failed write: it raises, and is never tried again on the same bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import os
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from trow.errors import RegistryError, StorageFailed, StorageFull

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

T = TypeVar("T")

THREADS = 8
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_KNOWN_DIRECTORIES = 20_000
_KNOWN_FILES = 10_000


Identity = tuple[int, int, int]


class Move(NamedTuple):
    """A synced file, the key that it shall have, and that of an empty file which must be there before it."""

    source: str
    key: str
    companion: str | None = None


class Disk:
    """The data directory and the threads that wait for it."""

    def __init__(self, root: Path) -> None:
        self.root = os.fspath(root)
        self._threads = ThreadPoolExecutor(THREADS, "disk")
        self._counter = itertools.count()
        self._durable: dict[str, int] = {}
        self._lasting: dict[str, Identity] = {}
        self._tidied = self.path("locks/tidied")

    def path(self, key: str) -> str:
        return f"{self.root}/{key}"

    async def run(self, step: Callable[..., T], *args: object) -> T:
        """Run a blocking step in a thread, to its end; translate what the operating system says."""
        return await finish(self.start(step, *args))

    def start(self, step: Callable[..., T], *args: object) -> Future[T]:
        """Begin a blocking step in a thread, for `finish` to wait for."""
        return self._threads.submit(step, *args)

    def temporary(self) -> str:
        """A path for a new temporary file; they live only in `uploads/`, where they are swept."""
        return self.path(f"uploads/tmp-{os.getpid()}-{next(self._counter)}-{os.urandom(4).hex()}")

    def place(self, moves: Iterable[Move]) -> None:
        """Rename files into the tree one after the other, then make all of that durable."""
        placed: dict[str, Identity] = {}
        new = []
        try:
            for move in moves:
                target, ours = self.path(move.key), _identity(move.source)
                existed = os.path.lexists(target)
                self._move(move, target)
                if not existed:
                    new.append(target)
                placed[target] = ours
            # together at the end: the journal that the first one writes holds all the renames
            for directory in dict.fromkeys(map(os.path.dirname, placed)):
                self.sync_directory(directory)
        except OSError:
            for target in new:  # nobody may see, and rely on, what may not last
                with contextlib.suppress(OSError):
                    if _identity(target) == placed[target]:
                        os.unlink(target)
            raise
        self._remember(placed)

    def _move(self, move: Move, target: str) -> None:
        for attempt in itertools.count():
            try:
                if move.companion:
                    os.close(os.open(self.path(move.companion), os.O_CREAT | os.O_RDONLY | os.O_CLOEXEC, 0o444))
                os.rename(move.source, target)
                break
            except FileNotFoundError:
                if attempt > 100 or not os.path.lexists(move.source):
                    raise
                # the directory was never there, or somebody tidied it away between two steps of ours
                with contextlib.suppress(FileNotFoundError, FileExistsError):
                    os.makedirs(os.path.dirname(target), exist_ok=True)

    def write(self, documents: Mapping[str, bytes], *moves: Move) -> None:
        """Replace whole files, and then place others, durably; each is there only with all before it."""
        temporaries = [Move(self.temporary(), key) for key in documents]
        try:
            for move in temporaries:
                write_new(move.source, documents[move.key])
            self.place([*temporaries, *moves])
        except OSError:
            for move in temporaries:
                with contextlib.suppress(OSError):
                    os.unlink(move.source)
            raise

    def unsynced(self, keys: Iterable[str]) -> list[str]:
        """Those that this process did not make durable itself, as they are now; a look at each, no more."""
        return [key for key in keys if self._lasting.get(self.path(key)) != _identity(self.path(key))]

    def sync(self, keys: Iterable[str]) -> None:
        """Make durable that the files of these keys are there, whoever put them there."""
        seen = {path: _identity(path) for path in map(self.path, keys)}
        for directory in dict.fromkeys(map(os.path.dirname, seen)):
            self.sync_directory(directory)
        self._remember(seen)

    def _remember(self, files: Mapping[str, Identity]) -> None:
        if len(self._lasting) > _KNOWN_FILES:
            self._lasting.clear()
        self._lasting.update(files)

    def remove(self, key: str) -> bool:
        """Unlink durably, then tidy away directories that became empty."""
        target = self.path(key)
        directory = os.path.dirname(target)
        try:
            os.unlink(target)
        except (FileNotFoundError, NotADirectoryError):
            return False
        self._sync_nearest(directory)
        self._prune(directory)
        return True

    def _sync_nearest(self, directory: str) -> None:
        while True:
            try:
                return fsync_directory(directory)
            except FileNotFoundError:  # tidied away by another process: its parent tells
                directory = os.path.dirname(directory)

    def sync_directory(self, directory: str) -> None:
        """Make the entries of a directory durable, and the directory itself unless that is known already.

        What is known holds until anybody tidies a directory away: the one that stands there next is another one.
        """
        self._sync_nearest(directory)
        tidied = self._when_tidied()
        if len(self._durable) > _KNOWN_DIRECTORIES:
            self._durable.clear()
        synced = []
        while len(directory) > len(self.root) and self._durable.get(directory) != tidied:
            there = os.path.lexists(directory)
            parent = os.path.dirname(directory)
            self._sync_nearest(parent)
            if there:
                synced.append(directory)
            directory = parent
        for directory in reversed(synced):  # a folder is known once all above it are: another thread may ask
            self._durable[directory] = tidied

    def _when_tidied(self) -> int:
        try:
            return os.stat(self._tidied).st_mtime_ns
        except FileNotFoundError:
            return 0

    def _prune(self, directory: str) -> None:
        """rmdir upwards: never a tree, so that what another process just put there stays."""
        top = {self.path(name) for name in ("repositories", "blobs", "uploads", "locks")}
        while directory not in top and len(directory) > len(self.root):
            try:
                with os.scandir(directory) as entries:
                    if next(entries, None):
                        return
                self._announce_tidying()
                os.rmdir(directory)
                self._announce_tidying()
            except OSError:
                return
            directory = os.path.dirname(directory)

    def _announce_tidying(self) -> None:
        """Tell all processes to forget what they know of directories.

        Before one goes, for who makes it again at once; and after, for who still put something there in between.
        """
        os.close(os.open(self._tidied, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
        now = time.time_ns()
        os.utime(self._tidied, ns=(now, now))


async def finish(step: Future[T]) -> T:
    """What a step in a thread came to.

    A thread can't be stopped: whoever is cancelled waits for it all the same, before it lets go of the lock or closes
    the file that the thread works on.
    """
    try:
        with storage_errors():
            return await asyncio.wrap_future(step)
    except asyncio.CancelledError:
        while not step.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([asyncio.wrap_future(step)])
        raise


def translated(error: OSError) -> RegistryError:
    """The one place where what the operating system says becomes an error of ours."""
    return StorageFull() if error.errno in DISK_FULL else StorageFailed()


@contextlib.contextmanager
def storage_errors() -> Iterator[None]:
    """Translate what is raised inside; for steps where its price, a microsecond, does not matter."""
    try:
        yield
    except OSError as error:
        raise translated(error) from error


def _identity(path: str) -> Identity:
    """What tells a file from any other that is given its name; none that is there has that of one that isn't."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return (0, 0, 0)
    return (status.st_ino, status.st_mtime_ns, status.st_size)


def write_new(path: str, document: bytes) -> None:
    """A new file with synced content."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644)
    try:
        write_all(descriptor, document)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of it, however many calls that takes."""
    written = os.write(descriptor, data)
    if written < len(data):
        rest = memoryview(data)
        while written < len(data):
            written += os.write(descriptor, rest[written:])


def fsync_directory(directory: str) -> None:
    """Make the entries of one directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

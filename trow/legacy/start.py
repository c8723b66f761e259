"""The import at start, in a process of its own: what it needs in memory and threads is gone when the server begins."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

from trow.legacy.importer import import_version, waiting
from trow.legacy.source import ImportStopped
from trow.storage.filesystem import open_storage
from trow.storage.filesystem.claim import explain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trow.config.model import Sparse

    Say = Callable[[str], None]

_GLANCE_SECONDS = 0.05
_SIGNALS = (signal.SIGTERM, signal.SIGINT)

logger = logging.getLogger("trow.legacy")


def import_at_start(root: Path, sparse: Sparse, say: Say, complain: Say, beat: Callable[[], None]) -> int | None:
    """Import what earlier versions left in a directory that was taken into service; the exit status if that is the end.

    `beat` is called while it lasts. A signal ends it, and the next start goes on.
    """
    if not waiting(root):
        return None
    ends: list[int] = []
    before = [signal.signal(number, lambda number, _: ends.append(number)) for number in _SIGNALS]
    try:
        child = os.fork()
        if child == 0:
            _work(root, sparse, say, complain)
        status = _watch(child, ends, beat)
    finally:
        for number, handler in zip(_SIGNALS, before, strict=True):
            signal.signal(number, handler)
    if ends:
        say("The import was interrupted; the next start goes on with it")
        return 0
    if os.WIFSIGNALED(status):
        complain(
            f"the import of earlier data was ended by signal {os.WTERMSIG(status)}; the next start goes on with it"
        )
    return None if status == 0 else 1


def _watch(child: int, ends: list[int], beat: Callable[[], None]) -> int:
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        if ends:
            os.kill(child, signal.SIGKILL)
        beat()
        time.sleep(_GLANCE_SECONDS)


def _work(root: Path, sparse: Sparse, say: Say, complain: Say) -> None:
    """The other process, to its end."""
    status = 1
    try:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        asyncio.run(_import_all(root, sparse, say))
        status = 0
    except BaseException as error:  # noqa: BLE001 (whatever it is, this process ends here)
        complain(_explained(root, error))
    finally:
        sys.stdout.flush()
        os._exit(status)


async def _import_all(root: Path, sparse: Sparse, say: Say) -> None:
    watching = asyncio.create_task(_end_with(os.getppid()))
    storage = open_storage(root)
    for version in waiting(root):
        await import_version(version, root, storage, sparse, say)
    watching.cancel()


async def _end_with(parent: int) -> None:
    while os.getppid() == parent:  # noqa: ASYNC110 (nobody tells)
        await asyncio.sleep(1)
    os._exit(1)


def _explained(root: Path, error: BaseException) -> str:
    """Why it stopped, and what to do, in one line for the operator."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    cause = error.__cause__ or error
    if isinstance(cause, PermissionError):
        reason = explain(root, cause)
    elif isinstance(error, ImportStopped):
        reason = str(error)
    elif isinstance(cause, OSError):
        reason = f"{cause.strerror} ({cause.filename or root})"
    else:
        logger.error("the import failed", exc_info=error)
        reason = type(error).__name__
    return f"the import of earlier data stopped: {reason}. The old files are untouched; the next start goes on with it"

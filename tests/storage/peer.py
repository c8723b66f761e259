"""Another process on the same storage: a real one, that can be told things, heard, and killed."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerProcess

    from trow.storage.base import Storage

    Opening = Callable[[], Storage]
    """Opens the storage once more, with a memory of its own; survives the way into another process."""

    Act = Callable[..., Coroutine[Any, Any, None]]
    """What a peer does: it gets the storage, the connection to the test, and the arguments."""

PATIENCE_SECONDS = 30.0

# a fork of this process would share its threads' locks; a fork server starts clean and costs a few milliseconds
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.storage.peer", "trow.app", "hypothesis", "pytest"])


class Peer:
    """The other process, as the test sees it."""

    def __init__(self, process: ForkServerProcess, connection: Connection) -> None:
        self._process = process
        self._connection = connection

    def hear(self) -> Any:
        """What it says next."""
        assert self._connection.poll(PATIENCE_SECONDS), "the other process says nothing"
        return self._connection.recv()

    def tell(self, word: object = None) -> None:
        self._connection.send(word)

    def kill(self) -> None:
        """SIGKILL; returns when it is gone."""
        self._process.kill()
        self._process.join(PATIENCE_SECONDS)

    def join(self) -> None:
        """Wait until it has done all that it had to do."""
        self._process.join(PATIENCE_SECONDS)
        assert self._process.exitcode == 0

    def close(self) -> None:
        self.kill()
        self._process.close()
        self._connection.close()


@contextlib.contextmanager
def peer(opening: Opening, act: Act, *arguments: object) -> Iterator[Peer]:
    """A process that does `act`; gone after the block."""
    with peers(1, opening, act, *arguments) as (single,):
        yield single


@contextlib.contextmanager
def peers(count: int, opening: Opening, act: Act, *arguments: object) -> Iterator[list[Peer]]:
    """Several that do the same."""
    with contextlib.ExitStack() as stack:
        started = []
        for _ in range(count):
            ours, theirs = _context.Pipe()
            process = _context.Process(target=_main, args=(opening, act, arguments, theirs), daemon=True)
            process.start()
            theirs.close()
            started.append(Peer(process, ours))
            stack.callback(started[-1].close)
        yield started


def _main(opening: Opening, act: Act, arguments: tuple[object, ...], connection: Connection) -> None:
    asyncio.run(act(opening(), connection, *arguments))


async def until_told(connection: Connection, word: object = None) -> None:
    """Say a word, then wait for one from the test."""
    connection.send(word)
    await asyncio.to_thread(connection.recv)

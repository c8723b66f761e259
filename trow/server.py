"""Processes, listening sockets and signals.

The first process binds the sockets, forks the workers and watches them: one that dies is replaced, and connections that
wait in a socket's queue are not lost, since all share it. One more process watches the configuration file; when it has
posted what became of it, every worker is told to look. Whoever loses the first process ends.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import select
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from trow import log
from trow.config.published import keep
from trow.storage.filesystem.claim import HEARTBEAT_SECONDS
from trow.worker import Pipes, run_worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trow.config.published import Board, Published
    from trow.config.watch import Watcher
    from trow.storage.filesystem.claim import Claim
    from trow.worker import Work

_LINGER_SECONDS = 1.0
_CALM_SECONDS = 1.0
NOT_KEPT = "the configuration could not be kept for the next start: %s"

logger = logging.getLogger("trow.server")


class Reload(NamedTuple):
    """What it takes to put in force what is saved: who watches the file, where it is posted, and where it is kept."""

    watcher: Watcher
    board: Board
    data_dir: Path


class _Worker(NamedTuple):
    born: float
    news: int


class Supervisor:
    """The first process."""

    def __init__(self, work: Work, claim: Claim, reload: Reload | None, announce: Callable[[], None]) -> None:
        self._work = work
        self._config = work.live.current
        self._claim = claim
        self._reload = reload
        self._announce = announce
        self._workers: dict[int, _Worker] = {}
        self._watcher: int | None = None
        self._stopping_since: float | None = None
        self._ready_read, self._ready_write = os.pipe()
        self._alive_read, self._alive_write = os.pipe()
        self._wake_read, self._wake_write = os.pipe()
        self._news_read, self._news_write = os.pipe()
        self._terminal = _has_terminal()  # when it goes SIGHUP means the end, otherwise it means to read again
        self._interrupted = False
        self._told = False
        self._announced = False

    def run(self) -> int:
        """Serve until a signal says otherwise; the exit status."""
        os.set_blocking(self._wake_write, False)
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._news_read, False)
        for name in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGHUP):
            signal.signal(name, self._note)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        gc.collect()
        gc.freeze()  # what is loaded now stays shared with the workers
        for _ in range(self._config.workers):
            self._fork_worker()
        self._fork_watcher()
        waiting = self._config.workers
        while True:
            ready, _, _ = select.select([self._wake_read, self._ready_read, self._news_read], [], [], self._next_look())
            if self._ready_read in ready:
                waiting -= len(os.read(self._ready_read, 64))
                if waiting <= 0 and not self._announced:
                    self._announced = True
                    self._announce()
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_read, 512)
            if self._news_read in ready:
                self._pass_on()
            self._claim.beat()
            status = self._reap()
            if status is not None:
                return status
            if self._stopping_since is not None:
                self._advance_stop()

    def _note(self, number: int, _: object) -> None:
        if number == signal.SIGHUP and not (self._terminal and not _has_terminal()):
            self._ask_again()
        elif number != signal.SIGCHLD:
            self._stop(at_once=number == signal.SIGINT)

    def _stop(self, *, at_once: bool) -> None:
        if self._stopping_since is not None:
            self._signal_workers(signal.SIGKILL)
            os._exit(1)
        logger.info("signal received, starting graceful shutdown")
        self._stopping_since = time.monotonic()
        self._interrupted = at_once

    def _ask_again(self) -> None:
        if self._watcher is None:
            logger.info("SIGHUP, but there is no configuration file to read")
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._watcher, signal.SIGHUP)

    def _pass_on(self) -> None:
        """The watcher has posted something: every worker is to look at it."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._news_read, 512)
        if self._reload:
            _log_as(self._reload.board.read())
        for worker in self._workers.values():
            with contextlib.suppress(BlockingIOError, BrokenPipeError):  # full: it has not looked yet, and will
                os.write(worker.news, b".")

    def _next_look(self) -> float:
        return 0.05 if self._stopping_since is not None else HEARTBEAT_SECONDS

    def _advance_stop(self) -> None:
        """Keep accepting for a moment, since who sends us requests may not know yet; then let workers finish."""
        waited = time.monotonic() - (self._stopping_since or 0.0)
        linger = 0.0 if self._interrupted else _LINGER_SECONDS
        if waited >= linger + self._config.shutdown_seconds:
            self._signal_workers(signal.SIGKILL)
        elif waited >= linger and not self._told:
            self._told = True
            self._signal_workers(signal.SIGTERM)
            self._end_watcher()

    def _signal_workers(self, number: int) -> None:
        for pid in self._workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _end_watcher(self) -> None:
        if self._watcher is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._watcher, signal.SIGKILL)

    def _reap(self) -> int | None:
        """Replace the processes that died; the exit status once all workers have ended after a stop."""
        while self._workers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return None
            if pid == self._watcher:
                self._watcher = None
                if self._stopping_since is None:
                    logger.warning("who watches the configuration ended (%s), starting another", _ending(status))
                    time.sleep(0.1)
                    self._fork_watcher()
                continue
            worker = self._workers.pop(pid, None)
            if worker:
                os.close(worker.news)
            if not self._announced and self._stopping_since is None:
                logger.error("worker %d ended (%s) before the server was ready", pid, _ending(status))
                self._signal_workers(signal.SIGKILL)
                return 1
            if self._stopping_since is None and worker is not None:
                logger.warning("worker %d ended (%s), starting another", pid, _ending(status))
                if time.monotonic() - worker.born < _CALM_SECONDS:
                    time.sleep(0.1)  # one that can't live must not take the machine with it
                self._fork_worker()
        self._end_watcher()
        self._claim.release()
        return 0

    def _fork_worker(self) -> None:
        news_read, news_write = os.pipe()
        os.set_blocking(news_write, False)
        pid = self._fork(lambda: run_worker(self._work, Pipes(self._ready_write, self._alive_read, news_read)))
        os.close(news_read)
        self._workers[pid] = _Worker(time.monotonic(), news_write)

    def _fork_watcher(self) -> None:
        if self._reload:
            self._watcher = self._fork(self._watch)

    def _watch(self) -> None:
        """The life of the process that watches the file."""
        reload = self._reload
        if reload is None:
            return
        threading.Thread(target=_end_with, args=(self._alive_read,), daemon=True).start()
        signal.signal(signal.SIGHUP, lambda *_: setattr(reload.watcher, "asked", True))

        def publish(published: Published) -> None:
            reload.board.post(published)
            os.write(self._news_write, b".")
            _log_as(published)
            try:
                keep(reload.data_dir, published)
            except OSError as error:
                logger.warning(NOT_KEPT, error.strerror)

        reload.watcher.resume(reload.board.read())
        reload.watcher.watch(publish)

    def _fork(self, live: Callable[[], None]) -> int:
        """A child that does this and ends; its process id."""
        pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for ignored in (signal.SIGINT, signal.SIGHUP):  # a terminal sends them to all; the first process decides
                signal.signal(ignored, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.close(self._alive_write)
            live()
            status = 0
        except Exception:
            logger.exception("process failed")
        finally:
            sys.stdout.flush()
            os._exit(status)


def _log_as(published: Published) -> None:
    """The processes that serve nothing log as the settings say, too."""
    log.set_up(published.logging.level, published.logging.format)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def _end_with(alive: int) -> None:
    select.select([alive], [], [])  # nobody writes: it can be read when the first process is gone
    os._exit(1)


def _ending(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"signal {os.WTERMSIG(status)}"
    return f"exit status {os.WEXITSTATUS(status)}"

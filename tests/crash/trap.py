"""A server under strace that is killed at exactly the n-th call that changes its data directory, or that answers.

strace counts the `when=N` of an injection for each thread by itself, and a server's disk work wanders between threads:
some calls would never be the n-th of theirs. So strace only delays each of these calls at its entry, and the counting
is done here, over all threads and processes: the SIGKILL comes while the n-th call waits, before it has any effect.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import threading
import time
from typing import TYPE_CHECKING

from tests.crash import life

if TYPE_CHECKING:
    from pathlib import Path

CALLS = (
    *("write", "pwrite64", "writev", "pwritev", "ftruncate", "fallocate", "copy_file_range", "fsync", "fdatasync"),
    *("rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat"),
    *("mkdir", "mkdirat", "rmdir", "chmod", "fchmod", "fchmodat", "sendto", "sendmsg"),
)
_DELAY_MICROSECONDS = 4000
_ENTRY = re.compile(rb"(\d+) +(\w+)\((.*)")
_ANSWER = b'"HTTP/1.1 2'


class Trap:
    """One worker under strace; `arm` it, and it dies at the n-th call from then on."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = os.fsencode(data_dir) + b"/"
        self._tail = b""
        self._tail_is_counted = False
        self._target = 0
        self.calls: list[str] = []
        self._heard = time.monotonic()
        self.sprung: str | None = None
        pipe = data_dir.with_name("strace.pipe")
        pipe.unlink(missing_ok=True)
        os.mkfifo(pipe)
        self._pipe = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(self._pipe, True)
        names = ",".join(f"?{name}" for name in CALLS)
        inject = f"inject={names}:delay_enter={_DELAY_MICROSECONDS}"
        strace = (
            "strace",
            "-f",
            "--seccomp-bpf",
            "-y",
            "-s",
            "32",
            "-o",
            str(pipe),
            "-e",
            f"trace={names}",
            "-e",
            inject,
        )
        self.server = life.launch(data_dir, workers=1, prefix=strace)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        life.ready(self.server)

    def arm(self, target: int) -> None:
        """Count from now on; what was under way has ended and was read."""
        while time.monotonic() - self._heard < 0.03 or select.select([self._pipe], [], [], 0)[0]:
            time.sleep(0.01)
        self.calls, self._target = [], target

    def disarm(self) -> None:
        """`calls` are those since it was armed."""
        self._target = 0

    def close(self) -> None:
        life.kill(self.server)
        self._listener.join()
        os.close(self._pipe)

    def _listen(self) -> None:
        # the writer may not have opened its end yet: wait for that, since reading would see an end
        while self.server.process.poll() is None or self._tail:
            chunk = os.read(self._pipe, 1 << 16)
            if chunk:
                self._heard = time.monotonic()
                self._take(chunk)
            else:
                time.sleep(0.002)
                self._tail = b""

    def _take(self, chunk: bytes) -> None:
        """strace shows a call when it is entered, without the end of its line."""
        *lines, self._tail = (self._tail + chunk).split(b"\n")
        for line in lines:
            if not self._tail_is_counted:
                self._see(line)
            self._tail_is_counted = False
        if self._tail and not self._tail_is_counted:
            self._tail_is_counted = self._see(self._tail)

    def _see(self, line: bytes) -> bool:
        entry = _ENTRY.match(line)
        if entry is None:
            return False
        thread, name, rest = entry.groups()
        if self._target and (self._data_dir in rest or _ANSWER in rest):
            self.calls.append(f"{name.decode()} {self._what(rest)}")
            if len(self.calls) == self._target:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(thread), signal.SIGKILL)  # a thread stands for its process
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.server.process.pid, signal.SIGKILL)
                self.sprung = self.calls[-1]
        return True

    def _what(self, rest: bytes) -> str:
        """The room of the data directory that a call is about."""
        if _ANSWER in rest:
            return "of the answer"
        path = rest.rpartition(self._data_dir)[2].decode(errors="replace")
        path = re.split(r'[>")]', path)[0]
        if path.startswith("repositories/"):
            return "in " + (re.search(r"/(_[a-z]+)", path) or ["", "repositories"])[1]
        return "in " + path.partition("/")[0]

"""One line a request, gathered for a moment and written at once: a system call costs more than its words."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from litestar.types import HTTPScope

FLUSH_SECONDS = 0.2
_FLUSH_LINES = 500


class RequestLog:
    """Lines on standard error; off unless the level is info or finer."""

    def __init__(self, *, enabled: bool) -> None:
        self.enabled = enabled
        self._lines: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self._second = 0
        self._stamp = ""

    def request(self, scope: HTTPScope, status: int, length: int, started: float) -> None:
        """Note an answer; `started` is of `time.perf_counter`. A query may hold secrets and is not logged."""
        if not self.enabled:
            return
        milliseconds = (time.perf_counter() - started) * 1000
        second = int(time.time())
        if second != self._second:
            self._second, self._stamp = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        client = scope["client"]
        path = scope["raw_path"][:512].decode("ascii", "backslashreplace")
        if not path.isprintable():
            path = ascii(path)
        self._lines.append(
            f"{self._stamp} [trow.request] INFO {client[0] if client else '-'} {scope['method']} {path} "
            f"{status} {length} {milliseconds:.1f}ms\n"
        )
        if len(self._lines) >= _FLUSH_LINES:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)

    def flush(self) -> None:
        """Write what was gathered."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        text, self._lines = "".join(self._lines), []
        with contextlib.suppress(OSError):  # a closed pipe must not end a registry
            os.write(sys.stderr.fileno(), text.encode())

"""The numbers: what Prometheus is told of requests, right over all worker processes and those that came before them.

Each worker counts in files of its own, in memory that outlives it. Files go by slots, not by process ids: a worker
takes the first slot that nobody holds a kernel lock on, so whoever replaces a dead one counts on from where that one
stopped, and the files are as many as there are workers. Their room is taken at once: on a full disk a hole in a mapped
file would kill its process.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, values
from prometheus_client.multiprocess import MultiProcessCollector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prometheus_client import Metric

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_ROOM = 512 * 1024  # every route with every method and code has its place in it

logger = logging.getLogger("trow.metrics")


def prepare(parent: Path) -> None:
    """In the first process, before it forks: a new folder for the numbers; those whose servers have gone are removed.

    Where there is no room for it each worker counts for itself.
    """
    os.environ.pop(FOLDER, None)
    try:
        parent.mkdir(exist_ok=True)
        gate = os.open(parent / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(gate, fcntl.LOCK_EX)  # two servers may start on one directory
            for folder in parent.iterdir():
                if folder.is_dir() and _take(folder / "server") is not None:
                    shutil.rmtree(folder, ignore_errors=True)
            folder = Path(tempfile.mkdtemp(dir=parent))
            _take(folder / "server")  # held by the workers too, until the last of them has gone
        finally:
            os.close(gate)
    except OSError as error:
        logger.warning("each worker counts for itself: no folder for metrics: %s", error)
        return
    os.environ[FOLDER] = os.fspath(folder)


def _take(path: Path) -> int | None:
    """The descriptor of a file with its kernel lock, which ends with the process; None if another holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _slot(folder: Path) -> int:
    """The first that nobody holds, held from now on, with room in its files."""
    slot = next(number for number in itertools.count() if _take(folder / f"slot-{number}") is not None)
    for kind in ("counter", "histogram"):
        with (folder / f"{kind}_{slot}.db").open("ab") as file:
            if file.tell() < _ROOM:
                os.posix_fallocate(file.fileno(), 0, _ROOM)
    return slot


class _Series(NamedTuple):
    """What a request of one kind adds to."""

    add: Callable[[], None]
    observe: Callable[[float], None]
    sent: Callable[[float], None]
    received: Callable[[float], None]


class Metrics:
    """The numbers of this process, and the sum of all. One a process: files are found by the process's slot."""

    def __init__(self) -> None:
        self._folder: str | None = os.environ.get(FOLDER)
        values.ValueClass = values.MutexValue
        if self._folder:
            try:
                slot = _slot(Path(self._folder))
                values.ValueClass = values.MultiProcessValue(lambda: slot)  # type: ignore[no-untyped-call]
            except OSError as error:
                logger.warning("this worker counts for itself: no room for metrics: %s", error)
                self._folder = None
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._requests = self._counter("requests", "Requests answered", "route", "method", "code")
        self._durations = Histogram(
            "trow_http_request_duration_seconds",
            "From a request's head to the end of its answer",
            ("route", "method"),
            registry=self._registry,
            buckets=BUCKETS,
        )
        self._sent = self._counter("response_bytes", "Bytes of answers' bodies", "route")
        self._received = self._counter("request_bytes", "Bytes of requests' bodies", "route")
        self._series: dict[tuple[str, str, int], _Series] = {}

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"trow_http_{name}", about, labels, registry=self._registry)

    def request(self, route: str, method: str, status: int, seconds: float, sent: int, received: int) -> None:
        """Count a request; `route` must be one of few."""
        series = self._series.get((route, method, status)) or self._first(route, method, status)
        series.add()
        series.observe(seconds)
        if sent:
            series.sent(sent)
        if received:
            series.received(received)

    def _first(self, route: str, method: str, status: int) -> _Series:
        method = method if method in METHODS else "other"
        found = _Series(
            self._requests.labels(route, method, str(status)).inc,
            self._durations.labels(route, method).observe,
            self._sent.labels(route).inc,
            self._received.labels(route).inc,
        )
        self._series[route, method, status] = found
        return found

    def families(self) -> list[Metric]:
        """The sum over all workers."""
        found: Iterable[Metric] = []
        if self._folder is None:
            found = self._registry.collect()
        else:
            with contextlib.suppress(OSError, ValueError, RuntimeError):  # damaged files: what else there is, is told
                found = MultiProcessCollector(None, self._folder).collect()  # type: ignore[no-untyped-call]
        return list(found)

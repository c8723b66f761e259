"""The works that push, and what a server takes of memory and time by itself."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks import client
from tests.benchmarks.measure import Sample, highest_memory, memory, processor_seconds
from tests.benchmarks.programs import Missing
from tests.benchmarks.servers import running
from tests.benchmarks.stage import WORKERS
from tests.support.processes import group_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.servers import Server
    from tests.benchmarks.stage import Stage


def new_files(count: int) -> Callable[[Stage], None]:
    """Large files that no server has seen, instead of those of the round before."""

    def prepare(stage: Stage) -> None:
        paths = [stage.folder / f"large-{number}" for number in range(count)]
        stage.files = [(str(path), client.large_file(path, stage.large)) for path in paths]

    return prepare


def push_large(stage: Stage, server: Server) -> Sample:
    os.sync()  # or it would pay for what the server before it has written
    before = processor_seconds(server)
    path, digest = stage.files[0]
    seconds = stage.pool.submit(client.push_large, server.port, path, digest).result()
    return Sample(stage.large / seconds / 1e9, processor_seconds(server) - before)


def _push_images(stage: Stage, server: Server, count: int) -> float:
    """The seconds that it took."""
    stage.turn += 1
    edges = [count * number // WORKERS for number in range(WORKERS + 1)]
    began = time.perf_counter()
    shares = [
        stage.pool.submit(client.push_images, server.port, f"turn{stage.turn}", first, end)
        for first, end in itertools.pairwise(edges)
    ]
    for share in shares:
        share.result()
    return time.perf_counter() - began


def push_images(stage: Stage, server: Server) -> Sample:
    os.sync()
    before = processor_seconds(server)
    seconds = _push_images(stage, server, stage.images)
    return Sample(stage.images / seconds, (processor_seconds(server) - before) / stage.images)


def fsyncs(strace: str) -> Callable[[Stage, Server], Sample]:
    """Calls of fsync and its kin for an image, as strace counts them; the server is not timed meanwhile."""

    def sample(stage: Stage, server: Server) -> Sample:
        processes, count = group_of(server.process.pid), 40
        counted = stage.folder / "strace"
        traced = "trace=fsync,fdatasync,syncfs,sync,sync_file_range"
        pids = [word for pid in processes for word in ("-p", str(pid))]
        tracer = subprocess.Popen(
            [strace, "-f", "-q", "-c", "-e", traced, "-o", str(counted), *pids],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            deadline = time.monotonic() + 10
            while any("TracerPid:\t0\n" in Path(f"/proc/{pid}/status").read_text() for pid in processes):
                if tracer.poll() is not None or time.monotonic() > deadline:
                    raise Missing("strace can't attach")
                time.sleep(0.01)
            time.sleep(0.2)  # the other threads
            _push_images(stage, server, count)
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.wait()
        calls = re.findall(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) .*sync\w*$", counted.read_text(), re.MULTILINE)
        return Sample(sum(map(int, calls)) / count)

    return sample


def fresh(measured: Callable[[Stage, Server], float]) -> Callable[[Stage, Server], Sample]:
    """Of a server of the same kind that has just been started, on nothing."""

    def sample(stage: Stage, server: Server) -> Sample:
        with (
            tempfile.TemporaryDirectory(dir=stage.folder) as name,
            running(server.kind, server.program, Path(name)) as started,
        ):
            return Sample(measured(stage, started))

    return sample


def start(_: Stage, server: Server) -> float:
    return server.start_seconds * 1000


def memory_at_rest(_: Stage, server: Server) -> float:
    time.sleep(1)
    return memory(server)


def memory_pushed(stage: Stage, server: Server) -> float:
    with highest_memory(server) as seen:
        pushes = [stage.pool.submit(client.push_large, server.port, path, digest) for path, digest in stage.files]
        for push in pushes:
            push.result()
    return seen[0]

"""What the works share: the sizes, the processes that push, and what each server is filled with."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from tests.benchmarks import client
from tests.benchmarks.client import KIB, MIB, REPOSITORY
from tests.support.documents import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import ProcessPoolExecutor
    from pathlib import Path

    from tests.benchmarks.measure import Sample
    from tests.benchmarks.servers import Server

WORKERS = 8
FILL_SECONDS = 180
COUNTS = {KIB: 100, 64 * KIB: 100, 4 * MIB: 4, 256 * MIB: 1}  # blobs of each size


class Work(NamedTuple):
    """A row to be. `prepare` runs before a round, once for all servers."""

    name: str
    unit: str
    cpu_unit: float
    sample: Callable[[Stage, Server], Sample]
    prepare: Callable[[Stage], None] | None = None
    needs_push: bool = True
    rounds: int | None = None


class Stage:
    """What the works share: the folder, the sizes, the processes that push, and what each server was filled with."""

    def __init__(self, folder: Path, wrk: str, *, short: bool, pool: ProcessPoolExecutor) -> None:
        self.folder, self.wrk, self.pool = folder, wrk, pool
        self.seconds = 2 if short else 5
        self.wanted = 1_000 if short else 10_000
        self.images = 100 if short else 1_000
        self.large = (64 if short else 512) * MIB
        self.tags: dict[str, int] = {}
        self.files: list[tuple[str, str]] = []
        self.turn = 0
        self.blobs: dict[int, list[tuple[str, Path]]] = {}
        for size, count in COUNTS.items():
            self.blobs[size] = [self._blob(size, number) for number in range(count)]

    def _blob(self, size: int, number: int) -> tuple[str, Path]:
        path = self.folder / f"blob-{size}-{number}"
        if size >= MIB:
            return client.large_file(path, size), path
        path.write_bytes(client.small(f"read {number}", size))
        return digest_of(path.read_bytes()), path

    def fill(self, server: Server) -> None:
        """What will be read: the blobs, and the tags, as many as it takes in FILL_SECONDS."""
        name = server.kind.name
        if not server.kind.pushes:
            self._place(server.data / "v2" / REPOSITORY)
            self.tags[name] = self.wanted
            return
        one = client.Client(server.port)
        for blobs in self.blobs.values():
            for digest, path in blobs:
                one.push_file(REPOSITORY, path, digest)
        for seed in ("config", "layer 1", "layer 2"):
            one.push_blob(REPOSITORY, client.small(seed))
        pushed, deadline, share = 0, time.monotonic() + FILL_SECONDS, 25
        while pushed < self.wanted and time.monotonic() < deadline:
            firsts = range(pushed, pushed + WORKERS * share, share)
            shares = [self.pool.submit(client.push_tags, server.port, first, first + share) for first in firsts]
            pushed += sum(each.result() for each in shares)
        self.tags[name] = pushed
        if pushed < self.wanted:
            print(f"bench: {name} took {pushed} tags of {self.wanted} in {FILL_SECONDS} s", file=sys.stderr)

    def _place(self, root: Path) -> None:
        (root / "blobs").mkdir(parents=True)
        (root / "manifests").mkdir()
        for blobs in self.blobs.values():
            for digest, path in blobs:
                os.link(path, root / "blobs" / digest)
        for number in range(self.wanted):
            (root / "manifests" / f"t{number}").write_bytes(client.manifest(number))

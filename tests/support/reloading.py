"""A Trow with a file of settings, and when what is saved is in force in all of its workers."""

from __future__ import annotations

import contextlib
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.support.client import Client, clients_of_different_workers
from tests.support.processes import group_of
from tests.support.server import Server, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

State = dict[str, Any]
MOST_SECONDS = 4.0  # 2 are promised; others may need the machine too


def settings(kibibytes: int, more: str = "") -> str:
    """A file whose one setting is how large a manifest may be."""
    return f"version: 1\nlimits:\n  manifest_size: {kibibytes}KiB\n{more}"


def state(client: Client) -> State:
    """What a worker knows of its settings."""
    answer = client.get("/readiness")
    assert answer.status == 200, answer
    found: State = answer.json()["config"]
    return found


def largest_manifest(client: Client) -> int:
    """The limit of manifests that is in force, in KiB; more is sent than any test allows."""
    answer = client.put("/v2/limit/manifests/latest", b"x" * 1_000_000)
    assert answer.status in (400, 413), answer
    return int(answer.json()["errors"][0]["detail"]["limit"]) // 1024


class Watched(NamedTuple):
    """A running Trow, its file, and a connection to each of two workers."""

    server: Server
    file: Path
    clients: Sequence[Client]

    def watcher(self) -> int:
        """The process that watches the file: the child that answers nobody."""
        workers = {client.get("/v2/").worker for client in self.clients}
        (found,) = {*group_of(self.server.process.pid)} - workers - {self.server.process.pid}
        return found

    def wait(self, holds: Callable[[Client], bool], what: str = "") -> float:
        """Until it holds in every worker; how many seconds that took."""
        begun, left = time.monotonic(), list(self.clients)
        while left := [client for client in left if not holds(client)]:
            waited = time.monotonic() - begun
            assert waited < MOST_SECONDS, f"{what}: not in {len(left)} workers:\n{self.server.log()}"
            time.sleep(0.02)
        took = time.monotonic() - begun
        print(f"{what or 'it'} held everywhere after {took:.2f} s")
        return took

    def wait_limit(self, kibibytes: int, what: str = "") -> float:
        return self.wait(lambda client: largest_manifest(client) == kibibytes, what or f"a limit of {kibibytes} KiB")

    def wait_state(self, what: str = "", **wanted: object) -> float:
        return self.wait(lambda client: {**state(client), **wanted} == state(client), what or f"{wanted}")


@contextlib.contextmanager
def watched(data_dir: Path, file: Path, *flags: str) -> Iterator[Watched]:
    """A server with two workers that uses a file."""
    words = ("--workers", "2", "--config-file", str(file), *flags)
    with running(data_dir, *words) as server, clients_of_different_workers(server.port) as clients:
        yield Watched(server, file, clients)


def replace(file: Path, content: str) -> None:
    """`mv` over it."""
    temporary = file.with_name("config.yaml.new")
    temporary.write_text(content)
    temporary.replace(file)


def mount(folder: Path, number: int, contents: dict[str, str]) -> None:
    """What kubelet does with a volume of a ConfigMap or Secret: a new folder, and `..data` is swapped for it."""
    fresh = folder / f"..2026_11_24_16_00_00.{number}"
    fresh.mkdir(parents=True)
    for name, content in contents.items():
        (fresh / name).write_text(content)
    before = (folder / "..data").resolve() if (folder / "..data").exists() else None
    (folder / "..data_tmp").symlink_to(fresh.name)
    (folder / "..data_tmp").rename(folder / "..data")
    for name in contents:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(Path("..data") / name)
    if before:
        shutil.rmtree(before)


def write_slowly(file: Path, content: str, pauses: list[float]) -> None:
    """In place, in pieces with pauses between them."""
    size = len(content) // (len(pauses) + 1) + 1
    with file.open("w") as opened:
        for number, start in enumerate(range(0, len(content), size)):
            if number:
                time.sleep(pauses[number - 1])
            opened.write(content[start : start + size])
            opened.flush()

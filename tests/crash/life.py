"""Starting and killing servers, and the places where they keep their data."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.crash.client import Violation
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Unable(Exception):
    """This machine can't run a part of the suite; the message is one line that says why."""


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def require_program(name: str, package: str) -> None:
    if shutil.which(name) is None:
        raise Unable(f"{name} is missing: apt-get install {package}")


def launch(data_dir: Path, *, workers: int = 1, prefix: Sequence[str] = ()) -> Server:
    """A server that has just been started and isn't ready yet."""
    return Server(data_dir, "--workers", str(workers), prefix=prefix)


def start(data_dir: Path, *, workers: int = 1, prefix: Sequence[str] = ()) -> Server:
    """A server that is ready."""
    return ready(launch(data_dir, workers=workers, prefix=prefix))


def ready(server: Server) -> Server:
    """Raises Violation if it doesn't start: whatever a crash left behind, it must."""
    try:
        return server.wait_ready()
    except RuntimeError as failure:
        raise Violation(str(failure)) from None
    except BaseException:
        kill(server)
        raise


def kill(server: Server) -> None:
    """SIGKILL to the group; back when each of its processes is gone, so that none still holds a lock or a file."""
    server.kill()
    deadline = time.monotonic() + 10
    while _alive(server.process.pid):
        if time.monotonic() > deadline:
            raise RuntimeError(f"the group {server.process.pid} outlives SIGKILL")
        time.sleep(0.002)


def _alive(group: int) -> bool:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]
            if int(its_group) == group and state not in "ZX":
                return True
    return False


@contextlib.contextmanager
def place() -> Iterator[Path]:
    """A path for a data directory, in a directory of its own that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="trow-crash-") as directory:
        yield Path(directory) / "data"

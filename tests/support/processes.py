"""What the kernel knows of the server's processes."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.server import Server

MIB = 1024 * 1024


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Return as soon as it holds; fail after a while."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"in vain for {seconds} s"
        time.sleep(0.01)


def group_of(leader: int) -> list[int]:
    """The living processes of a process group."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, group = stat.read_text().rpartition(")")[2].split()[:3]
            if int(group) == leader and state not in "ZX":
                found.append(int(stat.parent.name))
    return found


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def is_held(server: Server, location: str) -> bool:
    """Whether a request holds an upload: its file is locked. Asking the server would need the lock itself."""
    (file,) = (server.data_dir / "uploads").glob(f"{location.rpartition('/')[2]}*")
    inode = file.stat().st_ino
    locks = Path("/proc/locks").read_text().splitlines()
    return any(" FLOCK " in line and line.split()[-3].endswith(f":{inode}") for line in locks)


def memory(server: Server) -> int:
    """The proportional set size of all its processes, in bytes: what they cost the machine."""
    return memory_of_group(server.process.pid)


def memory_of_group(group: int) -> int:
    """As `memory`, of a process group."""
    total = 0
    for pid in group_of(group):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def session_of(pid: int) -> int:
    return os.getsid(pid)


def processor_seconds(server: Server) -> float:
    """The processor time that its living processes have used."""
    ticks = 0
    for pid in group_of(server.process.pid):
        with contextlib.suppress(OSError):
            ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")

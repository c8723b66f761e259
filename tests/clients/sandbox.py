"""Namespaces: a client sees a root of its own, and whatever it starts or mounts is gone when it ends.

A program runs in new mount and process namespaces. Its first process takes the rest with it, the kernel sees to that,
also when this suite is killed. The network is the machine's, because the registry listens on its loopback address.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.clients.program import Failed, Missing, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.clients.program import Program

# What is started behind this is told to end when this suite is gone, however it went.
BOUND = ("setpriv", "--pdeathsig", "TERM", "--")
_NAMESPACES = (
    *("setpriv", "--pdeathsig", "KILL", "--"),
    *("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--"),
)
# Over the root lies a layer that takes what is written and is thrown away, so that a client leaves nothing in it; only
# its /var stays, at home, for the next one. Its empty /run is why no client meets a daemon of the machine.
_ENTER = """
set -e
root=$1 folder=$2
shift 2
cd "$root"
mount -t tmpfs tmpfs run
mkdir run/upper run/work
mount -t overlay -o lowerdir=.,upperdir=run/upper,workdir=run/work overlay "$root"
cd /
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mkdir -p "$root$folder" "$HOME/var/lib" "$HOME/var/tmp"
mount --bind "$HOME/var" "$root/var"
mount --bind "$folder" "$root$folder"
exec unshare --root="$root" --wd="$folder" -- "$@"
"""


def require() -> None:
    """Raises Missing where no namespace can be made."""
    if os.geteuid() != 0:
        raise Missing("docker, containerd, podman and buildah mount file systems: run it as root (sudo make clients)")
    for program in ("unshare", "setpriv", "mount"):
        if shutil.which(program) is None:
            raise Missing(f"{program} is missing: apt-get install util-linux mount")


def entry(root: Path, folder: Path) -> tuple[str, ...]:
    """What a command is put behind to have `root` as its root, and to work in `folder`, at its usual path."""
    return (*_NAMESPACES, "sh", "-c", _ENTER, "sh", str(root), str(folder))


@contextlib.contextmanager
def daemon(
    program: Program, *words: str, log: Path, answers: Callable[[], object], seconds: float = 120
) -> Iterator[None]:
    """A daemon behind an `entry`, ready inside the block and gone after it with all that it started and mounted."""
    with log.open("ab") as said:
        process = subprocess.Popen(
            [*program.entry, *program.command, *words],
            env=program.env,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    try:
        _wait(process, answers, log, seconds)
        yield
    finally:
        # The first process of the namespace: unshare ends after it, and it ends after all the others.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
                os.kill(int(child), signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[bytes], answers: Callable[[], object], log: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            answers()
        except Failed as failed:
            if process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"{failed}\n{tail(log)}") from None
            time.sleep(0.2)
        else:
            return


def tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log."""
    return "\n".join(shorten(log.read_text(errors="replace"), lines))

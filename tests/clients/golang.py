"""Clients built from their published sources through the Go module proxy, in a process that works beside the checks."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.clients.program import Missing
from tests.clients.sandbox import tail

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULES = {
    "regctl": ("github.com/regclient/regclient/cmd/regctl", "v0.11.7"),
    "oras": ("oras.land/oras/cmd/oras", "v1.3.6"),
    "crane": ("github.com/google/go-containerregistry/cmd/crane", "v0.22.1"),
    "helm4": ("helm.sh/helm/v4/cmd/helm", "v4.3.1"),
    "helm3": ("helm.sh/helm/v3/cmd/helm", "v3.22.0"),
}
NEEDS_GO = "Go >= 1.24 is missing, with which crane, oras, regctl and helm are built: apt-get install golang-go"


class Builds:
    """The programs of MODULES, each in a folder of its own below `build` and built once for its version."""

    def __init__(self, build: Path, process: subprocess.Popen[bytes], log: Path) -> None:
        self._build = build
        self._process = process
        self._log = log

    def program(self, name: str) -> tuple[Path, str]:
        """A program, as soon as it is built, and its version. Raises Missing."""
        path = _path(self._build, name)
        while not path.exists():
            if self._process.poll() is not None and not path.exists():
                module = "@".join(MODULES[name])
                why = tail(self._log) if shutil.which("go") else NEEDS_GO
                raise Missing(f"{name} is missing: CGO_ENABLED=0 go install {module}\n{why}")
            time.sleep(0.2)
        return path, MODULES[name][1].removeprefix("v")


@contextlib.contextmanager
def building(build: Path) -> Iterator[Builds]:
    """Build whatever is not there yet; what is not done at the end of the block is given up."""
    build.mkdir(parents=True, exist_ok=True)
    log = build / "go.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(build)],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    try:
        yield Builds(build, process, log)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _path(build: Path, name: str) -> Path:
    return build / f"{name}-{MODULES[name][1]}" / name


def main(build: Path) -> int:
    go, scratch = build / "go", build / "go" / "tmp"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    env = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOBIN": str(build / "building"),
        "GOPATH": str(go),
        "GOMODCACHE": str(go / "mod"),
        "GOCACHE": str(go / "build"),
        "GOTMPDIR": str(scratch),
        "GOFLAGS": "-modcacherw",  # so that `rm -r` can remove the cache
    }
    install = ["go", "install", "-trimpath", "-ldflags=-s", "-gcflags=all=-N -l"]  # hurried: they run for seconds
    status = 0
    for name, (module, version) in MODULES.items():
        path = _path(build, name)
        if not path.exists():
            ended = subprocess.run([*install, f"{module}@{version}"], env=env, check=False)
            status |= ended.returncode
            if ended.returncode == 0:
                path.parent.mkdir(exist_ok=True)
                (build / "building" / module.rpartition("/")[2]).replace(path)  # whole, or not at all
    if status == 0:
        shutil.rmtree(go, ignore_errors=True)  # gigabytes, of which nothing is needed any more
    return status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

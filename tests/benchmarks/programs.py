"""Where the programs come from that Trow is compared with, and the one that asks.

Owns installing: Debian's by apt, the Go ones through the module proxy, once, below `build/bench`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BUILD = Path(__file__).resolve().parents[2] / "build" / "bench"
DISTRIBUTION = "github.com/distribution/distribution/v3/cmd/registry", "v3.1.1"
OLAREG, OLAREG_VERSION = "github.com/olareg/olareg", "v0.2.2"
PATIENCE_SECONDS = 900


class Missing(Exception):
    """A program that can't be had, and why."""


def debian(command: str, package: str) -> str:
    """A command of a Debian package, which is installed unless it is there."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    if found := shutil.which(command, path=path):
        return found
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Missing(f"{command} is not here, and only root on a Debian can have it: apt-get install {package}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    _run(["apt-get", "update", "--quiet"], Path("/"), environment)
    _run(["apt-get", "install", "--quiet", "--yes", "--no-install-recommends", package], Path("/"), environment)
    if found := shutil.which(command, path=path):
        return found
    raise Missing(f"the package {package} brought no {command}")


def distribution() -> str:
    program = BUILD / "bin" / f"registry-{DISTRIBUTION[1]}"
    if not program.exists():
        with_version = "@".join(DISTRIBUTION)
        _go(["install", with_version], BUILD)
        (BUILD / "bin" / "building" / "registry").replace(program)  # whole or not at all
    return str(program)


def olareg() -> str:
    """`go install` refuses it, for its go.mod replaces modules: a module of our own requires it."""
    program = BUILD / "bin" / f"olareg-{OLAREG_VERSION}"
    if not program.exists():
        module = BUILD / "olareg"
        module.mkdir(parents=True, exist_ok=True)
        (module / "go.mod").write_text(f"module bench\n\ngo 1.24\n\nrequire {OLAREG} {OLAREG_VERSION}\n")
        (module / "tools.go").write_text(f'//go:build tools\n\npackage bench\n\nimport _ "{OLAREG}/cmd/olareg"\n')
        _go(["mod", "tidy"], module)
        building = BUILD / "bin" / "building" / "olareg"
        _go(["build", "-o", str(building), f"{OLAREG}/cmd/olareg"], module)
        building.replace(program)
    return str(program)


def _go(words: Sequence[str], folder: Path) -> None:
    go = shutil.which("go")
    if go is None:
        raise Missing("it is built with Go >= 1.24, which is not here: apt-get install golang-go")
    (BUILD / "bin" / "building").mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOBIN": str(BUILD / "bin" / "building"),
        "GOPATH": str(BUILD / "go"),
        "GOMODCACHE": str(BUILD / "go" / "mod"),
        "GOCACHE": str(BUILD / "go" / "build"),
        "GOFLAGS": "-modcacherw",  # so that `rm -r` can remove the cache
    }
    _run([go, *words], folder, environment)


def _run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Missing(f"{' '.join(command)} took more than {PATIENCE_SECONDS} s") from None
    if done.returncode != 0:
        last = " ".join((done.stderr or done.stdout).split())[-300:]
        raise Missing(f"{' '.join(command)} ended with {done.returncode}: {last}")

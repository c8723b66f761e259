"""Real clients against a real Trow: `python -m tests.clients`. They push, pull, sign, list, delete; both ends compare.

Owns the order of things and the last word. Whatever a client needs is installed below `build/clients`, which git
ignores; a client that can't be had is a failure with the line that would bring it, never a skip.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.clients import (
    buildah,
    containerd,
    cosign,
    crane,
    debian,
    docker,
    first_steps,
    golang,
    helm,
    images,
    large,
    oras,
    podman,
    regctl,
    sandbox,
    skopeo,
)
from tests.clients.program import Missing
from tests.clients.registry import Registry
from tests.clients.report import FAILURES, Report, say
from tests.clients.stage import SUITES, Stage, trow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BUILD = Path(__file__).resolve().parents[2] / "build" / "clients"
# skopeo and buildah push what the others pull; what takes long to build comes last.
FAMILIES: dict[str, Callable[[Stage], None]] = {
    "skopeo": skopeo.run,
    "buildah": buildah.run,
    "podman": podman.run,
    "containerd": containerd.run,
    "docker": docker.run,
    "large": large.run,
    "cosign": cosign.run,
    "regctl": regctl.run,
    "oras": oras.run,
    "crane": crane.run,
    "helm": helm.run,
    "README": first_steps.run,
}
FIRST = ("skopeo", "buildah")


def perform(names: list[str], roots: dict[str, debian.Root], builds: golang.Builds) -> Report:
    """Every family on one server, which began with nothing."""
    with (
        tempfile.TemporaryDirectory(prefix="tc-") as name,
        trow(Path(name) / "data") as server,
    ):
        folder = Path(name) / "work"
        folder.mkdir()
        stage = Stage(
            folder=folder,
            registry=Registry(server.port),
            report=Report(server.log),
            many=images.many_platforms(folder / "many", "1"),
            plain=images.plain(folder / "plain", "1"),
            roots=roots,
            builds=builds,
        )
        for family in names:
            try:
                FAMILIES[family](stage)
            except (Missing, *FAILURES) as failure:
                stage.report.miss(family, f"{type(failure).__name__}: {failure}")
        return stage.report


@contextlib.contextmanager
def alone(build: Path) -> Iterator[None]:
    """One run at a time: what is installed, and two cores, are not for two."""
    build.mkdir(parents=True, exist_ok=True)
    with (build / "lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another run to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.clients", description=__doc__)
    parser.add_argument("--only", choices=FAMILIES, action="append", help="one family, after those that push for it")
    only = parser.parse_args().only
    names = [name for name in FAMILIES if not only or name in (*FIRST, *only)]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds: nothing stays behind
    began = time.monotonic()
    try:
        sandbox.require()
        with alone(BUILD), golang.building(BUILD) as builds:
            roots = {}
            for suite in SUITES:
                say(f"unpacking the clients of Debian {suite}, unless they are here")
                roots[suite] = debian.install(suite, BUILD)
            report = perform(names, roots, builds)
    except Missing as missing:
        say(f"clients: {missing}")
        say("0 passed, 1 failed")
        return 1
    say(report.table())
    say(f"{time.monotonic() - began:.0f} seconds, load average {os.getloadavg()[0]:.1f}")
    say(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())

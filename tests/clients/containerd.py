"""containerd, through its own client ctr and through the call by which the kubelet pulls."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tests.clients import cri, sandbox
from tests.clients.debian import NEW
from tests.clients.stage import BUILT, MANY, SUITES, ZSTD, repository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.clients.program import Program
    from tests.clients.stage import Stage

_PLAIN = "--plain-http"
_CONFIG = """version = 2
root = "{place}/root"
state = "{place}/state"
[grpc]
  address = "{place}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "{place}/hosts"
"""
_HOSTS = 'server = "http://{host}"\n[host."http://{host}"]\n  capabilities = ["pull", "resolve"]\n'


@contextlib.contextmanager
def running(stage: Stage, suite: str, place: Path) -> Iterator[Program]:
    """A containerd whose root, state and socket are in `place`; the ctr that speaks to it."""
    daemon = stage.debian(suite, "containerd", "containerd")
    socket = place / "containerd.sock"
    hosts = place / "hosts" / stage.registry.host
    hosts.mkdir(parents=True)
    (hosts / "hosts.toml").write_text(_HOSTS.format(host=stage.registry.host))
    (place / "config.toml").write_text(_CONFIG.format(place=place))
    ctr = stage.debian(
        suite, "containerd", "ctr", f"--address={socket}", name="containerd", CONTAINERD_ADDRESS=str(socket)
    )
    log = place / "containerd.log"
    with sandbox.daemon(daemon, f"--config={place / 'config.toml'}", log=log, answers=lambda: ctr("version")):
        yield ctr


def run(stage: Stage) -> None:
    for suite in SUITES:
        name = f"containerd-{stage.roots[suite].version('containerd')}"
        place = stage.folder / name
        with stage.guarded("containerd", name), running(stage, suite, place) as ctr:
            _ctr(stage, suite, ctr, place)
            cri.run(stage, stage.debian(NEW, "curl", "curl"), ctr.version, place / "containerd.sock")


def _ctr(stage: Stage, suite: str, ctr: Program, place: Path) -> None:
    check, registry, name = stage.report.check, stage.registry, repository(ctr)
    host = registry.host

    def listed(reference: str) -> str:
        """The digest under which containerd knows an image."""
        for line in ctr("images", "list", f"name=={reference}").splitlines()[1:]:
            return line.split()[2]
        raise LookupError(f"containerd lists no {reference}")

    with check(ctr, "pulls its platform from an index, by tag and by digest"):
        for reference in (f"{host}/{MANY}:1", f"{host}/{MANY}@{stage.many.digest}"):
            ctr("images", "pull", _PLAIN, reference)
            assert listed(reference) == stage.many.digest
    with check(ctr, "pulls every platform of buildah's index"):
        ctr("images", "pull", _PLAIN, "--all-platforms", f"{host}/{BUILT}:1")
        assert listed(f"{host}/{BUILT}:1") == registry.digest(BUILT, "1")
    with check(ctr, "pulls zstd layers"):
        ctr("images", "pull", _PLAIN, f"{host}/{ZSTD}:1")
        assert listed(f"{host}/{ZSTD}:1") == registry.digest(ZSTD, "1")
    with check(ctr, "pulls through a hosts.toml"):
        ctr("images", "remove", "--sync", f"{host}/{MANY}:1")
        ctr("images", "pull", f"--hosts-dir={place / 'hosts'}", f"{host}/{MANY}:1")
        assert listed(f"{host}/{MANY}:1") == stage.many.digest
    with check(ctr, "fetches an index whole and pushes it on, byte for byte"):
        ctr("content", "fetch", _PLAIN, "--all-platforms", f"{host}/{MANY}:1")
        ctr("images", "push", _PLAIN, f"{host}/{name}/whole:1", f"{host}/{MANY}:1")
        assert registry.digest(f"{name}/whole", "1") == stage.many.digest
        registry.prove(f"{name}/whole", "1")
    with check(ctr, "pushes one platform of it"):
        # without --local, version 2 pushes the index too, which refers to what it does not push
        flags = ("--local",) if suite == NEW else ()
        target, image = f"{host}/{name}/amd64:1", f"{host}/{MANY}:1"
        ctr("images", "push", _PLAIN, *flags, "--platform=linux/amd64", target, image)
        registry.prove(f"{name}/amd64", "1")
        assert registry.digest(f"{name}/amd64", "1") == registry.child(MANY, "1")

"""A layer of more than 2 GiB, in and out: more than 32 bits count, and no client's patience is overstrained.

Each client has a registry of its own, which ends with it, so that none finds the layer there already; at no time is
there more than one copy of it in a registry.
"""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING

from tests.clients import containerd, docker, images
from tests.clients.debian import NEW
from tests.clients.images import GIB, Layout
from tests.clients.program import Missing
from tests.clients.registry import Registry
from tests.clients.stage import trow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.clients.program import Program
    from tests.clients.stage import Stage

_ROOM = 10 * GIB
_IMAGE = "large/image"
_SECONDS = 600.0


def run(stage: Stage) -> None:
    free = shutil.disk_usage(stage.folder).free
    if free < _ROOM:
        raise Missing(
            f"a layer of 2 GiB needs {_ROOM // GIB} GiB in {stage.folder.parent}, of which {free // GIB} are free"
        )
    source = images.large(stage.folder / "two-gib", "1")
    skopeo = stage.debian(NEW, "skopeo", "skopeo")
    with stage.guarded("skopeo", "large") as place, _registry(place) as registry:
        _skopeo(stage, skopeo, source, registry, place)
        with stage.guarded("containerd", "large-containerd") as its, containerd.running(stage, NEW, its) as ctr:
            _containerd(stage, ctr, source, registry, its)
        with (
            stage.guarded("docker", "large-docker") as its,
            docker.running(stage, NEW, its, snapshotter=True) as client,
        ):
            _docker(stage, client, source, registry, its)
    shutil.rmtree(source.path)


@contextlib.contextmanager
def _registry(place: Path) -> Iterator[Registry]:
    """An empty registry, whose data are gone after the block."""
    data = place / "data"
    with trow(data) as server:
        yield Registry(server.port)
    shutil.rmtree(data)


def _skopeo(stage: Stage, skopeo: Program, source: Layout, registry: Registry, place: Path) -> None:
    remote = f"docker://{registry.host}/{_IMAGE}:1"
    copy = ("copy", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false")
    with stage.report.check(skopeo, "pushes a layer of 2 GiB"):
        skopeo(*copy, f"oci:{source.path}:1", remote, seconds=_SECONDS)
        _arrived(source, registry)
    with stage.report.check(skopeo, "pulls a layer of 2 GiB"):
        out = Layout(place / "out")
        skopeo(*copy, remote, f"oci:{out.path}:1", seconds=_SECONDS)
        assert out.digests() == source.digests()
    shutil.rmtree(place / "out", ignore_errors=True)


def _containerd(stage: Stage, ctr: Program, source: Layout, registry: Registry, place: Path) -> None:
    image = f"{registry.host}/{_IMAGE}:1"
    with stage.report.check(ctr, "pulls and unpacks a layer of 2 GiB"):
        ctr("images", "pull", "--plain-http", image, seconds=_SECONDS)
        assert source.digest in ctr("images", "list", f"name=={image}")
    with stage.report.check(ctr, "pushes a layer of 2 GiB"), _registry(place) as other:
        ctr("images", "push", "--plain-http", f"{other.host}/{_IMAGE}:1", image, seconds=_SECONDS)
        _arrived(source, other)


def _docker(stage: Stage, client: Program, source: Layout, registry: Registry, place: Path) -> None:
    image = f"{registry.host}/{_IMAGE}:1"
    with stage.report.check(client, "pulls and unpacks a layer of 2 GiB"):
        client("pull", "--quiet", image, seconds=_SECONDS)
        assert client("image", "inspect", "--format={{.Id}}", image) == source.digest
    with stage.report.check(client, "pushes a layer of 2 GiB"), _registry(place) as other:
        client("tag", image, f"{other.host}/{_IMAGE}:1")
        client("push", "--quiet", f"{other.host}/{_IMAGE}:1", seconds=_SECONDS)
        _arrived(source, other)


def _arrived(source: Layout, registry: Registry) -> None:
    """What was pushed is what lies there, to the last byte."""
    assert registry.digest(_IMAGE, "1") == source.digest
    registry.prove(_IMAGE, "1")

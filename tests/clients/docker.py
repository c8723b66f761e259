"""docker: the old daemon, and the new one with each of its two image stores."""

from __future__ import annotations

import contextlib
import json
import re
from typing import TYPE_CHECKING

from tests.clients import sandbox
from tests.clients.debian import NEW, OLD
from tests.clients.stage import BUILT, MANY, ZSTD, repository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.clients.program import Program
    from tests.clients.stage import Stage

# The old daemon, the new one with the store that it shares with the old one, and with containerd's, its default to be.
STORES = ((OLD, False), (NEW, False), (NEW, True))


@contextlib.contextmanager
def running(stage: Stage, suite: str, place: Path, *, snapshotter: bool) -> Iterator[Program]:
    """A dockerd with its data and socket in `place` and no network of its own; the docker that speaks to it."""
    place.mkdir(parents=True, exist_ok=True)
    socket, config = f"unix://{place}/docker.sock", place / "daemon.json"
    config.write_text(json.dumps({"features": {"containerd-snapshotter": True}} if snapshotter else {}))
    daemon = stage.debian(suite, "docker.io", "dockerd")
    name = f"docker {'containerd' if snapshotter else 'overlay2'}"
    docker = stage.debian(
        *(suite, "docker.io", "docker"),
        name=name,
        DOCKER_HOST=socket,
        DOCKER_CONFIG=str(place / "config"),
        DOCKER_CLI_EXPERIMENTAL="enabled",
    )
    flags = (
        *(f"--host={socket}", f"--config-file={config}", f"--data-root={place}/data", "--exec-root=/run/docker"),
        *("--pidfile=/run/docker.pid", "--group=root"),
        *("--iptables=false", "--ip6tables=false", "--bridge=none"),
        *(() if snapshotter else ("--storage-driver=overlay2",)),
    )
    with sandbox.daemon(daemon, *flags, log=place / "dockerd.log", answers=lambda: docker("version")):
        yield docker


def run(stage: Stage) -> None:
    for suite, snapshotter in STORES:
        name = f"docker-{stage.roots[suite].version('docker.io')}-{'containerd' if snapshotter else 'overlay2'}"
        with stage.guarded("docker", name), running(stage, suite, stage.folder / name, snapshotter=snapshotter) as it:
            _run(stage, suite, it, stage.folder / name, snapshotter=snapshotter)


def _run(stage: Stage, suite: str, docker: Program, place: Path, *, snapshotter: bool) -> None:
    check, registry, name = stage.report.check, stage.registry, repository(docker)
    host = registry.host

    def image_id(reference: str) -> str:
        return docker("image", "inspect", "--format={{.Id}}", reference)

    def expected(target: str, child: str) -> str:
        """With containerd's store the ID of an image is the digest that was pulled, else that of its configuration."""
        return registry.digest(target, "1") if snapshotter else registry.config(target, child)

    def push(target: str) -> str:
        """The digest that docker says it has pushed."""
        said = docker("push", f"{host}/{target}")
        found = re.search(r"digest: (sha256:[0-9a-f]{64})", said)
        assert found, said
        return found[1]

    with check(docker, "pulls its platform from an index by tag"):
        docker("pull", "--quiet", f"{host}/{MANY}:1")
        assert image_id(f"{host}/{MANY}:1") == expected(MANY, registry.child(MANY, "1"))
        (inspected,) = json.loads(docker("image", "inspect", f"{host}/{MANY}:1"))
        assert f"{host}/{MANY}@{stage.many.digest}" in inspected["RepoDigests"], inspected["RepoDigests"]
    with check(docker, "pulls by digest"):
        docker("pull", "--quiet", f"{host}/{MANY}@{stage.many.digest}")
        assert image_id(f"{host}/{MANY}@{stage.many.digest}") == image_id(f"{host}/{MANY}:1")
    with check(docker, "pulls buildah's index"):
        docker("pull", "--quiet", f"{host}/{BUILT}:1")
        assert image_id(f"{host}/{BUILT}:1") == expected(BUILT, registry.child(BUILT, "1"))
    if suite != OLD:  # which knows no zstd
        with check(docker, "pulls zstd layers"):
            docker("pull", "--quiet", f"{host}/{ZSTD}:1")
            assert image_id(f"{host}/{ZSTD}:1") == expected(ZSTD, "1")
    with check(docker, "pushes what it pulled, and pulls it back"):
        before = image_id(f"{host}/{MANY}:1")
        docker("tag", f"{host}/{MANY}:1", f"{host}/{name}:1")
        assert push(f"{name}:1") == registry.digest(name, "1")
        docker("rmi", "--force", f"{host}/{name}:1")
        docker("pull", "--quiet", f"{host}/{name}:1")
        assert snapshotter or image_id(f"{host}/{name}:1") == before
        registry.prove(name, "1")
    with check(docker, "builds images, pushes them, and pulls one back"):
        context = place / "context"
        context.mkdir()
        (context / "Dockerfile").write_text("FROM scratch\nCOPY greeting /\n")
        for tag in ("1", "2"):
            (context / "greeting").write_text(f"{tag}, built by {docker.name} {docker.version}\n")
            image = f"{host}/{name}/built:{tag}"
            docker.with_flags(DOCKER_BUILDKIT="0")("build", "--quiet", f"--tag={image}", str(context))
            assert push(f"{name}/built:{tag}") == registry.digest(f"{name}/built", tag)
            registry.prove(f"{name}/built", tag)
        docker("rmi", "--force", f"{host}/{name}/built:2")
        docker("pull", "--quiet", f"{host}/{name}/built:2")
    with check(docker, "makes a manifest list of two images, and pushes it"):
        one, other = f"{host}/{name}/built:1", f"{host}/{name}/built:2"
        docker("manifest", "create", "--insecure", f"{host}/{name}/list:1", one, other)
        docker("manifest", "annotate", "--arch=arm64", f"{host}/{name}/list:1", other)
        said = docker("manifest", "push", "--insecure", f"{host}/{name}/list:1")
        assert said.splitlines()[-1] == registry.digest(f"{name}/list", "1"), said
        registry.prove(f"{name}/list", "1")
    if snapshotter:
        with check(docker, "builds for two platforms with buildx, and pushes the index with its provenance"):
            target = f"{name}/buildx"
            docker(
                *("buildx", "build", "--quiet", "--platform=linux/amd64,linux/arm64", "--provenance=true"),
                *(f"--tag={host}/{target}:1", "--push", str(place / "context")),
            )
            kinds = [child["platform"]["architecture"] for child in registry.manifest(target, "1")["manifests"]]
            assert sorted(kinds) == ["amd64", "arm64", "unknown", "unknown"], kinds
            registry.prove(target, "1")

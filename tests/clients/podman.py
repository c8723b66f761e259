"""podman: pulls by tag and by digest, pushes gzip, zstd and, where it can, chunked zstd and artifacts; searches."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.clients.debian import NEW
from tests.clients.stage import BUILT, MANY, SUITES, ZSTD, repository

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.clients.program import Program
    from tests.clients.stage import Stage

_PLAIN = "--tls-verify=false"


def make(stage: Stage, suite: str) -> Program:
    """podman with a store of its own."""
    podman = stage.debian(suite, "podman", "podman")
    place = stage.place(podman)
    return podman.with_flags(
        # podman 4 takes no run root of more than 50 characters
        *(f"--root={place / 'root'}", f"--runroot={stage.folder / podman.version}", "--storage-driver=overlay"),
        *("--cgroup-manager=cgroupfs", "--events-backend=none"),
    )


def run(stage: Stage) -> None:
    for suite in SUITES:
        _run(stage, suite)


def _run(stage: Stage, suite: str) -> None:
    podman = make(stage, suite)
    check, registry, name = stage.report.check, stage.registry, repository(podman)
    remote, place = registry.host, stage.place(podman)

    def pushed(target: str, *flags: str) -> str:
        """Push what was pulled; the digest podman says it has now."""
        file = place / "digest"
        podman("push", _PLAIN, f"--digestfile={file}", *flags, f"{remote}/{MANY}:1", f"{remote}/{target}")
        return file.read_text().strip()

    with check(podman, "pulls its platform from an index by tag"):
        image = podman("pull", _PLAIN, "--quiet", f"{remote}/{MANY}:1")
        assert f"sha256:{image}" == registry.config(MANY, registry.child(MANY, "1"))
        (inspected,) = json.loads(podman("image", "inspect", image))
        assert f"{remote}/{MANY}@{stage.many.digest}" in inspected["RepoDigests"], inspected["RepoDigests"]
    with check(podman, "pulls by digest"):
        assert podman("pull", _PLAIN, "--quiet", f"{remote}/{MANY}@{stage.many.digest}") == image
    with check(podman, "pulls another platform, of buildah's index"):
        other = podman("pull", _PLAIN, "--quiet", "--arch=arm64", f"{remote}/{BUILT}:1")
        assert f"sha256:{other}" == registry.config(BUILT, registry.child(BUILT, "1", "arm64"))
    with check(podman, "pulls zstd layers"):
        zstd = podman("pull", _PLAIN, "--quiet", f"{remote}/{ZSTD}:1")
        assert f"sha256:{zstd}" == registry.config(ZSTD, "1")
    with check(podman, "pushes, and pulls back what it pushed"):
        assert pushed(f"{name}:1") == registry.digest(name, "1")
        registry.prove(name, "1")
        podman("rmi", "--all", "--force")
        assert podman("pull", _PLAIN, "--quiet", f"{remote}/{name}:1") == image
        podman("tag", image, f"{remote}/{MANY}:1")
    with check(podman, "pushes zstd layers"):
        target = f"{name}/zstd"
        stage.forget_blobs(suite)
        assert pushed(f"{target}:1", "--compression-format=zstd") == registry.digest(target, "1")
        kinds = {layer["mediaType"] for layer in registry.manifest(target, "1")["layers"]}
        assert kinds == {"application/vnd.oci.image.layer.v1.tar+zstd"}, kinds
        registry.prove(target, "1")
    with check(podman, "searches the catalog, and lists tags"):
        found = json.loads(podman("search", _PLAIN, "--format=json", f"{remote}/{name}"))
        assert any(entry["Name"] == f"{remote}/{name}" for entry in found), found
        (listed,) = json.loads(podman("search", _PLAIN, "--list-tags", "--format=json", f"{remote}/{name}"))
        assert listed["Tags"] == ["1"], listed
    if suite == NEW:
        _new(stage, podman, pushed)


def _new(stage: Stage, podman: Program, pushed: Callable[..., str]) -> None:
    """What only a podman of these years can do."""
    registry, name = stage.registry, repository(podman)
    with stage.report.check(podman, "pushes chunked zstd layers, and pulls them back"):
        target = f"{name}/chunked"
        stage.forget_blobs(NEW)
        digest = pushed(f"{target}:1", "--compression-format=zstd:chunked")
        assert digest == registry.digest(target, "1")
        layers = registry.manifest(target, "1")["layers"]
        assert all("io.github.containers.zstd-chunked.manifest-position" in layer["annotations"] for layer in layers)
        podman("rmi", "--all", "--force")
        podman("pull", _PLAIN, "--quiet", f"{registry.host}/{target}:1")
    with stage.report.check(podman, "pushes an artifact, and pulls it back"):
        target = f"{registry.host}/{name}/artifact:1"
        file = stage.place(podman) / "notes.txt"
        file.write_text("an artifact\n")
        podman("artifact", "add", "--type=application/vnd.example.notes", target, str(file))
        podman("artifact", "push", _PLAIN, target)
        podman("artifact", "rm", target)
        podman("artifact", "pull", _PLAIN, "--quiet", target)
        podman("artifact", "extract", target, str(file.with_name("extracted.txt")))
        assert file.with_name("extracted.txt").read_text() == "an artifact\n"

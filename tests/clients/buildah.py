"""buildah: builds an index of two platforms and pushes it whole; zstd; pulls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.clients.stage import BUILT, MANY, SUITES, repository

if TYPE_CHECKING:
    from tests.clients.stage import Stage

_PLAIN = "--tls-verify=false"


def run(stage: Stage) -> None:
    for suite in SUITES:
        _run(stage, suite)


def _run(stage: Stage, suite: str) -> None:
    buildah = stage.debian(suite, "buildah", "buildah")
    place = stage.place(buildah)
    buildah = buildah.with_flags(
        f"--root={place / 'root'}", f"--runroot={place / 'run'}", "--storage-driver=overlay", BUILDAH_ISOLATION="chroot"
    )
    check, registry, name = stage.report.check, stage.registry, repository(buildah)
    context = place / "context"
    context.mkdir()
    (context / "Containerfile").write_text("FROM scratch\nARG TARGETARCH\nLABEL arch=$TARGETARCH\nCOPY greeting /\n")
    (context / "greeting").write_text(f"built by {buildah.version}\n")

    with check(buildah, "builds for two platforms and pushes the index with manifest push --all"):
        buildah("build", "--platform=linux/amd64,linux/arm64", "--manifest=both", str(context))
        for target in (BUILT, f"{name}/built"):
            file = place / "digest"
            to = f"docker://{registry.host}/{target}:1"
            buildah("manifest", "push", "--all", _PLAIN, f"--digestfile={file}", "both", to)
            assert file.read_text().strip() == registry.digest(target, "1")
            assert registry.child(target, "1", "arm64") != registry.child(target, "1", "amd64")
            registry.prove(target, "1")
    with check(buildah, "pulls its platform from an index, by tag and by digest"):
        image = buildah("pull", _PLAIN, "--quiet", f"docker://{registry.host}/{MANY}:1")
        assert f"sha256:{image}" == registry.config(MANY, registry.child(MANY, "1"))
        assert buildah("pull", _PLAIN, "--quiet", f"docker://{registry.host}/{MANY}@{stage.many.digest}") == image
    with check(buildah, "adds a layer to what it pulled, and pushes it"):
        container = buildah("from", "--pull-never", f"{registry.host}/{MANY}:1")
        buildah("copy", container, str(context / "greeting"), "/")
        buildah("commit", "--rm", "--quiet", container, "more")
        buildah("push", _PLAIN, "more", f"docker://{registry.host}/{name}/more:1")
        assert len(registry.manifest(f"{name}/more", "1")["layers"]) == 3
        registry.prove(f"{name}/more", "1")
    with check(buildah, "pushes zstd layers"):
        target = f"{name}/zstd"
        stage.forget_blobs(suite)
        buildah("push", _PLAIN, "--compression-format=zstd", "more", f"docker://{registry.host}/{target}:1")
        kinds = {layer["mediaType"] for layer in registry.manifest(target, "1")["layers"]}
        assert kinds == {"application/vnd.oci.image.layer.v1.tar+zstd"}, kinds
        registry.prove(target, "1")

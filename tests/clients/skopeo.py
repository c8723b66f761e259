"""skopeo: whole indexes in and out byte for byte, other formats and compressions, lists and deletes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.clients.debian import NEW
from tests.clients.images import Layout
from tests.clients.stage import MANY, SUITES, ZSTD, repository
from tests.support.documents import DOCKER_LIST

if TYPE_CHECKING:
    from tests.clients.stage import Stage


def run(stage: Stage) -> None:
    for suite in SUITES:
        _run(stage, suite)


def push(stage: Stage, target: str, tag: str = "1") -> str:
    """Push the index of three platforms for another family; its digest."""
    skopeo = stage.debian(NEW, "skopeo", "skopeo")
    to = f"docker://{stage.registry.host}/{target}:{tag}"
    skopeo("copy", "--all", "--dest-tls-verify=false", f"oci:{stage.many.path}:1", to)
    return stage.many.digest


def _run(stage: Stage, suite: str) -> None:
    skopeo = stage.debian(suite, "skopeo", "skopeo")
    copy = ("copy", "--src-tls-verify=false", "--dest-tls-verify=false")
    check, registry, place, name = stage.report.check, stage.registry, stage.place(skopeo), repository(skopeo)
    remote = f"docker://{registry.host}"
    many, plain = f"oci:{stage.many.path}:1", f"oci:{stage.plain.path}:1"

    with check(skopeo, "pushes an index of three platforms with --all, byte for byte"):
        for target in (MANY, f"{name}/many"):
            skopeo(*copy, "--all", many, f"{remote}/{target}:1")
            assert registry.digest(target, "1") == stage.many.digest
            registry.prove(target, "1")
    with check(skopeo, "pulls it whole by tag and by digest"):
        for number, reference in enumerate((f"{MANY}:1", f"{MANY}@{stage.many.digest}")):
            out = Layout(place / f"out{number}")
            skopeo(*copy, "--all", f"{remote}/{reference}", f"oci:{out.path}:1")
            assert out.digest == stage.many.digest
            assert out.digests() == stage.many.digests()
    with check(skopeo, "pulls one platform out of it"):
        out = Layout(place / "arm64")
        skopeo("--override-arch=arm64", "--override-os=linux", *copy, f"{remote}/{MANY}:1", f"oci:{out.path}:1")
        assert out.digest == registry.child(MANY, "1", "arm64")
    with check(skopeo, "copies it from one repository to another"):
        skopeo(*copy, "--all", f"{remote}/{MANY}:1", f"{remote}/{name}/copied:1")
        assert registry.digest(f"{name}/copied", "1") == stage.many.digest
    with check(skopeo, "pushes layers that it compresses as zstd"):
        for target in (ZSTD, f"{name}/zstd"):
            skopeo(*copy, "--dest-compress-format=zstd", plain, f"{remote}/{target}:1")
            kinds = {layer["mediaType"] for layer in registry.manifest(target, "1")["layers"]}
            assert kinds == {"application/vnd.oci.image.layer.v1.tar+zstd"}, kinds
            registry.prove(target, "1")
    with check(skopeo, "pushes the index as Docker's manifest list"):
        skopeo(*copy, "--all", "--format=v2s2", many, f"{remote}/{name}/docker:1")
        assert registry.manifest(f"{name}/docker", "1")["mediaType"] == DOCKER_LIST
        registry.prove(f"{name}/docker", "1")
    with check(skopeo, "inspects, and lists tags"):
        inspected = json.loads(skopeo("inspect", "--tls-verify=false", f"{remote}/{name}/many:1"))
        assert inspected["Digest"] == stage.many.digest
        skopeo(*copy, "--all", f"{remote}/{name}/many:1", f"{remote}/{name}/many:2.0")
        listed = json.loads(skopeo("list-tags", "--tls-verify=false", f"{remote}/{name}/many"))
        assert listed["Tags"] == ["1", "2.0"], listed
    with check(skopeo, "deletes a manifest, and with it its tags"):
        skopeo("delete", "--tls-verify=false", f"{remote}/{name}/copied:1")
        assert not registry.holds(f"{name}/copied", "1")
        assert not registry.holds(f"{name}/copied", stage.many.digest)
        assert registry.holds(f"{name}/many", stage.many.digest)

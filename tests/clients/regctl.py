"""regctl: copies with referrers, sha512 throughout, blobs, artifacts, catalog and tags, deletes of every kind."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.clients.images import Layout
from tests.clients.stage import MANY, repository

if TYPE_CHECKING:
    from tests.clients.stage import Stage

_KIND = "application/vnd.example.notes"


def run(stage: Stage) -> None:
    regctl = stage.built("regctl")
    check, registry, name, place = stage.report.check, stage.registry, repository(regctl), stage.place(regctl)
    regctl = regctl.with_flags(REGCTL_CONFIG=str(place / "config.json"))
    regctl("registry", "set", "--tls=disabled", "--skip-check", registry.host)
    host = registry.host

    with check(regctl, "copies an index from a layout, and back into one"):
        regctl("image", "copy", f"ocidir://{stage.many.path}:1", f"{host}/{name}/many:1")
        assert registry.digest(f"{name}/many", "1") == stage.many.digest
        out = Layout(place / "out")
        regctl("image", "copy", f"{host}/{name}/many@{stage.many.digest}", f"ocidir://{out.path}:1")
        assert out.digests() == stage.many.digests()
    with check(regctl, "turns an image into sha512 through and through, and pulls it"):
        target = f"{name}/sha512"
        regctl("image", "mod", f"{host}/{MANY}:1", "--digest-algo=sha512", f"--create={host}/{target}:1")
        digest = regctl("manifest", "head", "--require-digest", f"{host}/{target}:1")
        assert digest.startswith("sha512:"), digest
        assert digest == registry.digest(target, digest), digest
        registry.prove(target, digest)
        out = Layout(place / "sha512")
        regctl("image", "copy", f"{host}/{target}@{digest}", f"ocidir://{out.path}:1")
        assert any(one.startswith("sha512:") for one in out.digests())
    with check(regctl, "puts, finds and gets an artifact that refers to an image"):
        image = f"{host}/{name}/many:1"
        regctl("artifact", "put", f"--artifact-type={_KIND}", f"--subject={image}", put=b"notes\n")
        listed = json.loads(regctl("artifact", "list", f"--filter-artifact-type={_KIND}", "--format=body", image))
        assert [one["artifactType"] for one in listed["manifests"]] == [_KIND], listed
        assert listed["manifests"] == registry.referrers(f"{name}/many", stage.many.digest)
        assert regctl("artifact", "get", f"--subject={image}", f"--filter-artifact-type={_KIND}") == "notes"
    with check(regctl, "copies an image with its referrers to another repository"):
        regctl("image", "copy", "--referrers", f"{host}/{name}/many:1", f"{host}/{name}/with:1")
        assert len(registry.referrers(f"{name}/with", stage.many.digest)) == 1
        assert registry.tags(f"{name}/with") == ["1"]
    with check(regctl, "puts, gets and deletes a blob"):
        digest = regctl("blob", "put", f"{host}/{name}/blobs", put=b"a blob")
        assert regctl("blob", "get", f"{host}/{name}/blobs", digest) == "a blob"
        regctl("blob", "delete", f"{host}/{name}/blobs", digest)
        assert registry.ask("HEAD", f"/v2/{name}/blobs/blobs/{digest}").status == 404
    with check(regctl, "lists tags and the catalog"):
        assert regctl("tag", "ls", f"{host}/{name}/many").split() == ["1"]
        assert f"{name}/many" in regctl("repo", "ls", host).split()
    with check(regctl, "deletes a tag and keeps its manifest, then deletes that"):
        target = f"{name}/with"
        regctl("image", "copy", f"{host}/{target}:1", f"{host}/{target}:2")
        regctl("tag", "delete", f"{host}/{target}:2")
        assert registry.tags(target) == ["1"]
        regctl("manifest", "delete", f"{host}/{target}@{stage.many.digest}")
        assert not registry.holds(target, "1")

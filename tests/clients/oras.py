"""oras: artifacts, what is attached to them (an SBOM), layouts, and copies of a whole graph."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.clients import images, skopeo
from tests.clients.images import Layout
from tests.clients.stage import repository

if TYPE_CHECKING:
    from tests.clients.stage import Stage

_NOTES = "application/vnd.example.notes"
_SBOM = "application/spdx+json"
_PLAIN = "--plain-http"


def run(stage: Stage) -> None:
    oras = stage.built("oras")
    check, registry, name, place = stage.report.check, stage.registry, repository(oras), stage.place(oras)
    host = registry.host
    (place / "notes.txt").write_text("notes\n")
    (place / "sbom.json").write_text('{"spdxVersion":"SPDX-2.3"}\n')

    with check(oras, "pushes an artifact, and pulls it back"):
        target = f"{host}/{name}/artifact:1"
        oras("push", _PLAIN, f"--artifact-type={_NOTES}", target, "notes.txt:text/plain", cwd=place)
        assert registry.manifest(f"{name}/artifact", "1")["artifactType"] == _NOTES
        oras("pull", _PLAIN, f"--output={place / 'pulled'}", target)
        assert (place / "pulled" / "notes.txt").read_text() == "notes\n"
    with check(oras, "attaches an SBOM to an image as its referrer, and discovers it"):
        skopeo.push(stage, f"{name}/image")
        image = f"{host}/{name}/image:1"
        oras("attach", _PLAIN, f"--artifact-type={_SBOM}", image, f"sbom.json:{_SBOM}", cwd=place)
        (referrer,) = registry.referrers(f"{name}/image", stage.many.digest)
        assert referrer["artifactType"] == _SBOM, referrer
        found = json.loads(oras("discover", _PLAIN, "--format=json", f"--artifact-type={_SBOM}", image))
        assert [one["digest"] for one in found["referrers"]] == [referrer["digest"]], found
        oras("pull", _PLAIN, f"--output={place / 'attached'}", f"{host}/{name}/image@{referrer['digest']}")
        assert (place / "attached" / "sbom.json").read_bytes() == (place / "sbom.json").read_bytes()
    with check(oras, "attaches to what is attached, and sees the tree"):
        oras(
            "attach",
            _PLAIN,
            f"--artifact-type={_NOTES}",
            f"{host}/{name}/image@{referrer['digest']}",
            "notes.txt",
            cwd=place,
        )
        tree = oras("discover", _PLAIN, image)
        assert _SBOM in tree, tree
        assert _NOTES in tree, tree
    with check(oras, "finds what is attached by the fallback tag in the referrers API"):
        skopeo.push(stage, f"{name}/fallback")
        image = f"{host}/{name}/fallback:1"
        flags = ("--distribution-spec=v1.1-referrers-tag", f"--artifact-type={_NOTES}")
        oras("attach", _PLAIN, *flags, image, "notes.txt", cwd=place)
        assert [one["artifactType"] for one in registry.referrers(f"{name}/fallback", stage.many.digest)] == [_NOTES]
    with check(oras, "copies an image with all that refers to it, at any depth"):
        oras("cp", "-r", "--from-plain-http", "--to-plain-http", f"{host}/{name}/image:1", f"{host}/{name}/copy:1")
        (copied,) = registry.referrers(f"{name}/copy", stage.many.digest)
        assert len(registry.referrers(f"{name}/copy", copied["digest"])) == 1
        registry.prove(f"{name}/copy", "1")
    with check(oras, "copies it into a layout and back"):
        out = Layout(place / "out")
        oras("cp", "--from-plain-http", "--to-oci-layout", f"{host}/{name}/image@{stage.many.digest}", f"{out.path}:1")
        assert out.digests() == stage.many.digests()
        oras("cp", "--from-oci-layout", "--to-plain-http", f"{out.path}:1", f"{host}/{name}/back:1,2")
        assert registry.digest(f"{name}/back", "2") == stage.many.digest
    with check(oras, "pushes a sha512 image by its digest, and copies it back"):
        # under a tag it asks for nothing else than sha256, and then refuses that answer: so it is everywhere
        source, out = images.plain(place / "sha512", "1", "sha512"), Layout(place / "sha512-out")
        oras("cp", "--from-oci-layout", "--to-plain-http", f"{source.path}@{source.digest}", f"{host}/{name}/sha512")
        registry.prove(f"{name}/sha512", source.digest)
        image = f"{host}/{name}/sha512@{source.digest}"
        oras("cp", "--from-plain-http", "--to-oci-layout", image, f"{out.path}:1")
        assert out.digests() == source.digests()
    with check(oras, "tags, resolves, lists tags and repositories"):
        oras("tag", _PLAIN, f"{host}/{name}/back:1", "3", "4")
        assert oras("resolve", _PLAIN, f"{host}/{name}/back:4") == stage.many.digest
        assert oras("repo", "tags", _PLAIN, f"{host}/{name}/back").split() == ["1", "2", "3", "4"]
        assert f"{name}/back" in oras("repo", "ls", _PLAIN, host).split()
    with check(oras, "pushes and deletes a blob, and deletes a manifest"):
        target = f"{host}/{name}/back"
        blob = json.loads(oras("blob", "push", _PLAIN, "--descriptor", target, "notes.txt", cwd=place))
        oras("blob", "delete", _PLAIN, "--force", f"{target}@{blob['digest']}")
        assert registry.ask("HEAD", f"/v2/{name}/back/blobs/{blob['digest']}").status == 404
        oras("manifest", "delete", _PLAIN, "--force", f"{target}:1")
        assert not registry.holds(f"{name}/back", "2")

"""crane: layouts in and out, copies, appended layers, filtered indexes, catalog, tags and deletes."""

from __future__ import annotations

import json
import tarfile
from typing import TYPE_CHECKING

from tests.clients.images import Layout
from tests.clients.stage import MANY, repository

if TYPE_CHECKING:
    from tests.clients.stage import Stage


def run(stage: Stage) -> None:
    crane = stage.built("crane")
    check, registry, name, place = stage.report.check, stage.registry, repository(crane), stage.place(crane)
    host = registry.host

    with check(crane, "pushes an index of three platforms from a layout, byte for byte"):
        # as crane reads it, index.json is the index: the one in this layout must be the one it is handed
        pushed = Layout(place / "pushed")
        crane("pull", "--format=oci", f"{host}/{MANY}:1", str(pushed.path))
        assert pushed.digest == stage.many.digest
        assert pushed.digests() == stage.many.digests()
        crane("push", "--index", str(pushed.path), f"{host}/{name}/pushed:1")
        (child,) = registry.manifest(f"{name}/pushed", "1")["manifests"]
        assert child["digest"] == stage.many.digest
        registry.prove(f"{name}/pushed", "1")
    with check(crane, "copies between repositories by tag and by digest, and validates what came"):
        for number, reference in enumerate((f"{MANY}:1", f"{MANY}@{stage.many.digest}")):
            target = f"{name}/copy{number}"
            crane("copy", f"{host}/{reference}", f"{host}/{target}:1")
            assert crane("digest", f"{host}/{target}:1") == registry.digest(target, "1") == stage.many.digest
            crane("validate", f"--remote={host}/{target}:1")
    with check(crane, "appends a layer, and changes labels"):
        layer = place / "layer.tar"
        with tarfile.open(layer, "w") as tar:
            tar.add(__file__, "crane.py")
        crane("append", "--platform=linux/amd64", f"--base={host}/{MANY}:1", f"-f={layer}", f"-t={host}/{name}/more:1")
        crane("mutate", f"{host}/{name}/more:1", "--label=by=crane", f"--tag={host}/{name}/more:2")
        assert json.loads(crane("config", f"{host}/{name}/more:2"))["config"]["Labels"] == {"by": "crane"}
        assert len(registry.manifest(f"{name}/more", "2")["layers"]) == 3
        registry.prove(f"{name}/more", "2")
    with check(crane, "filters an index, and appends to one"):
        crane("index", "filter", f"{host}/{name}/copy0:1", "--platform=linux/arm64", f"--tag={host}/{name}/index:1")
        crane("index", "append", f"{host}/{name}/index:1", f"-m={host}/{name}/more:2", f"-t={host}/{name}/index:2")
        kinds = [child["platform"]["architecture"] for child in registry.manifest(f"{name}/index", "2")["manifests"]]
        assert sorted(kinds) == ["amd64", "arm64"], kinds
        registry.prove(f"{name}/index", "2")
    with check(crane, "tags, lists tags and the catalog, and fetches a blob"):
        crane("tag", f"{host}/{name}/copy0:1", "also")
        assert crane("ls", f"{host}/{name}/copy0").split() == ["1", "also"]
        assert f"{name}/copy0" in crane("catalog", host).split()
        child = registry.child(MANY, "1")
        assert json.loads(crane("blob", f"{host}/{MANY}@{registry.config(MANY, child)}"))["architecture"] == "amd64"
    with check(crane, "deletes a tag, then the manifest"):
        crane("delete", f"{host}/{name}/copy0:also")
        assert registry.tags(f"{name}/copy0") == ["1"]
        crane("delete", f"{host}/{name}/copy0@{stage.many.digest}")
        assert not registry.holds(f"{name}/copy0", "1")

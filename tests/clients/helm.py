"""helm 3 and 4: charts as OCI artifacts, with their provenance; what they show and render comes from the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.clients.stage import repository

if TYPE_CHECKING:
    from tests.clients.stage import Stage

_PLAIN = "--plain-http"
_VERSIONS = ("0.1.0", "0.2.0+build.1")  # in a tag the plus is an underscore


def run(stage: Stage) -> None:
    for name in ("helm4", "helm3"):
        _run(stage, name)


def _run(stage: Stage, program: str) -> None:
    helm = stage.built(program)
    check, registry, place = stage.report.check, stage.registry, stage.place(helm)
    name = f"{repository(helm)}/charts"
    charts = f"oci://{registry.host}/{name}"
    helm("create", "hello", cwd=place)
    for version in _VERSIONS:
        helm("package", f"--version={version}", "hello", cwd=place)
    # helm pushes the provenance that lies beside a chart; it signs with a key ring, which this is no test of
    (place / "hello-0.1.0.tgz.prov").write_text("no signature\n")

    with check(helm, "pushes two versions of a chart, one with a provenance file"):
        for version in _VERSIONS:
            helm("push", _PLAIN, f"hello-{version}.tgz", charts, cwd=place)
        assert registry.tags(f"{name}/hello") == ["0.1.0", "0.2.0_build.1"]
        kinds = [layer["mediaType"] for layer in registry.manifest(f"{name}/hello", "0.1.0")["layers"]]
        assert "application/vnd.cncf.helm.chart.provenance.v1.prov" in kinds, kinds
        registry.prove(f"{name}/hello", "0.1.0")
    with check(helm, "pulls the newest version, one by its version and one by digest, byte for byte"):
        digest = registry.digest(f"{name}/hello", "0.1.0")
        for number, wanted in enumerate(((), ("--version=0.1.0",), ("--version=0.2.0+build.1",))):
            out = place / f"pulled{number}"
            out.mkdir()
            helm("pull", _PLAIN, f"{charts}/hello", *wanted, f"--destination={out}")
            (pulled,) = out.glob("*.tgz")
            assert pulled.read_bytes() == (place / pulled.name).read_bytes()
        out = place / "by-digest"
        out.mkdir()
        helm("pull", _PLAIN, f"{charts}/hello@{digest}", f"--destination={out}")
        (pulled,) = out.glob("*.tgz")
        assert pulled.read_bytes() == (place / "hello-0.1.0.tgz").read_bytes()
    with check(helm, "shows a chart, and renders it"):
        assert "version: 0.1.0" in helm("show", "chart", _PLAIN, f"{charts}/hello", "--version=0.1.0")
        assert "kind: Deployment" in helm("template", "release", _PLAIN, f"{charts}/hello", "--version=0.1.0")
    with check(helm, "builds on a chart in the registry (dependency update)"):
        helm("create", "parent", cwd=place)
        with (place / "parent" / "Chart.yaml").open("a") as chart:
            chart.write(f'dependencies:\n  - name: hello\n    version: "0.1.x"\n    repository: "{charts}"\n')
        helm("dependency", "update", _PLAIN, "parent", cwd=place)
        assert (place / "parent" / "charts" / "hello-0.1.0.tgz").exists()

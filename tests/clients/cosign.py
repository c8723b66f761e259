"""cosign: signatures and attestations with a key, in each of the three ways in which they find their image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.clients import skopeo
from tests.clients.debian import NEW
from tests.clients.stage import repository

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.program import Program
    from tests.clients.stage import Stage

_HTTP = "--allow-http-registry"
# No transparency log, no certificate authority: nothing of this leaves the machine.
_ALONE = ("--tlog-upload=false", "--use-signing-config=false", "--new-bundle-format=false")
_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_TYPE = "https://example.org/notes/v1"


def run(stage: Stage) -> None:
    cosign = stage.debian(NEW, "cosign", "cosign", COSIGN_PASSWORD="", COSIGN_YES="true")
    place = stage.place(cosign)
    cosign("generate-key-pair", f"--output-key-prefix={place / 'cosign'}")
    (place / "predicate.json").write_text('{"reviewed": true}')
    _tags(stage, cosign, place)
    _referrers(stage, cosign, place)
    _bundles(stage, cosign, place)


def _tags(stage: Stage, cosign: Program, place: Path) -> None:
    """As all its versions did until 3: a tag made of the image's digest."""
    check, registry, name = stage.report.check, stage.registry, f"{repository(cosign)}/tags"
    digest = skopeo.push(stage, name)
    image, tag = f"{registry.host}/{name}@{digest}", digest.replace(":", "-")
    with check(cosign, "signs an index under a tag, and verifies it"):
        _must_not_verify(cosign, place, image)
        cosign("sign", *_key(place, "key"), *_ALONE, _HTTP, image)
        assert f"{tag}.sig" in registry.tags(name)
        _verify(cosign, place, image)
    with check(cosign, "attests under a tag, and verifies it"):
        cosign("attest", *_key(place, "key"), *_ALONE, _HTTP, *_predicate(place), image)
        assert f"{tag}.att" in registry.tags(name)
        _verify_attestation(cosign, place, image)
    with check(cosign, "shows the tree of what is there, and cleans it away"):
        assert f"{tag}.sig" in cosign("tree", _HTTP, image)
        cosign("clean", "--force", _HTTP, image)
        assert registry.tags(name) == ["1"]
        _must_not_verify(cosign, place, image)


def _referrers(stage: Stage, cosign: Program, place: Path) -> None:
    """The same format as a referrer of OCI 1.1."""
    check, registry, name = stage.report.check, stage.registry, f"{repository(cosign)}/referrers"
    digest = skopeo.push(stage, name)
    image = f"{registry.host}/{name}@{digest}"
    with check(cosign, "signs an index as its referrer (OCI 1.1), and verifies it"):
        experimental = cosign.with_flags(COSIGN_EXPERIMENTAL="1")
        experimental("sign", *_key(place, "key"), *_ALONE, "--registry-referrers-mode=oci-1-1", _HTTP, image)
        assert registry.tags(name) == ["1"]
        (referrer,) = registry.referrers(name, digest)
        assert referrer["artifactType"] == "application/vnd.dev.cosign.artifact.sig.v1+json", referrer
        _verify(experimental, place, image, "--experimental-oci11=true", "--new-bundle-format=false")


def _bundles(stage: Stage, cosign: Program, place: Path) -> None:
    """The default of version 3: a bundle, as a referrer."""
    check, registry, name = stage.report.check, stage.registry, f"{repository(cosign)}/bundles"
    digest = skopeo.push(stage, name)
    image, config = f"{registry.host}/{name}@{digest}", place / "signing-config.json"
    cosign("signing-config", "create", f"--out={config}")
    with check(cosign, "signs an index with a bundle as its referrer, and verifies it"):
        cosign("sign", *_key(place, "key"), f"--signing-config={config}", _HTTP, image)
        assert registry.tags(name) == ["1"]
        (referrer,) = registry.referrers(name, digest)
        assert referrer["artifactType"] == _BUNDLE, referrer
        _verify(cosign, place, image)
    with check(cosign, "attests with a bundle as a referrer, and verifies it"):
        cosign("attest", *_key(place, "key"), f"--signing-config={config}", _HTTP, *_predicate(place), image)
        assert len(registry.referrers(name, digest)) == 2
        _verify_attestation(cosign, place, image)


def _key(place: Path, kind: str) -> tuple[str, ...]:
    return (f"--key={place / 'cosign'}.{kind}",)


def _predicate(place: Path) -> tuple[str, ...]:
    return (f"--predicate={place / 'predicate.json'}", f"--type={_TYPE}")


def _verify(cosign: Program, place: Path, image: str, *flags: str) -> None:
    cosign("verify", *_key(place, "pub"), "--insecure-ignore-tlog=true", *flags, _HTTP, image)


def _verify_attestation(cosign: Program, place: Path, image: str) -> None:
    cosign("verify-attestation", *_key(place, "pub"), "--insecure-ignore-tlog=true", f"--type={_TYPE}", _HTTP, image)


def _must_not_verify(cosign: Program, place: Path, image: str) -> None:
    said = cosign.refuses("verify", *_key(place, "pub"), "--insecure-ignore-tlog=true", _HTTP, image)
    assert "no signatures found" in said, said

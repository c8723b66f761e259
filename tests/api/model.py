"""A registry of plain dicts: what the real one must look like after the same requests."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.support.documents import Blob, descriptor

if TYPE_CHECKING:
    from tests.support.client import Client
    from tests.support.documents import Document


@dataclass(frozen=True)
class Manifest:
    """A manifest that was made; whether a repository holds it is the model's business."""

    content: bytes
    digest: str
    media_type: str
    blobs: tuple[str, ...]
    children: tuple[str, ...]
    subject: str | None
    artifact_type: str | None
    annotations: dict[str, str] | None

    def descriptor(self) -> Document:
        return descriptor(self.content, self.media_type)

    def listed(self) -> Document:
        """As the referrers API lists it."""
        more = {"artifactType": self.artifact_type, "annotations": self.annotations}
        return self.descriptor() | {key: value for key, value in more.items() if value}


@dataclass
class Repository:
    """What one repository holds."""

    blobs: set[str] = field(default_factory=set)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    history: dict[str, list[str]] = field(default_factory=dict)

    def tags(self) -> list[str]:
        return sorted(self.history)

    def exists(self) -> bool:
        return bool(self.blobs or self.manifests)

    def admits(self, manifest: Manifest) -> bool:
        return self.blobs.issuperset(manifest.blobs) and self.manifests.keys() >= set(manifest.children)

    def put(self, manifest: Manifest, tags: list[str]) -> None:
        self.manifests[manifest.digest] = manifest
        for tag in tags:
            entries = self.history.setdefault(tag, [])
            if entries[:1] != [manifest.digest]:
                entries.insert(0, manifest.digest)

    def delete(self, digest: str) -> None:
        del self.manifests[digest]
        for tag in self.tags():
            if self.history[tag][0] == digest:
                del self.history[tag]

    def referrers(self, subject: str, artifact_type: str | None = None) -> list[Document]:
        found = [
            manifest.listed()
            for manifest in self.manifests.values()
            if manifest.subject == subject and artifact_type in (None, manifest.artifact_type)
        ]
        return sorted(found, key=lambda each: str(each["digest"]))


@dataclass
class Upload:
    """An upload that is open."""

    name: str
    location: str
    content: bytes = b""


@dataclass
class Registry:
    """All of it, and all that was ever made in its course."""

    repositories: defaultdict[str, Repository] = field(default_factory=lambda: defaultdict(Repository))
    contents: dict[str, Blob] = field(default_factory=dict)
    made: dict[str, Manifest] = field(default_factory=dict)
    uploads: list[Upload] = field(default_factory=list)

    def catalog(self) -> list[str]:
        return sorted(name for name, repository in self.repositories.items() if repository.manifests)

    def blob(self, content: bytes, algorithm: str = "sha256") -> Blob:
        blob = Blob.of(content, algorithm)
        return self.contents.setdefault(blob.digest, blob)

    def anybody_holds(self, digest: str) -> bool:
        return any(digest in repository.blobs for repository in self.repositories.values())


def assert_repository(client: Client, model: Registry, name: str) -> None:
    """Read all that a repository could hold."""
    repository = model.repositories[name]
    answer = client.get(f"/v2/{name}/tags/list")
    assert answer.status == (200 if repository.exists() else 404)
    if repository.exists():
        assert answer.json() == {"name": name, "tags": repository.tags()}
        assert flat(client.pages(f"/v2/{name}/tags/list?n=2", "tags")) == repository.tags()
    for tag, entries in repository.history.items():
        got = client.get(f"/v2/{name}/manifests/{tag}")
        assert (got.status, got.headers["docker-content-digest"]) == (200, entries[0])
        history = client.get(f"/{name}/manifest_history/{tag}").json()["history"]
        assert [entry["digest"] for entry in history] == entries
    for digest, blob in model.contents.items():
        got = client.get(f"/v2/{name}/blobs/{digest}")
        assert got.status == (200 if digest in repository.blobs else 404)
        assert got.status == 404 or got.body == blob.content
    for digest, manifest in model.made.items():
        got = client.get(f"/v2/{name}/manifests/{digest}")
        assert got.status == (200 if digest in repository.manifests else 404)
        if got.status == 200:
            assert (got.body, got.headers["content-type"]) == (manifest.content, manifest.media_type)
        target = f"/v2/{name}/referrers/{digest}"
        assert client.get(target).json()["manifests"] == repository.referrers(digest)
        for kind in {each.artifact_type for each in model.made.values() if each.artifact_type}:
            filtered = client.get(f"{target}?artifactType={quote(kind, safe='')}").json()["manifests"]
            assert filtered == repository.referrers(digest, kind)


def assert_catalog(client: Client, model: Registry, prefix: str) -> None:
    """Read the part of the catalog that begins with `prefix`, at once and in pages."""
    for query in (f"?last={prefix}/", f"?last={prefix}/&n=2"):
        found = flat(client.pages(f"/v2/_catalog{query}", "repositories"))
        assert [name for name in found if name.startswith(f"{prefix}/")] == model.catalog()


def assert_uploads(client: Client, model: Registry) -> None:
    """Ask how far every open upload is."""
    for upload in model.uploads:
        answer = client.get(upload.location)
        assert (answer.status, answer.headers["range"]) == (204, f"0-{max(len(upload.content) - 1, 0)}")


def flat(pages: list[list[str]]) -> list[str]:
    return [name for page in pages for name in page]

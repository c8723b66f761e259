"""Images made from nothing, as OCI layouts: an index of three platforms, one with plain tar layers, one of 2 GiB."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import tarfile
from typing import TYPE_CHECKING

from tests.support import documents
from tests.support.documents import OCI_INDEX, Document

if TYPE_CHECKING:
    from pathlib import Path

PLATFORMS = (("amd64", ""), ("arm64", "v8"), ("arm", "v7"))
PLAIN_LAYER = "application/vnd.oci.image.layer.v1.tar"
GIB = 1 << 30
_ZEROS = bytes(1 << 20)


class Layout:
    """An OCI layout on disk, which skopeo, crane, oras and regctl read and write."""

    def __init__(self, path: Path, algorithm: str = "sha256") -> None:
        self.path = path
        self.algorithm = algorithm  # by which new blobs are named

    @property
    def manifests(self) -> list[Document]:
        """What its index.json lists."""
        found: list[Document] = json.loads((self.path / "index.json").read_bytes())["manifests"]
        return found

    @property
    def digest(self) -> str:
        """The digest of the one image in it."""
        (only,) = self.manifests
        return str(only["digest"])

    def blob(self, digest: str) -> Path:
        algorithm, _, value = digest.partition(":")
        return self.path / "blobs" / algorithm / value

    def digests(self) -> set[str]:
        """The names of all its blobs, each held against what it contains."""
        found = set()
        for path in self.path.glob("blobs/*/*"):
            with path.open("rb") as file:
                value = hashlib.file_digest(file, path.parent.name).hexdigest()
            assert value == path.name, f"{path} is {value}"
            found.add(f"{path.parent.name}:{value}")
        return found

    def add(self, content: bytes, media_type: str) -> Document:
        """Store a blob; its descriptor."""
        described = documents.descriptor(content, media_type, self.algorithm)
        path = self.blob(described["digest"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return described

    def finish(self, manifest: Document, tag: str) -> Layout:
        named = {**manifest, "annotations": {"org.opencontainers.image.ref.name": tag}}
        (self.path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        (self.path / "index.json").write_bytes(
            documents.dump({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [named]})
        )
        return self


def many_platforms(path: Path, tag: str) -> Layout:
    """An index of three platforms that share a layer; another path or tag makes another image."""
    layout, children = Layout(path), []
    rest = random.Random(f"{path.name}:{tag}")
    shared = _tar("shared", rest.randbytes(1 << 20))
    for architecture, variant in PLATFORMS:
        own = _tar("platform", f"linux/{architecture} {tag}\n".encode())
        child = _image(layout, [shared, own], architecture, variant, pack=True)
        platform = {"os": "linux", "architecture": architecture, **({"variant": variant} if variant else {})}
        children.append({**child, "platform": platform})
    return layout.finish(layout.add(documents.dump(documents.index(children)), OCI_INDEX), tag)


def plain(path: Path, tag: str, algorithm: str = "sha256") -> Layout:
    """One platform, its layers tar files as they are, for a client to compress as it is told."""
    layout = Layout(path, algorithm)
    layers = [_tar("text", b"to be compressed " * 40_000), _tar("noise", random.Random(tag).randbytes(200_000))]
    return layout.finish(_image(layout, layers, *PLATFORMS[0], pack=False), tag)


def large(path: Path, tag: str) -> Layout:
    """One layer of a little more than 2 GiB that hardly takes room: a tar of one file, which is a hole."""
    layout, size = Layout(path), 2 * GIB
    blobs = path / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    head = tarfile.TarInfo("zeros")
    head.size = size
    hashed = hashlib.sha256(header := head.tobuf())
    for _ in range(size // len(_ZEROS)):
        hashed.update(_ZEROS)
    hashed.update(bytes(2 * tarfile.BLOCKSIZE))
    with (blobs / hashed.hexdigest()).open("wb") as file:
        file.write(header)
        file.truncate(len(header) + size + 2 * tarfile.BLOCKSIZE)
        length = file.seek(0, 2)
    digest = f"sha256:{hashed.hexdigest()}"
    layer = {"mediaType": PLAIN_LAYER, "digest": digest, "size": length}
    return layout.finish(_manifest(layout, [layer], [digest], *PLATFORMS[0]), tag)


def _image(layout: Layout, layers: list[bytes], architecture: str, variant: str, *, pack: bool) -> Document:
    described = [
        layout.add(gzip.compress(layer, mtime=0), documents.OCI_LAYER) if pack else layout.add(layer, PLAIN_LAYER)
        for layer in layers
    ]
    return _manifest(layout, described, [documents.digest_of(layer) for layer in layers], architecture, variant)


def _manifest(layout: Layout, layers: list[Document], diffs: list[str], architecture: str, variant: str) -> Document:
    config = {
        "architecture": architecture,
        **({"variant": variant} if variant else {}),
        "os": "linux",
        "config": {"Cmd": ["/platform"]},
        "rootfs": {"type": "layers", "diff_ids": diffs},
    }
    described = layout.add(documents.dump(config), documents.OCI_CONFIG)
    manifest = {**documents.image(b""), "config": described, "layers": layers}
    return layout.add(documents.dump(manifest), documents.OCI_IMAGE)


def _tar(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()

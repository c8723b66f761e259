"""Manifests of every kind, made from plain values; pure."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OCI_IMAGE = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
DOCKER_IMAGE = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
DOCKER_FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
EMPTY_JSON = b"{}"

Document = dict[str, Any]


def digest_of(content: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


class Blob(NamedTuple):
    """Content and the name that it goes by."""

    content: bytes
    digest: str

    @classmethod
    def of(cls, content: bytes, algorithm: str = "sha256") -> Blob:
        return cls(content, digest_of(content, algorithm))


def descriptor(content: bytes, media_type: str, algorithm: str = "sha256") -> Document:
    return {"mediaType": media_type, "digest": digest_of(content, algorithm), "size": len(content)}


def dump(document: Document) -> bytes:
    return json.dumps(document).encode()


def image(
    config: bytes,
    layers: Sequence[bytes] = (),
    *,
    subject: Document | None = None,
    artifact_type: str | None = None,
    annotations: Mapping[str, str] | None = None,
    config_type: str = OCI_CONFIG,
    algorithm: str = "sha256",
) -> Document:
    """An OCI image; with an artifact type or a subject it is an artifact."""
    document: Document = {
        "schemaVersion": 2,
        "mediaType": OCI_IMAGE,
        "config": descriptor(config, config_type, algorithm),
        "layers": [descriptor(layer, OCI_LAYER, algorithm) for layer in layers],
    }
    return document | _more(subject, artifact_type, annotations)


def index(
    children: Sequence[Document],
    *,
    subject: Document | None = None,
    artifact_type: str | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Document:
    document: Document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(children)}
    return document | _more(subject, artifact_type, annotations)


def docker_image(config: bytes, layers: Sequence[bytes] = ()) -> Document:
    return {
        "schemaVersion": 2,
        "mediaType": DOCKER_IMAGE,
        "config": descriptor(config, DOCKER_CONFIG),
        "layers": [descriptor(layer, DOCKER_LAYER) for layer in layers],
    }


def docker_list(children: Sequence[Document]) -> Document:
    return {"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": list(children)}


def _more(subject: Document | None, artifact_type: str | None, annotations: Mapping[str, str] | None) -> Document:
    more: Document = {}
    if subject:
        more["subject"] = subject
    if artifact_type:
        more["artifactType"] = artifact_type
    if annotations:
        more["annotations"] = dict(annotations)
    return more

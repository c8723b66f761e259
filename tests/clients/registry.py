"""What the registry holds, asked over plain HTTP and without any client's understanding of it."""

from __future__ import annotations

import hashlib
import http.client
import json
from typing import TYPE_CHECKING

from tests.support.client import Client
from tests.support.documents import DOCKER_IMAGE, DOCKER_LIST, OCI_IMAGE, OCI_INDEX, digest_of

if TYPE_CHECKING:
    from tests.support.client import Answer
    from tests.support.documents import Document

_ANY_MANIFEST = ", ".join((OCI_INDEX, OCI_IMAGE, DOCKER_LIST, DOCKER_IMAGE))
_PIECE = 1 << 20


class Registry:
    """A registry on a loopback port."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.host = f"127.0.0.1:{port}"

    def ask(self, method: str, target: str) -> Answer:
        with Client(self.port) as client:
            return client.request(method, target, headers={"accept": _ANY_MANIFEST})

    def holds(self, name: str, reference: str) -> bool:
        answer = self.ask("HEAD", f"/v2/{name}/manifests/{reference}")
        assert answer.status in (200, 404), answer
        return answer.status == 200

    def digest(self, name: str, reference: str) -> str:
        """The digest of a manifest, which must be that of its content and that of its header."""
        content, headers = self._manifest(name, reference)
        said = headers["docker-content-digest"]
        assert said == digest_of(content, said.partition(":")[0]), said
        return said

    def manifest(self, name: str, reference: str) -> Document:
        found: Document = json.loads(self._manifest(name, reference)[0])
        return found

    def child(self, name: str, reference: str, architecture: str = "amd64") -> str:
        """The digest of one platform's image in an index."""
        for child in self.manifest(name, reference)["manifests"]:
            if child.get("platform", {}).get("architecture") == architecture:
                return str(child["digest"])
        raise LookupError(f"{name}:{reference} has no {architecture}")

    def config(self, name: str, reference: str) -> str:
        """The digest of an image's configuration, which docker and the kubelet call the image's ID."""
        return str(self.manifest(name, reference)["config"]["digest"])

    def tags(self, name: str) -> list[str]:
        answer = self.ask("GET", f"/v2/{name}/tags/list")
        assert answer.status == 200, answer
        return list(answer.json()["tags"])

    def referrers(self, name: str, digest: str) -> list[Document]:
        answer = self.ask("GET", f"/v2/{name}/referrers/{digest}")
        assert answer.status == 200, answer
        return list(answer.json()["manifests"])

    def prove(self, name: str, reference: str) -> None:
        """Fetch an image or index with all that it is made of, and hold each part against its digest and size."""
        self.digest(name, reference)
        manifest = self.manifest(name, reference)
        for child in manifest.get("manifests", ()):
            self.prove(name, child["digest"])
        for part in (*manifest.get("layers", ()), *([manifest["config"]] if "config" in manifest else ())):
            self.prove_blob(name, part["digest"], part["size"])

    def prove_blob(self, name: str, digest: str, size: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", f"/v2/{name}/blobs/{digest}")
            response = connection.getresponse()
            assert response.status == 200, (response.status, response.read(1000))
            hashed, arrived = hashlib.new(digest.partition(":")[0]), 0
            while piece := response.read(_PIECE):
                hashed.update(piece)
                arrived += len(piece)
            assert arrived == size, (digest, size, arrived)
            assert digest.endswith(f":{hashed.hexdigest()}"), (digest, hashed.hexdigest())
        finally:
            connection.close()

    def _manifest(self, name: str, reference: str) -> tuple[bytes, http.client.HTTPMessage]:
        answer = self.ask("GET", f"/v2/{name}/manifests/{reference}")
        assert answer.status == 200, f"GET {name}/manifests/{reference}: {answer.status} {answer.body[:300]!r}"
        assert isinstance(answer.headers, http.client.HTTPMessage)
        return answer.body, answer.headers

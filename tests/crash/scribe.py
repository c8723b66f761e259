"""A client that writes down in the model what it asks for, before, and what it was told, after."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.crash.client import CONFIG_TYPE, LAYER_TYPE, MANIFEST_TYPE, Refused, Violation, digest_of, location
from tests.crash.model import Blob, Key, OpenUpload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tests.crash.client import Answer, Client
    from tests.crash.model import Model


class Scribe:
    """Every method raises Cut when the connection ends, and Refused on an answer that it didn't hope for."""

    def __init__(self, client: Client, model: Model, repository: str) -> None:
        self.client = client
        self.model = model
        self.repository = repository
        self._base = f"/v2/{repository}"

    # uploads

    def open_upload(self, blob: Blob) -> OpenUpload:
        answer = self.client.expect(202, "POST", f"{self._base}/blobs/uploads/")
        upload = OpenUpload(self.repository, blob, location(answer))
        self.model.uploads.append(upload)
        return upload

    def send_chunk(self, upload: OpenUpload, size: int) -> None:
        """Send the next bytes from the acknowledged offset on."""
        start = upload.acknowledged
        chunk = upload.blob.content[start : start + size]
        upload.sent = max(upload.sent, start + len(chunk))
        headers = {
            "Content-Range": f"{start}-{start + len(chunk) - 1}",
            "Content-Type": "application/octet-stream",
        }
        answer = self.client.expect(202, "PATCH", upload.location, chunk, headers)
        upload.acknowledged = start + len(chunk)
        upload.location = location(answer)
        if answer.headers.get("range") != f"0-{upload.acknowledged - 1}":
            raise Violation(f"PATCH up to {upload.acknowledged} was answered with Range {answer.headers.get('range')}")

    def close_upload(self, upload: OpenUpload) -> None:
        """Send what is still to be sent with the closing PUT."""
        rest = upload.blob.content[upload.acknowledged :]
        upload.sent, upload.closing = len(upload.blob.content), True
        attempt = self.model.begin(Key("blob", self.repository, upload.blob.digest), upload.blob.digest)
        separator = "&" if "?" in upload.location else "?"
        headers = {"Content-Type": "application/octet-stream"} if rest else {}
        self.client.expect(201, "PUT", f"{upload.location}{separator}digest={upload.blob.digest}", rest, headers)
        attempt.acknowledge()
        self.model.uploads.remove(upload)

    def cancel_upload(self, upload: OpenUpload) -> None:
        upload.cancelling = True
        self.client.expect(204, "DELETE", upload.location)
        self.model.uploads.remove(upload)

    def status(self, upload: OpenUpload) -> int | None:
        """The offset of an upload, or None if it is unknown."""
        answer = self.client.request("GET", upload.location)
        if answer.status == 404:
            return None
        if answer.status != 204:
            raise Refused(f"GET {upload.location}", answer)
        last = int(answer.headers["range"].partition("-")[2])
        return last + 1 if last else 0

    # blobs

    def push_blob(self, blob: Blob, chunks: Sequence[int] = ()) -> None:
        """POST, PATCHes of these sizes, PUT."""
        upload = self.open_upload(blob)
        for size in chunks:
            if upload.acknowledged < len(blob.content):
                self.send_chunk(upload, size)
        self.close_upload(upload)

    def push_blob_at_once(self, blob: Blob) -> None:
        """A single POST; a registry may answer it with 202 and wait for a PUT."""
        attempt = self.model.begin(Key("blob", self.repository, blob.digest), blob.digest)
        headers = {"Content-Type": "application/octet-stream"}
        target = f"{self._base}/blobs/uploads/?digest={blob.digest}"
        answer = self.client.request("POST", target, blob.content, headers)
        self._created_or_open(answer, "POST with digest", attempt.acknowledge, blob)

    def mount(self, blob: Blob, source: str) -> None:
        attempt = self.model.begin(Key("blob", self.repository, blob.digest), blob.digest)
        answer = self.client.request("POST", f"{self._base}/blobs/uploads/?mount={blob.digest}&from={source}")
        self._created_or_open(answer, "mount", attempt.acknowledge, blob)

    def _created_or_open(self, answer: Answer, request: str, created: Callable[[], None], blob: Blob) -> None:
        if answer.status == 201:
            created()
        elif answer.status == 202:
            upload = OpenUpload(self.repository, blob, location(answer))
            self.model.uploads.append(upload)
            self.close_upload(upload)
        else:
            raise Refused(request, answer)

    def delete_blob(self, digest: str) -> None:
        attempt = self.model.begin(Key("blob", self.repository, digest), None)
        self.client.expect(202, "DELETE", f"{self._base}/blobs/{digest}")
        attempt.acknowledge()

    # manifests and tags

    def push_manifest(self, document: bytes, tag: str | None) -> None:
        digest = digest_of(document)
        attempts = [self.model.begin(Key("manifest", self.repository, digest), digest)]
        if tag:
            attempts.append(self.model.begin(Key("tag", self.repository, tag), digest))
        headers = {"Content-Type": MANIFEST_TYPE}
        self.client.expect(201, "PUT", f"{self._base}/manifests/{tag or digest}", document, headers)
        for attempt in attempts:
            attempt.acknowledge()

    def describe(self, config: Blob, layers: Iterable[Blob], note: str, subject: bytes | None = None) -> bytes:
        """A manifest of these blobs, different from any other by its note."""
        layers = list(layers)
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": _descriptor(CONFIG_TYPE, config),
            "layers": [_descriptor(LAYER_TYPE, each) for each in layers],
            "annotations": {"note": note},
        }
        if subject is not None:
            document["subject"] = _descriptor(MANIFEST_TYPE, Blob.of(subject))
        manifest = json.dumps(document).encode()
        digest = digest_of(manifest)
        self.model.manifests[digest] = (config.digest, *(each.digest for each in layers))
        if subject is not None:
            self.model.subjects[digest] = digest_of(subject)
        return manifest

    def delete_manifest(self, digest: str) -> None:
        attempt = self.model.begin(Key("manifest", self.repository, digest), None)
        self.client.expect(202, "DELETE", f"{self._base}/manifests/{digest}")
        attempt.acknowledge()

    def delete_tag(self, tag: str) -> None:
        """Raises Refused with 404 if somebody else was faster: then nothing is noted."""
        key = Key("tag", self.repository, tag)
        attempt = self.model.begin(key, None)
        answer = self.client.request("DELETE", f"{self._base}/manifests/{tag}")
        if answer.status != 202:
            if answer.status == 404:
                self.model.register(key).attempts.remove(attempt)
            raise Refused(f"DELETE tag {tag}", answer)
        attempt.acknowledge()


def _descriptor(media_type: str, blob: Blob) -> dict[str, object]:
    return {"mediaType": media_type, "digest": blob.digest, "size": len(blob.content)}

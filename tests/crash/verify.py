"""Is what was promised true? Asked over HTTP, of a server that was started after the crash."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tests.crash.client import Violation, digest_of
from tests.crash.model import Key
from tests.crash.scribe import Scribe

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.crash.client import Answer, Client
    from tests.crash.model import Model, OpenUpload


class Verifier:
    """Looks at a registry that nobody writes to, and settles in the model what it saw."""

    def __init__(self, client: Client, model: Model) -> None:
        self._client = client
        self._model = model
        self._whole: set[tuple[str, str]] = set()
        self.seen = 0

    def everything(self) -> None:
        self.check([key for keys in list(self._model.registers.values()) for key in keys])
        self._model.touched.clear()

    def touched(self, also: Iterable[Key] = ()) -> None:
        """What was asked for since the last check, and a few more."""
        self.check([*self._model.touched, *also])
        self._model.touched.clear()

    def check(self, keys: Iterable[Key]) -> None:
        """Raises Violation if a key shows what it can't be, or anything that is served is not whole."""
        possible = {key: self._model.possible(key) for key in keys}
        observed = {key: self._observe(key) for key in possible}
        for key, value in observed.items():
            if value not in possible[key]:
                attempts = "; ".join(map(str, self._model.register(key).attempts))
                raise Violation(f"{key} is {value}, which none of its attempts explains: {attempts}")
            self._model.register(key).settle(value)
            self._check_referrer(key, value)
        for repository in {key.repository for key in observed if key.kind == "tag"}:
            self._check_tags(repository)
        self.seen += len(observed)

    def _observe(self, key: Key) -> str | None:
        if key.kind == "blob":
            return key.name if self._blob(key.repository, key.name) else None
        return self._manifest(key.repository, key.name)

    def _manifest(self, repository: str, reference: str) -> str | None:
        """The digest of a manifest that can be pulled completely, or None if there is none."""
        answer = self._client.request("GET", f"/v2/{repository}/manifests/{reference}")
        if _absent(answer, f"manifest {repository} {reference}"):
            return None
        digest = digest_of(answer.body)
        if answer.headers.get("docker-content-digest") != digest or (":" in reference and reference != digest):
            raise Violation(f"manifest {repository} {reference} is served with content of {digest}")
        document = json.loads(answer.body)
        for descriptor in (document["config"], *document["layers"]):
            if not self._blob(repository, descriptor["digest"]):
                raise Violation(f"manifest {repository} {reference} is served, its blob {descriptor['digest']} isn't")
        return digest

    def _blob(self, repository: str, digest: str) -> bool:
        if (repository, digest) in self._whole:
            return True
        answer = self._client.request("GET", f"/v2/{repository}/blobs/{digest}")
        if _absent(answer, f"blob {repository} {digest}"):
            return False
        if digest_of(answer.body) != digest:
            raise Violation(f"blob {repository} {digest} is served with content of {digest_of(answer.body)}")
        self._whole.add((repository, digest))
        return True

    def _check_tags(self, repository: str) -> None:
        answer = self._client.request("GET", f"/v2/{repository}/tags/list")
        listed = set() if _absent(answer, f"tags of {repository}") else set(json.loads(answer.body)["tags"] or ())
        expected = {key.name for key in self._model.keys("tag", repository) if self._model.possible(key) != {None}}
        if listed != expected:
            raise Violation(
                f"{repository} lists the tags {sorted(listed)}, but those that resolve are {sorted(expected)}"
            )

    def _check_referrer(self, key: Key, value: str | None) -> None:
        subject = self._model.subjects.get(key.name)
        if key.kind != "manifest" or subject is None:
            return
        answer = self._client.expect(200, "GET", f"/v2/{key.repository}/referrers/{subject}")
        listed = {each["digest"] for each in json.loads(answer.body)["manifests"]}
        if (key.name in listed) != (value is not None):
            raise Violation(f"referrer {key}: manifest there {value is not None}, listed {key.name in listed}")

    def uploads(self, *, finish: Iterable[OpenUpload]) -> None:
        """Every open upload is there with what was acknowledged; those to finish are finished."""
        chosen = list(finish)
        for upload in list(self._model.uploads):
            scribe = Scribe(self._client, self._model, upload.repository)
            offset = scribe.status(upload)
            if offset is None and upload.cancelling:
                self._model.uploads.remove(upload)
                continue
            if offset is None and upload.closing:
                if not self._blob(upload.repository, upload.blob.digest):
                    raise Violation(f"{upload.location} was being closed; now neither upload nor blob are there")
                upload.acknowledged = len(upload.blob.content)
            elif offset is None:
                raise Violation(f"{upload.location} is unknown, but {upload.acknowledged} bytes were acknowledged")
            elif not upload.acknowledged <= offset <= upload.sent:
                raise Violation(f"{upload.location} is at {offset}, not in {upload.acknowledged}..{upload.sent}")
            else:
                upload.acknowledged = offset
            if upload in chosen or offset is None:
                scribe.close_upload(upload)
                self.check([Key("blob", upload.repository, upload.blob.digest)])
            else:
                upload.closing = upload.cancelling = False


def _absent(answer: Answer, what: str) -> bool:
    if answer.status == 404 and answer.oci_code():
        return True
    if answer.status != 200:
        raise Violation(f"{what} was answered {answer.status}: {answer.body[:300]!r}")
    return False


def check_blobs_on_disk(data_dir: Path) -> int:
    """Every file that carries a digest as its name has that digest; how many there are."""
    count = 0
    for path in (data_dir / "blobs").glob("sha256/*/*"):
        if re.fullmatch(r"[0-9a-f]{64}", path.name):
            if digest_of(path.read_bytes()) != f"sha256:{path.name}":
                raise Violation(f"{path} has other content than its name says")
            count += 1
    return count

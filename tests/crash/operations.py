"""What a client does in one go, to be broken off anywhere, with what must be there before, and how it is repeated."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING

from tests.crash.client import Refused, digest_of
from tests.crash.model import Blob
from tests.crash.scribe import Scribe

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.crash.client import Client
    from tests.crash.model import Model

PIECE = 2_000  # arrives as one piece, so that each attempt makes the same calls
LARGE = 40 << 20


class Operation:
    """One operation, in a repository of its own, broken off again and again.

    `prepare` makes what must be there before, for the attempt of that number; `repeat` does it again, whatever a crash
    has left of it.
    """

    def __init__(self, model: Model, name: str) -> None:
        self._model = model
        self._name = name
        self._random = random.Random(name)
        self._number = 1
        self._config, self._layer = self._blob(900), self._blob(2 * PIECE)

    def connect(self, client: Client) -> None:
        self._scribe = Scribe(client, self._model, f"operations/{self._name}")

    def prepare(self, number: int) -> None:
        self._number = number

    def run(self) -> None:
        raise NotImplementedError

    def repeat(self) -> None:
        self.run()

    def _blob(self, size: int) -> Blob:
        while not self._in_folder(blob := Blob.of(self._random.randbytes(size))):
            pass
        return blob

    def _in_folder(self, blob: Blob) -> bool:
        """The digests of an attempt share a folder that is new to it, so that each attempt makes the same calls."""
        return blob.digest.startswith(f"sha256:{self._number % 256:02x}")

    def _push_blobs(self) -> None:
        self._scribe.push_blob(self._config)
        self._scribe.push_blob(self._layer, [PIECE, PIECE])

    def _push_manifest(self, note: str, tag: str | None = None, subject: bytes | None = None) -> bytes:
        blobs = self._config, [self._layer]
        candidates = (self._scribe.describe(*blobs, f"{note} {number}", subject) for number in itertools.count())
        manifest = next(each for each in candidates if self._in_folder(Blob.of(each)))
        self._scribe.push_manifest(manifest, tag)
        return manifest

    def _again(self, delete: Callable[[], None]) -> None:
        """Delete again; what the broken off attempt already did is answered with 404."""
        try:
            delete()
        except Refused as refused:
            if refused.answer.status != 404:
                raise


class BlobPush(Operation):
    """POST, PATCH, and a PUT with the rest."""

    def prepare(self, number: int) -> None:
        super().prepare(number)
        self._layer = self._blob(2 * PIECE)

    def run(self) -> None:
        self._scribe.push_blob(self._layer, [PIECE])


class BlobPushAtOnce(BlobPush):
    """A single POST."""

    def run(self) -> None:
        self._scribe.push_blob_at_once(self._layer)


class LargeAppend(Operation):
    """A chunk so large that a server may begin to sync it while it still arrives."""

    def prepare(self, number: int) -> None:
        self._layer = Blob.of(self._random.randbytes(LARGE))
        self._upload = self._scribe.open_upload(self._layer)

    def run(self) -> None:
        self._scribe.send_chunk(self._upload, LARGE - 1)
        self._scribe.close_upload(self._upload)

    def repeat(self) -> None:
        self._scribe.push_blob(self._layer, [LARGE - 1])


class ImagePush(Operation):
    """Two blobs and a manifest by tag, in a repository that is new each time."""

    def prepare(self, number: int) -> None:
        super().prepare(number)
        self._config, self._layer = self._blob(900), self._blob(2 * PIECE)
        self._scribe = Scribe(self._scribe.client, self._model, f"operations/{self._name}/{number}")

    def connect(self, client: Client) -> None:
        repository = self._scribe.repository if hasattr(self, "_scribe") else f"operations/{self._name}"
        self._scribe = Scribe(client, self._model, repository)

    def run(self) -> None:
        self._push_blobs()
        self._push_manifest("image", "latest")


class Mount(Operation):
    def prepare(self, number: int) -> None:
        super().prepare(number)
        self._config = self._blob(900)
        Scribe(self._scribe.client, self._model, "operations/source").push_blob(self._config)

    def run(self) -> None:
        self._scribe.mount(self._config, "operations/source")


class OnImages(Operation):
    """Needs the blobs of an image."""

    def prepare(self, number: int) -> None:
        super().prepare(number)
        if number == 1:
            self._push_blobs()


class ReferrerPush(OnImages):
    def prepare(self, number: int) -> None:
        super().prepare(number)
        self._subject = self._push_manifest(f"subject {number}")

    def run(self) -> None:
        self._push_manifest(f"referrer {self._number}", None, self._subject)


class TagMove(OnImages):
    def prepare(self, number: int) -> None:
        super().prepare(number)
        self._push_manifest(f"before {number}", "latest")

    def run(self) -> None:
        self._push_manifest(f"after {self._number}", "latest")


class TagDelete(OnImages):
    def prepare(self, number: int) -> None:
        super().prepare(number)
        self._push_manifest(f"image {number}", "latest")

    def run(self) -> None:
        self._scribe.delete_tag("latest")

    def repeat(self) -> None:
        self._again(self.run)


class ManifestDelete(OnImages):
    """Of a manifest with two tags, which is a referrer."""

    def prepare(self, number: int) -> None:
        super().prepare(number)
        subject = self._push_manifest(f"subject {number}")
        self._digest = digest_of(self._push_manifest(f"image {number}", "latest", subject))
        self._push_manifest(f"image {number}", "other", subject)

    def run(self) -> None:
        self._scribe.delete_manifest(self._digest)

    def repeat(self) -> None:
        self._again(self.run)


class BlobDelete(Operation):
    def prepare(self, number: int) -> None:
        super().prepare(number)
        self._config = self._blob(900)
        self._scribe.push_blob(self._config)

    def run(self) -> None:
        self._scribe.delete_blob(self._config.digest)

    def repeat(self) -> None:
        self._again(self.run)


class UploadCancel(Operation):
    def prepare(self, number: int) -> None:
        self._upload = self._scribe.open_upload(self._layer)
        self._scribe.send_chunk(self._upload, PIECE)

    def run(self) -> None:
        self._scribe.cancel_upload(self._upload)

    def repeat(self) -> None:
        if self._upload in self._model.uploads:
            self._again(self.run)


OPERATIONS: dict[str, type[Operation]] = {
    "image push": ImagePush,
    "blob push": BlobPush,
    "blob push at once": BlobPushAtOnce,
    "tag move": TagMove,
    "manifest delete": ManifestDelete,
    "referrer push": ReferrerPush,
    "tag delete": TagDelete,
    "blob delete": BlobDelete,
    "mount": Mount,
    "upload cancel": UploadCancel,
}

"""A disk that fills up: a small ext4 on a loop device, mounted in a namespace of its own, which it never outlives."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import signal
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

from tests.crash import life
from tests.crash.client import Client, Cut, Refused, Violation
from tests.crash.model import Blob, Key, Model
from tests.crash.scribe import Scribe
from tests.crash.verify import Verifier, check_blobs_on_disk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_MIB = 1 << 20
_DISK = 48 * _MIB
_BALLAST = 14 * _MIB
_UPLOAD = 34 * _MIB
_CHUNK = 2 * _MIB
_UNABLE, _VIOLATED = 3, 4


def run() -> str:
    """Raises Unable where no loop device can be mounted, Violation when the server does not bear a full disk."""
    if os.geteuid() != 0:
        raise life.Unable("only root can mount the small disk that is to be filled")
    for program, package in (("unshare", "util-linux"), ("mount", "mount"), ("mkfs.ext4", "e2fsprogs")):
        life.require_program(program, package)
    command = ["unshare", "--mount", "--propagation", "private", sys.executable, "-m", "tests.crash.full_disk"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        said, _ = process.communicate()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if process.returncode == _UNABLE:
        raise life.Unable(said.strip())
    if process.returncode:
        raise Violation(said.strip())
    return said.strip()


@contextlib.contextmanager
def small_disk(data_dir: Path) -> Iterator[None]:
    """An ext4 file system at `data_dir`."""
    image = data_dir.with_name("disk.img")
    with image.open("wb") as file:
        file.truncate(_DISK)
    data_dir.mkdir()
    for command in (
        ["mkfs.ext4", "-q", "-F", "-m", "0", str(image)],
        ["mount", "-o", "loop", str(image), str(data_dir)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise life.Unable(f"{command[0]}: {(done.stderr or done.stdout).strip().splitlines()[-1]}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(data_dir)], check=True)


class FullDisk:
    """The course of events; every step notes in the model what was promised."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._ballast = data_dir / "ballast"
        self._model = Model()
        self._random = random.Random(1)
        self._server = life.start(data_dir, workers=2)
        self._told: list[str] = []

    def run(self) -> str:
        try:
            self._ballast.write_bytes(bytes(_BALLAST))
            self._push_what_stays_and_what_goes()
            self._fill()
            self._write_while_full()
            self._read_while_full()
            self._fill_last_blocks()
            self._restart()
            self._delete_while_full()
            self._ballast.unlink()
            self._finish()
            self._restart()
            with self._client() as client:
                Verifier(client, self._model).everything()
        except (Violation, Cut) as failure:
            raise Violation(f"{failure}\n{self._server.log()[-1500:]}") from None
        finally:
            life.kill(self._server)
        return f"{'; '.join(self._told)}; {check_blobs_on_disk(self._data_dir)} blobs verified on disk"

    def _push_what_stays_and_what_goes(self) -> None:
        with self._scribe() as scribe:
            self._blob = Blob.of(self._random.randbytes(_MIB))
            self._lonely = Blob.of(self._random.randbytes(1000))
            scribe.push_blob(self._blob)
            scribe.push_blob(self._lonely)
            scribe.push_manifest(scribe.describe(self._blob, [], "stays"), "stays")
            scribe.push_manifest(scribe.describe(self._blob, [], "goes"), "goes")
            scribe.push_manifest(scribe.describe(self._blob, [], "goes, too"), None)

    def _fill(self) -> None:
        """Two uploads, chunk by chunk and in one body, until there is no room; then the last blocks."""
        with self._scribe() as scribe:
            self._chunked = scribe.open_upload(Blob.of(self._random.randbytes(_UPLOAD)))
            self._whole = scribe.open_upload(Blob.of(self._random.randbytes(_UPLOAD)))
            while self._chunked.acknowledged < _UPLOAD // 2:
                scribe.send_chunk(self._chunked, _CHUNK)
            self._refused("a PUT of more than fits", lambda scribe: scribe.close_upload(self._whole))
            self._refused("a PATCH of more than fits", lambda scribe: scribe.send_chunk(self._chunked, _UPLOAD))
            for upload in (self._chunked, self._whole):
                offset = scribe.status(upload)
                if offset is None or offset < upload.acknowledged:
                    raise Violation(
                        f"{upload.location}: {upload.acknowledged} were acknowledged, now it is at {offset}"
                    )
                self._told.append(
                    f"upload kept at {offset / _MIB:.1f} MiB ({upload.acknowledged / _MIB:.0f} acknowledged)"
                )
        self._fill_last_blocks()

    def _fill_last_blocks(self) -> None:
        with self._ballast.open("ab", buffering=0) as ballast:
            for piece in (64 * 1024, 1024, 1):
                try:
                    while True:
                        ballast.write(bytes(piece))
                        os.fsync(ballast.fileno())
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def _write_while_full(self) -> None:
        small = Blob.of(self._random.randbytes(5000))
        self._refused("a blob", lambda scribe: scribe.push_blob_at_once(small))
        self._refused("a blob in chunks", lambda scribe: scribe.push_blob(small, [3000]))
        self._refused("a manifest", lambda scribe: scribe.push_manifest(scribe.describe(self._blob, [], "x"), "full"))

    def _refused(self, what: str, push: Callable[[Scribe], None]) -> None:
        """On a connection of its own: it may be closed, since the body was not read to its end."""
        try:
            with self._scribe() as scribe:
                push(scribe)
        except Refused as refused:
            answer = refused.answer
            if answer.status != 507 or answer.oci_code() is None:
                raise Violation(f"on a full disk {what} was answered {answer.status} {answer.body[:300]!r}") from None
            self._told.append(f"{what}: {answer.status} {answer.oci_code()}")
        else:
            raise Violation(f"on a full disk {what} was acknowledged")

    def _read_while_full(self) -> None:
        with self._client() as client:
            Verifier(client, self._model).everything()

    def _delete_while_full(self) -> None:
        with self._scribe() as scribe:
            scribe.delete_tag("goes")
            for key in self._model.present("manifest", scribe.repository):
                if Key("tag", scribe.repository, "stays") not in self._tags_of(key.name):
                    scribe.delete_manifest(key.name)
            scribe.delete_blob(self._lonely.digest)
        self._read_while_full()
        self._told.append("tag, manifests and blob deleted")

    def _tags_of(self, digest: str) -> list[Key]:
        return [key for key in self._model.keys("tag", "full/disk") if digest in self._model.possible(key)]

    def _finish(self) -> None:
        """There is room for one of the uploads; the other one makes room for it."""
        with self._scribe() as scribe:
            scribe.cancel_upload(self._whole)
            offset = scribe.status(self._chunked)
            if offset is None:
                raise Violation("the upload is gone after there was room again")
            self._chunked.acknowledged = offset
            scribe.send_chunk(self._chunked, _CHUNK)
            scribe.close_upload(self._chunked)
            Verifier(scribe.client, self._model).everything()
        self._told.append(f"resumed at {offset / _MIB:.1f} MiB and completed")

    def _restart(self) -> None:
        life.kill(self._server)
        self._server = life.start(self._data_dir, workers=2)

    @contextlib.contextmanager
    def _scribe(self) -> Iterator[Scribe]:
        with self._client() as client:
            yield Scribe(client, self._model, "full/disk")

    def _client(self) -> closing[Client]:
        return closing(Client(self._server.port))


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with life.place() as data_dir, small_disk(data_dir):
            life.say(FullDisk(data_dir).run())
    except life.Unable as reason:
        life.say(str(reason))
        return _UNABLE
    except Violation as violation:
        life.say(str(violation))
        return _VIOLATED
    return 0


if __name__ == "__main__":
    sys.exit(main())

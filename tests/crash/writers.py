"""Clients that push, move and delete at random until the server dies, and one that reads what they write."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING

from tests.crash.client import Client, Cut, Refused, Violation, digest_of
from tests.crash.model import Blob, Key
from tests.crash.scribe import Scribe

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.crash.model import Model

WRITERS = 4
TAGS = ("latest", "v1", "v2", "v3")
_SIZES = (2, 900, 5_000, 60_000, 400_000, 1_500_000)
_SIZE_WEIGHTS = (1, 4, 5, 4, 2, 1)


class Writer:
    """Writes to a repository of its own, and to one that it shares with the other writers."""

    def __init__(self, port: int, model: Model, epoch: int, number: int, seed: str) -> None:
        self.random = random.Random(seed)
        client = Client(port)
        self.client = client
        self._model = model
        self._seed = seed
        self._notes = 0
        self.own = Scribe(client, model, f"crash/epoch{epoch}/of/writer{number}")
        self.shared = Scribe(client, model, f"crash/epoch{epoch}")
        self.common = random.Random(f"common {epoch}").randbytes(3_000)
        self._documents: dict[str, bytes] = {}

    def act(self) -> None:
        """One thing that a client of a registry does."""
        actions: tuple[tuple[Callable[[], None], int], ...] = (
            (self.push_image, 9),
            (self.push_shared, 4),
            (self.move_tag, 5),
            (self.delete_tag, 2),
            (self.delete_manifest, 2),
            (self.delete_blob, 2),
            (self.leave_upload, 2),
            (self.go_on_with_upload, 3),
            (self.mount, 2),
        )
        action = self.random.choices([action for action, _ in actions], [weight for _, weight in actions])[0]
        action()

    def push_image(self) -> None:
        config, layer = self._new_blob(), self._new_blob()
        for blob in (config, layer, Blob.of(self.common)):
            self._push(blob)
        subject = self._subject()
        manifest = self.own.describe(config, [layer, Blob.of(self.common)], self._note(), subject)
        self.own.push_manifest(manifest, self.random.choice((*TAGS, None)))
        self._documents[digest_of(manifest)] = manifest

    def push_shared(self) -> None:
        blob = Blob.of(self.common)
        self.shared.push_blob(blob)
        self.shared.push_manifest(self.shared.describe(blob, [], self._note()), self.random.choice(TAGS))

    def move_tag(self) -> None:
        if manifest := self._own_manifest():
            self.own.push_manifest(manifest, self.random.choice(TAGS))

    def delete_tag(self) -> None:
        scribe = self.random.choice((self.own, self.shared))
        if present := self._model.present("tag", scribe.repository):
            try:
                scribe.delete_tag(self.random.choice(present).name)
            except Refused as refused:
                if refused.answer.status != 404 or scribe is self.own:
                    raise

    def delete_manifest(self) -> None:
        if present := self._model.present("manifest", self.own.repository):
            self.own.delete_manifest(self.random.choice(present).name)

    def delete_blob(self) -> None:
        if unreferenced := self._model.unreferenced(self.own.repository):
            self.own.delete_blob(self.random.choice(unreferenced).name)

    def leave_upload(self) -> None:
        upload = self.own.open_upload(self._new_blob())
        for _ in range(self.random.randrange(3)):
            if upload.acknowledged < len(upload.blob.content):
                self.own.send_chunk(upload, self.random.randint(2, 50_000))

    def go_on_with_upload(self) -> None:
        mine = [each for each in list(self._model.uploads) if each.repository == self.own.repository]
        if mine:
            upload = self.random.choice(mine)
            if self.random.random() < 0.2:
                self.own.cancel_upload(upload)
            else:
                self.own.close_upload(upload)

    def mount(self) -> None:
        self.own.mount(Blob.of(self.common), self.shared.repository)

    def _push(self, blob: Blob) -> None:
        way = self.random.random()
        if way < 0.2:
            self.own.push_blob_at_once(blob)
        elif way < 0.5:
            self.own.push_blob(blob)
        else:
            half = max(2, len(blob.content) // 2)
            self.own.push_blob(blob, [half, half])

    def _new_blob(self) -> Blob:
        (size,) = self.random.choices(_SIZES, _SIZE_WEIGHTS)
        return Blob.of(self.random.randbytes(size))

    def _note(self) -> str:
        self._notes += 1
        return f"{self._seed} {self._notes}"

    def _own_manifest(self) -> bytes | None:
        present = [key.name for key in self._model.present("manifest", self.own.repository)]
        known = [self._documents[each] for each in present if each in self._documents]
        return self.random.choice(known) if known else None

    def _subject(self) -> bytes | None:
        return self._own_manifest() if self.random.random() < 0.3 else None


class Storm:
    """Writers and a reader, each a thread, until `dying` is set and the server is gone."""

    def __init__(self, port: int, model: Model, epoch: int, seed: str) -> None:
        self.violations: list[str] = []
        self.actions = 0
        self.reads = 0
        self._dying = threading.Event()
        writers = [Writer(port, model, epoch, number, f"{seed} {number}") for number in range(WRITERS)]
        self._threads = [threading.Thread(target=self._write, args=(each,), daemon=True) for each in writers]
        self._threads.append(threading.Thread(target=self._read, args=(port, model, epoch), daemon=True))

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def dying(self) -> None:
        """From now on a cut connection is no surprise."""
        self._dying.set()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(90)
            if thread.is_alive():
                self.violations.append(f"{thread.name} is still waiting for an answer of a dead server")

    def _write(self, writer: Writer) -> None:
        def step() -> None:
            writer.act()
            self.actions += 1

        self._until_dead(step)
        writer.client.close()

    def _read(self, port: int, model: Model, epoch: int) -> None:
        client = Client(port)
        choice = random.Random(epoch)

        def step() -> None:
            keys = list(model.touched)
            if not keys:
                self._dying.wait(0.005)
                return
            key = choice.choice(keys)
            _read_whole(client, key)
            self.reads += 1
            self._dying.wait(0.002)

        self._until_dead(step)
        client.close()

    def _until_dead(self, step: Callable[[], None]) -> None:
        while True:
            try:
                step()
            except Cut as cut:
                if not self._dying.is_set():
                    self.violations.append(f"cut off by a living server: {cut}")
                return
            except Violation as violation:
                self.violations.append(str(violation))
                return


def _read_whole(client: Client, key: Key) -> None:
    """What is served while others write is whole, too."""
    resource = "blobs" if key.kind == "blob" else "manifests"
    answer = client.request("GET", f"/v2/{key.repository}/{resource}/{key.name}")
    if answer.status == 200:
        expected = key.name if key.kind != "tag" else answer.headers.get("docker-content-digest")
        if digest_of(answer.body) != expected:
            raise Violation(f"{key} was served with content of {digest_of(answer.body)} while others wrote")
    elif answer.status != 404:
        raise Violation(f"{key} was answered {answer.status} while others wrote: {answer.body[:200]!r}")

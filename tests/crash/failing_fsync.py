"""An fsync that fails is a failed write: no acknowledgement follows it, and the server goes on."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import signal
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from tests.crash import life
from tests.crash.client import Answer, Client, Refused, Violation
from tests.crash.model import Blob, Model
from tests.crash.operations import OPERATIONS, ImagePush, LargeAppend
from tests.crash.scribe import Scribe
from tests.crash.trace import read_trace
from tests.crash.verify import Verifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.crash.operations import Operation
    from tests.support.server import Server

_MOST = 60
_ROUNDS = 5


class Sync(NamedTuple):
    """An fsync that was seen: at which request, of what (without what differs each time), and whether it failed."""

    request: int
    path: str
    failed: bool

    def place(self) -> tuple[int, str]:
        return self.request, re.sub(r"tmp-.*|[0-9a-f]{8}[-.0-9a-z]*|(?<=/)[0-9a-f]{2}(?=/|$)|[0-9]+", "…", self.path)


class Tally(NamedTuple):
    operations: int
    failures: int
    refusals: int
    places: int
    places_failed: int

    def __str__(self) -> str:
        return (
            f"{self.failures} fsyncs failed in {self.operations} operations, at {self.places_failed} of their "
            f"{self.places} places; {self.refusals} requests were refused for it, none acknowledged, and all succeeded "
            "when repeated"
        )


class Faults:
    """A strace that lets fsyncs of the workers fail: the n-th of each thread, or all of them."""

    def __init__(self, server: Server, when: str) -> None:
        self._root = server.data_dir
        self._trace = server.data_dir.with_name("faults")
        self._seen = 0
        workers = [word for pid in server.workers() for word in ("-p", str(pid))]
        inject = f"inject=fsync,fdatasync:error=EIO:when={when}"
        self._process = subprocess.Popen(
            ["strace", "-f", "-y", "-o", str(self._trace), "-e", "trace=fsync,fdatasync", "-e", inject, *workers],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr
        for _ in server.workers():
            line = self._process.stderr.readline()
            if "attached" not in line:
                self.detach()
                raise life.Unable(line.strip())

    def new(self, request: int) -> list[Sync]:
        """The fsyncs since this was last asked."""
        with self._trace.open(errors="replace") as lines:
            syncs = [
                Sync(request, os.path.relpath(path, self._root), call.injected)
                for call in read_trace(lines)
                for path in call.paths()
            ]
        self._seen, fresh = len(syncs), syncs[self._seen :]
        return fresh

    def detach(self) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.communicate(timeout=20)


class Witness(Client):
    """Checks of each answer that it is an error exactly when an fsync failed for it."""

    def __init__(self, port: int, faults: Faults) -> None:
        super().__init__(port)
        self._faults = faults
        self._requests = 0
        self.syncs: list[Sync] = []
        self.refusals = 0

    def request(self, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        answer = super().request(method, target, body, headers)
        self._requests += 1
        syncs = self._faults.new(self._requests)
        self.syncs += syncs
        failed = [each.path for each in syncs if each.failed]
        if bool(failed) != (answer.status >= 500) or (failed and answer.oci_code() is None):
            what = f"{method} {target} was answered {answer.status} {answer.body[:200]!r}"
            raise Violation(f"{what}, and the fsyncs that failed for it are {failed or 'none'}")
        self.refusals += bool(failed)
        return answer

    def failed(self) -> list[Sync]:
        return [each for each in self.syncs if each.failed]


class Trial:
    """The operations, each with its first fsync failing, its second, and so on, on one server until it is killed."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._model = Model()
        self._operations = {**OPERATIONS, "large append": LargeAppend}
        self._server = life.start(data_dir)
        self._failures = 0
        self._refusals = 0
        self._places = 0
        self._places_failed = 0

    def run(self) -> Tally:
        try:
            self._all_fail()
            for name in self._operations:
                self._try_each(name)
                life.kill(self._server)
                self._server = life.start(self._data_dir)
                with self._client() as client:
                    Verifier(client, self._model).everything()
        except Violation as violation:
            raise Violation(f"{violation}\n{self._server.log()[-1500:]}") from None
        finally:
            life.kill(self._server)
        return Tally(len(self._operations), self._failures, self._refusals, self._places, self._places_failed)

    def _try_each(self, name: str) -> None:
        """Again while a place is left whose fsync has not failed: the threads take turns, and each is counted apart."""
        operation, numbers = self._operations[name](self._model, name.replace(" ", "-")), itertools.count(1)
        places: set[tuple[int, str]] = set()
        failed: set[tuple[int, str]] = set()
        for _ in range(_ROUNDS):
            for nth in range(1, _MOST):
                witness = self._let_fail(operation, next(numbers), nth)
                if not witness.failed():
                    places |= {each.place() for each in witness.syncs}
                    break
                failed |= {each.place() for each in witness.failed()}
            if places <= failed:
                break
        self._places += len(places)
        self._places_failed += len(places & failed)

    def _let_fail(self, operation: Operation, number: int, nth: int) -> Witness:
        """Run an operation with the n-th fsync failing, repeat it without, and look."""
        with self._client() as client:
            operation.connect(client)
            operation.prepare(number)
        with self._faults(str(nth)) as witness:
            operation.connect(witness)
            with contextlib.suppress(Refused):
                operation.run()
        with self._client() as client:
            self._forget_uploads(witness.failed(), client)
            operation.connect(client)
            if witness.failed():
                operation.repeat()
            verifier = Verifier(client, self._model)
            verifier.touched()
            verifier.uploads(finish=[])
        return witness

    def _forget_uploads(self, failed: list[Sync], client: Client) -> None:
        """An upload whose own bytes could not be synced may be gone: nobody can know what its file holds."""
        for upload in list(self._model.uploads):
            scribe = Scribe(client, self._model, upload.repository)
            identity = upload.location.rpartition("/")[2]
            if scribe.status(upload) is None and any(identity in each.path for each in failed):
                self._model.uploads.remove(upload)

    def _all_fail(self) -> None:
        """While every fsync fails nothing is acknowledged, and what was there before is served."""
        operation = ImagePush(self._model, "before")
        with self._client() as client:
            operation.connect(client)
            operation.prepare(0)
            operation.run()
        with self._faults("1+") as witness:
            operation.connect(witness)
            scribe = Scribe(witness, self._model, "operations/none")
            unkept = Scribe(witness, Model(), "operations/none")  # an upload that lost its bytes is gone
            attempts: tuple[Callable[[], object], ...] = (
                lambda: unkept.send_chunk(unkept.open_upload(Blob.of(b"never")), 3),
                lambda: scribe.push_blob_at_once(Blob.of(b"never")),
                lambda: scribe.push_manifest(scribe.describe(Blob.of(b"never"), [], "never"), "never"),
                operation.run,
            )
            for attempt in attempts:
                with contextlib.suppress(Refused):
                    attempt()
                    raise Violation("a push succeeded although every fsync failed")
            Verifier(witness, self._model).touched(self._model.keys("tag", "operations/before/0"))

    @contextlib.contextmanager
    def _faults(self, when: str) -> Iterator[Witness]:
        faults = Faults(self._server, when)
        witness = Witness(self._server.port, faults)
        try:
            yield witness
        finally:
            witness.close()
            faults.detach()
        self._failures += len(witness.failed())
        self._refusals += witness.refusals

    def _client(self) -> contextlib.closing[Client]:
        return contextlib.closing(Client(self._server.port))


def run() -> Tally:
    """Raises Violation when a failed fsync is acknowledged, or the server doesn't recover."""
    with life.place() as data_dir:
        return Trial(data_dir).run()

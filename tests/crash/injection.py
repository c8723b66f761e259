"""SIGKILL at each call of each operation: a page cache survives a kill, so every half step must be tried on its own."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from concurrent.futures import FIRST_EXCEPTION, CancelledError, ThreadPoolExecutor, wait
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from tests.crash import life
from tests.crash.client import Client, Cut, Violation
from tests.crash.model import Model
from tests.crash.operations import OPERATIONS
from tests.crash.trap import Trap
from tests.crash.verify import Verifier, check_blobs_on_disk

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

LANES = 2


class Points(NamedTuple):
    """The calls of an operation, in their order, and how many of them were its last one."""

    calls: list[str]
    hit: int

    def __str__(self) -> str:
        kinds = Counter(call.partition(" ")[0] for call in self.calls)
        return f"{self.hit} of {len(self.calls)} calls: " + ", ".join(
            f"{count} {kind}" for kind, count in kinds.most_common()
        )


class Anvil:
    """One operation, broken off again and again on one data directory; the server that verified serves on."""

    def __init__(self, data_dir: Path, name: str, stop: threading.Event) -> None:
        self._data_dir = data_dir
        self._stop = stop
        self._name = name
        self._model = Model()
        self._trap = Trap(data_dir)
        self._operation = OPERATIONS[name](self._model, name.replace(" ", "-"))
        self._operation.connect(self._client())
        self._attempts = itertools.count(1)

    def break_off_everywhere(self) -> Points:
        """At its first call, its second, and so on until it ends unharmed; again where another call came than then."""
        hit: dict[int, str] = {}
        while (point := self._attempt(len(hit) + 1)) is not None:
            hit[len(hit) + 1] = point
        calls = self._trap.calls
        for number, call in enumerate(calls, 1):
            if hit.get(number) != call:
                hit[number] = self._attempt(number) or ""
        return Points(calls, sum(hit[number] == call for number, call in enumerate(calls, 1)))

    def close(self) -> None:
        self._trap.close()
        check_blobs_on_disk(self._data_dir)

    def _attempt(self, number: int) -> str | None:
        """The call at which the operation was broken off; None if it ended before."""
        if self._stop.is_set():
            raise CancelledError
        self._operation.prepare(next(self._attempts))
        point = self._break_off(number)
        try:
            self._verify()
            if point is not None:
                self._operation.connect(self._client())
                self._operation.repeat()
                self._verify()
        except (Violation, Cut) as error:
            log = self._trap.server.log()[-1500:]
            raise Violation(f"{self._name}, killed at call {number}, {point}: {error}\n{log}") from None
        return point

    def _break_off(self, number: int) -> str | None:
        """Run it with the trap set, and start the server again if it was killed."""
        self._trap.arm(number)
        try:
            self._operation.run()
        except Cut as cut:
            if not self._trap.sprung:
                raise Violation(f"cut off by a living server: {cut}") from None
        self._trap.disarm()
        point = self._trap.sprung
        if point is not None:
            self._trap.close()
            self._trap = Trap(self._data_dir)
        return point

    def _verify(self) -> None:
        verifier = Verifier(self._client(), self._model)
        verifier.touched()
        verifier.uploads(finish=[])

    def _client(self) -> Client:
        return Client(self._trap.server.port)


def run(names: Iterable[str] = OPERATIONS) -> dict[str, Points]:
    """The points survived, by operation. Raises Violation when a promise is broken."""
    stop = threading.Event()

    def work(name: str) -> Points:
        if stop.is_set():
            return Points([], 0)
        with life.place() as data_dir, closing(Anvil(data_dir, name, stop)) as anvil:
            points = anvil.break_off_everywhere()
        life.say(f"  {name}: {points}")
        return points

    with ThreadPoolExecutor(LANES) as pool:
        lanes = {name: pool.submit(work, name) for name in names}
        try:
            wait(lanes.values(), return_when=FIRST_EXCEPTION)
        finally:
            stop.set()
    for lane in lanes.values():
        if (failure := lane.exception()) and not isinstance(failure, CancelledError):
            raise failure
    return {name: lane.result() for name, lane in lanes.items()}


def summary(tally: dict[str, Points]) -> str:
    total = Points(
        [call for points in tally.values() for call in points.calls], sum(each.hit for each in tally.values())
    )
    return f"{len(tally)} operations broken off at {total}; all survived"

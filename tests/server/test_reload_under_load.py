"""Reloads while many ask: no request fails, none is answered by half of two generations, and all change together.

A dozen reloads a run; `TROW_RELOADS=200` for that many (with `-o faulthandler_timeout=0`: it takes four minutes).
"""

from __future__ import annotations

import itertools
import os
import random
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from tests.support.client import Client
from tests.support.documents import digest_of, dump, image
from tests.support.reloading import MOST_SECONDS, replace, watched, write_slowly

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RELOADS = int(os.environ.get("TROW_RELOADS", "12"))


class Seen(NamedTuple):
    """What an answer told of the settings it was made by: when it was asked for and came, its worker, its limit."""

    sent: float
    received: float
    worker: int
    limit: int


def generation(number: int) -> str:
    """Even ones take small manifests, and whole ones alone; odd ones take large ones that lack everything."""
    return (
        f"version: 1\nlimits:\n  manifest_size: {(100_000 if number % 2 else 1000) + number}\n"
        f"# {'a comment that takes its time to be written ' * 40}\n"
        f"manifests:\n  sparse: {'all' if number % 2 else 'none'}\n"
    )


def test_reloads_under_load_fail_no_request_and_mix_no_generations(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(generation(0))
    content = dump(image(b"missing" * 10, annotations={"padding": "x" * 20_000}))
    stop, failed = threading.Event(), []
    seen: list[Seen] = []
    with watched(tmp_path / "data", file, "--log-level", "warn") as trow:
        pushed = trow.clients[0].push_image("pulled")

        def ask(once: Callable[[Client], None]) -> None:
            while not stop.is_set():
                try:
                    with Client(trow.server.port) as client:
                        for _ in range(3):
                            once(client)
                except Exception as error:  # noqa: BLE001 (whatever it is, it is a failure)
                    failed.append(repr(error))

        def probe(client: Client) -> None:
            """Its limit names the generation."""
            sent = time.monotonic()
            answer = client.put("/v2/limit/manifests/latest", b"x" * 200_000)
            limit = answer.json()["errors"][0]["detail"]["limit"]
            seen.append(Seen(sent, time.monotonic(), answer.worker, limit))
            time.sleep(0.01)

        def push(client: Client) -> None:
            """Too large for the even, and lacking nothing that the odd ask for: any other answer is half of two."""
            answer = client.put_manifest("half", content, digest_of(content))
            if answer.status != 201:
                assert "bigger than limit" in answer.body.decode(), answer
            time.sleep(0.02)

        def pull(client: Client) -> None:
            assert client.get("/v2/pulled/manifests/latest").body == pushed.content
            time.sleep(0.01)

        threads = [threading.Thread(target=ask, args=[once]) for once in (probe, probe, push, pull)]
        for thread in threads:
            thread.start()
        chance = random.Random(5)
        written: list[float] = []
        try:
            for number in range(1, RELOADS + 1):
                if number % 4 < 2:
                    write_slowly(file, generation(number), [chance.uniform(0.05, 0.3) for _ in range(2 + number % 2)])
                elif number % 4 == 2:
                    replace(file, generation(number))
                else:
                    file.write_text(generation(number))
                written.append(time.monotonic())
                trow.wait_state(generation=number + 1)
        finally:
            time.sleep(0.3)
            stop.set()
            for thread in threads:
                thread.join()
        log = trow.server.log()
    _judge(seen, written, failed)
    assert "Traceback" not in log
    assert '"level":"error"' not in log


def _judge(seen: list[Seen], written: list[float], failed: list[str]) -> None:
    """Every worker goes from one generation to the next, soon after it was written, and about when the other does."""
    assert not failed, failed[:5]
    first: dict[tuple[int, int], float] = {}
    last: dict[tuple[int, int], float] = {}
    workers = {each.worker for each in seen}
    assert len(workers) == 2
    for worker in workers:
        mine = sorted(each for each in seen if each.worker == worker)
        for each in mine:
            number = each.limit % 1000
            assert each.limit == (100_000 if number % 2 else 1000) + number
            first.setdefault((worker, number), each.received)
            last[worker, number] = each.sent
        # who asks side by side may hear in another order
        for one, other in itertools.pairwise(mine):
            assert one.received > other.sent or one.limit % 1000 <= other.limit % 1000
    took = [
        first[worker, number] - written[number - 1]
        for worker in workers
        for number in range(1, len(written) + 1)
        if (worker, number) in first
    ]
    together = []
    for number in range(len(written)):
        later = [first[worker, number + 1] for worker in workers if (worker, number + 1) in first]
        older = [last[worker, number] for worker in workers if (worker, number) in last]
        if later and older:
            together.append(max(older) - min(later))
    took.sort()
    print(
        f"{len(written)} reloads, {len(seen)} answers that tell, none failed; "
        f"in force after {took[len(took) // 2]:.2f} s (most {took[-1]:.2f} s); "
        f"two generations at once for {max(0.0, *together) * 1000:.0f} ms at most"
    )
    assert took[0] > 0
    assert took[-1] < MOST_SECONDS
    assert max(together) < 2.0

"""Does every 201 and 202 follow the fsyncs that it rests on? A kill can't tell, since the page cache survives it."""

from __future__ import annotations

import contextlib
import random
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from tests.crash import life
from tests.crash.client import Answer, Client, Violation
from tests.crash.durability import Durability
from tests.crash.model import Blob, Key, Model
from tests.crash.scribe import Scribe
from tests.crash.trace import read_trace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_CALLS = (
    *(
        "open",
        "openat",
        "write",
        "pwrite64",
        "writev",
        "pwritev",
        "ftruncate",
        "fallocate",
        "copy_file_range",
        "sendfile",
    ),
    *("fsync", "fdatasync", "rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat"),
    *("mkdir", "mkdirat", "rmdir", "sendto", "sendmsg"),
)
_PIECE = 70_000
_LIVES = 6
_CLIENTS = 4
_PUSHES = 12


class Step(NamedTuple):
    """A request that was acknowledged, and what its answer rests on even if it changed nothing (a pattern of paths)."""

    request: str
    rests_on: str = ""


class Diarist(Client):
    """Notes the acknowledged requests, and opens a connection for each, so that the workers take turns."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.steps: list[Step] = []
        self.workers: set[str] = set()
        self.rests_on = ""

    def request(self, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        answer = super().request(method, target, body, headers)
        self.close()
        self.workers.add(answer.headers.get("trow-worker", "?"))
        if answer.status in (201, 202):
            self.steps.append(Step(f"{method} {re.sub('[0-9a-f]{8}[0-9a-f-]{9,}', '…', target)}", self.rests_on))
        return answer


def _one_after_the_other(client: Diarist) -> None:
    """Everything that is acknowledged: several lives of each thing, since what is made again must be synced again."""
    rng = random.Random(1)
    model = Model()
    for life_number in range(_LIVES):
        scribe, other = Scribe(client, model, "order/image"), Scribe(client, model, f"order/other{life_number}")
        config, layer = Blob.of(rng.randbytes(900)), Blob.of(rng.randbytes(2 * _PIECE))
        scribe.push_blob(layer, [_PIECE])
        scribe.push_blob_at_once(config)
        scribe.cancel_upload(scribe.open_upload(config))
        upload = scribe.open_upload(config)
        scribe.close_upload(upload)
        client.rests_on = "repositories/order/image/_blobs/sha256"
        client.expect(201, "PUT", f"{upload.location}?digest={config.digest}")
        other.mount(config, "order/image")
        subject = scribe.describe(config, [layer], f"subject {life_number}")
        scribe.push_manifest(subject, "latest")
        client.rests_on = ""
        referrer = scribe.describe(config, [], f"referrer {life_number}", subject)
        scribe.push_manifest(referrer, None)
        scribe.push_manifest(referrer, "latest")
        scribe.push_manifest(subject, "latest")
        scribe.push_blob(layer)
        scribe.delete_tag("latest")
        for key in model.present("manifest", scribe.repository):
            scribe.delete_manifest(key.name)
        for key in (*model.present("blob", scribe.repository), Key("blob", other.repository, config.digest)):
            Scribe(client, model, key.repository).delete_blob(key.name)


def _side_by_side(port: int, number: int, together: threading.Barrier) -> Diarist:
    """Pushes that share blobs and new folders with those of other clients, and deletes that take the folders away."""
    client, rng = Diarist(port), random.Random(number)
    for push in range(_PUSHES):
        common = Blob.of(random.Random(f"common {push}").randbytes(900))
        scribe = Scribe(client, Model(), f"order/{push}/side/by/side")
        with contextlib.suppress(threading.BrokenBarrierError):
            together.wait(10)
        scribe.push_blob(common)
        upload = scribe.open_upload(common)
        scribe.close_upload(upload)
        client.expect(201, "PUT", f"{upload.location}?digest={common.digest}")
        manifest = scribe.describe(common, [], f"{number} {push} {rng.random()}")
        scribe.push_manifest(manifest, f"tag{number}")
        scribe.delete_tag(f"tag{number}")
        mounting = Scribe(client, Model(), f"order/mount{number}")
        mounting.mount(common, scribe.repository)
        mounting.delete_blob(common.digest)
    return client


def _traced(
    serve: Callable[[int], list[Diarist]], data_dir: Path, *, side_by_side: bool
) -> tuple[Durability, list[Step]]:
    trace = data_dir.with_name("trace")
    calls = ",".join(f"?{name}" for name in _CALLS)
    strace = ("strace", "-f", "--seccomp-bpf", "-tt", "-y", "-s", "600", "-o", str(trace), "-e", f"trace={calls}")
    server = life.start(data_dir, workers=2, prefix=strace)
    try:
        diarists = serve(server.port)
    finally:
        life.kill(server)
    workers = set().union(*(each.workers for each in diarists))
    if len(workers) < 2:
        raise Violation(f"two workers serve, but all answers came from {workers}")
    durability = Durability(str(data_dir), side_by_side=side_by_side)
    with trace.open(errors="replace") as lines:
        durability.follow(read_trace(lines))
    return durability, [step for each in diarists for step in each.steps]


def run() -> str:
    """Raises Violation if an answer came too early."""
    with life.place() as data_dir:
        one, steps = _traced(_alone, data_dir, side_by_side=False)
    problems = list(one.violations)
    if len(one.acknowledgements) != len(steps):
        raise Violation(
            f"{len(steps)} acknowledged requests, but {len(one.acknowledgements)} such answers in the trace"
        )
    resting = again = 0
    for number, (step, answer) in enumerate(zip(steps, one.acknowledgements, strict=True), 1):
        problems = [each.replace(f"acknowledgement {number} ", f"{step.request} ") for each in problems]
        resting += bool(step.rests_on)
        again += bool(step.rests_on) and any(re.fullmatch(step.rests_on, path) for path in answer.synced)
    # a worker does not sync again what it synced itself, but must what another one did; the workers take turns
    if resting and not again:
        problems.append(f"{resting} answers rest on what was there already, and none came after an fsync of it")
    with life.place() as data_dir:
        many, more_steps = _traced(_together, data_dir, side_by_side=True)
    problems += many.violations
    if len(many.acknowledgements) < len(more_steps):
        problems.append(f"{len(more_steps)} requests were acknowledged, but the trace has {len(many.acknowledgements)}")
    if problems:
        raise Violation(f"{len(problems)} answers came too early:\n  " + "\n  ".join(problems[:20]))
    for step, answer in zip(steps[: len(steps) // _LIVES], one.acknowledgements, strict=False):
        life.say(f"  {answer.status} after {len(answer.synced):2} fsyncs: {step.request}")
    return (
        f"{len(steps)} answers one after the other and {len(more_steps)} side by side, each after its fsyncs "
        f"({sum(len(each.synced) for each in (*one.acknowledgements, *many.acknowledgements))} in all)"
    )


def _alone(port: int) -> list[Diarist]:
    client = Diarist(port)
    _one_after_the_other(client)
    return [client]


def _together(port: int) -> list[Diarist]:
    together = threading.Barrier(_CLIENTS)
    with ThreadPoolExecutor(_CLIENTS) as pool:
        return list(pool.map(lambda number: _side_by_side(port, number, together), range(_CLIENTS)))

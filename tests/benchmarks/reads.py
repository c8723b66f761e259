"""The works that read, with wrk as the client."""

from __future__ import annotations

import multiprocessing
import re
import subprocess
from typing import TYPE_CHECKING

from tests.benchmarks import client
from tests.benchmarks.client import MIB, REPOSITORY
from tests.benchmarks.measure import Sample, processor_seconds
from tests.benchmarks.programs import Missing
from tests.support.documents import OCI_IMAGE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.servers import Server
    from tests.benchmarks.stage import Stage

BESIDE_RATE = 5  # pushes a second beside the manifests that are asked for

# One in turn at random; what is not 2xx or 3xx is counted, and the run then worth nothing.
WRK = """
local requests = {}
function init(args)
  wrk.headers["Accept"] = "%(accept)s"
  for path in io.lines("%(paths)s") do requests[#requests + 1] = wrk.format("GET", path) end
end
function request() return requests[math.random(#requests)] end
function done(summary, latency, all)
  local bad = summary.errors
  io.write(string.format("RESULT %%d %%d %%d %%d\\n", summary.requests, summary.duration, summary.bytes,
    bad.status + bad.connect + bad.read + bad.write + bad.timeout))
end
"""


def _wrk(stage: Stage, server: Server, paths: list[str], connections: int, threads: int) -> tuple[int, float, int]:
    """Requests, seconds and bytes of one run."""
    (stage.folder / "paths").write_text("".join(f"{path}\n" for path in paths))
    script = stage.folder / "ask.lua"
    script.write_text(WRK % {"accept": OCI_IMAGE, "paths": stage.folder / "paths"})
    flags = [f"-t{threads}", f"-c{connections}", f"-d{stage.seconds}s", "--timeout", "60s", "-s", str(script)]
    try:
        done = subprocess.run(
            [stage.wrk, *flags, f"http://127.0.0.1:{server.port}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Missing("wrk did not end") from None
    found = re.search(r"^RESULT (\d+) (\d+) (\d+) (\d+)$", done.stdout, re.MULTILINE)
    if not found:
        raise Missing(f"wrk ended with {done.returncode}: {done.stderr.strip()[-200:]}")
    requests, microseconds, received, bad = map(int, found.groups())
    if bad or not received:
        raise Missing(f"{bad} of {requests} requests failed")
    return requests, microseconds / 1e6, received


def get_manifests(stage: Stage, server: Server) -> Sample:
    """By tag, at random over all of them."""
    tags = stage.tags[server.kind.name]
    before = processor_seconds(server)
    paths = [f"/v2/{REPOSITORY}/manifests/t{number}" for number in range(tags)]
    requests, seconds, _ = _wrk(stage, server, paths, connections=8, threads=1)
    return Sample(requests / seconds, (processor_seconds(server) - before) / requests)


def get_manifests_beside(stage: Stage, server: Server) -> Sample:
    """The same while another client moves some of the tags, whose cost is in the sample; nginx has none."""
    if not server.kind.pushes:
        return get_manifests(stage, server)
    ended = multiprocessing.Event()
    arguments = (server.port, stage.tags[server.kind.name], ended, BESIDE_RATE)
    beside = multiprocessing.Process(target=client.push_beside, args=arguments)
    beside.start()
    try:
        sample = get_manifests(stage, server)
    finally:
        ended.set()
        beside.join()
    if beside.exitcode != 0:
        raise Missing("the client that pushes beside has failed")
    return sample


def get_blobs(size: int) -> Callable[[Stage, Server], Sample]:
    """Small ones by requests a second, large ones by GB/s and parts of a request."""

    def sample(stage: Stage, server: Server) -> Sample:
        paths = [f"/v2/{REPOSITORY}/blobs/{digest}" for digest, _ in stage.blobs[size]]
        large = size >= MIB
        before = processor_seconds(server)
        requests, seconds, received = _wrk(stage, server, paths, *((4, 2) if large else (8, 1)))
        spent = processor_seconds(server) - before
        if large:
            return Sample(received / seconds / 1e9, spent * size / received)
        return Sample(requests / seconds, spent / requests)

    return sample

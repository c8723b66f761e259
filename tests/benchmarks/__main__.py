"""Trow beside the field, on this machine, now: `python -m tests.benchmarks [--short] [--only WORK]`.

Owns the order, in turns so that what else the machine does hits all alike, and the report: a table, and the same with
every round as JSON in `build/bench`. It judges no number; CPU a request is the one that moves little with load.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import signal
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from http.client import HTTPException
from pathlib import Path

from tests.benchmarks import programs, reads, writes
from tests.benchmarks.client import KIB, MIB, Refused
from tests.benchmarks.measure import Row, Sample, raw_fsyncs, record, spelled, table
from tests.benchmarks.programs import BUILD, Missing
from tests.benchmarks.servers import KINDS, Server, running
from tests.benchmarks.stage import WORKERS, Stage, Work


def works(*, short: bool) -> dict[str, Work]:
    """Every row, by the word that chooses it."""
    tags, images, large = ("1 000", "100", 64) if short else ("10 000", "1 000", 512)
    by_tag = f"manifest GET by tag, {tags} tags"
    files, four = writes.new_files(1), writes.new_files(4)
    found = {
        "manifest": Work(f"{by_tag}, {reads.BESIDE_RATE} pushes/s", "requests/s", 1e-6, reads.get_manifests_beside),
        "quiet": Work(f"{by_tag}, no push", "requests/s", 1e-6, reads.get_manifests),
        "1KiB": Work("blob GET 1 KiB", "requests/s", 1e-6, reads.get_blobs(KIB)),
        "64KiB": Work("blob GET 64 KiB", "requests/s", 1e-6, reads.get_blobs(64 * KIB)),
        "4MiB": Work("blob GET 4 MiB, 4 clients", "GB/s", 1e-6, reads.get_blobs(4 * MIB)),
        "256MiB": Work("blob GET 256 MiB, 4 clients", "GB/s", 1e-3, reads.get_blobs(256 * MIB)),
        "push": Work(f"push of {large} MiB, one client", "GB/s", 1e-3, writes.push_large, files),
        "images": Work(f"{images} images of three 1 KiB blobs, 8 workers", "images/s", 1e-3, writes.push_images),
        "rest": Work("memory at rest", "MiB", 1, writes.fresh(writes.memory_at_rest)),
        "memory": Work(
            f"memory while 4 push {large} MiB", "MiB", 1, writes.fresh(writes.memory_pushed), four, rounds=1
        ),
        "start": Work("start to first 200", "ms", 1, writes.fresh(writes.start)),
    }
    try:
        counted = writes.fsyncs(programs.debian("strace", "strace"))
        found["fsyncs"] = Work("fsyncs of an image", "calls", 1, counted, rounds=1)
    except Missing as missing:
        print(f"bench: fsyncs of an image: {missing}", file=sys.stderr)
    reading = ("manifest", "quiet", "1KiB", "64KiB", "4MiB", "256MiB", "start", "rest")
    return {word: each._replace(needs_push=word not in reading) for word, each in found.items()}


def perform(each: Work, stage: Stage, servers: list[Server], rounds: int, missing: dict[str, str]) -> Row:
    """One work on every server, in turns."""
    able = [server for server in servers if server.kind.pushes or not each.needs_push]
    samples: dict[str, list[Sample]] = {server.kind.name: [] for server in able}
    for _ in range(each.rounds or rounds):
        if each.prepare:
            each.prepare(stage)
        for server in able:
            name = server.kind.name
            if f"{name}, {each.name}" in missing:
                continue
            try:
                samples[name].append(each.sample(stage, server))
            except (Missing, Refused, OSError, HTTPException) as error:
                missing[f"{name}, {each.name}"] = str(error) or type(error).__name__
                print(f"bench: {name}, {each.name}: {error}", file=sys.stderr)
    return Row(each.name, each.unit, each.cpu_unit, samples)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--short", action="store_true", help="smaller works, two rounds of them")
    parser.add_argument("--only", action="append", metavar="WORK", help="one row (manifest, 1KiB, push, images, …)")
    parser.add_argument("--rounds", type=int, help="how many turns (default 3)")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds: no server and no folder stays behind
    BUILD.mkdir(parents=True, exist_ok=True)
    chosen = works(short=asked.short)
    if asked.only:
        if unknown := set(asked.only) - set(chosen):
            parser.error(f"no such work: {', '.join(sorted(unknown))}; there are {', '.join(chosen)}")
        chosen = {word: each for word, each in chosen.items() if word in asked.only}
    rounds = asked.rounds or (2 if asked.short else 3)
    missing: dict[str, str] = {}
    rows: list[Row] = []
    began, load_before = time.monotonic(), os.getloadavg()
    try:
        wrk = programs.debian("wrk", "wrk")
    except Missing as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="trow-bench-")))
        pool = stack.enter_context(ProcessPoolExecutor(WORKERS))
        stage = Stage(folder, wrk, short=asked.short, pool=pool)
        servers = []
        for kind in KINDS:
            try:
                server = stack.enter_context(running(kind, kind.find(), folder / kind.name.replace(" ", "-")))
                print(f"bench: filling {kind.name}", file=sys.stderr)
                stage.fill(server)
                servers.append(server)
            except (Missing, Refused, OSError, HTTPException) as error:
                missing[kind.name] = str(error)
                print(f"bench: {kind.name} is left out: {error}", file=sys.stderr)
        raw = [raw_fsyncs(folder)]
        for word, each in chosen.items():
            print(f"bench: {word}", file=sys.stderr)
            rows.append(perform(each, stage, servers, rounds, missing))
        raw.append(raw_fsyncs(folder))
    load_after = os.getloadavg()
    names = [kind.name for kind in KINDS]
    print(table(rows, names, missing))
    print()
    for what, why in missing.items():
        print(f"missing: {what}: {' '.join(why.split())}")
    print(f"raw fsyncs of the disk: {spelled(statistics.median(raw))}/s")
    print(
        f"median of {rounds} rounds, {os.cpu_count()} CPUs, load average {load_before[0]:.1f} before and "
        f"{load_after[0]:.1f} after, {time.monotonic() - began:.0f} seconds"
    )
    report = {
        "short": asked.short,
        "rounds": rounds,
        "machine": {"cpus": os.cpu_count(), "kernel": platform.release(), "python": platform.python_version()},
        "load_average": {"before": load_before, "after": load_after},
        "raw_fsyncs_per_second": raw,
        "missing": missing,
        "tags": stage.tags,
        "rows": [record(row, names) for row in rows],
    }
    path = BUILD / ("short.json" if asked.short else "full.json")
    path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    print(f"written as JSON: {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")
    return 1 if any(what.startswith("Trow") for what in missing) else 0


if __name__ == "__main__":
    sys.exit(main())

"""What the kernel says of a server, what a disk can do, and the table of it all."""

from __future__ import annotations

import contextlib
import os
import statistics
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.support.processes import MIB, group_of, memory_of_group

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from tests.benchmarks.servers import Server

TICK = os.sysconf("SC_CLK_TCK")


class Sample(NamedTuple):
    """One measurement: a number in the unit of its row, and the CPU seconds of a request, if that says anything."""

    value: float
    cpu: float | None = None


class Row(NamedTuple):
    """What was measured: `cpu_unit` is the number of seconds (1e-6, 1e-3) that its column counts in."""

    work: str
    unit: str
    cpu_unit: float
    samples: Mapping[str, Sequence[Sample]]

    def median(self, server: str) -> Sample | None:
        samples = self.samples.get(server)
        if not samples:
            return None
        spent = [sample.cpu for sample in samples if sample.cpu is not None]
        return Sample(
            statistics.median(sample.value for sample in samples), statistics.median(spent) if spent else None
        )


def processor_seconds(server: Server) -> float:
    """utime and stime of all its processes, and of those of their children that have ended."""
    ticks = 0
    for pid in group_of(server.process.pid):
        with contextlib.suppress(OSError):
            ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]))
    return ticks / TICK


def memory(server: Server) -> float:
    """The proportional set size of all its processes, in MiB."""
    return memory_of_group(server.process.pid) / MIB


@contextlib.contextmanager
def highest_memory(server: Server) -> Iterator[list[float]]:
    """A list that holds the highest amount, in MiB, that was seen in the block."""
    seen, ended = [memory(server)], threading.Event()

    def watch() -> None:
        while not ended.wait(0.1):
            seen[0] = max(seen[0], memory(server))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def raw_fsyncs(folder: Path, seconds: float = 1.0) -> float:
    """How often a second the disk takes 4 KiB more of one file."""
    count, began = 0, time.perf_counter()
    with (folder / "fsyncs").open("wb", buffering=0) as file:
        while time.perf_counter() - began < seconds:
            file.write(bytes(4096))
            os.fsync(file.fileno())
            count += 1
    return count / (time.perf_counter() - began)


def spelled(value: float) -> str:
    """Three digits that matter, whole thousands in full."""
    return f"{value:,.0f}".replace(",", " ") if value >= 100 else f"{value:.3g}"


def table(rows: Sequence[Row], names: Sequence[str], missing: Container[str]) -> str:
    """Markdown: a row for each work, a column for each server, `rate; CPU` in the cells."""
    lines = [["work", *(f"{name} (missing)" if name in missing else name for name in names)]]
    for row in rows:
        counted = {1e-6: "; CPU µs", 1e-3: "; CPU ms"}.get(row.cpu_unit, "")
        cells = [f"{row.work}: {row.unit}{counted}"]
        for name in names:
            median = row.median(name)
            if median is None:
                cells.append("failed" if name in row.samples else "-")
            elif median.cpu is None:
                cells.append(spelled(median.value))
            else:
                cells.append(f"{spelled(median.value)}; {spelled(median.cpu / row.cpu_unit)}")
        lines.append(cells)
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    drawn = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    return "\n".join([drawn[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *drawn[1:]])


def record(row: Row, names: Sequence[str]) -> dict[str, object]:
    """A row as JSON has it, with every round."""
    servers = {}
    for name in names:
        median = row.median(name)
        if median is not None:
            rounds = [sample._asdict() for sample in row.samples[name]]
            servers[name] = {"median": median.value, "cpu_seconds": median.cpu, "rounds": rounds}
    return {"work": row.work, "unit": row.unit, "servers": servers}

"""How many workers fit: what the cgroup allows, not what the host has."""

from __future__ import annotations

import math
import os
from pathlib import Path

MOST_WORKERS = 4
WORKER_BYTES = 96 * 1024 * 1024
_CGROUP = Path("/sys/fs/cgroup")


def default_workers() -> int:
    """One worker a CPU and one for each 96 MiB, between 1 and 4."""
    memory = memory_limit()
    fitting = memory // WORKER_BYTES if memory else MOST_WORKERS
    return max(1, min(cpu_limit(), fitting, MOST_WORKERS))


def cpu_limit(cgroup: Path = _CGROUP) -> int:
    """CPUs that this process may use, a part of one counting as one."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, period = _read(cgroup / "cpu.max"), "100000"
    if quota is not None:
        quota, _, period = quota.partition(" ")
    else:
        quota, period = _read(cgroup / "cpu/cpu.cfs_quota_us"), _read(cgroup / "cpu/cpu.cfs_period_us") or period
    if quota and quota.isdigit() and period.isdigit() and int(quota) > 0 < int(period):
        return max(1, min(cpus, math.ceil(int(quota) / int(period))))
    return cpus


def memory_limit(cgroup: Path = _CGROUP) -> int | None:
    """The cgroup's memory limit in bytes, or None."""
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        text = _read(cgroup / name)
        if text and text.isdigit() and int(text) < 1 << 50:
            return int(text)
    return None


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None

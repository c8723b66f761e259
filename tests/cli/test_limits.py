"""How many workers fit into a cgroup, told by folders that look like one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from trow.cli import limits

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1024 * 1024


@pytest.fixture
def cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host with eight cores."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


def cgroup(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.usefixtures("cpus")
@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 8),
        ({"cpu.max": "max 100000\n"}, 8),
        ({"cpu.max": "200000 100000\n"}, 2),
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "1000 100000\n"}, 1),
        ({"cpu.max": "25000 50000\n"}, 1),
        ({"cpu.max": "9900000 100000\n"}, 8),
        ({"cpu.max": "0 100000\n"}, 8),
        ({"cpu.max": "300000 0\n"}, 8),
        ({"cpu.max": "garbage\n"}, 8),
        ({"cpu.max": ""}, 8),
        ({"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 8),
        ({"cpu/cpu.cfs_quota_us": "300000\n"}, 3),
    ],
)
def test_cpus_are_those_of_the_cgroup(tmp_path: Path, files: dict[str, str], expected: int) -> None:
    assert limits.cpu_limit(cgroup(tmp_path, files)) == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"memory.max": "max\n"}, None),
        ({"memory.max": f"{256 * MIB}\n"}, 256 * MIB),
        ({"memory.max": "garbage\n"}, None),
        ({"memory/memory.limit_in_bytes": f"{512 * MIB}\n"}, 512 * MIB),
        ({"memory/memory.limit_in_bytes": "9223372036854771712\n"}, None),
    ],
)
def test_memory_is_that_of_the_cgroup(tmp_path: Path, files: dict[str, str], expected: int | None) -> None:
    assert limits.memory_limit(cgroup(tmp_path, files)) == expected


@pytest.mark.usefixtures("cpus")
@pytest.mark.parametrize(
    ("cpu", "memory", "workers"),
    [
        ("max 100000", "max", 4),
        ("300000 100000", "max", 3),
        ("max 100000", f"{95 * MIB}", 1),
        ("max 100000", f"{96 * MIB}", 1),
        ("max 100000", f"{191 * MIB}", 1),
        ("max 100000", f"{192 * MIB}", 2),
        ("100000 100000", f"{4096 * MIB}", 1),
        ("800000 100000", f"{300 * MIB}", 3),
        ("10000 100000", f"{10 * MIB}", 1),
    ],
)
def test_workers_follow_both_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cpu: str, memory: str, workers: int
) -> None:
    folder = cgroup(tmp_path, {"cpu.max": cpu, "memory.max": memory})
    cpus, bytes_allowed = limits.cpu_limit(folder), limits.memory_limit(folder)
    monkeypatch.setattr(limits, "cpu_limit", lambda: cpus)
    monkeypatch.setattr(limits, "memory_limit", lambda: bytes_allowed)

    assert limits.default_workers() == workers


def test_a_host_with_one_core_gets_one_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)

    assert limits.cpu_limit(cgroup(tmp_path, {"cpu.max": "400000 100000"})) == 1

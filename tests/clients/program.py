"""A program run to its end: its output kept, and its failure told with what it said."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PATIENCE = 300.0  # seconds


class Failed(Exception):
    """A program ended badly, or not at all; the message holds its command and its last words."""


class Missing(Exception):
    """What the suite needs can't be had; the message is one line that says what would bring it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Program:
    """One program in one version, with what stands before its words. It sees no variable but its own."""

    name: str
    version: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    entry: tuple[str, ...] = ()  # of its sandbox

    def __call__(self, *words: str, cwd: Path | None = None, seconds: float = PATIENCE, put: bytes = b"") -> str:
        """Its standard output, stripped. Raises Failed."""
        return run([*self.command, *words], entry=self.entry, env=self.env, cwd=cwd, seconds=seconds, put=put)

    def refuses(self, *words: str) -> str:
        """What it says when it fails, as it must."""
        try:
            said = self(*words)
        except Failed as failed:
            return str(failed)
        raise AssertionError(f"{self.name} {' '.join(words)} did not fail: {said}")

    def with_flags(self, *flags: str, **env: str) -> Program:
        return dataclasses.replace(self, command=(*self.command, *flags), env={**self.env, **env})


def run(
    command: list[str],
    *,
    entry: tuple[str, ...] = (),
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    seconds: float = PATIENCE,
    put: bytes = b"",
) -> str:
    """Run a command and return its standard output, stripped. Raises Failed."""
    try:
        ended = subprocess.run(
            [*entry, *command], env=env, cwd=cwd, timeout=seconds, input=put, capture_output=True, check=False
        )
    except subprocess.TimeoutExpired as expired:
        said = b"".join((expired.stdout or b"", expired.stderr or b""))
        raise Failed(_told(command, f"did not end in {seconds:.0f} s", said)) from None
    if ended.returncode:
        raise Failed(_told(command, f"ended with {ended.returncode}", ended.stdout + ended.stderr))
    return ended.stdout.decode(errors="replace").strip()


def home_env(home: Path, path: str = os.defpath, **more: str) -> dict[str, str]:
    """The variables of somebody who has just been born: no proxy, no login, no configuration."""
    home.mkdir(parents=True, exist_ok=True)
    return {"HOME": str(home), "PATH": path, "LANG": "C.UTF-8", "TMPDIR": str(home), **more}


def shorten(text: str, lines: int) -> list[str]:
    """The last lines of what somebody said, long ones without their middle: their ends tell the most."""
    kept = [line for line in text.splitlines() if line.strip()][-lines:]
    return [line if len(line) < 600 else f"{line[:200]} … {line[-350:]}" for line in kept]


def _told(command: list[str], how: str, said: bytes) -> str:
    return "\n".join((f"{' '.join(command)}: {how}", *shorten(said.decode(errors="replace"), 15)))

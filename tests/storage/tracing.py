"""What a driver asks of the operating system below one directory: every call is made for real, and noted in order.

A call can be made to fail, or to take its time, as a disk would. A descriptor that is closed while another thread is
in a call on it is noted too: the next file to be opened may get its number, and what was meant for the first.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

PATIENCE_SECONDS = 20.0
_BY_DESCRIPTOR = ("fsync", "write", "pwrite", "ftruncate", "pread", "close")
_BY_PATH = ("mkdir", "rmdir", "unlink", "chmod")


class Call(NamedTuple):
    """A call that succeeded: what was asked, of which path below the root, and the flags, mode or target."""

    name: str
    path: str
    more: Any = None


class Pause:
    """A call that waits in its thread; tests see when it is there, and let it go on."""

    def __init__(self) -> None:
        self._there = threading.Event()
        self._go_on = threading.Event()

    def wait(self, _: str) -> None:
        self._there.set()
        assert self._go_on.wait(PATIENCE_SECONDS)

    async def __aenter__(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._there.is_set():
            assert time.monotonic() < deadline, "the call never came"
            await asyncio.sleep(0.002)

    async def __aexit__(self, *_: object) -> None:
        self._go_on.set()


class Trace:
    """The calls since the beginning, or since `clear`."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[Call] = []
        self.closed_in_use: list[Call] = []
        self._in_use: dict[int, list[str]] = {}
        self._root = os.fspath(root) + "/"
        self._paths: dict[int, str] = {}
        self._faults: dict[str, Callable[[str], None]] = {}
        for name in _BY_DESCRIPTOR:
            monkeypatch.setattr(os, name, self._by_descriptor(name, getattr(os, name)))
        for name in _BY_PATH:
            monkeypatch.setattr(os, name, self._by_path(name, getattr(os, name)))
        monkeypatch.setattr(os, "open", self._opening(os.open))
        monkeypatch.setattr(os, "rename", self._renaming(os.rename))
        monkeypatch.setattr(fcntl, "flock", self._by_descriptor("flock", fcntl.flock))

    def clear(self) -> None:
        self.calls.clear()

    def of(self, *names: str) -> list[Call]:
        """The calls of these names."""
        return [call for call in self.calls if call.name in names]

    def fail(self, name: str, number: int, error: int) -> None:
        """Let the call of that name and number, from now on, fail once, before anything is done."""
        self._on(name, number, _raiser(error))

    def slow(self, name: str, number: int, seconds: float) -> None:
        """Let the call of that name and number, from now on, take so long."""
        self._on(name, number, lambda _: time.sleep(seconds))

    def pause(self, name: str, number: int) -> Pause:
        """Let the call of that name and number, from now on, wait until it is told to go on."""
        pause = Pause()
        self._on(name, number, pause.wait)
        return pause

    def before(self, name: str, number: int, act: Callable[[str], None]) -> None:
        """Do something, with its path, just before the call of that name and number, from now on."""
        self._on(name, number, act)

    def every(self, name: str, act: Callable[[str], None]) -> None:
        """Do something, with its path, just before each call of that name."""
        self._faults[name] = act

    def _on(self, name: str, number: int, act: Callable[[str], None]) -> None:
        left = number

        def look(path: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                act(path)

        self._faults[name] = look

    def unsynced(self, path: str) -> list[str]:
        """Why what is at `path` would not survive a power cut; empty if it would."""
        reasons = []
        for number, call in enumerate(self.calls):
            if call.name == "rename" and call.more == path and not self._content_synced(call.path, number):
                reasons.append(f"{call.path} was renamed before its content was synced")
        entry = path
        while entry:
            made = [number for number, call in enumerate(self.calls) if _makes(call, entry)]
            directory = os.path.dirname(entry)  # noqa: PTH120
            if made and Call("fsync", directory) not in self.calls[made[-1] :]:
                reasons.append(f"{directory or 'the root'} was not synced after {entry} was made")
            entry = directory
        return reasons

    def _content_synced(self, path: str, until: int) -> bool:
        before = self.calls[:until]
        written = [number for number, call in enumerate(before) if call.path == path and "write" in call.name]
        return Call("fsync", path) in (before[written[-1] :] if written else before)

    def _note(self, name: str, path: str | None, more: object = None) -> None:
        if path is not None:
            self.calls.append(Call(name, path, more))

    def _below(self, path: str | os.PathLike[str]) -> str | None:
        text = os.fspath(path)
        return text[len(self._root) :].rstrip("/") if f"{text}/".startswith(self._root) else None

    def _meet(self, name: str, path: str | None) -> None:
        if path is not None and name in self._faults:
            self._faults[name](path)

    def _by_descriptor(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(descriptor: int, *arguments: Any) -> Any:
            path = self._paths.get(descriptor)
            if path is None:
                return real(descriptor, *arguments)
            users = self._in_use.setdefault(descriptor, [])
            if name == "close":
                self.closed_in_use.extend(Call(user, path) for user in users)
                del self._paths[descriptor], self._in_use[descriptor]
            users.append(name)
            try:
                self._meet(name, path)
                result = real(descriptor, *arguments)
            finally:
                users.remove(name)
            self._note(name, path, arguments[0] if name == "flock" else None)
            return result

        return call

    def _by_path(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: str | os.PathLike[str], *arguments: Any, **more: Any) -> Any:
            self._meet(name, self._below(path))
            result = real(path, *arguments, **more)
            self._note(name, self._below(path), arguments[0] if arguments else None)
            return result

        return call

    def _opening(self, real: Callable[..., int]) -> Callable[..., int]:
        def call(path: str | os.PathLike[str], flags: int, *arguments: Any, **more: Any) -> int:
            below = self._below(path) if not isinstance(path, int) else None
            self._meet("open", below)
            new = below is not None and flags & os.O_CREAT and not os.path.lexists(path)
            descriptor = real(path, flags, *arguments, **more)
            if below is not None:
                self._paths[descriptor] = below
                self._note("create" if new else "open", below, flags)
            return descriptor

        return call

    def _renaming(self, real: Callable[..., None]) -> Callable[..., None]:
        def call(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
            self._meet("rename", self._below(source))
            real(source, target)
            self._note("rename", self._below(source), self._below(target))

        return call


def _makes(call: Call, path: str) -> bool:
    return (call.name in ("mkdir", "create") and call.path == path) or (call.name == "rename" and call.more == path)


def _raiser(error: int) -> Callable[[str], None]:
    def fail(path: str) -> None:
        raise OSError(error, os.strerror(error), path)

    return fail

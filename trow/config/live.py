"""The settings in force in this process: replaced as a whole, in one assignment, and never half.

Whoever serves a request takes `current` once and keeps to it until the answer is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from trow.config.keys import fields

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from trow.config.model import Config


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """Which settings are in force, and what became of the file since."""

    number: int = 1
    """Counts what was put in force since the start, from 1."""
    since: float = 0.0
    """When it was put in force, in seconds since 1970."""
    sha256: str = ""
    """Of the file and the files that it names; empty without a file."""
    file: str = ""
    """Where the file is; empty without one."""
    error: str = ""
    """What is wrong with the file as it is now, a line each; empty if the file is what is in force."""
    last_good: bool = False
    """The start found a file that can't be used, and took the last good one."""
    pending: tuple[str, ...] = ()
    """Keys whose change waits for a restart."""


class Live:
    """The settings in force."""

    def __init__(
        self, config: Config, generation: Generation | None = None, lines: Mapping[str, int] | None = None
    ) -> None:
        self.current = config
        self.lines: Mapping[str, int] = lines or {}
        self.generation = generation or Generation()
        self._listeners: list[Callable[[Config], None]] = []

    def adopt(self, config: Config, generation: Generation, lines: Mapping[str, int]) -> None:
        """Put other settings in force, and tell those who keep something made of them."""
        self.current, self.generation, self.lines = config, generation, lines
        for listener in self._listeners:
            listener(config)

    def note(self, generation: Generation) -> None:
        """The settings stay; what is known of the file is another thing now."""
        self.generation = generation

    def on_change(self, listener: Callable[[Config], None]) -> None:
        """Call it with the settings now, and again with each that follow."""
        self._listeners.append(listener)
        listener(self.current)


def unless_restarted(running: Config, new: Config) -> Config:
    """What can be in force before a restart: the new settings, and of those that need one the ones it runs with."""
    kept = {field.name: getattr(running, field.name) for field in fields(type(new)) if field.about.restart}
    return msgspec.structs.replace(new, **kept)

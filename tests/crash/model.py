"""What the clients were told, and so what must be true of the registry after a crash."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from tests.crash.client import digest_of

Kind = Literal["blob", "manifest", "tag"]


class Key(NamedTuple):
    """A thing that is there or not: a blob or manifest by digest, or a tag, of a repository."""

    kind: Kind
    repository: str
    name: str


class Blob(NamedTuple):
    digest: str
    content: bytes

    @classmethod
    def of(cls, content: bytes) -> Blob:
        return cls(digest_of(content), content)


@dataclass(slots=True)
class Attempt:
    """Somebody asked to make the value this digest (None: to remove it); acknowledged at a moment, or never."""

    value: str | None
    begun: float
    acknowledged: float = math.inf

    def acknowledge(self) -> None:
        self.acknowledged = time.monotonic()


class Register:
    """The attempts to change one thing."""

    def __init__(self) -> None:
        self.attempts = [Attempt(None, -math.inf, -math.inf)]

    def possible(self) -> set[str | None]:
        """The values that may be seen: those that no acknowledged attempt, begun later, has replaced."""
        latest = max(each.begun for each in self.attempts if each.acknowledged < math.inf)
        return {each.value for each in self.attempts if each.acknowledged >= latest}

    def may_be_deleted(self) -> bool:
        return any(each.value is None for each in self.attempts[1:])

    def settle(self, value: str | None) -> None:
        """Forget the attempts: `value` was seen when nothing was under way."""
        self.attempts = [Attempt(value, -math.inf, -math.inf)]


@dataclass(eq=False, slots=True)
class OpenUpload:
    """An upload whose POST was acknowledged, and how much of `blob` was acknowledged and sent to it."""

    repository: str
    blob: Blob
    location: str
    acknowledged: int = 0
    sent: int = 0
    closing: bool = False
    cancelling: bool = False


@dataclass(slots=True)
class Model:
    """All that was promised. Writers of different threads share it: they only add."""

    registers: dict[str, dict[Key, Register]] = field(default_factory=dict)
    uploads: list[OpenUpload] = field(default_factory=list)
    manifests: dict[str, tuple[str, ...]] = field(default_factory=dict)
    subjects: dict[str, str] = field(default_factory=dict)
    touched: set[Key] = field(default_factory=set)

    def register(self, key: Key) -> Register:
        return self.registers.setdefault(key.repository, {}).setdefault(key, Register())

    def begin(self, key: Key, value: str | None) -> Attempt:
        """Note an attempt, before it is made."""
        attempt = Attempt(value, time.monotonic())
        self.register(key).attempts.append(attempt)
        self.touched.add(key)
        if key.kind == "manifest" and value is None:
            self.touched.update(each for each in self.keys("tag", key.repository) if key.name in self.possible(each))
        return attempt

    def keys(self, kind: Kind, repository: str) -> list[Key]:
        return [each for each in list(self.registers.get(repository, ())) if each.kind == kind]

    def possible(self, key: Key) -> set[str | None]:
        """What may be seen under a key; a tag of a deleted manifest is not seen."""
        values = self.register(key).possible()
        if key.kind != "tag":
            return values
        seen: set[str | None] = set()
        for value in values:
            manifest = None if value is None else self.register(Key("manifest", key.repository, value))
            if manifest is None or value in manifest.possible():
                seen.add(value)
            if manifest and manifest.may_be_deleted() and None in manifest.possible():
                seen.add(None)
        return seen

    def present(self, kind: Kind, repository: str) -> list[Key]:
        """What is there for certain."""
        return [each for each in self.keys(kind, repository) if None not in self.possible(each)]

    def unreferenced(self, repository: str) -> list[Key]:
        """Blobs that are there and that no manifest needs."""
        needed = {
            blob
            for key in self.keys("manifest", repository)
            if self.possible(key) != {None}
            for blob in self.manifests[key.name]
        }
        return [key for key in self.present("blob", repository) if key.name not in needed]

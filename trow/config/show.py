"""The settings as a plain document for people, and what has changed between two of them; secrets masked."""

from __future__ import annotations

import enum
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from trow.config.keys import Field, Shape, fields, file_key, shape
from trow.config.secret import MASK, Secret
from trow.config.upstreams import Login, RegistryProxies, Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trow.config.model import Config

NOTHING = "nothing"


class Change(msgspec.Struct, frozen=True):
    """A key whose value is another one now; `old` and `new` as the file would say them, secrets masked."""

    key: str
    old: object
    new: object
    live: bool
    """It takes effect at once; otherwise at the next start."""

    def __str__(self) -> str:
        said = "changed" if self.old == self.new else f"{_words(self.old)} -> {_words(self.new)}"
        return f"{self.key}: {said}{'' if self.live else ' (needs a restart)'}"


def masked(config: Config) -> dict[str, Any]:
    """The settings in force, as a document of the shape that the file has: plain values, every key, secrets masked."""
    return _section(config)


def changes(old: Config, new: Config) -> list[Change]:
    """What differs, key by key, in the order of the reference."""
    return list(_changes(old, new, "", restart=False))


def plain(value: Any, wanted: Shape) -> Any:
    """A value as the file would say it."""
    if isinstance(value, msgspec.Struct) and wanted.struct and isinstance(value, wanted.struct):
        return _section(value)
    if isinstance(value, Secret):
        return MASK
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, tuple):
        element = wanted.element or shape(str)
        return [plain(each, element) for each in value]
    if wanted.written:
        return wanted.written.show(value)
    if isinstance(value, enum.Enum):
        return value.value
    return os.fspath(value) if isinstance(value, Path) else value


def _section(value: msgspec.Struct) -> dict[str, Any]:
    document = {}
    for field in fields(type(value)):
        held = getattr(value, field.name)
        if isinstance(held, Secret) and held.file:
            document[str(file_key(field))] = os.fspath(held.file)
        else:
            document[field.key] = plain(held, field.shape)
    return document


def _changes(old: msgspec.Struct, new: msgspec.Struct, path: str, *, restart: bool) -> Iterator[Change]:
    for field in fields(type(new)):
        before, after = getattr(old, field.name), getattr(new, field.name)
        key = f"{path}.{field.key}" if path else field.key
        if before != after:
            yield from _differing(before, after, field, key, restart=restart or field.about.restart)
    before, after = _logins(old), _logins(new)
    for source in sorted(before.keys() | after.keys()):
        if before.get(source) != after.get(source):
            yield Change(f"{path}.{source}", MASK, MASK, live=True)


def _differing(before: Any, after: Any, field: Field, key: str, *, restart: bool) -> Iterator[Change]:
    if isinstance(before, msgspec.Struct) and type(before) is type(after) and fields(type(after)):
        yield from _changes(before, after, key, restart=restart)
    elif isinstance(before, tuple) and field.shape.element and field.shape.element.struct:
        for number in range(max(len(before), len(after))):
            one, other = before[number : number + 1], after[number : number + 1]
            inner = f"{key}[{number}]"
            if one and other and one != other:
                yield from _changes(one[0], other[0], inner, restart=restart)
            elif one != other:
                was, is_now = (plain(each[0], field.shape.element) if each else None for each in (one, other))
                yield Change(inner, was, is_now, live=not restart)
    else:
        yield Change(key, plain(before, field.shape), plain(after, field.shape), live=not restart)


def _logins(value: object) -> dict[str, Login | None]:
    """What a section took from files with logins, by what the log calls it."""
    match value:
        case Upstream(mounted=Login() as login):
            return {"credentials_dir": login}
        case RegistryProxies(logins=logins):
            return {f"logins.{host}": login for host, login in logins.items()}
        case _:
            return {}


def _words(value: object) -> str:
    return NOTHING if value is None else msgspec.json.encode(value).decode() if not isinstance(value, str) else value

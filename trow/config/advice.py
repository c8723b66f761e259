"""What a message says beside what is wrong: what was expected, what may have been meant, and where it belongs."""

from __future__ import annotations

import difflib
import enum
from pathlib import Path
from typing import TYPE_CHECKING, get_origin

import msgspec

from trow.config.keys import Shape, fields
from trow.config.tree import Node, Scalar

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST_KEY = 64


def join(path: str, key: str) -> str:
    """The path of a key in a section."""
    return f"{path}.{key}" if path else key


def nearest(word: str, known: list[str]) -> str | None:
    """The known word that was probably meant, if one is near."""
    if len(word) > _LONGEST_KEY:
        return None
    by_lower = {each.lower(): each for each in known}
    near = difflib.get_close_matches(word.lower().replace("-", "_"), by_lower, n=1, cutoff=0.65)
    return by_lower[near[0]] if near else None


def home(key: str, section: type[msgspec.Struct], path: str) -> str:
    """The section where a key of this name can stand, if there is just one."""
    homes = list(_homes(key, section, path))
    return homes[0] if len(homes) == 1 else ""


def _homes(key: str, section: type[msgspec.Struct], path: str) -> Iterator[str]:
    for field in fields(section):
        inner = join(path, field.key)
        if field.key == key and path:
            yield path
        if found := field.shape.struct:
            yield from _homes(key, found, inner)
        elif field.shape.element and (found := field.shape.element.struct):
            yield from _homes(key, found, f"{inner}[]")


def expected(wanted: Shape) -> str:
    """What belongs there, in words."""
    if wanted.written:
        return wanted.written.expected
    words = []
    for each in wanted.types:
        if get_origin(each) is tuple:
            words.append("a list")
        elif get_origin(each) is dict or (isinstance(each, type) and issubclass(each, msgspec.Struct)):
            words.append("a mapping of keys")
        elif issubclass(each, enum.StrEnum):
            words.append(f"one of {', '.join(each)}")
        elif issubclass(each, Path):
            words.append("a path")
        else:
            words.append({bool: "true or false", int: "a whole number", float: "a number"}.get(each, "text"))
    return " or ".join(words)


def hint(node: Node, wanted: Shape) -> str:
    """How to mend it, where that is plain."""
    if isinstance(node, Scalar):
        if wanted.element and node.kind != "null":
            inner = wanted.element.struct
            begin = f"- {fields(inner)[0].key}: ..." if inner else "- ..."
            return f"; begin each entry on a line of its own, as in `{begin}`"
        if bool in wanted.types and node.text.lower() in ("yes", "no", "on", "off", "y", "n"):
            return "; in YAML 1.2 only true and false are"
        if node.kind in ("int", "float", "bool") and (wanted.written or str in wanted.types):
            return "; put it in quotes"
    return ""

"""The model as documentation: the reference file with every key, and the table of all keys. `python -m` writes them.

python -m trow.config.reference > config/config.yaml
python -m trow.config.reference table
"""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from trow.config.keys import Field, Shape, fields, file_key
from trow.config.model import Config
from trow.config.show import plain
from trow.config.tree import Scalar, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    import msgspec

_HEAD = """\
# yaml-language-server: $schema=config.schema.json
#
# Every key of Trow's configuration, with its default: a file need only hold what differs.
# Durations are written as 250ms, 30s, 10m, 1h30m or 7d, sizes as 4MiB, 50GiB or 10GB.
# A relative path starts at the folder of this file.
# Beside every secret, KEY_file names a file that holds it. All of it is explained in README.md.
# Made from the model by `python -m trow.config.reference`; a test keeps it so.
"""
_PLAIN = re.compile(r"[A-Za-z0-9./][A-Za-z0-9./:_%-]*")


class Row(NamedTuple):
    """A key for the table: its path, how its default is written, what it does, and if a change needs a restart."""

    key: str
    default: str
    about: str
    restart: bool


def rows(section: type[msgspec.Struct] = Config, path: str = "", *, restart: bool = False) -> Iterator[Row]:
    """Every key, in the order of the reference; `[]` stands for each entry of a list."""
    for field in fields(section):
        key = f"{path}.{field.key}" if path else field.key
        at_start = restart or field.about.restart
        inner, mark = _inner(field.shape)
        if not field.shape.struct or field.shape.optional or len(field.shape.types) > 1:
            about = f"{field.about.about} (or {file_key(field)})" if field.shape.is_secret else field.about.about
            shown = "" if field.required or (mark and field.default) else _default(field)
            yield Row(key, shown, about, at_start)
        if inner:
            yield from rows(inner, key + mark, restart=at_start)


def reference() -> str:
    """The reference file."""
    return _HEAD + "".join(f"\n{line}\n" if top else f"{line}\n" for top, line in _lines(Config, Config()))


def table() -> str:
    """The table of all keys, in Markdown."""
    lines = ["| key | default | what it does | a change |", "| --- | --- | --- | --- |"]
    for row in rows():
        default = f"`{row.default}`" if row.default else ""
        about = row.about.replace("|", "\\|").replace("*", "\\*")
        lines.append(f"| `{row.key}` | {default} | {about} | {'restart' if row.restart else 'live'} |")
    return "\n".join(lines) + "\n"


def _inner(wanted: Shape) -> tuple[type[msgspec.Struct] | None, str]:
    """The section within a value, and what its path has between."""
    if wanted.struct:
        return wanted.struct, ""
    return (wanted.element.struct, "[]") if wanted.element else (None, "")


def _default(field: Field) -> str:
    return scalar(plain(field.default, field.shape)) if field.default is not None else "null"


def _lines(section: type[msgspec.Struct], value: Any, indent: str = "") -> Iterator[tuple[bool, str]]:
    """Lines, and whether each begins a part at the top."""
    for field in fields(section):
        held = getattr(value, field.name)
        restart = " (a change needs a restart)" if field.about.restart else ""
        inner, _ = _inner(field.shape)
        yield not indent, f"{indent}# {field.about.about}{restart}"
        if inner and isinstance(held, tuple) and held:
            yield False, f"{indent}{field.key}:"
            for each in held:
                first = True
                for _, line in _lines(inner, each, f"{indent}    "):
                    opens = first and not line.lstrip().startswith("#")
                    yield False, f"{indent}  - {line.strip()}" if opens else line
                    first = first and not opens
        elif inner and isinstance(held, inner):
            yield False, f"{indent}{field.key}:"
            yield from _lines(inner, held, f"{indent}  ")
        else:
            if inner:
                yield False, f"{indent}#   {'each may hold' if field.shape.element else 'may hold'}:"
                yield from ((False, f"{indent}#   {line}") for line in _sketch(inner))
            yield False, f"{indent}{field.key}: {scalar(plain(held, field.shape))}"


def _sketch(section: type[msgspec.Struct]) -> Iterator[str]:
    """The keys of a section that the default doesn't have, each with what it does."""
    for field in fields(section):
        inner, mark = _inner(field.shape)
        if inner:
            yield f"  {field.key}:  # {field.about.about}; {'each may hold' if mark else 'may hold'}:"
            yield from (f"  {line}" for line in _sketch(inner))
            continue
        example = field.about.example
        value = scalar(example) if example is not None else "..." if field.shape.is_secret else _default(field)
        yield f"  {field.key}: {value}  # {field.about.about}"


def scalar(value: Any) -> str:
    """A plain value as YAML."""
    match value:
        case None | bool():
            return json.dumps(value)
        case list():
            return f"[{', '.join(scalar(each) for each in value)}]"
        case dict():
            return f"{{{', '.join(f'{key}: {scalar(each)}' for key, each in value.items())}}}"
        case str():
            node = parse(value).root if _PLAIN.fullmatch(value) else None
            return value if isinstance(node, Scalar) and node.kind == "text" else json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)


if __name__ == "__main__":
    sys.stdout.write(table() if sys.argv[1:] == ["table"] else reference())

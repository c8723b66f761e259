"""What stands beside the fields of the model: their words, their way of being written, and how to walk over them."""

from __future__ import annotations

import datetime
import functools
import types
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin, get_type_hints

import msgspec

from trow.config import units
from trow.config.secret import Secret
from trow.config.units import Written

_AT_LEAST_ONE = msgspec.Meta(ge=1)
_MORE_THAN_NONE = msgspec.Meta(gt=0)
# for editors, which know JSON Schema's regular expressions
_DURATIONS = r"^([0-9]+(\.[0-9]+)?(ms|[dhms])?)+$"
_SIZES = r"^[0-9]+(\.[0-9]+)? ?([KMGTkmgt]i?[Bb]?|[Bb])?$"
_ROOMS = r"^[0-9]+(\.[0-9]+)? ?([KMGTkmgt]i?[Bb]?|[Bb]|%)?$"
_DURATION = Written(
    units.duration, "a duration, such as 30s, 10m or 1h30m", units.show_duration, _DURATIONS, number=True
)
_SIZE = Written(units.size, "a size, such as 4MiB or 50GiB", units.show_size, _SIZES, number=True)
_NAME = Written(units.not_empty, "text, without spaces around it")

Duration = Annotated[float, _DURATION, msgspec.Meta(ge=0)]
Pause = Annotated[float, _DURATION, _MORE_THAN_NONE]
Size = Annotated[int, _SIZE, _AT_LEAST_ONE]
Room = Annotated[
    int | units.Share,
    Written(units.room, "a size such as 50GiB or a share such as 80%", units.show_room, _ROOMS, number=True),
    _MORE_THAN_NONE,
]
Version = Annotated[int, Written(units.version, "a version, which is 1", int, "^1$", number=True)]
Workers = Annotated[
    int,
    Written(
        units.workers, "auto or a number from 1 to 256", lambda value: value or "auto", "^(auto|[0-9]+)$", number=True
    ),
]
ListenAddress = Annotated[
    units.Address, Written(units.address, "an address and a port, such as 0.0.0.0:8000 or [::]:8000", number=True)
]
Host = Annotated[str, Written(units.host, "a host, such as docker.io or registry.example:5000")]
Network = Annotated[str, Written(units.network, "a network, such as 10.0.0.0/8")]
Origin = Annotated[str, Written(units.origin, "an origin, such as https://ui.example, or *")]
PathPrefix = Annotated[str, Written(units.path_prefix, "the beginning of a repository's name")]
Url = Annotated[str, Written(units.https_url, "a URL, such as https://auth.example/token")]
Name = Annotated[str, _NAME]
Day = Annotated[datetime.date, Written(units.date, "a day, such as 2026-12-31")]
# Where the server works: as with --data-dir, from where it was started. Every other path starts at the file's folder.
Folder = Annotated[Path, Written(lambda text: Path(units.not_empty(text)), "a folder")]


class Key(msgspec.Struct, frozen=True):
    """The words of a key: what it does, in one line; whether a change needs a restart; a value for examples."""

    about: str
    restart: bool = False
    example: object = None


class Shape(NamedTuple):
    """What a value may be: one of `types`, perhaps nothing, as `written`, within `bounds`."""

    types: tuple[Any, ...]
    optional: bool = False
    written: Written | None = None
    bounds: msgspec.Meta | None = None

    @property
    def is_secret(self) -> bool:
        return Secret in self.types

    @property
    def struct(self) -> type[msgspec.Struct] | None:
        """The section that a mapping here would be."""
        if self.written:
            return None
        return next((each for each in self.types if isinstance(each, type) and issubclass(each, msgspec.Struct)), None)

    @property
    def element(self) -> Shape | None:
        """What a list here holds."""
        return next((shape(get_args(each)[0]) for each in self.types if get_origin(each) is tuple), None)


class Field(NamedTuple):
    """A key of a section: as the file and as the code call it."""

    key: str
    name: str
    shape: Shape
    about: Key
    required: bool
    default: Any


def shape(hint: Any) -> Shape:
    """The shape that an annotation describes."""
    written = bounds = None
    if get_origin(hint) is Annotated:
        hint, *marks = get_args(hint)
        written = next((mark for mark in marks if isinstance(mark, Written)), None)
        bounds = next((mark for mark in marks if isinstance(mark, msgspec.Meta)), None)
    if get_origin(hint) not in (Union, types.UnionType):
        return Shape((hint,), written=written, bounds=bounds)
    parts = [shape(each) for each in get_args(hint) if each is not type(None)]
    return Shape(
        tuple(each for part in parts for each in part.types),
        optional=type(None) in get_args(hint),
        written=next((part.written for part in parts if part.written), written),
        bounds=next((part.bounds for part in parts if part.bounds), bounds),
    )


@functools.cache
def fields(section: type[msgspec.Struct]) -> tuple[Field, ...]:
    """The keys that a file may give in a section; a field without a Key is none of them."""
    hints = get_type_hints(section, include_extras=True)
    found = []
    for each in msgspec.structs.fields(section):
        hint, about = hints[each.name], None
        if get_origin(hint) is Annotated:
            hint, *marks = get_args(hint)
            about = next((mark for mark in marks if isinstance(mark, Key)), None)
            rest = tuple(mark for mark in marks if not isinstance(mark, Key))
            hint = Annotated[(hint, *rest)] if rest else hint
        if about:
            default = None if each.required else each.default
            if default is msgspec.NODEFAULT:
                default = each.default_factory()
            found.append(Field(each.encode_name, each.name, shape(hint), about, each.required, default))
    return tuple(found)


def file_key(field: Field) -> str | None:
    """The key beside a secret that names a file with it."""
    return f"{field.key}_file" if field.shape.is_secret else None

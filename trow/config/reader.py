"""From nodes to the model: one walk that knows sections, lists, mappings, choices and written values, and none by name.

Every problem is noted and the walk goes on, so that all are told at once. No message holds a value of the file.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin

import msgspec

from trow.config.advice import expected, hint, home, join, nearest
from trow.config.files import Files, Missing, Unreadable
from trow.config.keys import Field, Shape, fields, file_key, shape
from trow.config.problems import MOST_SHOWN, Problem, shown_key
from trow.config.secret import Secret
from trow.config.tree import Mapping, Node, Place, Scalar, Sequence

if TYPE_CHECKING:
    from trow.config.units import Written

Finishers = dict[type[msgspec.Struct], Callable[[Any, str], Any]]
_BAD: Final = msgspec.UNSET  # stands for a value that has been complained about
_KINDS = {"null": "nothing", "bool": "true or false", "int": "a number", "float": "a number", "text": "text"}
_WHOLE = {"0x": 16, "0o": 8}
# Keys of Trow 0.6 to 0.8.
_OLD = {
    "alias": "is a key of Trow 0.6 to 0.8: images are now reached as f/<host>/<repository>",
    "ignore_repos": "is a key of Trow 0.6 to 0.8: name what may be fetched by path_prefix instead",
}


class Reader:
    """Walks a tree. Where each key stands is in `places`, what is wrong in `problems`, what is odd in `warnings`.

    `finish` completes sections that are right in themselves: section and key in, section out.
    """

    def __init__(self, name: str, files: Files, root: type[msgspec.Struct], *, lenient: bool, elsewhere: bool) -> None:
        """`lenient` forgives what Trow 0.10 forgave, `elsewhere` that files are missing."""
        self.name = name
        self.finish: Finishers = {}
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.places: dict[str, Place] = {}
        self._files = files
        self._root = root
        self._lenient = lenient
        self._elsewhere = elsewhere

    def read(self, node: Node) -> Any:
        """The root section, or UNSET if there is a problem with it."""
        return self._value(node, shape(self._root), "")

    def complain(self, place: Place, key: str, message: str) -> None:
        self.problems.append(Problem(self.name, place.line, place.column, key, message))

    def _missing(self, place: Place, key: str, found: Path) -> None:
        """A file that isn't there: wrong, unless the configuration is for another machine."""
        told = self.warnings if self._elsewhere else self.problems
        told.append(Problem(self.name, place.line, place.column, key, f"{found} doesn't exist"))

    def warn(self, key: str, message: str) -> None:
        """A warning, at the nearest key that stands in the file."""
        place = self.place(key)
        self.warnings.append(Problem(self.name, place.line, place.column, key, message))

    def place(self, key: str) -> Place:
        """Where a key stands, or the nearest above it."""
        while key and key not in self.places:
            key = key.rpartition(".")[0]
        return self.places.get(key, Place(0, 0))

    def _value(self, node: Node, wanted: Shape, path: str) -> Any:
        match node:
            case Mapping():
                return self._mapping(node, wanted, path)
            case Sequence():
                return self._list(node, wanted, path)
            case Scalar():
                return self._scalar(node, wanted, path)

    def _wrong(self, node: Node, wanted: Shape, path: str) -> Any:
        """Complain that something else belongs here."""
        found = {Mapping: "a mapping", Sequence: "a list"}.get(type(node)) or _KINDS[getattr(node, "kind", "text")]
        self.complain(node.place, path, f"must be {expected(wanted)}, not {found}{hint(node, wanted)}")
        return _BAD

    def _mapping(self, node: Mapping, wanted: Shape, path: str) -> Any:
        if wanted.struct:
            return self._section(node, wanted.struct, path)
        of = next((each for each in wanted.types if get_origin(each) is dict), None)
        if of is None:
            return self._wrong(node, wanted, path)
        element = shape(get_args(of)[1])
        values = {}
        for key, (place, value) in node.entries.items():
            inner = f"{path}.{shown_key(key)}"
            self.places[inner] = place
            values[key] = self._value(value, element, inner)
        return _BAD if any(each is _BAD for each in values.values()) else values

    def _list(self, node: Sequence, wanted: Shape, path: str) -> Any:
        if wanted.element is None:
            return self._wrong(node, wanted, path)
        values = []
        for number, item in enumerate(node.items):
            inner = f"{path}[{number}]"
            self.places[inner] = item.place
            values.append(self._value(item, wanted.element, inner))
        return _BAD if any(each is _BAD for each in values) else tuple(values)

    def _section(self, node: Mapping, section: type[msgspec.Struct], path: str) -> Any:
        known = {field.key: field for field in fields(section)}
        beside = {key: field for field in known.values() if (key := file_key(field))}
        values: dict[str, Any] = {}
        misspelt = set()
        for key, (place, value) in node.entries.items():
            inner = join(path, shown_key(key))
            self.places[inner] = place
            if key in known:
                self._take(values, known[key], value, inner)
            elif key in beside:
                if beside[key].key in node.entries:
                    self.complain(place, inner, f"can't be given beside {beside[key].key}: which of them is meant?")
                values[beside[key].name] = self._secret_file(value, inner)
            else:
                misspelt.add(self._unknown(key, [*known, *beside], place, inner))
        for field in known.values():
            if field.required and field.name not in values:
                if field.key not in misspelt:
                    self.complain(node.place, join(path, field.key), "is missing")
                values[field.name] = _BAD
        if any(each is _BAD for each in values.values()):
            return _BAD
        made = section(**values)
        for key, message in made.complaints() if hasattr(made, "complaints") else ():
            inner = join(path, key)
            at = next((each for each in (inner, f"{inner}_file") if each in self.places), None)
            self.complain(self.places[at] if at else node.place, at or inner, message)
        return self.finish[section](made, path) if section in self.finish else made

    def _take(self, values: dict[str, Any], field: Field, node: Node, path: str) -> None:
        """The value of a known key; a key with nothing under it is as if it weren't there, if that can be meant."""
        if isinstance(node, Scalar) and node.kind == "null":
            is_section = field.shape.struct or field.shape.element or get_origin(field.shape.types[0]) is dict
            if field.shape.is_secret and not node.text and not self._lenient:
                self.complain(self.places[path], path, "is empty; a value that begins with # needs quotes")
                values[field.name] = _BAD
            elif is_section and not field.required:
                return
            elif field.shape.optional:
                values[field.name] = None
            else:
                message = "has no value: write one" + ("" if field.required else ", or take the key out")
                self.complain(self.places[path], path, message)
                values[field.name] = _BAD
            return
        values[field.name] = self._value(node, field.shape, path)

    def _scalar(self, node: Scalar, wanted: Shape, path: str) -> Any:
        if wanted.is_secret:
            return self._secret(node, path)
        if node.kind == "bool" and bool in wanted.types:
            return node.text.lower() == "true"
        if node.kind in ("null", "bool"):
            return self._wrong(node, wanted, path)
        if wanted.written:
            return self._written(node, wanted, wanted.written, path)
        for each in wanted.types:
            if each is int and node.kind == "int":
                return self._bounded(node, _whole(node.text), wanted, path)
            if each is float and node.kind in ("int", "float"):
                return self._bounded(node, float(node.text), wanted, path)
            if node.kind == "text" and isinstance(each, type):
                if issubclass(each, enum.StrEnum):
                    return self._choice(node, each, path)
                if issubclass(each, Path):
                    return self._path(node, path)
                if each is str:
                    return node.text
        return self._wrong(node, wanted, path)

    def _written(self, node: Scalar, wanted: Shape, written: Written, path: str) -> Any:
        if node.kind != "text" and not written.number:
            return self._wrong(node, wanted, path)
        try:
            value = written.read(node.text)
        except ValueError as error:
            self.complain(node.place, path, str(error) or f"must be {written.expected}")
            return _BAD
        return self._bounded(node, value, wanted, path)

    def _bounded(self, node: Scalar, value: Any, wanted: Shape, path: str) -> Any:
        bounds = wanted.bounds
        if bounds is None:
            return value
        said = None
        if bounds.ge is not None and not value >= bounds.ge:
            said = f"must be at least {bounds.ge}"
        elif bounds.gt is not None and not value > bounds.gt:
            said = f"must be more than {bounds.gt}"
        elif bounds.le is not None and not value <= bounds.le:
            said = f"must be at most {bounds.le}"
        if said:
            self.complain(node.place, path, said)
            return _BAD
        return value

    def _choice(self, node: Scalar, choices: type[enum.StrEnum], path: str) -> Any:
        known = [each.value for each in choices]
        if node.text in known:
            return choices(node.text)
        near = nearest(node.text, known) if len(self.problems) < MOST_SHOWN else None
        meant = f"; did you mean {near}?" if near else ""
        self.complain(node.place, path, f"must be one of {', '.join(known)}{meant}")
        return _BAD

    def _path(self, node: Scalar, path: str) -> Any:
        if not node.text or not node.text.isprintable():
            self.complain(node.place, path, "must be a path")
            return _BAD
        found = self._files.resolve(node.text)
        if not self._files.exists(found):
            self._missing(node.place, path, found)
            return found if self._elsewhere else _BAD
        return found

    def _secret(self, node: Scalar, path: str) -> Any:
        """What is written, whatever type it looks like; `file://PATH` is Trow 0.10's way to name a file."""
        if node.text.startswith("file://"):
            return self._secret_from(node, node.text.removeprefix("file://"), path)
        if not node.text:
            self.complain(node.place, path, "is empty")
            return _BAD
        return Secret(node.text)

    def _secret_file(self, node: Node, path: str) -> Any:
        if not isinstance(node, Scalar) or node.kind != "text" or not node.text:
            self.complain(node.place, path, "must be the path of a file")
            return _BAD
        return self._secret_from(node, node.text, path)

    def _secret_from(self, node: Scalar, text: str, path: str) -> Any:
        if not text.isprintable():
            self.complain(node.place, path, "must be the path of a file")
            return _BAD
        found = self._files.resolve(text)
        try:
            return Secret(self._files.text(found), found)
        except Missing:
            self._missing(node.place, path, found)
            return Secret("", found) if self._elsewhere else _BAD
        except Unreadable as error:
            self.complain(node.place, path, f"{found} {error}")
            return _BAD

    def _unknown(self, key: str, known: list[str], place: Place, path: str) -> str | None:
        """Complain of a key; the known one that was probably meant."""
        if key in _OLD and self._lenient:
            self.warn(path, f"{_OLD[key]}; it has no effect")
            return None
        belongs, near = "", None
        if len(self.problems) < MOST_SHOWN:  # a flood must not cost minutes
            belongs, near = home(key, self._root, ""), nearest(key, known)
        where = f"; it belongs under {belongs}" if belongs else f"; did you mean {near}?" if near else ""
        self.complain(place, path, _OLD.get(key) or f"is no key that can stand here{where}")
        return near


def _whole(text: str) -> int:
    digits = text.lstrip("+-")
    value = int(digits, _WHOLE.get(digits[:2], 10)) if len(digits) < 19 else 1 << 62
    return -value if text.startswith("-") else value

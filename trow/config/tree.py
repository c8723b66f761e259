"""YAML text as a tree of nodes that know their places, by the core schema of YAML 1.2; nothing about our keys.

PyYAML makes the events. Values are typed here: `yes`, `on`, `012` and `12:30` are text. Aliases are followed as far as
a bound on the whole allows; merge keys and tags are refused. Complaints never quote the text.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import yaml  # type: ignore[import-untyped, unused-ignore]

from trow.config.problems import shown_key

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_BYTES = 1024 * 1024
MOST_NODES = 20_000
DEEPEST = 32
MOST_TABS = 50
_NULL = re.compile(r"null|Null|NULL|~|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+|0o[0-7]+")
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNPRINTABLE = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TAB = "a tab stands where only spaces may"
# What PyYAML says, and what a user needs to hear. The first fragment that is found counts.
_SYNTAX = (
    ("mapping values are not allowed", "a colon doesn't fit here: put the value in quotes, or look at the indentation"),
    ("found character '\\t'", _TAB),
    ("that cannot start any token", "a value can't begin with this character: put it in quotes"),
    ("quoted scalar", "a quote is opened and never closed"),
    ("unexpected end of stream", "a quote is opened and never closed"),
    ("unexpected document separator", "a quote is opened and never closed"),
    ("could not find expected ':'", "a colon is missing, or the indentation is wrong, on this line or the one before"),
    ("expected <block end>", "the indentation doesn't fit with the lines above"),
    ("<document start>", "the indentation doesn't fit with the lines above"),
    ("',' or ']'", "a list that began with [ isn't closed"),
    ("',' or '}'", "a mapping that began with { isn't closed"),
    ("sequence entries are not allowed", "a list can't begin here: put it on a line of its own"),
    ("mapping keys are not allowed", "a value can't begin with a question mark here: put it in quotes"),
    ("escape", "a backslash in double quotes needs a doubled one, or single quotes around the value"),
    ("tag", "a value can't begin with an exclamation mark: put it in quotes"),
    ("alias", "a value can't begin with * : put it in quotes"),
    ("anchor", "a value can't begin with & : put it in quotes"),
    ("block scalar", "after | or > the line must end"),
    ("chomping or indentation", "after | or > the line must end"),
    ("incompatible YAML document", "only YAML 1.x can be read"),
    ("expected the node content", "a value is missing here, or a bracket or comma is too much"),
    ("directive", "a line can't begin with a percent sign here"),
)


class SyntaxProblem(Exception):
    """The text can't be read on: where (from 1; 0 for the whole) and why, for one or more places."""

    def __init__(self, *places: tuple[int, int, str]) -> None:
        super().__init__(places)
        self.places = places


class Place(NamedTuple):
    """Line and column, from 1."""

    line: int
    column: int


class Scalar(msgspec.Struct, frozen=True):
    """One value: its text, and what it is: null, bool, int, float or text."""

    place: Place
    text: str
    kind: str


class Sequence(msgspec.Struct, frozen=True):
    """A list."""

    place: Place
    items: list[Node]


class Mapping(msgspec.Struct, frozen=True):
    """Keys, each with its place, and their values; of a key that comes twice, the first."""

    place: Place
    entries: dict[str, tuple[Place, Node]]


Node = Scalar | Sequence | Mapping


class Tree(NamedTuple):
    """A file's content: nothing, or a node; and what is wrong with it although it could be read on."""

    root: Node | None
    problems: list[tuple[Place, str]]


def decode(content: bytes) -> str:
    """The text of a file in UTF-8; a byte order mark is dropped. Raises SyntaxProblem."""
    if len(content) > MOST_BYTES:
        raise SyntaxProblem((0, 0, f"is larger than {MOST_BYTES // 1024 // 1024} MiB"))
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise SyntaxProblem((0, 0, "is UTF-16: save it as UTF-8"))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        column = len(before[before.rfind(b"\n") + 1 :].decode().lstrip("\ufeff")) + 1
        message = f"isn't UTF-8: the byte at offset {error.start} doesn't fit"
        raise SyntaxProblem((before.count(b"\n") + 1, column, message)) from None
    if found := _UNPRINTABLE.search(text):
        before_it = text[: found.start()]
        line, column = before_it.count("\n") + 1, found.start() - before_it.rfind("\n")
        raise SyntaxProblem((line, column, f"holds the character U+{ord(found[0]):04X}, which YAML doesn't allow"))
    return text


def parse(text: str) -> Tree:
    """The tree of one document. Raises SyntaxProblem."""
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            builder.take(event)
    except yaml.YAMLError as error:
        places = list(itertools.islice(_explain(text, error), MOST_TABS))
    except (ValueError, OverflowError):  # PyYAML takes a \U escape of any size
        places = [(0, 0, "an escape in double quotes stands for no character")]
    else:
        return Tree(builder.root, builder.problems)
    raise SyntaxProblem(*places)  # out here, so that PyYAML's error, which holds the text, isn't its context


def _explain(text: str, error: yaml.YAMLError) -> Iterator[tuple[int, int, str]]:
    """Our words for an error of PyYAML, whose own quote the text; all tabs, if it is about one."""
    said = [getattr(error, "problem", None) or "", getattr(error, "context", None) or ""]
    found = (words for each in said for fragment, words in _SYNTAX if fragment in each)
    message = next(found, "this can't be read as YAML")
    marks = [getattr(error, "problem_mark", None), getattr(error, "context_mark", None)]
    if message.endswith("closed"):
        marks.reverse()
    mark = next(filter(None, marks), None)
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    yield line, column, message
    if message != _TAB:
        return
    for number, each in enumerate(text.splitlines(), 1):
        indentation = each[: len(each) - len(each.lstrip())]
        if "\t" in indentation and number > line and each.strip():
            yield number, indentation.index("\t") + 1, message


def _without_surrogates(text: str, place: Place) -> str:
    """Escapes may come in pairs, as JSON writes them; a half is no character."""
    if not _SURROGATE.search(text):
        return text
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise SyntaxProblem((*place, "an escape in double quotes stands for no character")) from None


class _Open:
    """A list or mapping whose end hasn't come."""

    def __init__(self, node: Sequence | Mapping, anchor: str | None) -> None:
        self.node = node
        self.anchor = anchor
        self.key: tuple[str | None, Place] | None = None
        self.weight = 1


class _Builder:
    """Makes nodes of events. An alias stands for the very node, so weights are added up as if it were written out."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self.problems: list[tuple[Place, str]] = []
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int] | None] = {}
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        place = Place(event.start_mark.line + 1, event.start_mark.column + 1)
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise SyntaxProblem((*place, "a second document begins here: the file must hold one"))
            case yaml.AliasEvent():
                self._alias(event.anchor, place)
            case yaml.ScalarEvent():
                node = Scalar(place, _without_surrogates(event.value, place), self._kind(event, place))
                self._add(node, 1, event.anchor, place)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                if len(self._open) >= DEEPEST:
                    raise SyntaxProblem((*place, f"lists and mappings are nested more than {DEEPEST} deep"))
                if event.tag is not None and event.tag not in ("!", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"):
                    self.problems.append((place, "tags (a word after an exclamation mark) aren't read"))
                is_list = isinstance(event, yaml.SequenceStartEvent)
                opened = Sequence(place, []) if is_list else Mapping(place, {})
                if event.anchor is not None:
                    self._anchors[event.anchor] = None
                self._open.append(_Open(opened, event.anchor))
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                done = self._open.pop()
                self._add(done.node, done.weight, done.anchor, done.node.place)
            case _:  # where the stream and its document end
                pass

    def _alias(self, anchor: str, place: Place) -> None:
        target = self._anchors.get(anchor)
        if target is None:
            inside = anchor in self._anchors
            message = "an alias stands inside what it stands for" if inside else "an alias that nothing stands for"
            raise SyntaxProblem((*place, f"{message}; if it is a value that begins with *, put it in quotes"))
        self._add(target[0], target[1], None, place)

    def _add(self, node: Node, weight: int, anchor: str | None, place: Place) -> None:
        if anchor is not None:
            self._anchors[anchor] = (node, weight)
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        parent.weight += weight
        if sum(each.weight for each in self._open) > MOST_NODES:
            raise SyntaxProblem((*place, f"the file holds more than {MOST_NODES} values, aliases written out"))
        if isinstance(parent.node, Sequence):
            parent.node.items.append(node)
        elif parent.key is None:
            parent.key = (self._key(node, place), place)
        else:
            (key, key_place), parent.key = parent.key, None
            if key is not None:
                self._enter(parent.node.entries, key, key_place, node)

    def _key(self, node: Node, place: Place) -> str | None:
        if isinstance(node, Scalar) and node.kind == "text":
            if node.text == "<<":
                self.problems.append((place, "merge keys (<<) are no part of YAML 1.2: write the keys out"))
                return None
            return node.text
        is_null = isinstance(node, Scalar) and node.kind == "null"
        self.problems.append((place, "a key is missing before the colon" if is_null else "a key must be text"))
        return None

    def _enter(self, entries: dict[str, tuple[Place, Node]], key: str, place: Place, node: Node) -> None:
        if key in entries:
            first = entries[key][0].line
            self.problems.append((place, f"the key {shown_key(key)} stands here again; it is on line {first} already"))
        else:
            entries[key] = (place, node)

    def _kind(self, event: yaml.ScalarEvent, place: Place) -> str:
        if event.tag == "tag:yaml.org,2002:str":
            return "text"
        if event.tag not in (None, "!"):
            message = "tags (a word after an exclamation mark) aren't read: put a value that begins with ! in quotes"
            self.problems.append((place, message))
        if event.style is not None or event.tag == "!":
            return "text"
        if event.anchor is not None and not event.value:
            self.problems.append((place, "nothing has this anchor: put a value that begins with & in quotes"))
        kinds = (("null", _NULL), ("bool", _BOOL), ("int", _INT), ("float", _FLOAT))
        return next((kind for kind, pattern in kinds if pattern.fullmatch(event.value)), "text")

"""Reading what `strace -f -y -o` wrote: calls with their paths, when they began and when they ended."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LINE = re.compile(r"(?P<thread>\d+) +(?:[\d:.]+ +)?(?P<rest>.*)", re.DOTALL)
_CALL = re.compile(r"(?P<name>\w+)\((?P<arguments>.*?)(?P<unfinished> *<unfinished \.\.\.>)?$", re.DOTALL)
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>(?P<arguments>.*)", re.DOTALL)
_RESULT = re.compile(r"\) += (?P<result>-?\d+|\?)(?P<more>[^\"]*)$")
_BY_NAME = re.compile(r"(?:open|rename|link|symlink|unlink|mkdir|rmdir|chmod)(?:at)?2?").fullmatch
_ARGUMENT = re.compile(r'(?:(?:AT_FDCWD|\d+)(?:<(?P<fd>/[^>]*)>)?|"(?P<text>(?:[^"\\]|\\.)*)"\.{0,3}|[^,"]+)(?:, |$)')


@dataclass(slots=True)
class Call:
    """One system call. `began` and `ended` count lines; a call that never ended has no result."""

    name: str
    arguments: str
    began: int
    ended: int = -1
    result: int | None = None
    injected: bool = False

    def paths(self) -> list[str]:
        """The absolute paths among the arguments; a call on a descriptor has one, that of its first argument."""
        found: list[str] = []
        if not _BY_NAME(self.name):
            first = _ARGUMENT.match(self.arguments)
            return [first["fd"].removesuffix(" (deleted)")] if first and first["fd"] else []
        base = ""
        for match in _ARGUMENT.finditer(self.arguments):
            text, descriptor = match["text"], match["fd"]
            if descriptor is not None:
                base = descriptor.removesuffix(" (deleted)")
                found.append(base)
            elif text is not None:
                if base:
                    found.pop()  # it only says where a relative name begins
                found.append(text if text.startswith("/") else f"{base}/{text}")
                base = ""
        return found


def read_trace(lines: Iterable[str]) -> Iterator[Call]:
    """Every call, in the order of its end; one that was cut off by a kill comes last, without a result."""
    waiting: dict[str, Call] = {}
    for number, line in enumerate(lines):
        match = _LINE.match(line.rstrip("\n"))
        if match is None:
            continue
        thread, rest = match["thread"], match["rest"]
        if resumed := _RESUMED.match(rest):
            call = waiting.pop(thread, None)
            if call:
                call.arguments += resumed["arguments"]
                yield _finish(call, number)
        elif begun := _CALL.match(rest):
            call = Call(begun["name"], begun["arguments"], number)
            if begun["unfinished"]:
                waiting[thread] = call
            else:
                yield _finish(call, number)
    yield from waiting.values()


def _finish(call: Call, number: int) -> Call:
    result = _RESULT.search(call.arguments)
    if result:
        call.arguments = call.arguments[: result.start()]
        call.injected = "(INJECTED)" in result["more"]
        if result["result"] != "?":
            call.result = int(result["result"])
    call.ended = number
    return call

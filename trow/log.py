"""The log: what happened, a line each, on standard error; as JSON, or as text for people at a terminal.

Every line passes here: those of `logging`, ours and the libraries', those of structlog, and the requests' own, which
`api.observe` makes. These are gathered for a moment and don't pass structlog, which would cost 4 µs of a pull's 26.
What can't be printed is escaped; a traceback is a field.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import threading
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING

import msgspec
import structlog
from structlog.stdlib import ProcessorFormatter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from structlog.typing import EventDict, FilteringBoundLogger

_LEVELS = {"off": 60, "error": 40, "warn": 30, "info": 20, "debug": 10, "trace": 5}
_STANDARD_ERROR = 2
# they tell their users' news, not ours
_NOISY = ("_granian", "granian", "asyncio", "litestar", "watchfiles")

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""Of the request that is being answered: its other lines bear it too."""


class RequestLine(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What is told of a request. A query may hold secrets, and so may bodies and Authorization: they have no place."""

    time: str
    level: str
    logger: str
    event: str
    id: str
    client: str
    method: str
    path: str
    status: int
    bytes: int
    """Of the answer's body."""
    duration_ms: float
    bytes_in: int = 0
    repository: str = ""
    reference: str = ""
    digest: str = ""
    user: str = ""
    cache: str = ""


class Lines:
    """Standard error. Requests' lines wait until `flush`, since a system call costs more than its words."""

    def __init__(self) -> None:
        self.held: list[RequestLine] = []
        self.render: Callable[[Sequence[RequestLine]], bytes]
        self._alone = threading.Lock()

    def flush(self, more: bytes = b"") -> None:
        """Write what was gathered, and more: in pieces of whole lines that a pipe takes as one, since several write."""
        with self._alone:
            count = len(self.held)  # another thread may add to it meanwhile
            data = self.render(self.held[:count]) + more
            del self.held[:count]
            start = 0
            with contextlib.suppress(OSError):  # a closed pipe must not end a registry
                while start < len(data):
                    start += os.write(_STANDARD_ERROR, data[start : _end_of_lines(data, start)])


def _end_of_lines(data: bytes, start: int) -> int:
    """Where to cut: after a line within what a pipe takes as one, or after the first line if that is longer."""
    stop = start + select.PIPE_BUF
    if len(data) <= stop:
        return len(data)
    return data.rfind(b"\n", start, stop) + 1 or data.find(b"\n", stop) + 1 or len(data)


lines = Lines()


class _Handler(logging.Handler):
    """From `logging`: at once, and after the requests before it."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 (an odd argument must not end what only wanted to tell of it)
            line = f"a line of the log could not be formatted: {record.msg!a}"
        lines.flush(line.encode() + b"\n")


def set_up(level: str, form: str) -> None:
    """Log from a level on (off, error, warn, info, debug, trace) in a form (json, text; auto: text on a terminal).

    May be called again: all that follows is written so.
    """
    global _least  # noqa: PLW0603 (a process has one standard error)
    _least = least = _LEVELS[level]
    as_json = form == "json" or (form == "auto" and not os.isatty(_STANDARD_ERROR))
    lines.render = _requests_as_json if as_json else _requests_as_text
    handler = _Handler()
    handler.setFormatter(ProcessorFormatter(processors=[_completed, _as_json if as_json else _as_text]))
    root = logging.getLogger()
    for other in [each for each in root.handlers if isinstance(each, _Handler)]:
        root.removeHandler(other)
    root.addHandler(handler)
    root.setLevel(least)
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(max(least, logging.WARNING))
    structlog.configure(
        processors=[ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=_filtering(least),
        cache_logger_on_first_use=False,
    )


def tells(level: str) -> bool:
    """Whether a line of this level is written now."""
    return _LEVELS[level] >= _least


def _filtering(least: int) -> type[FilteringBoundLogger]:
    """Below the level a call is nothing. structlog knows `logging`'s own levels alone."""
    return structlog.make_filtering_bound_logger(0 if least < logging.DEBUG else min(least, logging.CRITICAL))


def printable(text: str) -> str:
    """The same text, with what a terminal or a reader of lines could take for something else escaped."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


_stamp = (0, "")
_MILLISECONDS = tuple(f".{number:03d}Z" for number in range(1000))


def now() -> str:
    """The time with milliseconds (RFC 3339)."""
    return _time(time.time())


def _time(seconds: float) -> str:
    global _stamp  # noqa: PLW0603 (within a second it is the same)
    second = int(seconds)
    known, stamp = _stamp
    if known != second:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        _stamp = second, stamp
    return stamp + _MILLISECONDS[int((seconds - second) * 1000)]


_encoder = msgspec.json.Encoder(enc_hook=str)


def _requests_as_json(held: Sequence[RequestLine]) -> bytes:
    return _encoder.encode_lines(held)


def _requests_as_text(held: Sequence[RequestLine]) -> bytes:
    return "".join(map(_request_as_text, held)).encode()


def _request_as_text(line: RequestLine) -> str:
    """What is in the path already is not said again."""
    more = f" in={line.bytes_in}" if line.bytes_in else ""
    if line.digest and line.digest not in line.path:
        more += f" digest={line.digest}"
    if line.user:
        more += f" user={_value(line.user)}"
    if line.cache:
        more += f" cache={line.cache}"
    return (
        f"{line.time[:19]} [{line.logger}] {line.level.upper()} {line.client} {line.method} {line.path} "
        f"{line.status} {line.bytes} {line.duration_ms}ms id={line.id}{more}\n"
    )


def _completed(_: object, __: str, event: EventDict) -> EventDict:
    """Who says it, when, how loud, and in which request; the exception as text."""
    record: logging.LogRecord = event.pop("_record")
    event.pop("_from_structlog", None)
    level = record.levelname.lower()
    told = {
        "time": _time(record.created),
        "level": "warn" if level == "warning" else level,
        "logger": record.name,
        "event": printable(str(event.pop("event", ""))),
    }
    if number := request_id.get():
        told["id"] = number
    failed = event.pop("exc_info", None) or record.exc_info
    if isinstance(failed, BaseException):
        failed = (type(failed), failed, failed.__traceback__)
    if isinstance(failed, tuple) and failed[0]:
        told["exception"] = logging.Formatter().formatException(failed)
    event.pop("stack_info", None)
    return {**told, **event}


def _as_json(_: object, __: str, event: EventDict) -> str:
    try:
        return _encoder.encode(event).decode()
    except (UnicodeEncodeError, TypeError, ValueError):  # a name that is no text, keys that are no strings
        return _encoder.encode({str(key): printable(str(value)) for key, value in event.items()}).decode()


def _as_text(_: object, __: str, event: EventDict) -> str:
    head = [event.pop(key) for key in ("time", "logger", "level", "event")]
    level = "WARNING" if head[2] == "warn" else head[2].upper()
    more = "".join(f" {key}={_value(value)}" for key, value in event.items())
    return f"{head[0][:19]} [{head[1]}] {level} {head[3]}{more}"


def _value(value: object) -> str:
    """A word as it is, everything else in quotes."""
    text = str(value)
    return text if text and text.isprintable() and not set(text) & set(" \"'=\\") else ascii(text)


_least = _LEVELS["info"]
lines.render = _requests_as_json

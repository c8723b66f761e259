"""How values are written: durations, sizes, shares, addresses, hosts and the like."""

from __future__ import annotations

import datetime
import ipaddress
import re
from collections.abc import Callable
from typing import Any

import msgspec

KIB, MIB, GIB, TIB = 1 << 10, 1 << 20, 1 << 30, 1 << 40
AUTO_WORKERS = 0
_SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_NUMBER = r"[0-9]{1,20}(?:\.[0-9]{1,9})?"
_DURATION = re.compile(rf"(?:{_NUMBER}|(?:{_NUMBER}(?:ms|[dhms]))+)")
_SIZE = re.compile(rf"({_NUMBER}) ?(?:(?i:([KMGT])(i?)B)|([KMGT])(i?)|[Bb])?")
_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3})?) ?%")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*\.?|\[[0-9a-fA-F:.]+\])(?::([0-9]{{1,5}}))?")
_ORIGIN = re.compile(rf"https?://{_HOST.pattern}")
_DOCKER_HUB = ("docker.io", "index.docker.io", "registry-1.docker.io")


class Written(msgspec.Struct, frozen=True):
    """How a value stands in the file: `read` raises ValueError with what is wrong, `show` is its inverse.

    `pattern` is for editors: a regular expression that accepts at least what `read` does; `number` says whether the
    value may be a bare number too.
    """

    read: Callable[[str], Any]
    expected: str
    show: Callable[[Any], Any] = str
    pattern: str = ""
    number: bool = False


class Share(float):
    """A part of the whole, between 0 and 1; `80%` in the file."""

    __slots__ = ()


class Address(msgspec.Struct, frozen=True):
    """Where to listen: a host name or IP address without brackets, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def duration(text: str) -> float:
    """Seconds; a bare number is seconds too."""
    if not _DURATION.fullmatch(text):
        raise ValueError
    if text[-1].isdigit():
        return float(text)
    parts = re.findall(rf"({_NUMBER})(ms|[dhms])", text)
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def show_duration(seconds: float) -> str:
    """The shortest way to write it, with one unit."""
    for unit in ("d", "h", "m", "s"):
        if (seconds or unit == "s") and seconds % _SECONDS[unit] == 0:
            return f"{seconds / _SECONDS[unit]:.0f}{unit}"
    milliseconds = seconds * 1000
    return f"{milliseconds:.0f}ms" if milliseconds == round(milliseconds) else f"{seconds!r:.25}s"


def size(text: str) -> int:
    """Bytes. MiB (or Mi) is 1024 * 1024 of them, MB (or M) a million."""
    found = _SIZE.fullmatch(text)
    if not found:
        raise ValueError
    whole, _, part = found[1].partition(".")
    prefix, binary = (found[2] or found[4] or "").upper(), found[3] or found[5]
    scale: int = (1024 if binary else 1000) ** " KMGT".index(prefix or " ")
    count = int(whole) * scale + (int(part) * scale // 10 ** len(part) if part else 0)
    if count >= 1 << 62:
        raise ValueError("is larger than any disk")
    return count


def show_size(count: int) -> str | int:
    """With the largest unit that divides it."""
    for unit, scale in (("TiB", TIB), ("GiB", GIB), ("MiB", MIB), ("KiB", KIB)):
        if count and count % scale == 0:
            return f"{count // scale}{unit}"
    return count


def room(text: str) -> int | Share:
    """A size, or a share of the volume."""
    found = _SHARE.fullmatch(text)
    if not found:
        return size(text)
    if not 0 < float(found[1]) <= 100:
        raise ValueError("must be more than 0% and at most 100%")
    return Share(float(found[1]) / 100)


def show_room(value: int | Share) -> str | int:
    return f"{round(value * 100, 3):g}%" if isinstance(value, Share) else show_size(value)


def version(text: str) -> int:
    """The version of a file's keys."""
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError
    if text != "1":
        raise ValueError("isn't known to this Trow, which reads version 1")
    return 1


def workers(text: str) -> int:
    """How many processes; AUTO_WORKERS stands for `auto`."""
    if text == "auto":
        return AUTO_WORKERS
    if not re.fullmatch(r"[0-9]{1,4}", text):
        raise ValueError
    if not 1 <= int(text) <= 256:
        raise ValueError("must be between 1 and 256, or auto")
    return int(text)


def address(text: str) -> Address:
    """`HOST:PORT`; without a host, or with `*`, every address of the machine."""
    host, colon, port = text.rpartition(":")
    if not colon and text.isdecimal():
        host, port = "", text
    elif not colon or (":" in host and not (host.startswith("[") and host.endswith("]"))):
        raise ValueError
    if not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError("must end with a port between 0 and 65535")
    host = {"": "0.0.0.0", "*": "0.0.0.0"}.get(host, host)  # noqa: S104 (a registry is there for others)
    if host.startswith("["):
        ip_address(host[1:-1])
    elif not _HOST.fullmatch(host):
        raise ValueError
    return Address(host.strip("[]"), int(port))


def ip_address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("is not an IP address in its brackets") from None


def host(text: str) -> str:
    """`HOST` or `HOST:PORT` in lower case; the names of Docker Hub are one, docker.io."""
    if "://" in text:
        raise ValueError("must be a host alone, without https:// or the like")
    if "/" in text:
        raise ValueError("must be a host alone; what follows the slash is a path")
    found = _HOST.fullmatch(text)
    if not found or (found[1] and not 0 < int(found[1]) < 65536) or len(text) > 255:
        raise ValueError
    if text.startswith("["):
        ip_address(text[1 : text.index("]")])
    name = text.lower()
    return _DOCKER_HUB[0] if name.removesuffix(":443") in _DOCKER_HUB else name


def network(text: str) -> str:
    """An IP network in CIDR form, or one address."""
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        pass
    try:
        whole = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError from None
    raise ValueError(f"has bits set behind its mask; the network is {whole}")


def origin(text: str) -> str:
    """What a browser sends as `Origin`, or `*`."""
    if text != "*" and not _ORIGIN.fullmatch(text):
        raise ValueError
    return text


def path_prefix(text: str) -> str:
    """Slashes at both ends are dropped, as in Trow 0.10."""
    return text.strip("/")


def not_empty(text: str) -> str:
    if not text or text != text.strip() or not text.isprintable():
        raise ValueError
    return text


def https_url(text: str) -> str:
    if not re.fullmatch(rf"https?://{_HOST.pattern}(?:/[!-~]*)?", text) or "@" in text:
        raise ValueError
    return text


def date(text: str) -> datetime.date:
    """A day, as `2026-12-31`."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise ValueError("is no day of the calendar") from None

"""`trow status`: ask the running server whether it serves, whether it can write, and which settings are in force."""

from __future__ import annotations

import datetime
import http.client
import ipaddress
import ssl
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from trow.cli.output import GREEN, RED, YELLOW, coloured, complain, say, say_json
from trow.cli.parser import UsageError
from trow.cli.settings import overlay, settings
from trow.config.model import Config
from trow.config.problems import ConfigError

if TYPE_CHECKING:
    import argparse

    from trow.config.model import Listen

TIMEOUT_SECONDS = 3.0
_MOST_BYTES = 256 * 1024
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


class InForce(msgspec.Struct, frozen=True):
    """Which settings are in force, and what became of the file since."""

    generation: int
    since: float = 0.0
    sha256: str = ""
    file: str = ""
    error: str = ""
    last_good: bool = False
    pending: tuple[str, ...] = ()


class Answer(msgspec.Struct, frozen=True):
    """What `/readiness` says; what an older server doesn't know is left out."""

    is_ready: bool
    writable: bool | None = None
    message: str = ""
    config: InForce | None = None
    version: str | None = None


class Unanswered(Exception):
    """Nobody answers there, or somebody else; the message is one line."""


def status(chosen: argparse.Namespace) -> int:
    """Print how the server is: 0 if it serves by the file as it is, else 1."""
    url = _given(chosen.url) if chosen.url else _usual(chosen)
    try:
        answer = ask(url)
    except Unanswered as error:
        if chosen.output == "json":
            say_json({"url": url, "reachable": False, "error": str(error)})
        else:
            complain(f"{url}: {error}")
        return 1
    if chosen.output == "json":
        say_json({"url": url, "reachable": True, **msgspec.to_builtins(answer)})
    else:
        _tell(url, answer)
    return 0 if answer.is_ready and not (answer.config and answer.config.error) else 1


def ask(url: str) -> Answer:
    """Ask a server. Raises Unanswered."""
    context = ssl.create_default_context()
    if _is_loopback(urlsplit(url).hostname or ""):  # nobody stands between, and no certificate names it
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context), _StayThere()
    )
    try:
        with opener.open(f"{url}/readiness", timeout=TIMEOUT_SECONDS) as answered:
            body = answered.read(_MOST_BYTES)
    except urllib.error.HTTPError as error:
        with error:
            body = _rest(error)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unanswered(f"can't be reached: {_reason(error)}") from None
    try:
        return msgspec.json.decode(body, type=Answer)
    except msgspec.MsgspecError:
        raise Unanswered("somebody answers, but not as Trow does") from None


class _StayThere(urllib.request.HTTPRedirectHandler):
    """No Trow sends us elsewhere, and elsewhere another certificate would do."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _rest(answered: urllib.error.HTTPError) -> bytes:
    try:
        return answered.read(_MOST_BYTES)
    except (OSError, http.client.HTTPException):
        return b""


def _reason(error: Exception) -> str:
    inner = getattr(error, "reason", error)
    if isinstance(inner, TimeoutError):
        return f"no answer within {TIMEOUT_SECONDS:g} s"
    return str(getattr(inner, "strerror", None) or inner or type(inner).__name__).lower()


def _given(text: str) -> str:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise UsageError("--url: that is no URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError("--url: must be as http://127.0.0.1:8000 or https://registry.example")
    return _url(parts.scheme, parts.hostname, port)  # without a login, if somebody wrote one


def _usual(chosen: argparse.Namespace) -> str:
    """Where the settings listen first. With a file that can't be used a server may run by its last good one."""
    try:
        config = settings(chosen).config
    except ConfigError as error:
        complain(f"the file here can't be used: {error.problems[0]} (asking where Trow listens without it)")
        config = overlay(chosen).apply(Config())
    listen: Listen = config.listen[0]
    if not listen.port:
        raise UsageError("the settings listen on any free port: say with --url which it is")
    return _url("https" if listen.tls else "http", _EVERYWHERE.get(listen.host, listen.host), listen.port)


def _url(scheme: str, host: str, port: int | None) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{port}" if port else f"{scheme}://{shown}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _tell(url: str, answer: Answer) -> None:
    def line(name: str, text: str) -> None:
        say(f"  {name:<10} {text}")

    say(f"{url}{f' is Trow {answer.version}' if answer.version else ''}")
    why = f": {answer.message}" if answer.message else ""
    line("ready", coloured("yes", GREEN) if answer.is_ready else coloured(f"no{why}", RED))
    if answer.writable is not None:
        line("writable", coloured("yes", GREEN) if answer.writable else coloured("no: pushes fail", YELLOW))
    if answer.config is None:
        return
    held = answer.config
    line("file", held.file or "none")
    since = f", since {_moment(held.since)}" if held.since else ""
    line("in force", f"generation {held.generation}{since}{f', sha256 {held.sha256[:12]}' if held.sha256 else ''}")
    if held.last_good:
        line("", coloured("the last good file: the one that was there at the start can't be used", YELLOW))
    for each in held.error.splitlines():
        line("error", coloured(each, RED))
    if held.pending:
        line("pending", coloured(f"{', '.join(held.pending)} (until a restart)", YELLOW))


def _moment(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

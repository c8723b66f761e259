"""The flags that say how Trow runs: those of Trow 0.3 and 0.10 side by side, each with a `TROW_…` variable.

A flag that is not given is None, so that what the file says shows through. Flags of parts that this version does not
have are refused by name: an ignored `--user` would be an open door.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from trow import __version__
from trow.cli.parser import Parser, UsageError
from trow.config.model import LogFormat, LogLevel, Sparse

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

GIVEN = "given"
"""Where a namespace says by what name each flag was given: `--port` or `TROW_PORT`, by the flag's destination."""

_STILL_TO_COME = {
    "users and logins": ("-u", "-U", "--user", "-p", "-P", "--password", "--password-file"),
    "proxying": ("--proxy-docker-hub", "--hub-user", "--hub-token", "--hub-token-file"),
    "image validation": (
        *("--allow-docker-official", "--deny-k8s-images", "--allow-prefixes", "--allow-images"),
        *("--disallow-local-prefixes", "--disallow-local-images"),
    ),
}
_GONE = ("--proxy-registry-config-file", "--image-validation-config-file")
_CONTRARY = (
    ({"--bind"}, {"--host", "--port"}),
    ({"--cors"}, {"--enable-cors"}),
    ({"--no-tls"}, {"--tls", "-c", "--cert", "-k", "--key"}),
)


class FlagParser(Parser):
    """The words of a verb that runs by the settings: every one of their flags is heard, typed or as a variable.

    `shown` are the flags that its help names, all if it is None. `refusing` says whether flags and variables of parts
    still to come are a UsageError.
    """

    def __init__(
        self,
        verb: str,
        about: str,
        examples: str = "",
        words: str = "",
        *,
        shown: Collection[str] | None = None,
        refusing: bool = False,
    ) -> None:
        super().__init__(verb, about, examples, words)
        self._refusing = refusing
        before = len(self._actions)
        _add_flags(self, shown)
        self._heard = self._actions[before:]

    def hear(self, *words: str, **settings: object) -> None:
        """Add a flag that has a variable too."""
        self._heard.append(self.add_argument(*words, **settings))  # type: ignore[arg-type]

    def read(self, words: Sequence[str], environment: Mapping[str, str] | None = None) -> argparse.Namespace:
        """What the words and the variables say. Raises UsageError."""
        variables = os.environ if environment is None else environment
        if self._refusing:
            _refuse_what_is_to_come(words, variables)
        typed = _typed(words)
        found, names = self._from(variables, typed)
        chosen = self.parse_args([*found, *words])
        for action in self._heard:
            if action.dest not in names and getattr(chosen, action.dest) is not None:
                given = typed & set(action.option_strings)
                names[action.dest] = next(iter(given), action.option_strings[-1])
        setattr(chosen, GIVEN, names)
        return chosen

    def _from(self, variables: Mapping[str, str], typed: set[str]) -> tuple[list[str], dict[str, str]]:
        """Variables as if they had been typed before the flags, and their names; a flag that is typed wins."""
        for one, other in _CONTRARY:  # a flag that is typed silences the variables that say the contrary
            typed = typed | (other if typed & one else set()) | (one if typed & other else set())
        found: list[str] = []
        names: dict[str, str] = {}
        for action in self._heard:
            for option in action.option_strings:
                name = _variable(option)
                value = variables.get(name) if option.startswith("--") else None
                if value is None or typed & set(action.option_strings):
                    continue
                if action.nargs == 0:
                    words = [option] if value.lower() not in ("", "0", "false", "no") else []
                elif action.nargs == "+":
                    words = [option, *value.replace(",", " ").split()]
                else:
                    words = [f"{option}={value}"]
                if words:
                    found += words
                    names[action.dest] = name
        return found, names


def serve_parser() -> FlagParser:
    """The words of `trow serve`."""
    parser = FlagParser(
        "serve",
        "Start the registry. A flag wins over its variable (TROW_DATA_DIR for --data-dir), and that over the file.",
        "  trow serve                                   plain HTTP on port 8000, everything in ./data\n"
        "  trow serve --config-file /etc/trow/config.yaml\n"
        "  trow serve --bind 0.0.0.0:443 --tls tls.crt,tls.key --names registry.example\n"
        "  trow serve --dry-run                         check all of it, and end",
        refusing=True,
    )
    parser.hear("--strict", action="store_true", default=None, help="don't start from the last good file if it's wrong")
    parser.hear("--dry-run", action="store_true", default=None, help="say what would be served, then end")
    parser.add_argument("-v", "-V", "--version", action="version", version=version_line(), help="show it and end")
    parser.with_help()
    return parser


def version_line() -> str:
    """As Trow 0.3 says it."""
    return f"Trow version {__version__} {os.environ.get('VCS_REF', '')}".strip()


def _add_flags(parser: Parser, shown: Collection[str] | None) -> None:
    def add(group: argparse._ArgumentGroup, *words: str, help: str, **settings: object) -> None:  # noqa: A002
        if shown is not None and not set(words) & set(shown):
            help = argparse.SUPPRESS  # noqa: A001
        group.add_argument(*words, help=help, default=None, **settings)  # type: ignore[arg-type]

    file = parser.add_argument_group("configuration")
    add(
        file,
        *("--config-file", "--config"),
        metavar="FILE",
        help="one YAML file with everything (default: /etc/trow/config.yaml if it is there)",
    )
    listening = parser.add_argument_group("where it listens")
    add(listening, "--bind", metavar="IP[:PORT]", help="address and port (default 0.0.0.0:8000; port 8443 with TLS)")
    add(listening, "--host", metavar="IP", help="address alone, as in Trow 0.3")
    add(listening, "--port", type=int, metavar="PORT", help="port alone, as in Trow 0.3")
    add(
        listening,
        "--tls",
        nargs="?",
        const="",
        metavar="CERT,KEY",
        help="serve TLS (default ./certs/domain.crt,./certs/domain.key)",
    )
    add(listening, "--no-tls", action="store_true", help="serve plain HTTP (the default)")
    add(listening, "-c", "--cert", type=Path, metavar="FILE", help="TLS certificate; implies TLS")
    add(listening, "-k", "--key", type=Path, metavar="FILE", help="TLS key; implies TLS")
    add(
        listening,
        *("-n", "--names", "--hostname"),
        nargs="+",
        action="extend",
        metavar="HOST",
        help="this registry's host names",
    )
    serving = parser.add_argument_group("what it keeps, and how")
    add(serving, "-d", "--data-dir", type=Path, metavar="DIR", help="where everything is kept (default ./data)")
    add(serving, "--workers", type=int, metavar="N", help="processes (default: as CPU and memory allow, 4 at most)")
    add(
        serving,
        "--sparse",
        choices=[*Sparse],
        help="what a manifest may refer to that is not there (default none)",
    )
    limits = parser.add_argument_group("limits")
    add(limits, "--max-manifest-size", type=int, metavar="MIB", help="largest manifest in MiB (default 4)")
    add(limits, "--max-blob-size", type=int, metavar="MIB", help="largest blob in MiB (default: no limit)")
    add(limits, "--stall-seconds", type=float, metavar="S", help="how long a body may pause (default 60)")
    add(
        limits,
        "--shutdown-seconds",
        type=float,
        metavar="S",
        help="how long requests may finish after SIGTERM (default 30)",
    )
    pages = parser.add_argument_group("web pages of other hosts")
    add(
        pages,
        "--cors",
        nargs="+",
        action="extend",
        metavar="ORIGIN",
        help="origins whose pages may call this registry; * is all",
    )
    add(pages, "--enable-cors", action="store_true", help="all of them, as in Trow 0.3")
    logs = parser.add_argument_group("logging")
    add(logs, "--log-level", choices=[*LogLevel], help="default info; RUST_LOG is heard too")
    add(logs, "--log-format", choices=[*LogFormat], help="default auto: text on a terminal, JSON elsewhere")


def _refuse_what_is_to_come(words: Sequence[str], variables: Mapping[str, str]) -> None:
    refused = {flag: f"{part} is not in this version yet" for part, flags in _STILL_TO_COME.items() for flag in flags}
    refused |= dict.fromkeys(_GONE, "files apart are not read in this version: --config-file names one for everything")
    for flag, why in refused.items():
        short = len(flag) == 2
        for word in words:
            if word.partition("=")[0] == flag or (short and word.startswith(flag) and not word.startswith("--")):
                raise UsageError(f"{flag}: {why}; it is refused rather than ignored")
        if not short and _variable(flag) in variables:
            raise UsageError(f"{_variable(flag)}: {why}; it is refused rather than ignored")


def _variable(flag: str) -> str:
    return "TROW_" + flag.lstrip("-").replace("-", "_").upper()


def _typed(words: Sequence[str]) -> set[str]:
    """The flags among the words, as they are written."""
    return {word.partition("=")[0] for word in words if word[:1] == "-"} | {
        word[:2] for word in words if word[:1] == "-" and word[:2] != "--"
    }

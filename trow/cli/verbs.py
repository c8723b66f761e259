"""The verbs and their words. Nothing heavy is imported here: help and completion are quick."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from trow.cli.flags import FlagParser, serve_parser
from trow.cli.parser import Parser

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

SHELLS = ("bash", "zsh", "fish")
FILE_FLAGS = ("--config-file", "--config", "-d", "--data-dir", "-c", "--cert", "-k", "--key", "--tls")
"""Flags whose value is the path of a file or folder."""


class Verb(NamedTuple):
    """A verb: its words, and what it does in one line. `module` holds a function of the same name that does it."""

    about: str
    module: str
    parser: Callable[[], Parser]


def _check() -> Parser:
    parser = Parser(
        "check",
        "Check configuration files without a server: every problem, a line each, as FILE:LINE:COLUMN: KEY: MESSAGE.\n"
        "Files may belong to another machine: a secret file that is missing here is a warning.",
        "  trow check config.yaml\n"
        "  trow check --here /etc/trow/config.yaml      the files with secrets must be there too\n"
        "  trow check --strict config/*.yaml            warnings are failures: for a CI job\n"
        "  helm template . | yq '.data.config' | trow check -\n\n"
        "exit status: 0 no problem, 1 problems, 2 a file can't be read",
        words="FILE...",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="a file, or - for what comes in")
    parser.add_argument("--here", action="store_true", help="the files are for this machine: what they name must exist")
    parser.add_argument("--strict", action="store_true", help="a warning is a failure too")
    parser.add_argument("-v", "--verbose", action="store_true", help="name the files that are well too")
    return _with_output(parser)


def _config_show() -> Parser:
    parser = FlagParser(
        "config show",
        "Show the settings in force: the file's, with flags and variables laid over it. Secrets are masked.\n"
        "What isn't a default bears where it comes from: the line of the file, the flag or the variable.",
        "  trow config show                             everything\n"
        "  trow config show --changed                   only what the file, a flag or a variable says\n"
        "  trow config show -o json --config-file new.yaml",
        refusing=True,
    )
    parser.add_argument("--changed", action="store_true", help="leave the defaults out")
    return _with_output(parser)


def _explain() -> Parser:
    parser = FlagParser(
        "explain",
        "Say how an image reference is read and what Trow makes of it: local, proxied or remote, who may pull it, and\n"
        "which line of the file decided.",
        "  trow explain nginx\n"
        "  trow explain registry.example/team/app:1.2\n"
        "  trow explain ghcr.io/example/app --namespace ci-7 --user ci",
        words="REF",
        shown=("--config-file", "--names"),
    )
    parser.add_argument("reference", metavar="REF", help="an image, as a pod spec writes it")
    parser.add_argument("--user", metavar="U", help="who pulls it (default: somebody without a login)")
    parser.add_argument("--namespace", metavar="N", help="the namespace of the pod that runs it")
    return _with_output(parser)


def _status() -> Parser:
    parser = FlagParser(
        "status",
        "Ask the running server how it is: whether it serves, whether it can write, and which settings are in force.",
        "  trow status\n"
        "  trow status --url https://registry.example\n"
        "  kubectl exec deploy/trow -- trow status\n\n"
        "exit status: 0 it serves by the file as it is, 1 it doesn't, or can't be reached",
        shown=("--config-file", "--bind"),
    )
    parser.add_argument("--url", help="where it is (default: the first address that the settings listen on)")
    return _with_output(parser)


def _verify() -> Parser:
    parser = FlagParser(
        "verify",
        "Look whether every tag pulls and all content is what its digest says. It may run beside a server at work.",
        "  trow verify\n"
        "  trow verify --repair --data-dir /var/lib/trow\n\n"
        "exit status: 0 all is well, or was repaired; 1 something is wrong; 2 there is nothing to look at",
        shown=("--config-file", "--data-dir", "--sparse"),
    )
    parser.add_argument(
        "--repair", action="store_true", help="mend what can be mended; nothing that verifies is removed"
    )
    return _with_output(parser)


def _version() -> Parser:
    return _with_output(Parser("version", "Show the version."))


def _completion() -> Parser:
    parser = Parser(
        "completion",
        "Print a script that completes trow's words in a shell.",
        "  source <(trow completion bash)               in ~/.bashrc\n"
        "  source <(trow completion zsh)                in ~/.zshrc, after compinit\n"
        "  trow completion fish > ~/.config/fish/completions/trow.fish",
        words="bash|zsh|fish",
    )
    parser.add_argument("shell", choices=SHELLS)
    return parser.with_help()


def _with_output(parser: Parser) -> Parser:
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="how to print (default text)")
    return parser.with_help()


VERBS = {
    "serve": Verb("start the registry; also without the verb", "serve", serve_parser),
    "check": Verb("check configuration files, without a server", "check", _check),
    "config show": Verb("show the settings in force and where each comes from", "show", _config_show),
    "explain": Verb("say how an image reference is read, and what is made of it", "explain", _explain),
    "status": Verb("ask the running server how it is", "status", _status),
    "verify": Verb("look whether every tag pulls, by digest; mend with --repair", "verify", _verify),
    "completion": Verb("print a script that completes words in bash, zsh or fish", "completion", _completion),
    "version": Verb("show the version", "version", _version),
}


def takes_a_path(action: argparse.Action) -> bool:
    """Whether a shell should offer files for it."""
    return action.type is Path or bool(set(action.option_strings) & set(FILE_FLAGS)) or action.dest == "files"

"""`trow completion SHELL`: a script that completes verbs, flags and values, made from the words that are parsed."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, NamedTuple

from trow.cli.output import say
from trow.cli.verbs import VERBS, takes_a_path

if TYPE_CHECKING:
    from collections.abc import Iterator

_BASH = """\
# Completes trow in bash; made by `trow completion bash`.
_trow() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD - 1]}}" verb="${{COMP_WORDS[1]}}"
  local flags="" choices="" paths="" bare=""
  COMPREPLY=()
  if [[ $COMP_CWORD -eq 1 && $word != -* ]]; then
    COMPREPLY=($(compgen -W "{first}" -- "$word"))
    return
  fi
  if [[ $verb == config && $COMP_CWORD -eq 2 ]]; then
    COMPREPLY=($(compgen -W "show" -- "$word"))
    return
  fi
  case "$verb" in
{cases}
  esac
  if [[ " $paths " == *" $before "* ]]; then
    COMPREPLY=($(compgen -f -- "$word"))
    return
  fi
  if [[ -n $choices ]]; then
    COMPREPLY=($(compgen -W "$choices" -- "$word"))
    return
  fi
  if [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$word"))
  elif [[ $bare == files ]]; then
    COMPREPLY=($(compgen -f -- "$word"))
  elif [[ -n $bare ]]; then
    COMPREPLY=($(compgen -W "$bare" -- "$word"))
  fi
}}
complete -o filenames -F _trow trow"""
_ZSH = """\
# Completes trow in zsh, by what zsh has for bash's scripts; made by `trow completion zsh`.
autoload -U +X bashcompinit && bashcompinit
"""


class Words(NamedTuple):
    """What may follow a verb: its flags with their lines of help, values of those that have a few, and bare words."""

    flags: list[tuple[list[str], str]]
    choices: list[tuple[list[str], list[str]]]
    paths: list[str]
    bare: str


def completion(chosen: argparse.Namespace) -> int:
    """Print the script."""
    match chosen.shell:
        case "bash":
            say(_bash())
        case "zsh":
            say(_ZSH + _bash())
        case _:
            say("\n".join(_fish()))
    return 0


def words(verb: str) -> Words:
    """What may follow a verb; flags that its help leaves out are left out."""
    found = Words([], [], [], "")
    for action in VERBS[verb].parser()._actions:
        options = list(action.option_strings)
        choices = [str(each) for each in action.choices or ()]
        if not options:
            found = found._replace(bare="files" if takes_a_path(action) else " ".join(choices))
            continue
        if action.help == argparse.SUPPRESS:
            continue
        found.flags.append((options, action.help or ""))
        if choices:
            found.choices.append((options, choices))
        if takes_a_path(action):
            found.paths.extend(options)
    return found


def _bash() -> str:
    cases = []
    for verb in VERBS:
        known = words(verb)
        pattern = f"{verb.partition(' ')[0]}{' | -*' if verb == 'serve' else ''}"
        cases.append(f"    {pattern})")
        cases.append(f'      flags="{" ".join(each for options, _ in known.flags for each in options)}"')
        cases.append(f'      paths="{" ".join(known.paths)}" bare="{known.bare}"')
        if known.choices:
            cases.append('      case "$before" in')
            cases += [f'        {" | ".join(options)}) choices="{" ".join(few)}" ;;' for options, few in known.choices]
            cases.append("      esac")
        cases.append("      ;;")
    first = " ".join(dict.fromkeys(verb.partition(" ")[0] for verb in VERBS))
    return _BASH.format(first=first, cases="\n".join(cases))


def _fish() -> Iterator[str]:
    yield "# Completes trow in fish; made by `trow completion fish`."
    yield "complete -c trow -f"
    first = {verb.partition(" ")[0]: known.about for verb, known in VERBS.items()}
    for name, about in first.items():
        yield f"complete -c trow -n __fish_use_subcommand -a {name} -d {_quoted(about)}"
    yield "complete -c trow -n '__fish_seen_subcommand_from config' -a show"
    for verb in VERBS:
        name, known = verb.partition(" ")[0], words(verb)
        few = {options[0]: choices for options, choices in known.choices}
        for options, about in known.flags:
            names = " ".join(f"-l {each[2:]}" if each.startswith("--") else f"-s {each[1:]}" for each in options)
            value = f" -x -a {_quoted(' '.join(few[options[0]]))}" if options[0] in few else ""
            value = " -r -F" if options[0] in known.paths else value
            yield f"complete -c trow -n '__fish_seen_subcommand_from {name}' {names}{value} -d {_quoted(about)}"
        if known.bare:
            bare = "-F" if known.bare == "files" else f"-a {_quoted(known.bare)}"
            yield f"complete -c trow -n '__fish_seen_subcommand_from {name}' {bare}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"

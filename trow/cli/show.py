"""`trow config show`: the settings in force as a file would say them, each with where it comes from; secrets masked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trow.cli.banner import told
from trow.cli.output import DIM, coloured, say, say_json
from trow.cli.settings import settings
from trow.config.reference import scalar
from trow.config.show import masked

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from trow.cli.settings import Settings

_KEY_FILE = "_file"


def show(chosen: argparse.Namespace) -> int:
    """Print them."""
    found = settings(chosen)
    told(found.warnings)
    document = masked(found.config)
    if chosen.changed:
        document = _changed(document, "", found) or {}
    if chosen.output == "json":
        origins = {key: origin for key, _ in _leaves(document, "") if (origin := _origin(key, found))}
        say_json({"file": found.file and str(found.file), "config": document, "origins": origins})
        return 0
    for line in _lines(document, found):
        text, mark, comment = line.partition("  # ")
        say(text + (coloured(f"  # {comment}", DIM) if mark else "") if text else line)
    return 0


def _lines(document: dict[str, Any], found: Settings) -> Iterator[str]:
    yield f"# File: {found.file.absolute() if found.file else 'none'}"
    count = len(found.overlay.keys)
    if count:
        yield f"# Laid over it: {count} flag{'s' if count > 1 else ''} or variable{'s' if count > 1 else ''}"
    yield from _mapping(document, "", "", found)


def _mapping(section: dict[str, Any], path: str, indent: str, found: Settings) -> Iterator[str]:
    for name, value in section.items():
        key = f"{path}.{name}" if path else name
        if isinstance(value, dict) and value:
            yield f"{indent}{scalar(name)}:"
            yield from _mapping(value, key, f"{indent}  ", found)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield f"{indent}{scalar(name)}:"
            for number, each in enumerate(value):
                entry = list(_mapping(each, f"{key}[{number}]", f"{indent}    ", found))
                yield f"{indent}  - {entry[0].strip()}"
                yield from entry[1:]
        else:
            origin = _origin(key, found)
            short = f"{found.file.name}{origin[len(str(found.file)) :]}" if found.file and ":" in origin else origin
            yield f"{indent}{scalar(name)}: {scalar(value)}{f'  # {short}' if short else ''}"


def _origin(key: str, found: Settings) -> str:
    """Who says it; a secret's file may have been named by the secret itself."""
    return found.origin(key) or (found.origin(key.removesuffix(_KEY_FILE)) if key.endswith(_KEY_FILE) else "")


def _changed(value: Any, key: str, found: Settings) -> Any:
    """What isn't a default; None if nothing of it is anything else. `version` stays, or it would be another file."""
    if isinstance(value, dict) and value:
        kept = {
            name: held
            for name, each in value.items()
            if (held := _changed(each, f"{key}.{name}" if key else name, found)) is not None
        }
        return kept or None
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return (
            [_changed(each, f"{key}[{number}]", found) or each for number, each in enumerate(value)]
            if any(_changed(each, f"{key}[{number}]", found) for number, each in enumerate(value))
            else None
        )
    return value if _origin(key, found) or key == "version" else None


def _leaves(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for name, each in value.items():
            yield from _leaves(each, f"{key}.{name}" if key else name)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for number, each in enumerate(value):
            yield from _leaves(each, f"{key}[{number}]")
    else:
        yield key, value

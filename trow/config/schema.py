"""The model as a JSON Schema, for editors: `python -m trow.config.schema > config/config.schema.json`."""

from __future__ import annotations

import datetime
import enum
import json
import sys
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec

from trow.config.keys import Field, Shape, fields, file_key, shape
from trow.config.model import Config
from trow.config.show import plain

_PLAIN = {bool: "boolean", int: "integer", float: "number", str: "string", Path: "string", datetime.date: "string"}


def schema() -> dict[str, Any]:
    """The whole schema; each section has a definition of its own."""
    sections: dict[str, Any] = {}
    _section(Config, sections)
    root = sections.pop(Config.__name__)
    root["properties"]["version"] = {"description": root["properties"]["version"]["description"], "enum": [1]}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Configuration of Trow",
        **root,
        "required": ["version"],
        "definitions": dict(sorted(sections.items())),
    }


def text() -> str:
    """The schema as the file holds it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _section(section: type[msgspec.Struct], sections: dict[str, Any]) -> None:
    if section.__name__ in sections:
        return
    found: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": {}}
    sections[section.__name__] = found
    for field in fields(section):
        found["properties"][field.key] = _key(field, sections)
        beside = file_key(field)
        if beside:
            about = f"File that holds it: {field.about.about}"
            found["properties"][beside] = {"description": about, "type": "string"}
    if required := [field.key for field in fields(section) if field.required]:
        found["required"] = required


def _key(field: Field, sections: dict[str, Any]) -> dict[str, Any]:
    restart = " (a change needs a restart)" if field.about.restart else ""
    found = {"description": f"{field.about.about}{restart}", **_value(field.shape, sections)}
    may_be_nothing = field.shape.optional or field.shape.struct or field.shape.element
    if may_be_nothing and not field.required:
        kinds = found.pop("type", None)
        if kinds is None:
            found.setdefault("anyOf", [{"$ref": found.pop("$ref")}] if "$ref" in found else []).append({"type": "null"})
        else:
            found["type"] = [*([kinds] if isinstance(kinds, str) else kinds), "null"]
        if "enum" in found:
            found["enum"].append(None)
    if field.default is not None and not field.shape.struct:
        found["default"] = plain(field.default, field.shape)
    return found


def _value(wanted: Shape, sections: dict[str, Any]) -> dict[str, Any]:
    if wanted.is_secret:  # taken as it is written, whatever it looks like
        return {"type": ["string", "number", "boolean"]}
    if wanted.written:
        found: dict[str, Any] = {"type": ["string", "number"] if wanted.written.number else "string"}
        return {**found, "pattern": wanted.written.pattern} if wanted.written.pattern else found
    found_all = [_one(each, sections) for each in wanted.types]
    return found_all[0] if len(found_all) == 1 else {"anyOf": found_all}


def _one(kind: Any, sections: dict[str, Any]) -> dict[str, Any]:
    if get_origin(kind) is tuple:
        return {"type": "array", "items": _value(shape(get_args(kind)[0]), sections)}
    if get_origin(kind) is dict:
        return {"type": "object", "additionalProperties": _value(shape(get_args(kind)[1]), sections)}
    if issubclass(kind, msgspec.Struct):
        _section(kind, sections)
        return {"$ref": f"#/definitions/{kind.__name__}"}
    if issubclass(kind, enum.StrEnum):
        return {"type": "string", "enum": [each.value for each in kind]}
    return {"type": _PLAIN[kind]}


if __name__ == "__main__":
    sys.stdout.write(text())

"""The reference, the schema, the table and the examples: in step with the model, and what they say is so."""

from __future__ import annotations

import json
import re
import shutil
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped, unused-ignore]

from trow.config import reference, schema
from trow.config.loader import load
from trow.config.model import STILL_TO_COME, Config

FOLDER = Path(__file__).parent.parent.parent / "config"
EXAMPLES = sorted((FOLDER / "examples").glob("*.yaml"))
SCHEMA = json.loads((FOLDER / "config.schema.json").read_text())


class Made(StrEnum):
    """Files that are made from the model, and what makes them."""

    REFERENCE = "config.yaml"
    SCHEMA = "config.schema.json"


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """A folder for a copy of an example, with the secret files that examples name."""
    for name, content in (
        ("docker-hub-token", "t0ken\n"),
        ("ci-password", "$2b$12$hash\n"),
        ("docker-config.json", '{"auths": {"ghcr.io": {"auth": "dTpw"}}}'),
        ("internal/username", "u"),
        ("internal/password", "p"),
    ):
        (tmp_path / "secrets" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "secrets" / name).write_text(content)
    return tmp_path


def matches(value: object, wanted: dict[str, Any]) -> bool:
    """Whether a value is as the part of JSON Schema that we use says."""
    if "$ref" in wanted:
        return matches(value, SCHEMA["definitions"][wanted["$ref"].rpartition("/")[2]])
    if "anyOf" in wanted:
        return any(matches(value, each) for each in wanted["anyOf"])
    if "type" not in wanted:
        return value in wanted["enum"]
    kinds = wanted["type"] if isinstance(wanted["type"], list) else [wanted["type"]]
    found = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}
    kind = found.get(type(value), "null")
    if kind not in kinds and not (kind == "number" and "integer" in kinds):
        return False
    if "enum" in wanted and value not in wanted["enum"]:
        return False
    if isinstance(value, str) and not re.search(wanted.get("pattern", ""), value):
        return False
    if isinstance(value, list):
        return all(matches(each, wanted["items"]) for each in value)
    if isinstance(value, dict):
        properties, others = wanted.get("properties", {}), wanted["additionalProperties"]
        return set(wanted.get("required", ())) <= set(value) and all(
            matches(each, properties[key]) if key in properties else others and matches(each, others)
            for key, each in value.items()
        )
    return True


def document(path: Path) -> Any:
    """As an editor reads it; the days that YAML 1.1 sees become text again."""
    return json.loads(json.dumps(yaml.safe_load(path.read_text()), default=str))


@pytest.mark.parametrize(("name", "made"), [(Made.REFERENCE, reference.reference()), (Made.SCHEMA, schema.text())])
def test_what_is_made_from_the_model_is_in_step_with_it(name: Made, made: str) -> None:
    module = name.name.lower()
    assert (FOLDER / name).read_text() == made, f"python -m trow.config.{module} > config/{name}"


def test_the_table_of_the_documentation_is_in_step_with_the_model() -> None:
    text = (FOLDER / "README.md").read_text()
    assert text.partition("<!-- made by `python -m trow.config.reference table` -->\n")[2] == reference.table()


def test_the_reference_holds_every_key_with_its_default() -> None:
    result = load(FOLDER / "config.yaml")
    assert result.config == Config()
    assert result.warnings == ()
    top = {row.key.partition(".")[0].partition("[")[0] for row in reference.rows()}
    assert top <= set(result.lines)


def test_every_key_of_the_reference_has_one_comment_above_it() -> None:
    text = (FOLDER / "config.yaml").read_text().partition("\n\n")[2].splitlines()
    for number, line in enumerate(text):
        if line.strip() and not line.lstrip().startswith("#"):
            assert text[number - 1].lstrip().startswith("#"), line


def test_sections_need_a_restart_as_a_whole_or_key_by_key() -> None:
    at_start = {row.key for row in reference.rows() if row.restart}
    assert {key.partition(".")[0].partition("[")[0] for key in at_start} == {"listen", "storage", "workers"}


def test_what_is_still_to_come_are_keys_of_ours() -> None:
    known = {row.key for row in reference.rows()}
    assert not [key for key in STILL_TO_COME if not any(each == key or each.startswith(f"{key}.") for each in known)]


def test_there_are_examples_for_the_uses_people_have() -> None:
    names = {path.stem for path in EXAMPLES}
    assert names == {"admission-only", "air-gapped", "docker-hub-mirror", "private-registries"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_loads(path: Path, secrets: Path) -> None:
    copy = secrets / path.name
    shutil.copy(path, copy)
    result = load(copy)
    assert result.config != Config()
    assert [each for each in result.warnings if "is checked but not in force" not in each.message] == []


@pytest.mark.parametrize("path", [FOLDER / "config.yaml", *EXAMPLES], ids=lambda path: path.stem)
def test_editors_find_the_schema_and_are_content(path: Path) -> None:
    first = path.read_text().splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (path.parent / first.partition("=")[2]).resolve() == FOLDER / "config.schema.json"
    assert matches(document(path), SCHEMA)


@pytest.mark.parametrize(
    "wrong",
    [
        *({}, {"version": 2}, {"version": 1, "limit": {}}, {"version": 1, "limits": {"blob_size": "ten"}}, []),
        *({"version": 1, "logging": {"level": "loud"}}, {"version": 1, "listen": [{"tls": {"key": "a"}}]}),
        *({"version": 1, "registry_proxies": {"registries": [{"username": "a"}]}}, {"version": 1, "names": [1]}),
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(wrong: object) -> None:
    assert not matches(wrong, SCHEMA)


def test_the_schema_accepts_secrets_in_each_form_and_sections_with_nothing_in_them() -> None:
    for secret in ({"password": 12345}, {"password": "x"}, {"password_file": "x"}):
        assert matches({"version": 1, "users": [{"name": "a", **secret}], "limits": None, "names": None}, SCHEMA)

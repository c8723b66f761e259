"""YAML as we read it: the types of 1.2, places, and what is refused, in words that quote nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import yaml  # type: ignore[import-untyped, unused-ignore]

from tests.config.steps import config, loaded, refused, refused_ours
from trow.config.model import Config
from trow.config.problems import ConfigError
from trow.config.tree import MOST_NODES, Mapping, Scalar, parse

if TYPE_CHECKING:
    from trow.config.tree import Node


def kind(text: str) -> str:
    root = parse(f"key: {text}").root
    assert isinstance(root, Mapping)
    node: Node = root.entries["key"][1]
    assert isinstance(node, Scalar)
    return node.kind


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(
            (text, "text")
            for text in ("yes", "no", "on", "off", "y", "012", "12:30", "2026-12-31", "1_000", "0b1", "<", "=")
        ),
        *((text, "text") for text in ("'true'", '"null"', "'12'", "!!str 12", "! 12", "nUll", "tRue", "1e", "+0x1")),
        *((text, "bool") for text in ("true", "True", "FALSE")),
        *((text, "null") for text in ("null", "~", "", "NULL")),
        *((text, "int") for text in ("0", "12", "-3", "+4", "0x1F", "0o17")),
        *((text, "float") for text in ("1.5", "1e3", ".5", "-.inf", ".nan", "1.")),
    ],
)
def test_values_have_the_types_of_yaml_1_2(text: str, expected: str) -> None:
    assert kind(text) == expected


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n", "---\n...\n", "\ufeff# x\n", "null\n", "{}\n"])
def test_an_empty_file_is_the_defaults(text: str) -> None:
    result = loaded(text)
    assert result.config == Config()
    assert result.warnings == ()


def test_a_byte_order_mark_and_windows_line_ends_are_fine() -> None:
    assert loaded("\ufeffversion: 1\r\nlimits:\r\n  body_stall: 5s\r\n").config.limits.stall_seconds == 5
    assert refused("\ufeffversion: 1\r\nlimits:\r\n  body_stal: 5s\r\n") == [
        "3:3: limits.body_stal: is no key that can stand here; did you mean body_stall?"
    ]


def test_bytes_that_are_no_utf_8_are_named_by_their_offset() -> None:
    assert refused(b"version: 1\nnames: [\xff]\n") == ["2:9: isn't UTF-8: the byte at offset 19 doesn't fit"]
    assert refused("version: 1".encode("utf-16")) == ["is UTF-16: save it as UTF-8"]
    assert refused(b"version: 1\nnames: [\x07]\n") == ["2:9: holds the character U+0007, which YAML doesn't allow"]


def test_a_file_over_a_mebibyte_is_refused() -> None:
    assert refused(b"#" * (1024 * 1024 + 1)) == ["is larger than 1 MiB"]


def test_a_duplicate_key_is_named_with_both_lines() -> None:
    assert refused_ours("limits:\n  blob_size: 1GiB\nlimits:\n  blob_size: 2GiB\n  blob_size: 3GiB\n") == [
        "4:1: the key limits stands here again; it is on line 2 already",
        "6:3: the key blob_size stands here again; it is on line 5 already",
    ]


def test_every_line_with_a_tab_is_named() -> None:
    assert refused("limits:\n\tbody_stall: 5s\n\tshutdown: 5s\nlogging:\n  level: info\n \tformat: json\n") == [
        "2:1: a tab stands where only spaces may",
        "3:1: a tab stands where only spaces may",
        "6:2: a tab stands where only spaces may",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "password: *s3cret",
            "1:11: an alias that nothing stands for; if it is a value that begins with *, put it in quotes",
        ),
        ("password: &s3cret", "1:11: nothing has this anchor: put a value that begins with & in quotes"),
        (
            "password: !s3cret",
            "1:11: tags (a word after an exclamation mark) aren't read: put a value that begins with ! in quotes",
        ),
        ("password: %s3cret", "1:11: a value can't begin with this character: put it in quotes"),
        ("password: @s3cret", "1:11: a value can't begin with this character: put it in quotes"),
        ("password: s3cret: x", "1:17: a colon doesn't fit here: put the value in quotes, or look at the indentation"),
        ("password: 's3cret", "1:11: a quote is opened and never closed"),
        ('password: "s3cret', "1:11: a quote is opened and never closed"),
        (
            'password: "s3\\cret"',
            "1:15: a backslash in double quotes needs a doubled one, or single quotes around the value",
        ),
        ("names: [a, b", "1:8: a list that began with [ isn't closed"),
        ("limits: {a: b", "1:9: a mapping that began with { isn't closed"),
        ("names:\n  - a\n b: c", "3:2: the indentation doesn't fit with the lines above"),
        ("limits: - a", "1:9: a list can't begin here: put it on a line of its own"),
        ("a: }", "1:4: a value is missing here, or a bracket or comma is too much"),
        ("a: |x\n", "1:5: after | or > the line must end"),
    ],
)
def test_what_cant_be_read_is_said_in_words_of_ours_that_quote_nothing(text: str, line: str) -> None:
    lines = refused(text)
    assert line in lines
    assert "s3cret" not in "\n".join(lines)


def test_an_error_carries_no_text_of_the_file_along() -> None:
    with pytest.raises(ConfigError) as caught:
        loaded("password: s3cret: x\n")
    error: BaseException | None = caught.value
    while error is not None:
        assert not isinstance(error, yaml.YAMLError)
        error = error.__context__


def test_a_second_document_is_refused() -> None:
    assert refused("version: 1\n---\nversion: 1\n") == ["2:1: a second document begins here: the file must hold one"]


def test_keys_are_text() -> None:
    assert refused_ours("1: a\ntrue: b\n~: c\n? [x]\n: d\n<<: {}\n") == [
        "2:1: a key must be text",
        "3:1: a key must be text",
        "4:1: a key is missing before the colon",
        "5:3: a key must be text",
        "7:1: merge keys (<<) are no part of YAML 1.2: write the keys out",
    ]


def test_aliases_stand_for_what_they_name() -> None:
    image_validation = config("image_validation:\n  allow: &list [a/, b/]\n  deny: *list\n").image_validation
    assert image_validation is not None
    assert image_validation.deny == image_validation.allow == ("a/", "b/")


def test_an_alias_within_itself_is_refused() -> None:
    assert refused("names: &a [*a]\n") == [
        "1:12: an alias stands inside what it stands for; if it is a value that begins with *, put it in quotes"
    ]


def test_an_alias_bomb_is_refused_at_once() -> None:
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)
    )
    began = time.monotonic()
    (line,) = refused(bomb)
    assert line.endswith(f"the file holds more than {MOST_NODES} values, aliases written out")
    assert time.monotonic() - began < 2


def test_escapes_stand_for_characters() -> None:
    assert kind('"\\ud83d\\ude00"') == "text"
    assert refused(r'a: "\ud83d"') == ["1:4: an escape in double quotes stands for no character"]
    assert refused(r'a: "\U00110000"') == ["an escape in double quotes stands for no character"]


def test_nesting_has_an_end() -> None:
    (line,) = refused("a: " + "[" * 1000)
    assert line == "1:35: lists and mappings are nested more than 32 deep"

"""Whatever the file holds: settings or a ConfigError, soon, and never the secret in it.

A few hundred files a run; `TROW_FUZZ_SECONDS=600` goes on for that long with new ones.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml  # type: ignore[import-untyped, unused-ignore]
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trow.config.keys import fields
from trow.config.loader import Loaded, load_bytes
from trow.config.model import Config
from trow.config.problems import ConfigError
from trow.config.reference import rows
from trow.config.show import changes, masked

if TYPE_CHECKING:
    from collections.abc import Callable

    import msgspec

SECRET = "s3cret!of+mine"
SECONDS = float(os.environ.get("TROW_FUZZ_SECONDS", "0"))
CPU_SECONDS = 3.0
FOLDER = Path(__file__).parent.parent.parent / "config"
VALID = [
    *(path.read_text().replace("secrets/", "") for path in (FOLDER / "config.yaml", *(FOLDER / "examples").iterdir())),
    (
        "registry_proxies:\n  offline: false\n  max_size: 50GiB\n  registries:\n    - host: docker.io\n"
        "      username: u\n      password: p\nimage_validation:\n  default: Deny\n  allow: [a/]\n  deny: []\n"
    ),
    "version: 1\nusers: &u\n  - {name: a, password: x, groups: [b]}\nlogging: {level: 'info'}\nnames:\n- \"a:1\"\n",
]
# fmt: off
PIECES = [
    ": ", "- ", "\n", "  ", "\t", "#", "'", '"', "[", "]", "{", "}", "&a ", "*a", "!x ", "|\n", ">\n", "? ", "%", "@",
    "`", "<<: ", "---\n", "...\n", "\r\n", "\ufeff", "\\", "\0", "\x85", "\u2028", "null", "~", "yes", "true", "0x1F",
    "1e999", "-1", "9" * 40, "10m", "50GiB", "80%", "\\ud800", "😀", SECRET, "/", "../..", "file://", "password: ",
    "version: 1\n",
]
# fmt: on
KEYS = sorted({part for row in rows() for part in row.key.replace("[]", "").split(".")} | {"password_file", "alias"})


def read(content: bytes, folder: Path) -> Loaded | ConfigError:
    """What the loader makes of it, within its time."""
    began = time.process_time()
    found: Loaded | ConfigError
    try:
        found = load_bytes(content, folder / "config.yaml")
    except ConfigError as error:
        found = error
    assert time.process_time() - began < CPU_SECONDS
    return found


def told(found: Loaded | ConfigError, folder: Path) -> str:
    """All that is said to people but of paths: a secret where a path belongs is one, and has to be told."""
    problems = found.problems if isinstance(found, ConfigError) else found.warnings
    return "\n".join(str(each) for each in problems if str(folder) not in each.message and each.message[0] != "/")


def check(content: bytes, folder: Path) -> Loaded | ConfigError:
    """The rules that hold for every content."""
    found = read(content, folder)
    assert SECRET not in told(found, folder)
    if isinstance(found, ConfigError):
        assert found.problems
        assert all(each.message and "\n" not in str(each) for each in found.problems)
    else:
        assert changes(found.config, found.config) == []
        document = json.dumps(masked(found.config))
        again = read(document.encode(), folder)
        assert isinstance(again, Loaded), again
        assert json.dumps(masked(again.config)) == document
    return found


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid file, after some accidents."""
    text = draw(st.sampled_from(VALID))
    for _ in range(draw(st.integers(1, 6))):
        at, length = draw(st.integers(0, len(text))), draw(st.integers(0, 40))
        lines = text.split("\n")
        number = draw(st.integers(0, len(lines) - 1))
        match draw(st.integers(0, 5)):
            case 0:
                text = text[:at] + draw(st.sampled_from(PIECES)) + text[at:]
            case 1:
                text = text[:at] + text[at + length :]
            case 2:
                text = "\n".join([*lines[:number], *lines[number + 1 :]])
            case 3:
                text = "\n".join([*lines[:number], lines[draw(st.integers(0, len(lines) - 1))], *lines[number:]])
            case 4:
                lines[number] = " " * draw(st.integers(0, 8)) + lines[number].lstrip()
                text = "\n".join(lines)
            case _:
                key, colon, _ = lines[number].partition(": ")
                lines[number] = key + colon + draw(st.sampled_from(PIECES))
                text = "\n".join(lines)
    return text.encode()


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from([*PIECES, "docker.io", "Deny", "Allow", ".", "everyone", "trace", "10.0.0.0/8", "2027-01-01"])
    | st.text(max_size=20)
)
keys = st.sampled_from(KEYS) | st.text(max_size=8)
trees: st.SearchStrategy[Any] = st.deferred(
    lambda: scalars | st.lists(trees, max_size=4) | st.dictionaries(keys, trees, max_size=6)
)


def likely(section: type[msgspec.Struct]) -> st.SearchStrategy[dict[str, Any]]:
    """A section as it should be, more or less: its own keys, and values that mostly fit."""
    optional = {}
    for field in fields(section):
        inner = field.shape.struct
        within = field.shape.element.struct if field.shape.element else None
        if inner:
            value: st.SearchStrategy[Any] = likely(inner)
        elif within:
            value = st.lists(likely(within), max_size=3)
        elif field.shape.is_secret:
            value = st.just(SECRET)
        else:
            value = st.just(field.about.example or "a") | scalars | st.lists(scalars, max_size=3)
        optional[field.key] = value | scalars if not field.shape.is_secret else value
    return st.fixed_dictionaries({}, optional=optional)


KINDS = {
    "bytes": st.binary(max_size=300),
    "pieces": st.lists(st.sampled_from([*PIECES, *KEYS]), max_size=60).map(lambda pieces: "".join(pieces).encode()),
    "accidents": mutated(),
    "trees": trees.map(lambda tree: yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", "surrogatepass")),
    "sections": likely(Config).map(lambda tree: json.dumps({"version": 1, **tree}).encode()),
}


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_a_file_holds_it_is_settings_or_complaints(kind: str, tmp_path: Path) -> None:
    for name in ("a", "docker-hub-token", "ci-password", "internal/username", "internal/password"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(SECRET)
    (tmp_path / "docker-config.json").write_text(
        json.dumps({"auths": {"ghcr.io": {"username": "u", "password": SECRET}}})
    )

    @settings(
        max_examples=2000 if SECONDS else 150,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(KINDS[kind])
    def run(content: bytes) -> None:
        check(content, tmp_path)

    _for_a_while(run)


@given(likely(Config))
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_secret_in_its_place_is_in_no_representation(tmp_path_factory: pytest.TempPathFactory, tree: Any) -> None:
    folder = tmp_path_factory.getbasetemp()
    plain = json.loads(json.dumps(tree).replace(SECRET, "@"))  # elsewhere than in its place it is no secret
    users = [{"name": "a", "password": SECRET}]
    registries = [{"host": "a", "username": "b", "password": SECRET}]
    planted = {**plain, "version": 1, "users": users, "registry_proxies": {"registries": registries}}
    found = check(json.dumps(planted).encode(), folder)
    assert SECRET not in f"{found!r} {found}"
    if isinstance(found, Loaded):
        assert SECRET not in json.dumps(masked(found.config))
        assert SECRET not in "\n".join(str(each) for each in changes(Config(), found.config))


def _for_a_while(run: Callable[[], None]) -> None:
    """Once, or until this kind of file has had its part of TROW_FUZZ_SECONDS."""
    end = time.monotonic() + SECONDS / len(KINDS)
    run()
    while time.monotonic() < end:
        run()

"""`trow config show`: a file that reads again, with where each value comes from and no secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command import trow
from trow.config.loader import load_bytes

FILE = """\
version: 1
names: [a.example, "b.example:5000"]
limits:
  blob_size: 1GiB
users:
  - name: ci
    password: hunter2
  - name: cd
    password_file: pw
registry_proxies:
  registries:
    - host: ghcr.io
      username: a
      password: file://pw
"""


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "c.yaml").write_text(FILE)
    (tmp_path / "pw").write_text("hunter3\n")
    monkeypatch.chdir(tmp_path)


def shown(*words: str, **variables: str) -> str:
    result = trow("config", "show", *words, "--config", "c.yaml", cwd=Path.cwd(), env=variables)
    assert result.returncode == 0, result.stderr
    assert "hunter" not in result.stdout + result.stderr
    return result.stdout


def test_each_value_says_where_it_comes_from() -> None:
    lines = shown("--max-manifest-size", "8", TROW_LOG_LEVEL="debug").splitlines()

    for line in (
        "names: [a.example, b.example:5000]  # c.yaml:2",
        "  blob_size: 1GiB  # c.yaml:4",
        "  manifest_size: 8MiB  # --max-manifest-size",
        "  level: debug  # TROW_LOG_LEVEL",
        "  shutdown: 30s",
        '    password: "********"  # c.yaml:7',
        "      password_file: pw  # c.yaml:14",
    ):
        assert line in lines


def test_what_is_shown_reads_as_a_file_again() -> None:
    loaded = load_bytes(shown().encode(), Path("again.yaml"))

    assert loaded.config.names == ("a.example", "b.example:5000")
    assert loaded.config.limits.blob_bytes == 1 << 30


def test_defaults_can_be_left_out() -> None:
    text = shown("--changed")

    assert load_bytes(text.encode(), Path("again.yaml")).config.names == ("a.example", "b.example:5000")
    assert "shutdown" not in text
    assert "cors" not in text


def test_json_has_the_values_and_the_origins() -> None:
    document = json.loads(shown("-o", "json", "--workers", "2"))

    assert document["config"]["workers"] == 2
    assert document["config"]["users"][0]["password"] == "********"
    assert document["origins"]["workers"] == "--workers"
    assert document["origins"]["limits.blob_size"] == "c.yaml:4"


def test_flags_of_parts_to_come_are_refused_here_too() -> None:
    assert trow("config", "show", "--user", "a").returncode == 2

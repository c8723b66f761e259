"""Every flag has a `TROW_…` variable; what is typed wins."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.steps import parse
from trow.cli.parser import UsageError

if TYPE_CHECKING:
    from trow.config.model import Config


@pytest.fixture(autouse=True)
def plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("TROW_") or name == "RUST_LOG"]:
        monkeypatch.delenv(name)
    (tmp_path / "certs").mkdir()
    for name in ("certs/domain.crt", "certs/domain.key", "a.crt", "a.key"):
        (tmp_path / name).write_text("no real certificate")
    monkeypatch.chdir(tmp_path)


def parsed(text: str) -> Config:
    return parse(text.split())[0]


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("TROW_BIND", "127.0.0.1:5000", "--bind 127.0.0.1:5000"),
        ("TROW_HOST", "127.0.0.1", "--host 127.0.0.1"),
        ("TROW_PORT", "5000", "--port 5000"),
        ("TROW_TLS", "a.crt,a.key", "--tls a.crt,a.key"),
        ("TROW_TLS", "", "--tls"),
        ("TROW_NO_TLS", "1", "--no-tls"),
        ("TROW_NO_TLS", "true", "--no-tls"),
        ("TROW_NO_TLS", "false", ""),
        ("TROW_NO_TLS", "0", ""),
        ("TROW_CERT", "a.crt", "--cert a.crt"),
        ("TROW_KEY", "a.key", "--key a.key"),
        ("TROW_NAMES", "a,b", "--names a,b"),
        ("TROW_NAMES", "a b", "--names a b"),
        ("TROW_HOSTNAME", "a", "--hostname a"),
        ("TROW_DATA_DIR", "/data", "--data-dir /data"),
        ("TROW_DATA_DIR", "-odd", "--data-dir=-odd"),
        ("TROW_WORKERS", "3", "--workers 3"),
        ("TROW_MAX_MANIFEST_SIZE", "8", "--max-manifest-size 8"),
        ("TROW_MAX_BLOB_SIZE", "100", "--max-blob-size 100"),
        ("TROW_SPARSE", "all", "--sparse all"),
        ("TROW_SHUTDOWN_SECONDS", "5", "--shutdown-seconds 5"),
        ("TROW_STALL_SECONDS", "5", "--stall-seconds 5"),
        ("TROW_LOG_LEVEL", "debug", "--log-level debug"),
        ("TROW_LOG_FORMAT", "json", "--log-format json"),
        ("TROW_CORS", "https://a.example", "--cors https://a.example"),
        ("TROW_ENABLE_CORS", "1", "--enable-cors"),
        ("TROW_DRY_RUN", "1", "--dry-run"),
    ],
)
def test_a_variable_says_what_its_flag_says(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    typed = parse(words.split())
    monkeypatch.setenv(variable, value)

    assert parse([]) == typed


@pytest.mark.parametrize(
    ("variables", "words", "same_as"),
    [
        ({"TROW_PORT": "5000"}, "--port 6000", "--port 6000"),
        ({"TROW_PORT": "5000"}, "--port=6000", "--port 6000"),
        ({"TROW_DATA_DIR": "/a"}, "-d /b", "-d /b"),
        ({"TROW_DATA_DIR": "/a"}, "-d/b", "-d /b"),
        ({"TROW_NAMES": "a"}, "-n b", "-n b"),
        ({"TROW_NAMES": "a"}, "--hostname b", "-n b"),
        ({"TROW_HOST": "127.0.0.1", "TROW_PORT": "5000"}, "--port 6000", "--host 127.0.0.1 --port 6000"),
        ({"TROW_CERT": "a.crt"}, "-k a.key", "-c a.crt -k a.key"),
        ({"TROW_LOG_LEVEL": "debug", "RUST_LOG": "error"}, "", "--log-level debug"),
        ({"RUST_LOG": "error"}, "--log-level debug", "--log-level debug"),
        ({"RUST_LOG": "WARN"}, "", "--log-level warn"),
        ({"RUST_LOG": "trow=debug,hyper=info"}, "", ""),
    ],
)
def test_what_is_typed_wins(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], words: str, same_as: str
) -> None:
    expected = parse(same_as.split())
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert parse(words.split()) == expected


@pytest.mark.parametrize(
    ("variables", "words", "same_as"),
    [
        ({"TROW_BIND": "127.0.0.1:5000"}, "--port 6000", "--port 6000"),
        ({"TROW_BIND": "127.0.0.1:5000"}, "--host 127.0.0.2", "--host 127.0.0.2"),
        ({"TROW_PORT": "5000"}, "--bind 127.0.0.1:6000", "--bind 127.0.0.1:6000"),
        ({"TROW_TLS": "a.crt,a.key"}, "--no-tls", "--no-tls"),
        ({"TROW_NO_TLS": "1"}, "--tls", "--tls"),
    ],
)
def test_what_is_typed_wins_over_a_variable_that_says_the_contrary(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], words: str, same_as: str
) -> None:
    expected = parse(same_as.split())
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert parse(words.split()) == expected


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TROW_PORT", "x"),
        ("TROW_WORKERS", "0"),
        ("TROW_SPARSE", "some"),
        ("TROW_LOG_LEVEL", "loud"),
        ("TROW_BIND", ":x"),
    ],
)
def test_a_wrong_variable_is_a_usage_error(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(UsageError):
        parsed("")


def test_two_variables_that_contradict_are_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TROW_BIND", "127.0.0.1:5000")
    monkeypatch.setenv("TROW_PORT", "6000")

    with pytest.raises(UsageError):
        parsed("")


def test_the_version_and_the_help_have_no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TROW_VERSION", "0.11.0")
    monkeypatch.setenv("TROW_HELP", "1")

    assert parsed("").data_dir == Path("data")

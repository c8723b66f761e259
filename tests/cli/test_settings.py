"""Flags and variables laid over the file: what wins, and who is said to have said it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from trow.cli.flags import serve_parser
from trow.cli.settings import settings
from trow.config.model import MIB, Address, Config, Listen
from trow.config.problems import ConfigError

if TYPE_CHECKING:
    from trow.cli.settings import Settings

FILE = """\
version: 1
names: [file.example]
listen:
  - address: 127.0.0.1:5000
  - address: 127.0.0.1:5001
workers: 3
limits:
  blob_size: 1GiB
  body_stall: 5s
"""


@pytest.fixture(autouse=True)
def plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("TROW_") or name == "RUST_LOG"]:
        monkeypatch.delenv(name)
    (tmp_path / "config.yaml").write_text(FILE)
    for name in ("a.crt", "a.key"):
        (tmp_path / name).write_text("no real certificate")
    monkeypatch.chdir(tmp_path)


def found(text: str, **variables: str) -> Settings:
    return settings(serve_parser().read(text.split(), variables), variables)


def test_without_flags_the_file_is_what_counts() -> None:
    result = found("--config config.yaml")

    assert result.file == Path("config.yaml")
    assert result.config.names == ("file.example",)
    assert [each.port for each in result.config.listen] == [5000, 5001]
    assert (result.config.workers, result.config.limits.blob_bytes) == (3, 1024 * MIB)
    assert result.overlay.keys == {}
    assert result.origin("limits.blob_size") == "config.yaml:8"
    assert result.origin("limits.manifest_size") == ""


def test_a_flag_wins_over_the_file_and_is_named() -> None:
    result = found("--config-file config.yaml --max-blob-size 10 --hostname a,b")

    assert (result.config.limits.blob_bytes, result.config.limits.stall_seconds) == (10 * MIB, 5.0)
    assert result.config.names == ("a", "b")
    assert result.overlay.keys == {"limits.blob_size": "--max-blob-size", "names": "--hostname"}
    assert result.origin("limits.blob_size") == "--max-blob-size"


def test_a_variable_wins_over_the_file_and_is_named() -> None:
    result = found("", TROW_CONFIG="config.yaml", TROW_WORKERS="2", RUST_LOG="debug")

    assert (result.config.workers, result.config.log_level) == (2, "debug")
    assert result.overlay.keys == {"workers": "TROW_WORKERS", "logging.level": "RUST_LOG"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--bind 0.0.0.0:6000", ("0.0.0.0", 6000, False)),
        ("--bind ::1", ("::1", 5000, False)),
        ("--port 6000", ("127.0.0.1", 6000, False)),
        ("--host 127.0.0.2", ("127.0.0.2", 5000, False)),
        ("--tls a.crt,a.key", ("127.0.0.1", 5000, True)),
        ("--no-tls", ("127.0.0.1", 5000, False)),
    ],
)
def test_a_flag_about_listening_changes_the_first_address_and_leaves_no_other(
    words: str, expected: tuple[str, int, bool]
) -> None:
    (listen,) = found(f"--config config.yaml {words}").config.listen

    assert (listen.host, listen.port, bool(listen.tls)) == expected


def test_the_overlay_is_applied_again_to_whatever_the_file_says_next() -> None:
    over = found("--config config.yaml --port 6000 --max-blob-size 10").overlay
    later = Config(listen=(Listen(address=Address("127.0.0.3", 1)),), workers=7)

    assert over.apply(later) == over.apply(over.apply(later))
    assert over.apply(later).listen == (Listen(address=Address("127.0.0.3", 6000)),)
    assert over.apply(later).limits.blob_bytes == 10 * MIB
    assert over.apply(later).workers == 7


def test_auto_is_a_number_once_it_is_in_force() -> None:
    assert 1 <= found("").config.workers <= 4


def test_a_file_that_is_named_but_missing_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"missing\.yaml"):
        found("--config missing.yaml")

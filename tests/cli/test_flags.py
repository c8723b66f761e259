"""The flags of both Trow versions, and the variables beside them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.steps import parse
from tests.support.command import assert_one_line, trow
from trow import __version__
from trow.cli.parser import UsageError
from trow.config.model import MIB, Sparse

if TYPE_CHECKING:
    from trow.config.model import Config


@pytest.fixture(autouse=True)
def plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variables of the tester's own, and a folder with certificates to serve."""
    for name in [name for name in os.environ if name.startswith("TROW_") or name == "RUST_LOG"]:
        monkeypatch.delenv(name)
    (tmp_path / "certs").mkdir()
    for name in ("certs/domain.crt", "certs/domain.key", "a.crt", "a.key"):
        (tmp_path / name).write_text("no real certificate")
    monkeypatch.chdir(tmp_path)


def parsed(text: str) -> Config:
    return parse(text.split())[0]


def test_without_flags_it_is_plain_http_on_port_8000() -> None:
    config = parsed("")

    assert (config.listen[0].host, config.listen[0].port, config.listen[0].certificate) == ("0.0.0.0", 8000, None)
    assert config.data_dir == Path("data")
    assert config.limits.manifest_bytes == 4 * MIB
    assert config.limits.blob_bytes is None
    assert (config.log_level, config.sparse, config.names) == ("info", Sparse.NONE, ())
    assert (config.shutdown_seconds, config.limits.stall_seconds) == (30.0, 60.0)
    assert 1 <= config.workers <= 4


@pytest.mark.parametrize(
    ("words", "host", "port"),
    [
        ("--bind 127.0.0.1:5000", "127.0.0.1", 5000),
        ("--bind=127.0.0.1:5000", "127.0.0.1", 5000),
        ("--bind 127.0.0.1", "127.0.0.1", 8000),
        ("--bind [::]:8000", "::", 8000),
        ("--bind [::1]", "::1", 8000),
        ("--bind ::1", "::1", 8000),
        ("--bind ::", "::", 8000),
        ("--bind :5000", "0.0.0.0", 5000),
        ("--bind localhost:0", "localhost", 0),
        ("--host 127.0.0.1", "127.0.0.1", 8000),
        ("--host ::1 --port 5000", "::1", 5000),
        ("--port 5000", "0.0.0.0", 5000),
        ("--port 0", "0.0.0.0", 0),
        ("--port 5000 --no-tls", "0.0.0.0", 5000),
        ("--no-tls", "0.0.0.0", 8000),
        ("--tls", "0.0.0.0", 8443),
        ("--tls --port 8000", "0.0.0.0", 8000),
        ("--tls --bind 127.0.0.1", "127.0.0.1", 8443),
        ("--bind [::]:8000 --tls", "::", 8000),
        ("-c a.crt -k a.key", "0.0.0.0", 8443),
    ],
)
def test_where_it_listens(words: str, host: str, port: int) -> None:
    listen = parsed(words).listen[0]

    assert (listen.host, listen.port) == (host, port)


@pytest.mark.parametrize(
    ("words", "certificate", "key"),
    [
        ("--tls", "certs/domain.crt", "certs/domain.key"),
        ("--tls a.crt,a.key", "a.crt", "a.key"),
        ("--tls=a.crt,a.key", "a.crt", "a.key"),
        ("-c a.crt -k a.key", "a.crt", "a.key"),
        ("--cert a.crt --key a.key", "a.crt", "a.key"),
        ("-c a.crt", "a.crt", "certs/domain.key"),
        ("-k a.key", "certs/domain.crt", "a.key"),
        ("--tls -c a.crt -k a.key", "a.crt", "a.key"),
    ],
)
def test_certificates_are_found_by_the_flags_of_both_versions(words: str, certificate: str, key: str) -> None:
    listen = parsed(words).listen[0]

    assert (listen.certificate, listen.key) == (Path(certificate), Path(key))


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("-n trow.example", ("trow.example",)),
        ("--names a,b", ("a", "b")),
        ("--names a b --port 5000", ("a", "b")),
        ("--hostname a:5000", ("a:5000",)),
        ("-n a -n b,c", ("a", "b", "c")),
        ("--names=a,b", ("a", "b")),
    ],
)
def test_names_are_a_list_of_commas_or_spaces(words: str, names: tuple[str, ...]) -> None:
    assert parsed(words).names == names


def test_the_other_flags() -> None:
    config = parsed(
        "-d /var/lib/trow --workers 3 --max-manifest-size 8 --max-blob-size 8192 --sparse indexes --shutdown-seconds 5 "
        "--stall-seconds 2.5 --log-level debug"
    )

    assert (config.data_dir, config.workers) == (Path("/var/lib/trow"), 3)
    assert (config.limits.manifest_bytes, config.limits.blob_bytes) == (8 * MIB, 8192 * MIB)
    assert (config.sparse, config.log_level) == (Sparse.INDEXES, "debug")
    assert (config.shutdown_seconds, config.limits.stall_seconds) == (5.0, 2.5)
    assert parsed("--data-dir x").data_dir == Path("x")
    assert parsed("--log-format json").logging.format == "json"
    assert parsed("--cors https://A.example,https://b.example").cors.origins == (
        "https://a.example",
        "https://b.example",
    )
    assert parsed("--enable-cors").cors.origins == ("*",)
    assert (parse([])[1], parse(["--dry-run"])[1]) == (False, True)


WRONG = (
    *("--bind 127.0.0.1:5000 --host 127.0.0.1", "--bind 127.0.0.1:5000 --port 5000", "--bind :x", "--bind a:99999"),
    *("--port -1", "--port 65536", "--port x", "--port", "--bind", "--no-tls --tls", "--no-tls -c a.crt -k a.key"),
    *("--tls a.crt", "--tls a.crt,a.key,b", "--tls no.crt,no.key", "-c no.crt -k a.key", "-c a.crt -k no.key"),
    *("--workers 0", "--workers -1", "--workers x", "--max-manifest-size 0", "--max-blob-size 0", "--sparse some"),
    *("--max-manifest-size 4.5", "--log-level loud", "--shutdown-seconds x", "--shutdown-seconds -1"),
    *("--stall-seconds 0", "--stall-seconds -1", "--stall-seconds nan", "--shutdown-seconds nan", "--dry-run=x"),
    *("--unknown", "--dat x", "-x", "word", "--data-dir", "--tls= --no-tls", "serve", "--names"),
    *("--cors ui.example", "--cors https://a.example --enable-cors", "--names http://a", "--log-format xml"),
    *("--proxy-registry-config-file f", "--image-validation-config-file f"),
)


@pytest.mark.parametrize("words", WRONG)
def test_a_mistake_is_a_usage_error_of_one_line(words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parsed(words)

    assert "\n" not in str(caught.value).strip()


TO_COME = (
    *("-u alice", "-U alice", "--user alice", "--user=alice", "-ualice", "-p x", "-P x", "--password x"),
    *("--password-file f", "--proxy-docker-hub", "--hub-user u"),
    *("--hub-token t", "--hub-token-file f", "--allow-docker-official", "--deny-k8s-images", "--allow-prefixes a"),
    *("--allow-images a", "--disallow-local-prefixes a", "--disallow-local-images a"),
)


@pytest.mark.parametrize("words", TO_COME)
def test_a_flag_of_a_part_still_to_come_is_refused_by_name(words: str) -> None:
    with pytest.raises(UsageError, match=r"not in this version yet") as caught:
        parsed(f"--port 5000 {words}")

    flag = words.partition(" ")[0].partition("=")[0]
    assert str(caught.value).startswith(flag if flag.startswith("--") else flag[:2])


@pytest.mark.parametrize("name", ["TROW_USER", "TROW_PASSWORD", "TROW_PROXY_DOCKER_HUB"])
def test_a_variable_of_a_part_still_to_come_is_refused_too(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "x")

    with pytest.raises(UsageError, match=name):
        parsed("")


@pytest.mark.parametrize("value", ["-u", "--user", "-p"])
def test_a_value_that_looks_like_a_flag_to_come_is_a_value(value: str) -> None:
    assert parsed(f"--data-dir=./{value}").data_dir == Path(value)


def test_the_version_is_that_of_trow_0_3() -> None:
    for flag in ("-v", "--version"):
        result = trow(flag)
        assert (result.returncode, result.stdout, result.stderr) == (0, f"Trow version {__version__}\n", "")
    assert trow("-v", env={"VCS_REF": "abc123"}).stdout == f"Trow version {__version__} abc123\n"


def test_a_dry_run_says_so_and_makes_nothing(tmp_path: Path) -> None:
    result = trow("--bind", "127.0.0.1:0", "--data-dir", "nowhere", "--dry-run", cwd=tmp_path)

    assert result.returncode == 0
    assert result.stdout.startswith(f"Starting Trow {__version__} on 127.0.0.1:")
    assert result.stdout.endswith("Dry run, exiting.\n")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("words", [("--unknown",), ("serve", "--unknown"), ("--user", "a"), ("stand",)])
def test_a_mistake_is_one_line_and_status_2(words: tuple[str, ...]) -> None:
    assert_one_line(trow(*words), 2, words[-1] if words != ("--user", "a") else "--user")


def test_help_names_every_flag() -> None:
    result = trow("serve", "--help")

    assert result.returncode == 0
    for flag in ("--bind", "--tls", "--data-dir", "--workers", "--max-blob-size", "--sparse", "--log-level"):
        assert flag in result.stdout

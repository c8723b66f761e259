"""The command as a whole: its verbs, its exit statuses, and that nothing ends with a traceback."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.command import assert_one_line, trow
from trow import __version__
from trow.cli import main
from trow.cli.verbs import VERBS

if TYPE_CHECKING:
    from pathlib import Path

    from _pytest.capture import CaptureFixture


def test_help_lists_every_verb_in_one_line() -> None:
    result = trow("--help")

    assert (result.returncode, result.stderr) == (0, "")
    assert len([line for line in result.stdout.splitlines() if line.startswith("  trow ")]) == len(VERBS)
    assert "\033" not in result.stdout


def test_alone_it_serves_as_trow_0_3_and_0_10_did(tmp_path: Path) -> None:
    result = trow(cwd=tmp_path, env={"TROW_DRY_RUN": "1", "TROW_BIND": "127.0.0.1:0"})

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.endswith("Dry run, exiting.\n")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str) -> None:
    result = trow(*verb.split(), "--help")

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"usage: trow {verb}")
    assert "==SUPPRESS==" not in result.stdout
    assert trow("help", *verb.split()).stdout == result.stdout


@pytest.mark.parametrize(
    "words", [("chek",), ("config",), ("config", "hide"), ("explain",), ("check",), ("status", "x")]
)
def test_words_that_mean_nothing_are_one_line_and_status_2(words: tuple[str, ...]) -> None:
    assert_one_line(trow(*words), 2)


def test_a_verb_that_was_meant_is_named() -> None:
    assert_one_line(trow("chek"), 2, "did you mean check?")


def test_an_invalid_file_is_told_whole_and_status_2(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("version: 1\nnope: 1\nworkers: many\n")

    for words in (("serve", "--dry-run"), ("--dry-run",), ("config", "show"), ("explain", "nginx"), ("verify",)):
        result = trow(*words, "--config-file", "c.yaml", cwd=tmp_path)
        assert (result.returncode, result.stdout) == (2, "")
        assert [line.partition(": ")[2][:8] for line in result.stderr.splitlines()] == ["c.yaml:2", "c.yaml:3"]


def test_the_dry_run_has_the_words_of_both_versions(tmp_path: Path) -> None:
    result = trow("--bind", "127.0.0.1:0", "--names", "a.example", "--enable-cors", "--dry-run", cwd=tmp_path)

    assert result.returncode == 0
    for line in (
        "Maximum blob size: no limit",
        "Maximum manifest size: 4 Mebibytes",
        'Hostname of this registry: "a.example"',
        "Image validation webhook not configured",
        "Cross-Origin Resource Sharing(CORS) requests are allowed",
        "Dry run, exiting.",
    ):
        assert line in result.stdout.splitlines()


def test_the_version_is_told_in_json_too() -> None:
    assert trow("version").stdout == f"Trow version {__version__}\n"
    assert f'"version": "{__version__}"' in trow("version", "-o", "json").stdout


def test_a_reader_that_goes_away_is_no_news(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "trow", "config", "show"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_the_unexpected_is_one_line_without_its_text(
    monkeypatch: pytest.MonkeyPatch, capsys: CaptureFixture[str]
) -> None:
    def broken(_: object) -> int:
        raise RuntimeError("a secret")

    monkeypatch.setattr("trow.cli.version.version", broken)

    assert main(["version"]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "RuntimeError at cli/test_command.py" in said.replace("tests/", "")
    assert "secret" not in said


def test_an_interruption_is_quiet(monkeypatch: pytest.MonkeyPatch, capsys: CaptureFixture[str]) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("trow.cli.version.version", interrupted)

    assert main(["version"]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("words", ["--help", "check x", "completion bash", "status --url http://127.0.0.1:1"])
def test_what_is_quick_loads_no_server(words: str) -> None:
    code = (
        "import sys; from trow.cli import main; main(sys.argv[1:]); "
        "sys.exit(3 if {'litestar', 'granian'} & set(sys.modules) else 0)"
    )

    assert (
        subprocess.run([sys.executable, "-c", code, *words.split()], capture_output=True, check=False).returncode == 0
    )

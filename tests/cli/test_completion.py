"""`trow completion`: the script at work in a real bash, and in the other shells where they are installed."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.command import trow

if TYPE_CHECKING:
    from pathlib import Path


def completed(line: str, cwd: Path) -> list[str]:
    """What bash offers for the last word of a line."""
    words = line.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    script = trow("completion", "bash").stdout + (
        f"\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _trow; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False, cwd=cwd)
    assert (done.returncode, done.stderr) == (0, "")
    return sorted(done.stdout.split())


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("trow c", ["check", "completion", "config"]),
        ("trow config ", ["show"]),
        ("trow config show --ch", ["--changed"]),
        ("trow serve --max", ["--max-blob-size", "--max-manifest-size"]),
        ("trow --dry", ["--dry-run"]),
        ("trow serve --sparse ", ["all", "indexes", "none"]),
        ("trow serve --log-level d", ["debug"]),
        ("trow check -o j", ["json"]),
        ("trow check my", ["my.yaml"]),
        ("trow serve --config-file my", ["my.yaml"]),
        ("trow completion ", ["bash", "fish", "zsh"]),
        ("trow verify --bi", []),
        ("trow nonsense --x", []),
    ],
)
def test_bash_offers_what_fits(tmp_path: Path, line: str, offered: list[str]) -> None:
    (tmp_path / "my.yaml").touch()

    assert completed(line, tmp_path) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_takes_its_script(shell: str) -> None:
    script = trow("completion", shell)

    assert (script.returncode, script.stderr) == (0, "")
    if shell == "bash":  # the others are not on every machine
        assert subprocess.run([shell, "-n"], input=script.stdout, text=True, check=False).returncode == 0

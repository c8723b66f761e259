"""Running `trow` to its end, as a shell does."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NOBODY = 65534
# started as root, since an interpreter in somebody's home is not for nobody
# what a verb needs is imported before: nobody may not look into a home where the program may lie
_AS_NOBODY = (
    "import os, sys, trow.cli.serve, trow.cli.verbs, trow.cli.verify, trow.config.problems; from trow.cli import main; "
    f"os.setresuid(*[{NOBODY}] * 3); sys.exit(main())"
)


def trow(
    *words: str, env: Mapping[str, str] | None = None, cwd: Path | None = None, as_nobody: bool = False
) -> subprocess.CompletedProcess[str]:
    """What it said and its exit status; it must end by itself."""
    program = ["-c", _AS_NOBODY] if as_nobody else ["-m", "trow"]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TROW_", "RUST_LOG"))}
    return subprocess.run(
        [sys.executable, *program, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
        cwd=cwd,
        env={**inherited, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), **(env or {})},
    )


def assert_one_line(result: subprocess.CompletedProcess[str], status: int, *parts: str) -> None:
    """It ended with this status, and said why in one line on standard error that holds these parts."""
    assert result.returncode == status, result
    assert result.stderr.count("\n") == 1, result.stderr
    assert result.stderr.startswith("trow: "), result.stderr
    for part in parts:
        assert part in result.stderr

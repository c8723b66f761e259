"""`trow check`: lines that editors, hooks and CI jobs read, and the exit status they go by."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import assert_one_line, trow

GOOD = "version: 1\nnames: [a.example]\n"
ODD = "version: 1\nusers:\n  - name: ci\n    password_file: elsewhere\n"
WRONG = "version: 1\nnope: 1\nworkers: many\n"


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("good", GOOD), ("odd", ODD), ("wrong", WRONG)):
        (tmp_path / f"{name}.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)


def test_a_good_file_is_silence() -> None:
    result = trow("check", "good.yaml", "good.yaml", cwd=Path.cwd())

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert trow("check", "-v", "good.yaml", cwd=Path.cwd()).stdout == "good.yaml: ok\n"


def test_every_problem_is_a_line_with_its_place() -> None:
    result = trow("check", "good.yaml", "wrong.yaml", cwd=Path.cwd())

    assert (result.returncode, result.stderr) == (1, "")
    first, second = result.stdout.splitlines()
    assert first.startswith("wrong.yaml:2:1: nope: ")
    assert second.startswith("wrong.yaml:3:10: workers: ")


def test_a_file_of_another_machine_may_name_files_that_are_not_here() -> None:
    result = trow("check", "odd.yaml", cwd=Path.cwd())

    assert (result.returncode, result.stdout) == (0, "")
    assert "odd.yaml:4:20: warning: users[0].password_file: " in result.stderr
    here = trow("check", "--here", "odd.yaml", cwd=Path.cwd())
    assert (here.returncode, here.stdout.startswith("odd.yaml:4:20: users[0].password_file: ")) == (1, True)


def test_strictly_a_warning_is_a_failure() -> None:
    assert trow("check", "--strict", "odd.yaml", cwd=Path.cwd()).returncode == 1
    assert trow("check", "--strict", "good.yaml", cwd=Path.cwd()).returncode == 0


@pytest.mark.parametrize("name", ["missing.yaml", ".", "good.yaml/x"])
def test_what_cannot_be_read_is_status_2(name: str) -> None:
    assert_one_line(trow("check", name, cwd=Path.cwd()), 2, name if name != "." else "")


@pytest.mark.parametrize(("text", "status"), [(GOOD, 0), (WRONG, 1), ("", 0), ("a: [", 1)])
def test_a_dash_is_what_comes_in(text: str, status: int) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "trow", "check", "-"], input=text, text=True, capture_output=True, check=False
    )

    assert (result.returncode, result.stderr) == (status, "")
    assert all(line.startswith("<stdin>:") for line in result.stdout.splitlines())


def test_json_has_all_of_it() -> None:
    result = trow("check", "-o", "json", "good.yaml", "wrong.yaml", "missing.yaml", cwd=Path.cwd())

    assert (result.returncode, result.stderr) == (2, "")
    good, wrong, missing = json.loads(result.stdout)
    assert (good["ok"], good["problems"], good["warnings"]) == (True, [], [])
    assert [(each["line"], each["key"]) for each in wrong["problems"]] == [(2, "nope"), (3, "workers")]
    assert (missing["ok"], missing["unreadable"]) == (False, "doesn't exist")

"""What the runner takes for proof: the suite itself ends with 0 when it could not even read its configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

import pytest

from tests.conformance import __main__ as conformance

if TYPE_CHECKING:
    from pathlib import Path

EXCHANGE = "~~~ REQUEST ~~~\nMethod: GET\nURL: http://r/v2/\n---\n~~~ RESPONSE ~~~\nStatus: 404\n"


def write(
    folder: Path, cases: dict[str, str], *, tests: int = 900, counts: str = 'failures="0"', api: str = "Pass"
) -> None:
    """Reports as the suite writes them: each of `cases` is a test's name and its status."""
    body = "".join(
        f"<testcase name={quoteattr(f'OCI Conformance Test/{name}')} status={quoteattr(status)}>"
        f"<system-out>wanted 200</system-out><system-err>{EXCHANGE}</system-err></testcase>"
        for name, status in cases.items()
    )
    (folder / "junit.xml").write_text(
        f'<testsuites><testsuite tests="{tests}" errors="0" {counts}>{body}</testsuite></testsuites>'
    )
    (folder / "results.yaml").write_text(f"config:\n  tls: disabled\napis:\n  Ping: {api}\n")


def problems(folder: Path) -> list[str]:
    return conformance.judge(folder, disabled=frozenset()).problems


def test_a_clean_report_is_a_pass(tmp_path: Path) -> None:
    write(tmp_path, {"ping": "passed"})
    verdict = conformance.judge(tmp_path, disabled=frozenset())
    assert (verdict.passed, verdict.failed, verdict.problems) == (900, 0, [])


def test_a_run_without_report_fails_with_what_the_suite_said(tmp_path: Path) -> None:
    (tmp_path / "output.txt").write_text("failed to load config\n")
    assert problems(tmp_path) == ["no report was written: failed to load config"]


def test_too_few_tests_fail(tmp_path: Path) -> None:
    write(tmp_path, {"ping": "passed"}, tests=799)
    assert problems(tmp_path) == ["only 799 tests ran, expected 800 or more"]


@pytest.mark.parametrize("status", ["failure", "error"])
def test_a_failure_is_told_with_its_requests(tmp_path: Path, status: str) -> None:
    write(tmp_path, {"image/pull/blob-get": status}, counts='failures="1"')
    (problem,) = problems(tmp_path)
    assert problem.startswith(f"{status}: image/pull/blob-get\n      wanted 200\n      | Method: GET")


@pytest.mark.parametrize("counts", ['failures="1"', 'failures="0" skipped="1"'])
def test_a_failure_or_skip_that_no_test_names_fails(tmp_path: Path, counts: str) -> None:
    write(tmp_path, {"ping": "passed"}, counts=counts)
    assert len(problems(tmp_path)) == 1


def test_a_skip_without_a_reason_fails(tmp_path: Path) -> None:
    write(tmp_path, {"referrers": "skipped"}, counts='failures="0" skipped="1"')
    assert [problem.splitlines()[0] for problem in problems(tmp_path)] == ["skipped: referrers"]


def test_a_skip_with_a_reason_passes_until_it_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conformance, "SKIPS", {"referrers": "a reason"})
    write(tmp_path, {"referrers": "skipped"}, counts='failures="0" skipped="1"')
    assert problems(tmp_path) == []
    write(tmp_path, {"referrers": "failure"}, counts='failures="1"')
    assert problems(tmp_path)[0].startswith("failure: referrers")
    write(tmp_path, {"referrers": "passed"})
    assert problems(tmp_path) == ["no longer skipped: referrers"]


def test_a_category_that_is_switched_off_fails_unless_it_was_meant_to_be(tmp_path: Path) -> None:
    write(tmp_path, {"ping": "passed"}, api="Disabled")
    assert problems(tmp_path) == ["switched off in the suite: Ping"]
    assert conformance.judge(tmp_path, disabled=frozenset({"Ping"})).problems == []

"""The official OCI conformance suite against a fresh Trow: `python -m tests.conformance`.

Owns building the suite, running it for each combination, and judging its reports. Refuses to skip: no Go, no verdict.
Everything that stays behind is in `build/conformance` (the suite, Go's caches, the last reports), which git ignores.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.support.server import running

SUITE = "github.com/opencontainers/distribution-spec/conformance"
VERSION = "v0.0.0-20260831232431-97274622c111"
BUILD = Path(__file__).resolve().parents[2] / "build" / "conformance"
NEEDS_GO = (
    "conformance: the OCI suite is built with Go >= 1.24, which is not here; "
    "on Debian: `apt-get install golang-go` from trixie or newer"
)

# The version only chooses which of the suite's switches are on. Here all of them are, so that neither version skips.
VERSIONS = ("1.1", "dev")
SPARSE = ("none", "all")
SWITCHES = [
    *(f"OCI_API_{name}" for name in ("PING", "PULL", "PUSH", "REFERRER")),
    *(f"OCI_API_BLOBS_{name}" for name in ("ATOMIC", "DELETE", "DIGEST_HEADER", "MOUNT_ANONYMOUS", "UPLOAD_CANCEL")),
    *(f"OCI_API_MANIFESTS_{name}" for name in ("ATOMIC", "DELETE", "DIGEST_HEADER", "TAG_PARAM")),
    *(f"OCI_API_TAGS_{name}" for name in ("ATOMIC", "DELETE", "LIST")),
    *(f"OCI_DATA_{name}" for name in ("IMAGE", "INDEX", "INDEX_LIST", "NO_LAYERS", "EMPTY_BLOB", "SHA512")),
    *(f"OCI_DATA_{name}" for name in ("ARTIFACT", "ARTIFACT_LIST", "SUBJECT", "SUBJECT_LIST", "SUBJECT_MISSING")),
    *(f"OCI_DATA_{name}" for name in ("DATA_FIELD", "NONDISTRIBUTABLE", "CUSTOM_FIELDS")),
]
# A registry that refuses sparse manifests is told so to the suite, which has no way to expect the refusal.
SPARSE_DATA = "Sparse Manifests"

# The names of tests that no setting and no correct server could keep from being skipped, each with its reason.
SKIPS: dict[str, str] = {}
MINIMUM = 800
IN_FULL = 10  # problems of one combination that are printed with their requests; report.html has all


@dataclasses.dataclass(kw_only=True)
class Verdict:
    """What one run of the suite amounts to; `problems` is empty only if all of it is proved."""

    tests: int = 0
    failures: int = 0
    skips: list[str] = dataclasses.field(default_factory=list)
    problems: list[str] = dataclasses.field(default_factory=list)

    @property
    def failed(self) -> int:
        return max(self.failures, len(self.problems))

    @property
    def passed(self) -> int:
        return self.tests - self.failures - len(self.skips)


def suite() -> Path:
    """The suite's program, built once for each version."""
    program = BUILD / VERSION / "conformance"
    if program.exists():
        return program
    go = shutil.which("go")
    if go is None:
        sys.exit(NEEDS_GO)
    BUILD.mkdir(parents=True, exist_ok=True)
    building = BUILD / "building"
    print(f"building {SUITE}@{VERSION} ...", flush=True)
    done = subprocess.run(
        [go, "install", f"{SUITE}@{VERSION}"],
        env={
            **os.environ,
            "CGO_ENABLED": "0",
            "GOBIN": str(building),
            "GOPATH": str(BUILD / "go"),
            "GOMODCACHE": str(BUILD / "go" / "mod"),
            "GOCACHE": str(BUILD / "go" / "build"),
            "GOFLAGS": "-modcacherw",  # so that `rm -r` can remove the cache
        },
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode != 0:
        sys.exit("conformance: the suite could not be built (see above); it needs Go >= 1.24 and a Go module proxy")
    program.parent.mkdir(exist_ok=True)
    (building / "conformance").replace(program)  # whole or not at all, should this be interrupted
    return program


def exchanges(output: str) -> str:
    """A test's requests in a line each, the last one in full, without the bulk of long bodies."""
    said = [part for part in output.split("~~~ REQUEST ~~~") if "URL: " in part]
    lines = [" ".join(re.findall(r"^(?:Method|URL|Status): (.*)", part, re.MULTILINE)) for part in said[:-1]]
    lines += said[-1].strip("=\n").splitlines()[:32] if said else []
    return "\n".join(f"      | {line[:160]}" for line in lines)


def judge(reports: Path, *, disabled: frozenset[str]) -> Verdict:
    """Read the reports; the suite's exit status proves nothing, it is 0 when it could not even start."""
    verdict, skipped = Verdict(), 0
    if not (reports / "junit.xml").exists() or not (reports / "results.yaml").exists():
        last_words = (reports / "output.txt").read_text(errors="replace").strip()[-500:]
        verdict.problems.append(f"no report was written: {last_words}")
        return verdict
    root = ET.parse(reports / "junit.xml").getroot()
    for counted in root.iter("testsuite"):
        verdict.tests += int(counted.get("tests", "0"))
        verdict.failures += int(counted.get("failures", "0")) + int(counted.get("errors", "0"))
        skipped += int(counted.get("skipped", "0")) + int(counted.get("disabled", "0"))
    for case in root.iter("testcase"):
        status, name = case.get("status"), case.get("name", "").partition("/")[2]
        if status == "skipped":
            verdict.skips.append(name)
        if status != "passed" and not (status == "skipped" and name in SKIPS):
            said = [f"      {line[:300]}" for line in case.findtext("system-out", "").splitlines()[:8]]
            if len(verdict.problems) < IN_FULL:
                said.append(exchanges(case.findtext("system-err", "")))
            verdict.problems.append("\n".join((f"{status}: {name}", *said)))
    if not verdict.problems and (verdict.failures or skipped != len(verdict.skips)):
        verdict.problems.append(f"{verdict.failures} failures and {skipped} skips that no test names, see report.html")
    if verdict.tests - skipped < MINIMUM:
        verdict.problems.append(f"only {verdict.tests - skipped} tests ran, expected {MINIMUM} or more")
    verdict.problems += [f"no longer skipped: {name}" for name in SKIPS if name not in verdict.skips]
    off = frozenset(re.findall(r"^  (.+): Disabled$", (reports / "results.yaml").read_text(), re.MULTILINE))
    verdict.problems += [f"switched off in the suite: {name}" for name in sorted(off - disabled)]
    return verdict


def run(program: Path, version: str, sparse: str) -> Verdict:
    """One combination, on a registry that holds nothing yet."""
    reports = BUILD / "reports" / f"{version}-sparse-{sparse}"
    shutil.rmtree(reports, ignore_errors=True)
    reports.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="trow-conformance-") as folder:
        with running(Path(folder) / "data", "--sparse", sparse) as server, (reports / "output.txt").open("wb") as out:
            settings = {
                "OCI_REGISTRY": f"127.0.0.1:{server.port}",
                "OCI_TLS": "disabled",
                "OCI_VERSION": version,
                "OCI_RESULTS_DIR": str(reports),
                "OCI_DATA_SPARSE": str(sparse == "all").lower(),
                **dict.fromkeys(SWITCHES, "true"),
            }
            inherited = {key: value for key, value in os.environ.items() if not key.startswith("OCI_")}
            done = subprocess.run(
                [program],
                cwd=reports,  # it reads a configuration file from where it is started
                env=inherited | settings,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                timeout=600,
                check=False,
            )
        shutil.copyfile(server.log_path, reports / "trow.log")
    verdict = judge(reports, disabled=frozenset() if sparse == "all" else frozenset({SPARSE_DATA}))
    if done.returncode != 0 and not verdict.problems:
        verdict.problems.append(f"the suite ended with {done.returncode} and reported nothing wrong, see output.txt")
    return verdict


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds: no server and no folder stays behind
    program = suite()
    passed = failed = 0
    for version, sparse in itertools.product(VERSIONS, SPARSE):
        began = time.monotonic()
        try:
            verdict = run(program, version, sparse)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            verdict = Verdict(problems=[str(error)])
        print(
            f"OCI {version}, --sparse {sparse}: {verdict.tests} tests, {verdict.failures} failures, "
            f"{len(verdict.skips)} skips, {time.monotonic() - began:.1f} seconds",
            flush=True,
        )
        for problem in verdict.problems:
            print(f"  - {problem}", flush=True)
        passed += verdict.passed
        failed += verdict.failed
    print(f"reports: {BUILD / 'reports'}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

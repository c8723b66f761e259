"""What was tried, with which client in which version, and how it ended: a line when it does, and a table of all."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import textwrap
import time
import traceback
from typing import TYPE_CHECKING

from tests.clients.program import Failed, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.clients.program import Program

_WIDTH = 78
# What goes wrong with a client or a registry, as opposed to with this suite.
FAILURES = (Failed, AssertionError, OSError, ValueError, LookupError)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@dataclasses.dataclass(kw_only=True)
class _Row:
    client: str
    version: str
    did: list[str] = dataclasses.field(default_factory=list)
    failed: list[str] = dataclasses.field(default_factory=list)

    @property
    def result(self) -> str:
        tried = len(self.did) + len(self.failed)
        return f"{len(self.failed)} of {tried} FAILED" if self.failed else f"{tried} passed"


class Report:
    """The checks so far. `log` gives what the server has written, of which a failed check shows its own part."""

    def __init__(self, log: Callable[[], str]) -> None:
        self._log = log
        self._rows: dict[tuple[str, str], _Row] = {}

    @property
    def passed(self) -> int:
        return sum(len(row.did) for row in self._rows.values())

    @property
    def failed(self) -> int:
        return sum(len(row.failed) for row in self._rows.values())

    @contextlib.contextmanager
    def check(self, client: Program, did: str) -> Iterator[None]:
        """One thing a client does, said as a sentence about it. What fails inside is told and counted, not raised."""
        began, logged = time.monotonic(), len(self._log())
        row = self._rows.setdefault((client.name, client.version), _Row(client=client.name, version=client.version))
        try:
            yield
        except (*FAILURES, NameError) as failure:  # a name that an earlier check failed to give
            row.failed.append(did)
            self._tell("FAILED", client, did, began)
            where = traceback.extract_tb(failure.__traceback__)[-1]
            at = f"{where.filename.rpartition('/')[2]}:{where.lineno}: {where.line}"
            lines = (at, *shorten(f"{type(failure).__name__}: {failure}", 20), *shorten(self._log()[logged:], 12))
            say("\n".join(f"       | {line}" for line in lines))
        else:
            row.did.append(did)
            self._tell("passed", client, did, began)

    def miss(self, family: str, why: str) -> None:
        """A family of clients that can't be had, or one of its programs."""
        say(f"FAILED {family}: {why}")
        row = self._rows.setdefault((family, "missing"), _Row(client=family, version="missing"))
        row.failed.append("could not be tried")

    def _tell(self, result: str, client: Program, did: str, began: float) -> None:
        say(f"{result} {client.name} {client.version} {did} ({time.monotonic() - began:.1f} s)")

    def table(self) -> str:
        rows = [("client", "version", "what it did", "result")]
        for row in self._rows.values():
            did = "; ".join((*row.did, *(f"FAILED: {name}" for name in row.failed)))
            first, *more = textwrap.wrap(did, _WIDTH) or [""]
            rows += [(row.client, row.version, first, row.result), *(("", "", line, "") for line in more)]
        client, version = (max(len(row[column]) for row in rows) for column in (0, 1))
        return "\n".join(
            f"{row[0]:{client}} | {row[1]:{version}} | {row[2]:{_WIDTH}} | {row[3]}".rstrip() for row in rows
        )

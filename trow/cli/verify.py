"""`trow verify [--repair]`: whether every tag pulls and all content is what its digest says, beside a server at work.

Looking takes nothing into service. To repair, the directory is claimed as a server does: another process of this host
may hold it too, since both keep to the same kernel locks; a server of another host refuses us.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any

import msgspec

from trow.cli.output import RED, YELLOW, coloured, complain, say, say_json
from trow.cli.settings import settings
from trow.config.units import GIB, KIB, MIB, TIB
from trow.registry.registry import Registry
from trow.registry.verify import Finding, Progress, Verification
from trow.registry.verify import verify as verification
from trow.storage.filesystem import open_storage
from trow.storage.filesystem.claim import HEARTBEAT_SECONDS, LAYOUT, ClaimError, Format, claim, explain

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

_GLANCE_SECONDS = 0.2
_BAR = 30


def verify(chosen: argparse.Namespace) -> int:
    """Print what is found: 0 if all is well or was repaired, 1 if not, 2 if there is nothing to look at."""
    config = settings(chosen).config
    root = config.data_dir
    reason = _why_not(root, repair=chosen.repair)
    if reason:
        complain(reason)
        return 2
    try:
        held = claim(root) if chosen.repair else None
    except ClaimError as error:
        complain(error)
        return 2
    try:
        done = verification(Registry(open_storage(root)), repair=chosen.repair, sparse=config.sparse)
        return asyncio.run(_run(done, held.beat if held else None, as_json=chosen.output == "json"))
    finally:
        if held:
            held.release()


def _why_not(root: Path, *, repair: bool) -> str:
    """Why a directory can't be looked at, or nothing."""
    try:
        content = (root / "format").read_bytes()
        owner = (root / "format").stat().st_uid
        found = msgspec.json.decode(content, type=Format)
    except (FileNotFoundError, NotADirectoryError):
        return f"{root} is no data directory of this Trow: there is no {root}/format"
    except OSError as error:
        return explain(root, error)
    except msgspec.MsgspecError:
        return f"{root}/format is not readable as a data directory's format: restore it"
    if found.layout > LAYOUT:
        return f"{root} was written by a newer Trow (layout {found.layout}): use Trow {found.oldest_reader} or later"
    if repair and os.geteuid() == 0 != owner:  # what root writes, the server couldn't replace
        return (
            f"{root} belongs to uid {owner}: repair it as that user, not as root (or --repair makes files it can't use)"
        )
    return ""


async def _run(done: Verification, beat: Callable[[], None] | None, *, as_json: bool) -> int:
    findings = []
    bar = Bar(done)
    async with _beside(_beating(beat) if beat else None), _beside(bar.moving() if sys.stderr.isatty() else None):
        async for finding in done:
            findings.append(finding)
            if not as_json:
                bar.clear()
                say(line(finding))
    bar.clear()
    progress = done.progress
    if as_json:
        say_json({"findings": [_document(each) for each in findings], "summary": progress._asdict()})
    else:
        say(summary(progress))
    return 0 if progress.problems == progress.repaired else 1


def line(finding: Finding) -> str:
    """A finding as people read it."""
    name = finding.repository or "content"
    tag = f":{finding.tag}" if finding.tag else ""
    digest = f" ({finding.digest})" if finding.digest else ""
    wrong = coloured(finding.wrong, YELLOW if finding.note else RED)
    kind = "note: " if finding.note else ""
    if finding.repaired:
        return f"{kind}{name}{tag}{digest}: {wrong}; repaired"
    return f"{kind}{name}{tag}{digest}: {wrong}{f'; --repair {finding.mend}' if finding.mend else ''}"


def summary(progress: Progress) -> str:
    """What was looked at and what was found."""
    seen = [
        _count(progress.repositories, "repository", "repositories"),
        _count(progress.tags, "tag"),
        _count(progress.manifests, "manifest"),
        f"{_count(progress.blobs, 'blob')} ({shown_bytes(progress.bytes)})",
    ]
    return (
        f"{', '.join(seen)}: {_count(progress.problems, 'problem')}, {progress.repaired} repaired, "
        f"{_count(progress.notes, 'note')}"
    )


def shown_bytes(count: int) -> str:
    """With a unit that people read."""
    for unit, scale in (("TiB", TIB), ("GiB", GIB), ("MiB", MIB), ("KiB", KIB)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count} B"


class Bar:
    """How far it has come, on one line of a terminal."""

    def __init__(self, done: Verification) -> None:
        self._done = done
        self._width = 0

    async def moving(self) -> None:
        """Draw it again and again."""
        while True:
            self._draw()
            await asyncio.sleep(_GLANCE_SECONDS)

    def clear(self) -> None:
        """Make room for a line."""
        if self._width:
            sys.stderr.write(f"\r{' ' * self._width}\r")
            sys.stderr.flush()
            self._width = 0

    def _draw(self) -> None:
        progress = self._done.progress
        share = min(progress.bytes / progress.bytes_total, 1.0) if progress.bytes_total else 0.0
        full = round(share * _BAR)
        text = (
            f"[{'#' * full}{'.' * (_BAR - full)}] {share:4.0%}  {progress.blobs}/{progress.blobs_total} blobs, "
            f"{shown_bytes(progress.bytes)}"
        )
        sys.stderr.write(f"\r{text:<{self._width}}")
        sys.stderr.flush()
        self._width = len(text)


async def _beating(beat: Callable[[], None]) -> None:
    while True:
        beat()
        await asyncio.sleep(HEARTBEAT_SECONDS)


@contextlib.asynccontextmanager
async def _beside(work: Any) -> AsyncIterator[None]:
    """Something done meanwhile."""
    task = asyncio.create_task(work) if work else None
    try:
        yield
    finally:
        if task:
            task.cancel()


def _document(finding: Finding) -> dict[str, Any]:
    return {name: value and str(value) if name == "digest" else value for name, value in finding._asdict().items()}


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or f'{one}s'}"

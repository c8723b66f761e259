"""All data of one earlier version: found, brought over repository by repository, and remembered as done.

Only one process imports; others wait for it. What was done before a crash is seen and not done again, and a finished
import is one record, so that later starts look at nothing else. Removing that record imports once more.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from trow.errors import NameInvalid, StorageBusy
from trow.legacy import v010, v03
from trow.legacy.report import Report
from trow.legacy.repository import RepositoryImport
from trow.legacy.source import oldest_times
from trow.legacy.target import Target
from trow.oci.reference import PROXIED, Host, RepositoryName
from trow.storage import layout

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from trow.config.model import Sparse
    from trow.legacy.source import Source
    from trow.oci.digest import Digest
    from trow.storage.base import Storage

    Opening = Callable[[Path], contextlib.AbstractContextManager[Source]]

TELL_SECONDS = 5.0
# the older first: where both named a tag, the later time decides, whatever the order
_VERSIONS: dict[str, tuple[str, Opening]] = {
    "0.3": (v03.MARK, lambda root: contextlib.nullcontext(v03.V03(root))),
    "0.10": (v010.MARK, v010.open_v010),
}


def waiting(root: Path) -> list[str]:
    """The versions whose data is in a directory and has not come over."""
    return [
        version
        for version, (mark, _) in _VERSIONS.items()
        if (root / mark).exists() and not (root / layout.imported(version)).exists()
    ]


async def import_version(
    version: str,
    root: Path,
    storage: Storage,
    sparse: Sparse,
    say: Callable[[str], None],
    *,
    tell: float = TELL_SECONDS,
) -> None:
    """Bring the data of a version over, unless another process has done so meanwhile.

    Raises:
        ImportStopped, RegistryError, OSError: it can't go on; the next time it goes on from here.
    """
    async with _alone(version, storage, say):
        if await storage.records.get(layout.imported(version)) is not None:
            return
        report = Report(version)
        opening = _VERSIONS[version][1]
        with opening(root) as source:
            async with _told(report, say, tell):
                await _import(source, storage, sparse, report)
        await storage.records.put(layout.imported(version), report.document)
        say(report.summary)


async def _import(source: Source, storage: Storage, sparse: Sparse, report: Report) -> None:
    repositories = list(source.repositories())
    for repository in repositories:
        report.expected += len(oldest_times(source, repository.key))
    unfit: set[Digest] = set()
    for key, name in repositories:
        try:
            target = _target(name, storage)
        except NameInvalid as error:
            report.leave_out("repository", name, error.message)
            continue
        await RepositoryImport(source, target, sparse, report, unfit).run(key)
        report.repositories += 1


def _target(name: str, storage: Storage) -> Target:
    """The repository of that name. Raises NameInvalid."""
    if not name.startswith(PROXIED):
        return Target(RepositoryName(name), storage, cached=False)
    host, _, repository = name.removeprefix(PROXIED).partition("/")
    return Target(f"{PROXIED}{Host(host)}/{RepositoryName(repository)}", storage, cached=True)


@contextlib.asynccontextmanager
async def _alone(version: str, storage: Storage, say: Callable[[str], None]) -> AsyncIterator[None]:
    """Hold the right to import, however long another process has it."""
    async with contextlib.AsyncExitStack() as stack:
        while True:
            try:
                await stack.enter_async_context(storage.leases.lease(layout.imported(version)))
                break
            except StorageBusy:
                say(f"Another process is importing data of Trow {version}; waiting for it")
        yield


@contextlib.asynccontextmanager
async def _told(report: Report, say: Callable[[str], None], seconds: float) -> AsyncIterator[None]:
    """Say how far it is, now and every few seconds."""

    async def tell() -> None:
        while True:
            say(report.progress)
            await asyncio.sleep(seconds)

    telling = asyncio.create_task(tell())
    try:
        yield
    finally:
        telling.cancel()

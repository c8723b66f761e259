"""One repository on its way over: blobs first, then the manifests that need them, then the tags.

What can't come (missing, of another digest, not of a form that is served) is left out with all that needs it, each with
its name in the report; the rest comes over. A manifest that is here already was complete when it came.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

import msgspec

from trow.config.model import Sparse
from trow.errors import BlobUnknown, DigestInvalid, ManifestInvalid
from trow.legacy.source import oldest_times
from trow.oci.digest import Digest
from trow.oci.manifest import parse_manifest
from trow.oci.reference import Tag
from trow.registry.records import TagEntry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from trow.legacy.report import Report
    from trow.legacy.source import Entry, Source
    from trow.legacy.target import Target
    from trow.oci.manifest import Manifest

T = TypeVar("T")

_SIDE_BY_SIDE = 4
_BLOBS_SIDE_BY_SIDE = 8
_DEEPEST = 16
MISSING = "it is missing"
CORRUPT = "its content is of another digest"
NO_DIGEST = "it is not named by a digest"


class _Layer(msgspec.Struct, frozen=True):
    digest: str = ""


class _Layers(msgspec.Struct, frozen=True):
    layers: list[_Layer] | None = None


_decode_layers = msgspec.json.Decoder(_Layers).decode


class RepositoryImport:
    """The way of one repository from a source to its target."""

    def __init__(self, source: Source, target: Target, sparse: Sparse, report: Report, unfit: set[Digest]) -> None:
        self._source = source
        self._target = target
        # of what is only proxied, the children of an index came one by one, when they were asked for
        self._sparse = sparse if not target.cached or sparse is Sparse.ALL else Sparse.INDEXES
        self._report = report
        self._unfit = unfit
        self._times: dict[str, str] = {}
        self._manifests: dict[str, bool] = {}
        self._blobs: dict[Digest, bool] = {}
        self._turns: defaultdict[Digest, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._room = asyncio.Semaphore(_BLOBS_SIDE_BY_SIDE)

    async def run(self, key: str) -> None:
        """Bring all of it over. Raises RegistryError if the storage fails."""
        self._times = oldest_times(self._source, key)
        await _side_by_side(iter(self._times.items()), self._named_manifest)
        await _side_by_side(self._source.blobs(key), self._held_blob)
        await _side_by_side(self._source.tags(key), self._tag)
        await self._target.sync()

    async def _named_manifest(self, named: tuple[str, str]) -> None:
        text, time = named
        digest = _digest(text)
        if digest:
            await self._manifest(digest, time, 0)
        else:
            self._report.leave_out("manifest", f"{self._target.name}@{text}", NO_DIGEST)
        self._report.looked_at += 1

    async def _manifest(self, digest: Digest, time: str, depth: int, *, optional: bool = False) -> bool:
        """Whether a manifest is here now."""
        async with self._turns[digest]:
            if digest not in self._manifests:
                obstacle = await self._bring(digest, time, depth)
                if obstacle is MISSING and optional:
                    return False
                self._manifests[digest] = obstacle is None
                if obstacle is None:
                    self._report.manifests += 1
                else:
                    self._report.leave_out("manifest", f"{self._target.name}@{digest}", obstacle)
            return self._manifests[digest]

    async def _bring(self, digest: Digest, time: str, depth: int) -> str | None:
        """Bring a manifest over with all that it needs; why that can't be."""
        if await self._target.since(digest) is not None:
            return None
        content = self._source.manifest(digest)
        if content is None:
            return MISSING
        if Digest.of(content, digest.algorithm) != digest:
            return CORRUPT
        if depth > _DEEPEST:
            return "it is an index in an index, too deep"
        try:
            manifest = parse_manifest(content, "")
        except ManifestInvalid as error:
            return f"{error.message}: {error.detail}" if error.detail else error.message
        lacking = await self._lacking(manifest, time, depth)
        if lacking:
            return f"it needs {lacking}"
        await self._target.put(manifest, digest, time)
        return None

    async def _lacking(self, manifest: Manifest, time: str, depth: int) -> Digest | None:
        """What a manifest needs that can't come over."""
        needed = () if self._sparse is Sparse.ALL else manifest.blobs
        wanted = [digest for digest in _others(manifest) if self._source.blob(digest).is_file()]
        async with asyncio.TaskGroup() as group:
            for digest in dict.fromkeys((*manifest.blobs, *wanted)):
                group.create_task(self._blob(digest))
        lacking = [digest for digest in needed if not self._blobs[digest]]
        optional = self._sparse is not Sparse.NONE
        for child in manifest.manifests:
            there = await self._manifest(child, self._times.get(child, time), depth + 1, optional=optional)
            if not there and not optional:
                lacking.append(child)
        return lacking[0] if lacking else None

    async def _held_blob(self, text: str) -> None:
        digest = _digest(text)
        if digest:
            await self._blob(digest)
        else:
            self._report.leave_out("blob", text, NO_DIGEST)

    async def _blob(self, digest: Digest) -> bool:
        """Whether a blob is here now, and this repository serves it."""
        async with self._turns[digest], self._room:
            if digest not in self._blobs:
                self._blobs[digest] = digest not in self._unfit and await self._adopt(digest)
            return self._blobs[digest]

    async def _adopt(self, digest: Digest) -> bool:
        try:
            self._report.saw_blob(digest, await self._target.link(digest, self._source.blob(digest)))
        except (BlobUnknown, DigestInvalid) as error:
            reason = CORRUPT if isinstance(error, DigestInvalid) else MISSING
            self._report.leave_out("blob", digest, str(error.__cause__ or reason))
            self._unfit.add(digest)
            return False
        return True

    async def _tag(self, named: tuple[str, list[Entry]]) -> None:
        text, entries = named
        name = f"{self._target.name}:{text}"
        if not entries:
            self._report.leave_out("tag", name, "it names nothing")
        elif not self._manifests.get(entries[0].digest):
            self._report.leave_out("tag", name, f"it needs {entries[0].digest}")
        else:
            try:
                tag = Tag(text)
            except ManifestInvalid as error:
                self._report.leave_out("tag", name, error.message)
                return
            here = [TagEntry(Digest(digest), time) for digest, time in entries if self._manifests.get(digest)]
            await self._target.name_all(tag, here)
            self._report.tags += 1


def _others(manifest: Manifest) -> Iterator[Digest]:
    """Layers that need not be here, since they may be had elsewhere, but were pushed perhaps all the same."""
    for text in {layer.digest for layer in _decode_layers(manifest.content).layers or ()} - {*manifest.blobs}:
        digest = _digest(text)
        if digest:
            yield digest


def _digest(text: str) -> Digest | None:
    try:
        return Digest(text)
    except DigestInvalid:
        return None


async def _side_by_side(items: Iterator[T], step: Callable[[T], Awaitable[None]]) -> None:
    """Take a step for each item; several at once, since a step is waiting for the disk most of the time."""

    async def work() -> None:
        for item in items:
            await step(item)

    async with asyncio.TaskGroup() as group:
        for _ in range(_SIDE_BY_SIDE):
            group.create_task(work())

"""Whether every tag pulls and all content is what its digest says; and mending what can be mended.

It runs beside a server at work. What seems wrong is judged again, some time later, before it is told of: a push or a
delete that was caught between two of its steps has finished by then. Repair judges under the lease that the step
itself takes, and never removes what verifies:

- content that is not what its digest says is removed (`content`), so that a push of it brings it back;
- a link that says another size than its whole blob has is removed: it served nothing;
- a tag whose newest entry does not pull is given to the newest entry of its history that does; none: it is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from trow.config.model import Sparse
from trow.errors import DigestInvalid, StorageBusy, StorageFailed
from trow.oci.digest import ALGORITHMS, Digest
from trow.oci.reference import MAX_NAME, is_component, is_tag
from trow.registry import records
from trow.registry.content import Contents
from trow.registry.records import TagEntry
from trow.registry.wholeness import Wholeness
from trow.storage import layout

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from trow.registry.registry import Registry
    from trow.registry.wholeness import Known

    Judge = Callable[[Known, bool], Awaitable["Finding | None"]]

SETTLE_SECONDS = 2.0
_REMOVE = "removes it, so that a push brings it back"


class Finding(NamedTuple):
    """Something that is not as it should be; `repository` is None for content, which all repositories share.

    `mend` says what repair does about it, None if it can do nothing; a `note` is nothing that a client could notice.
    """

    repository: str | None
    tag: str | None
    digest: str | None
    wrong: str
    mend: str | None = None
    repaired: bool = False
    note: bool = False


class Progress(NamedTuple):
    """How far it has come; at the end, the summary. Sizes are in bytes, totals are known before the first is read."""

    repositories: int
    tags: int
    manifests: int
    blobs: int
    blobs_total: int
    bytes: int
    bytes_total: int
    problems: int
    repaired: int
    notes: int


class _Suspect(NamedTuple):
    about: Finding
    judge: Judge


def verify(registry: Registry, *, repair: bool, sparse: Sparse = Sparse.NONE) -> Verification:
    """Look at everything; iterate over what is returned to have it done. `sparse` is what pushes may leave out."""
    return Verification(registry, repair=repair, sparse=sparse)


async def settle() -> None:
    """Give others the time to finish what they are at."""
    await asyncio.sleep(SETTLE_SECONDS)


class Verification:
    """An async iterable of findings, to be iterated once; `progress` may be asked at any time.

    Memory grows with the number of digests, not with their content.
    """

    def __init__(self, registry: Registry, *, repair: bool, sparse: Sparse) -> None:
        self._storage = registry.storage
        self._repair = repair
        self._contents = Contents(registry.storage, repair=repair)
        self._wholeness = Wholeness(registry.storage, self._contents, sparse)
        self._repositories = self._tags = self._manifests = 0
        self._problems = self._repaired = self._notes = 0
        self._told: set[tuple[str | None, str]] = set()
        self._seen: dict[tuple[str, str], bytes] = {}

    @property
    def progress(self) -> Progress:
        contents = self._contents
        return Progress(
            self._repositories,
            self._tags,
            self._manifests,
            contents.blobs,
            contents.blobs_total,
            contents.bytes,
            contents.bytes_total,
            self._problems,
            self._repaired,
            self._notes,
        )

    async def __aiter__(self) -> AsyncIterator[Finding]:
        names = [name async for name in self._names("")]
        for name in names:
            for prefix in (layout.manifests, layout.blob_links):
                for digest in await self._digests(partial(prefix, name)):
                    await self._contents.add(digest)
            await asyncio.sleep(0)
        async with contextlib.aclosing(self._contents.damages()) as damages:
            async for damage in damages:
                mend = _REMOVE if damage.readable else None
                yield self._tell(Finding(None, None, damage.digest, damage.wrong, mend, damage.removed))
        suspects = [suspect for name in names for suspect in await self._suspects(name)]
        for suspect in await self._lasting(suspects):
            finding = await self._judged(suspect, {}, self._repair)
            if finding:
                yield self._tell(finding)

    async def _lasting(self, suspects: list[_Suspect]) -> list[_Suspect]:
        """Those that are left after a while in which none went away: a delete may have many tags to drop."""
        while suspects:
            await settle()
            still = [suspect for suspect in suspects if await self._judged(suspect, {}, False)]
            if len(still) == len(suspects):
                break
            suspects = still
        return suspects

    def _tell(self, finding: Finding) -> Finding:
        self._problems += not finding.note
        self._notes += finding.note
        self._repaired += finding.repaired
        if finding.digest:
            self._told.add((finding.repository, finding.digest))
        return finding

    # --- what there is

    async def _names(self, prefix: str) -> AsyncIterator[str]:
        """Every repository, also those that hold no manifest, and what is cached of others."""
        children = await self._storage.listing.children(f"{layout.REPOSITORIES}{prefix}")
        if prefix and len(prefix) <= MAX_NAME and any(child.startswith("_") for child in children):
            yield prefix[:-1]
        for child in children:
            if child.endswith("/") and is_component(child[:-1]):
                async for name in self._names(prefix + child):
                    yield name

    async def _digests(self, prefix: Callable[[str], str]) -> list[Digest]:
        found = []
        for algorithm in ALGORITHMS:
            for name in await self._storage.listing.children(prefix(algorithm)):
                with contextlib.suppress(DigestInvalid):  # never ours
                    found.append(Digest(f"{algorithm}:{name.rstrip('/')}"))
        return found

    async def _suspects(self, name: str) -> list[_Suspect]:
        """What seems wrong in a repository, to be judged again. Tags come first: they speak for what they name."""
        tags = [tag for tag in await self._storage.listing.children(layout.tags(name)) if is_tag(tag)]
        manifests = await self._digests(partial(layout.manifests, name))
        links = await self._digests(partial(layout.blob_links, name))
        self._repositories += 1
        self._tags += len(tags)
        self._manifests += len(manifests)
        referrers = [pair async for pair in self._referrers(name)]
        everything = itertools.chain(
            (_Suspect(Finding(name, tag, None, ""), partial(self._tag, name, tag)) for tag in tags),
            (_Suspect(Finding(name, None, each, ""), partial(self._manifest, name, each)) for each in manifests),
            (_Suspect(Finding(name, None, each, ""), partial(self._link, name, each)) for each in links),
            (_Suspect(Finding(name, None, by, ""), partial(self._referrer, name, of, by)) for of, by in referrers),
        )
        known: Known = {}
        suspects = []
        for each in everything:
            if await self._judged(each, known, False):
                suspects.append(each)
            await asyncio.sleep(0)
        return suspects

    async def _referrers(self, name: str) -> AsyncIterator[tuple[Digest, Digest]]:
        for subject in await self._digests(lambda algorithm: f"{layout.REPOSITORIES}{name}/_referrers/{algorithm}/"):
            for child in await self._storage.listing.children(layout.referrers(name, subject)):
                with contextlib.suppress(DigestInvalid):
                    yield subject, Digest(child.replace("-", ":", 1))

    # --- judging one thing

    async def _judged(self, suspect: _Suspect, known: Known, repair: bool) -> Finding | None:
        try:
            return await suspect.judge(known, repair)
        except StorageBusy:
            return suspect.about._replace(wrong="is in use: try again")
        except StorageFailed as error:
            return suspect.about._replace(wrong=f"can't be read or mended: {error.__cause__ or error}")

    async def _tag(self, name: str, tag: str, known: Known, repair: bool) -> Finding | None:
        key = layout.tag(name, tag)
        document = await self._storage.records.get(key)
        if document is None:
            return None
        newest, entries = records.newest(document), records.history(document)
        finding = Finding(name, tag, None, "its newest entry can't be read")
        if newest is not None:
            finding = Finding(name, tag, newest.digest, await self._wholeness.why_not(name, newest, known))
        # a tag that moved between the looks is at work: what is wrong now is not what was wrong before
        if not finding.wrong or self._seen.setdefault((name, tag), document) != document:
            return None
        if newest and newest.time < (await self._wholeness.reading(name, newest.digest, known)).pushed:
            return finding._replace(note=True)  # whoever deleted that manifest meant its tags too
        for entry in entries if newest is None else entries[1:]:
            if not await self._wholeness.why_not(name, entry, known):
                mend = f"rolls it back to {entry.digest}, which it named since {entry.time}"
                pushed = (await self._wholeness.reading(name, entry.digest, known)).pushed
                back = TagEntry(entry.digest, max(records.now(), pushed))
                mended = repair and await self._replace(key, document, records.tag_document([back, *entries]))
                return finding._replace(mend=mend, repaired=mended)
        return finding

    async def _replace(self, key: str, document: bytes, mended: bytes) -> bool:
        """Write a record anew unless somebody was faster; whether it was done."""
        done = False

        def change(there: bytes | None) -> bytes | None:
            nonlocal done
            done = there == document
            return mended if done else there

        await self._storage.records.update({key: change})
        return done

    async def _manifest(self, name: str, digest: Digest, known: Known, _: bool) -> Finding | None:
        reading = await self._wholeness.reading(name, digest, known)
        if not reading.wrong or not reading.held or (name, digest) in self._told:
            return None
        return Finding(name, None, digest, reading.wrong)

    async def _link(self, name: str, digest: Digest, _: Known, repair: bool) -> Finding | None:
        key = layout.blob_link(name, digest)
        async with self._alone(layout.blob(digest), repair):
            link = await self._storage.records.get(key)
            found = await self._storage.blobs.find(digest)
            if link is None or (found and link == b"%d\n" % found.size):
                return None
            if found is None:
                told = digest in self._wholeness.missing or (None, digest) in self._told
                return None if told else Finding(name, None, digest, "is linked, but not there", note=True)
            if await self._contents.damaged(digest) or (repair and await self._contents.read(digest)):
                return None  # not the link is wrong
            mended = repair and await self._storage.records.delete(key)
            said = link[:20].decode("ascii", "replace").strip()
            wrong = f"the link says {said!r}, the blob is {found.size} bytes"
            return Finding(name, None, digest, wrong, "removes the link", mended)

    async def _referrer(self, name: str, subject: Digest, digest: Digest, _: Known, __: bool) -> Finding | None:
        document = await self._storage.records.get(layout.referrer(name, subject, digest))
        if document is None:
            return None
        if await self._storage.records.get(layout.manifest(name, digest)) is None:
            return Finding(name, None, digest, f"is listed as a referrer of {subject}, but not here", note=True)
        if records.decode_record(document) is None:
            return Finding(name, None, digest, f"its entry as a referrer of {subject} can't be read")
        return None

    def _alone(self, key: str, repair: bool) -> AbstractAsyncContextManager[None]:
        """The lease under which a thing is judged that may be mended at once; without repair nothing is touched."""
        return self._storage.leases.lease(key) if repair else contextlib.nullcontext()

"""What the registry asks of a place to keep things: small Protocols that a file system and an object store can fill.

Whatever returns without an error is durable: it survives `kill -9` and, where the disk keeps its word, a power cut.
Keys are those of `layout`. `tests/storage/contract.py` holds any driver to the behaviour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping
    from contextlib import AbstractAsyncContextManager

    from trow.oci.digest import Digest

    Change = Callable[[bytes | None], bytes | None]


class Watch(Protocol):
    """What tells whether a document may have changed since the watch was begun; costs nothing."""

    def changed(self) -> bool: ...


class Records(Protocol):
    """Small documents, each replaced as a whole."""

    async def get(self, key: str) -> bytes | None:
        """The document, or None."""
        ...

    async def put(self, key: str, document: bytes) -> None:
        """Store it, whether or not one was there."""
        ...

    async def update(self, changes: Mapping[str, Change]) -> None:
        """Replace each document by what its change makes of it (None: remove it), alone among all processes.

        In the order given, so that none is seen without those before it. A change is called with the document or None,
        in any thread, and again if somebody else was faster. Raises StorageBusy if it never gets a turn.
        """
        ...

    def watch(self, key: str) -> Watch | None:
        """Watch for an `update` of this document, of any process; None where or while that can't be told."""
        ...

    async def delete(self, key: str) -> bool:
        """Remove it; whether it was there."""
        ...

    async def sync(self, keys: Iterable[str]) -> None:
        """Make durable that the documents seen are there, whoever wrote them."""
        ...


class Listing(Protocol):
    """The keys, one level at a time."""

    async def children(self, prefix: str, after: str = "") -> list[str]:
        """The names directly under `prefix` that sort after `after`, sorted by ASCII; a deeper level ends in `/`."""
        ...

    async def any(self, prefix: str) -> bool:
        """Whether anything is directly under `prefix`."""
        ...


class Leases(Protocol):
    """Short critical sections among all processes that share the storage."""

    def lease(self, key: str, *, shared: bool = False) -> AbstractAsyncContextManager[None]:
        """Held inside the block, alone or with other sharers. Raises StorageBusy after some seconds in vain.

        Leases of keys that begin with the same segment must not be nested.
        """
        ...


class StoredBlob(NamedTuple):
    """A blob that is there: its size in bytes, and its file where the driver has one."""

    size: int
    path: str | None


class Blobs(Protocol):
    """Immutable content by digest. `put` and `Upload.commit` are the only doors in, and both verify."""

    async def find(self, digest: Digest) -> StoredBlob | None: ...

    async def read(self, digest: Digest) -> bytes | None:
        """All of a small blob (a manifest), or None."""
        ...

    def stream(self, digest: Digest, start: int, stop: int) -> AsyncIterator[bytes]:
        """The bytes `[start, stop)` in pieces of bounded size."""
        ...

    async def put(self, digest: Digest, content: bytes) -> None:
        """Store small content that is already in memory. Raises DigestInvalid."""
        ...

    async def delete(self, digest: Digest) -> bool: ...

    async def sync(self, digests: Iterable[Digest]) -> None:
        """Make durable that the blobs seen are there, whoever stored them."""
        ...


class Upload(Protocol):
    """An upload that this caller holds alone, until it leaves the block."""

    @property
    def offset(self) -> int:
        """How many bytes have arrived, in bytes."""
        ...

    async def write(self, data: bytes) -> None:
        """Append; the bytes count as arrived once `flush` returned."""
        ...

    async def flush(self) -> int:
        """Make durable what was written; the offset. Raises StorageFull: what fitted is kept."""
        ...

    async def truncate(self, offset: int) -> None:
        """Forget what came after `offset`."""
        ...

    async def verify(self, digest: Digest) -> int:
        """See that all that arrived is of this digest, durably; its size. Raises DigestInvalid and keeps the upload."""
        ...

    async def commit(self, digest: Digest, documents: Mapping[str, bytes] = ...) -> int:
        """Make it a blob, verified in any case, and put these records: none is missing once it is a blob; its size.

        Raises DigestInvalid and then keeps the upload and puts nothing.
        """
        ...

    async def cancel(self) -> None:
        """Forget the upload."""
        ...


class Uploads(Protocol):
    """Uploads by id, each bound to its owner (a repository); any process may go on with any of them."""

    async def create(self, owner: str, algorithm: str) -> str:
        """Begin one that is expected to end in a digest of `algorithm`; its id."""
        ...

    def resume(self, owner: str, upload_id: str) -> AbstractAsyncContextManager[Upload]:
        """Hold it alone. Raises BlobUploadUnknown, or ChunkOutOfOrder with the offset if somebody else holds it."""
        ...

    async def offset(self, owner: str, upload_id: str) -> int:
        """How many bytes have arrived. Raises BlobUploadUnknown."""
        ...

    async def sweep(self, older_than: float) -> int:
        """Remove what nobody touched for `older_than` seconds; how many."""
        ...


class Storage(NamedTuple):
    """A driver, whole."""

    records: Records
    listing: Listing
    leases: Leases
    blobs: Blobs
    uploads: Uploads

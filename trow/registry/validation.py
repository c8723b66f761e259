"""Whether a manifest may be stored: what it refers to must be there, as far as `sparse` asks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from trow.errors import BlobUnknown, ManifestBlobUnknown
from trow.storage import layout

if TYPE_CHECKING:
    from trow.config.model import Sparse
    from trow.oci.manifest import Manifest
    from trow.registry.repository import Repository

_BREATH = 100


async def require_references(repository: Repository, manifest: Manifest, sparse: Sparse) -> None:
    """Raise ManifestBlobUnknown unless all that the manifest refers to is durably there; a `subject` may be missing."""
    missing = []
    if sparse != "all":
        for count, digest in enumerate(manifest.blobs):
            await _breathe(count)
            try:
                await repository.blob(digest)
            except BlobUnknown:
                missing.append(digest)
    if sparse == "none":
        for count, digest in enumerate(manifest.manifests):
            await _breathe(count)
            if not await repository.holds(digest):
                missing.append(digest)
    if missing:
        raise ManifestBlobUnknown([{"digest": digest} for digest in missing[:100]])
    await repository.sync_blobs(manifest.blobs)
    await repository.storage.records.sync(layout.manifest(repository.name, digest) for digest in manifest.manifests)


async def _breathe(count: int) -> None:
    if count % _BREATH == _BREATH - 1:
        await asyncio.sleep(0)

"""The contract of every storage driver, on the filesystem's."""

from __future__ import annotations

from tests.storage.contract import StorageContract


class TestFilesystem(StorageContract):
    """A directory of the test's own (see conftest)."""

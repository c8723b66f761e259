"""Repositories in storage of the test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.storage.conftest import anyio_backend, opening, prepared, root, storage, trace
from trow.oci.reference import RepositoryName
from trow.registry.registry import Registry

if TYPE_CHECKING:
    from trow.registry.repository import Repository
    from trow.storage.base import Storage

__all__ = ["anyio_backend", "opening", "prepared", "root", "storage", "trace"]


@pytest.fixture
def registry(storage: Storage) -> Registry:
    return Registry(storage)


@pytest.fixture
def repository(registry: Registry) -> Repository:
    return registry.repository(RepositoryName("library/alpine"))


@pytest.fixture
def other(registry: Registry) -> Repository:
    """Another repository of the same registry."""
    return registry.repository(RepositoryName("library/other"))

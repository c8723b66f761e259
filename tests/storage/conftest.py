"""Storage in a directory of the test's own."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.storage.tracing import Trace
from trow.storage.filesystem import open_storage
from trow.storage.filesystem.claim import claim

if TYPE_CHECKING:
    from tests.storage.peer import Opening
    from trow.storage.base import Storage


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory as `claim` leaves it, to be copied: that costs no wait for the disk."""
    path = tmp_path_factory.mktemp("prepared") / "data"
    claim(path).release()
    return path


@pytest.fixture
def root(tmp_path: Path, prepared: Path) -> Path:
    """A data directory to take into service."""
    return Path(shutil.copytree(prepared, tmp_path / "data"))


@pytest.fixture
def opening(root: Path) -> Opening:
    return partial(open_storage, root)


@pytest.fixture
def storage(opening: Opening) -> Storage:
    return opening()


@pytest.fixture
def trace(root: Path, monkeypatch: pytest.MonkeyPatch) -> Trace:
    """What is asked of the operating system below the data directory, from now on."""
    return Trace(root, monkeypatch)

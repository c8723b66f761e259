"""A directory of an earlier Trow, and ways to import it in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.legacy.steps import Imported, bring_over
from tests.support.legacy import Trow010, Trow03, old_files

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from pathlib import Path
    from typing import Any


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def v03(root: Path) -> Trow03:
    return Trow03(root)


@pytest.fixture
def v010(root: Path) -> Iterator[Trow010]:
    made = Trow010(root)
    yield made
    made.database.close()


@pytest.fixture
def importing(root: Path) -> Callable[[], Coroutine[Any, Any, Imported]]:
    """Imports all that is there, and holds the import to leaving the old files alone."""

    async def run() -> Imported:
        before = old_files(root)
        imported = await bring_over(root)
        assert old_files(root, before) == before
        return imported

    return run

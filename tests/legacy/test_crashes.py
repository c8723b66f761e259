"""An import that is killed at any step: the old files are as they were, and the next one goes on to the same end."""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.legacy.directories import make_everything
from tests.legacy.steps import Imported, bring_over
from tests.storage.peer import peer
from tests.support.legacy import new_files, old_files
from trow.config.model import Sparse
from trow.legacy.importer import import_version, waiting
from trow.storage.filesystem import open_storage
from trow.storage.filesystem.claim import claim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

    from trow.storage.base import Storage

STEPS = ("open", "link", "rename", "unlink", "mkdir", "write", "fsync")
POINTS = 30


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is killed loses nothing that it wrote; the order of syncs is looked at by other tests."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """In memory, where there is such a place: hundreds of small files are made and removed."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else tmp_path) as name:
        yield Path(name)


@pytest.fixture
def reference(place: Path) -> tuple[Path, dict[str, Any], set[str]]:
    """A directory to copy, its old files, and their names."""
    root = place / "reference"
    make_everything(root)
    return root, old_files(root), set(old_files(root))


def copied(reference: Path, root: Path) -> Path:
    return Path(shutil.copytree(reference, root, symlinks=True))


def what_came(root: Path, old: set[str]) -> dict[str, bytes]:
    """All that was made, but for what a killed import may leave: temporary files, which are swept."""
    found = new_files(root, old)
    found = {name: content for name, content in found.items() if not name.startswith(("uploads/tmp-", "imported/"))}
    assert found
    return found


async def test_killed_at_any_step_it_goes_on_to_the_same_end(
    place: Path, reference: tuple[Path, dict[str, Any], set[str]]
) -> None:
    original, before, old = reference
    whole = copied(original, place / "whole")
    steps = _killed_at(whole, 0)
    wanted, left_out = what_came(whole, old), Imported(whole, []).left_out()
    assert steps > 200
    stride = max(1, steps // POINTS)
    for step in range(random.randint(1, stride), steps, stride):
        root = copied(original, place / f"data{step}")
        _killed_at(root, step)
        assert old_files(root, before) == before
        imported = await bring_over(root)
        assert old_files(root, before) == before
        assert what_came(root, old) == wanted
        assert imported.left_out() == left_out
        shutil.rmtree(root)


def test_killed_again_and_again_it_comes_to_an_end(
    place: Path, reference: tuple[Path, dict[str, Any], set[str]]
) -> None:
    original, before, old = reference
    whole, root = copied(original, place / "whole"), copied(original, place / "data")
    steps = _killed_at(whole, 0)
    for _ in range(200):
        if _killed_at(root, steps // 4):
            break
    assert not waiting(root)
    assert old_files(root, before) == before
    assert what_came(root, old) == what_came(whole, old)


def _killed_at(root: Path, step: int) -> int:
    """Import in another process that kills itself before its `step`-th step (0: never); how many it took to the end."""
    held = claim(root)
    with peer(partial(open_storage, root), import_until, root, step) as other:
        try:
            steps: int = other.hear()
        except EOFError:
            steps = 0
    held.release()
    return steps


async def import_until(storage: Storage, connection: Connection, root: Path, step: int) -> None:
    taken = [0]
    for name in STEPS:
        setattr(os, name, _counting(getattr(os, name), name, taken, step))
    for version in waiting(root):
        await import_version(version, root, storage, Sparse.NONE, lambda _: None)
    connection.send(taken[0])


def _counting(real: Callable[..., Any], name: str, taken: list[int], step: int) -> Callable[..., Any]:
    def call(*arguments: Any, **more: Any) -> Any:
        if name != "open" or arguments[1] & os.O_CREAT:
            taken[0] += 1
            if taken[0] == step:
                os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **more) if name != "fsync" else None

    return call

"""The catalog: every repository that holds a manifest, sorted by ASCII over the whole name, page by page."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.registry.steps import numbered, push, push_blob
from trow.oci.digest import Digest
from trow.oci.reference import RepositoryName
from trow.registry.registry import Registry
from trow.storage import layout
from trow.storage.filesystem import open_storage
from trow.storage.filesystem.claim import claim

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trow.registry.repository import Repository
    from trow.storage.base import Storage

TRICKY = [
    "a",
    "a-b",
    "a-b/c",
    "a.b",
    "a/b",
    "a/b-c",
    "a/b/c",
    "a0",
    "a__b",
    "a_b",
    "aa",
    "b",
    "b/a/a/a/a/a/a",
    "z" * 255,
]
component = st.lists(st.text("ab0", min_size=1, max_size=2), min_size=1, max_size=2).flatmap(
    lambda words: st.sampled_from([".", "_", "__", "-", "--"]).map(lambda separator: separator.join(words))
)
names = st.lists(component, min_size=1, max_size=4).map("/".join)


async def fill(storage: Storage, repositories: list[str]) -> None:
    """Records are what makes a repository; their content doesn't matter here."""
    for number, name in enumerate(repositories):
        digest = Digest.of(b"x", ("sha256", "sha512")[number % 2])
        await storage.records.put(layout.manifest(RepositoryName(name), digest), b"{}")


@pytest.fixture(scope="module")
def data_directories() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@settings(max_examples=20, deadline=None)
@given(repositories=st.sets(names, max_size=8), gone=names, limit=st.integers(1, 4))
async def test_the_catalog_is_what_sorting_the_names_makes_of_them(
    data_directories: Path, repositories: set[str], gone: str, limit: int
) -> None:
    root = Path(tempfile.mkdtemp(dir=data_directories))
    held = claim(root)
    storage = open_storage(root)
    await fill(storage, list(repositories))
    registry, expected = Registry(storage), sorted(repositories)
    assert await registry.catalog() == expected
    for after in {*repositories, gone, f"{gone}/", "", "b", "~"}:
        rest = [name for name in expected if name > after]
        assert await registry.catalog(after) == rest
        assert await registry.catalog(after, limit) == rest[:limit]
    held.release()


async def test_pages_of_any_size_show_each_name_once(registry: Registry, storage: Storage) -> None:
    await fill(storage, TRICKY)
    for size in (1, 2, 3, len(TRICKY), 1000):
        found: list[str] = []
        while page := await registry.catalog(found[-1] if found else "", size):
            assert len(page) <= size
            found += page
        assert found == sorted(TRICKY)
    assert await registry.catalog("", 0) == []


@pytest.mark.parametrize("gone", TRICKY)
async def test_a_page_goes_on_after_a_name_that_is_gone(registry: Registry, storage: Storage, gone: str) -> None:
    await fill(storage, [name for name in TRICKY if name != gone])
    assert await registry.catalog(gone) == [name for name in sorted(TRICKY) if name > gone]


async def test_a_repository_is_listed_from_its_first_manifest_to_its_last(
    registry: Registry, repository: Repository
) -> None:
    await push_blob(repository, b"a blob alone")
    assert await registry.catalog() == []
    digests = [await push(repository, numbered(number), "latest") for number in range(2)]
    for digest in digests:
        assert await registry.catalog() == [repository.name]
        await repository.delete_manifest(digest)
    assert await registry.catalog() == []


async def test_the_folders_between_are_no_repositories(registry: Registry, storage: Storage) -> None:
    await fill(storage, ["a/b/c/d"])
    assert await registry.catalog() == ["a/b/c/d"]
    await fill(storage, ["a/b"])
    assert await registry.catalog() == ["a/b", "a/b/c/d"]


async def test_a_page_reads_no_more_folders_than_it_needs(
    registry: Registry, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(storage, [f"team{number % 8}/app{number // 8}" for number in range(64)])
    real, looked = os.scandir, 0

    def count(path: str) -> object:
        nonlocal looked
        looked += 1
        return real(path)

    monkeypatch.setattr(os, "scandir", count)
    assert await registry.catalog("team5/app2", 3) == [f"team5/app{number}" for number in (3, 4, 5)]
    assert looked < 25


async def test_a_name_as_deep_as_allowed_is_listed(registry: Registry, storage: Storage) -> None:
    deep = "/".join("a" * 128)
    assert len(deep) == 255
    await fill(storage, [deep, "a"])
    assert await registry.catalog() == ["a", deep]
    assert await registry.catalog("a/a/a", 1) == [deep]


async def test_what_is_new_is_listed_by_another_process_at_once(repository: Repository, root: Path) -> None:
    other = Registry(open_storage(root))
    assert await other.catalog() == []
    await push(repository, numbered(1))
    assert await other.catalog() == [repository.name]

"""The one who watches a file, without processes: what it publishes, and that it needs no events."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, NoReturn

import pytest
import watchfiles

from trow.config.files import Files
from trow.config.live import Generation
from trow.config.loader import load
from trow.config.published import Published, held
from trow.config.watch import PATIENCE_SECONDS, Watcher

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trow.config.model import Config


class _Done(Exception):
    """What ends a watcher that goes on for ever."""


def unchanged(config: Config) -> Config:
    return config


def watcher(file: Path) -> Watcher:
    files = Files(file.parent)
    loaded = load(file, files=files)
    generation = Generation(file=str(file), sha256=loaded.sources.fingerprint)
    published = Published(generation=generation, path=str(file), held=held(files), logging=loaded.config.logging)
    return Watcher(published, loaded.config, files, unchanged)


def until(watching: Watcher, count: int, then: Callable[[], None]) -> tuple[list[Published], float]:
    """What is published after this is done, `count` of them, and how long that took."""
    found: list[Published] = []

    def publish(published: Published) -> None:
        found.append(published)
        if len(found) == count:
            raise _Done

    timer = threading.Timer(0.2, then)
    timer.start()
    begun = time.monotonic() + 0.2
    with pytest.raises(_Done):
        watching.watch(publish)
    timer.join()
    return found, time.monotonic() - begun


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text("version: 1\n")
    return path


def save(file: Path) -> None:
    file.write_text("version: 1\nnames: [a.example]\n")


def _no_events(*_: object, **__: object) -> NoReturn:
    raise OSError("OS file watch limit reached")


@pytest.mark.parametrize("events", [True, False], ids=["events", "no events"])
def test_a_change_is_published_soon_also_where_no_events_come(
    file: Path, monkeypatch: pytest.MonkeyPatch, *, events: bool
) -> None:
    if not events:
        monkeypatch.setattr(watchfiles, "watch", _no_events)

    (found,), took = until(watcher(file), 1, lambda: save(file))

    print(f"published after {took:.2f} s")
    assert (found.generation.number, found.generation.error) == (2, "")
    assert load(file, files=found.files()).config.names == ("a.example",)
    assert PATIENCE_SECONDS <= took < 4


def test_a_file_behind_a_link_into_another_folder_is_watched(tmp_path: Path) -> None:
    """No event comes of it."""
    (tmp_path / "there").mkdir()
    target = tmp_path / "there" / "real.yaml"
    target.write_text("version: 1\n")
    (tmp_path / "here").mkdir()
    (tmp_path / "here/config.yaml").symlink_to(target)

    watching = watcher(tmp_path / "here/config.yaml")
    (found,), took = until(watching, 1, lambda: save(target))

    assert found.generation.number == 2
    assert took < 4


def test_a_refused_file_keeps_what_was_held_and_tells_its_error(file: Path) -> None:
    watching = watcher(file)
    before = watching.published
    file.write_text("version: 1\nnamez: [a.example]\n")
    watching.judge()

    assert watching.published.held == before.held
    assert watching.published.generation.number == 1
    assert "config.yaml:2:1: namez" in watching.published.generation.error
    file.write_text("version: 1\n")
    watching.judge()
    assert watching.published == before


def test_what_changes_nothing_is_no_generation_but_another_content(file: Path) -> None:
    watching = watcher(file)
    before = watching.published.generation
    file.write_text("# the same\nversion: 1\n")
    watching.judge()

    after = watching.published.generation
    assert (after.number, after.since) == (before.number, before.since)
    assert after.sha256 != before.sha256


def pending(watching: Watcher) -> list[str]:
    return list(watching.published.generation.pending)


def test_keys_that_wait_for_a_restart_wait_until_they_are_as_at_the_start(file: Path) -> None:
    watching = watcher(file)
    file.write_text("version: 1\nworkers: 3\nnames: [a.example]\nstorage: {directory: /elsewhere}\n")
    watching.judge()
    assert pending(watching) == ["storage.directory", "workers"]
    file.write_text("version: 1\nworkers: 3\nnames: [b.example]\n")
    watching.judge()
    assert pending(watching) == ["workers"]
    file.write_text("version: 1\n")
    watching.judge()
    assert pending(watching) == []
    assert watching.published.generation.number == 4


@pytest.mark.parametrize(
    "wrong",
    ["{host: a.example, username: a, password_file: folder}", "{host: a.example, credentials_dir: config.yaml}"],
    ids=["a folder as a file", "a file as a folder"],
)
def test_what_is_wrong_for_good_is_judged_once(file: Path, wrong: str) -> None:
    (file.parent / "folder").mkdir()
    text = f"version: 1\nregistry_proxies:\n  registries:\n    - {wrong}\n"
    watching = watcher(file)

    def then() -> None:
        file.write_text(text)
        time.sleep(3 * PATIENCE_SECONDS)
        file.write_text("version: 1\nnames: [a.example]\n")

    found, _ = until(watching, 2, then)
    assert [bool(each.generation.error) for each in found] == [True, False]


def test_who_follows_goes_on_from_what_was_published_last(file: Path) -> None:
    first, second = watcher(file), watcher(file)
    file.write_text("version: 1\nnames: [a.example]\n")
    first.judge()
    file.write_text("version: 1\nnames: [b.example]\n")
    second.resume(first.published)
    second.judge()

    assert second.published.generation.number == 3
    file.write_text("wrong: 1\n")
    second.judge()
    third = watcher_of(second.published, file)
    third.resume(second.published)
    (found,), _ = until(third, 1, lambda: None)
    assert found.generation == second.published.generation


def watcher_of(published: Published, file: Path) -> Watcher:
    """One that was made at the start, with what was there then."""
    content = file.read_bytes()
    file.write_text("version: 1\n")
    made = watcher(file)
    file.write_bytes(content)
    assert made.published != published
    return made


def test_being_asked_reads_it_again_at_once(file: Path) -> None:
    watching = watcher(file)

    def ask() -> None:
        watching.asked = True

    (found,), took = until(watching, 1, ask)

    assert found == watching.published
    assert took < PATIENCE_SECONDS


def test_a_fifo_in_its_place_holds_up_nobody(file: Path) -> None:
    watching = watcher(file)
    file.unlink()
    os.mkfifo(file)
    watching.judge()

    assert "isn't a regular file" in watching.published.generation.error

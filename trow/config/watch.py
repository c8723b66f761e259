"""Saving the file is enough: what changed is seen, judged once it holds still, and published if it can be used.

Runs in a process of its own, so that a file of any size holds up nobody. Events make it quick; that it looks at the
content twice a second makes it right: on file systems without events, behind symlinks, in folders that come and go.
Half a YAML file is usually valid, so a content counts only when it has stayed the same for a while.
"""

from __future__ import annotations

import contextlib
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import watchfiles

from trow.config.files import Files, Unreadable
from trow.config.loader import load
from trow.config.problems import ConfigError
from trow.config.published import Published, held
from trow.config.show import changes

if TYPE_CHECKING:
    from collections.abc import Callable

    from trow.config.live import Generation
    from trow.config.loader import Loaded
    from trow.config.model import Config
    from trow.config.show import Change

PATIENCE_SECONDS = 0.8
_LOOK_MILLISECONDS = 400
_PENDING_LOOK_SECONDS = 0.1

logger = logging.getLogger("trow.config")


class Watcher:
    """Over one file: what it was when it was last judged, and what became of it (`published`)."""

    def __init__(
        self,
        published: Published,
        config: Config,
        files: Files,
        overlay: Callable[[Config], Config],
    ) -> None:
        """`published` and `config` are what the start put in force, `files` what it looked at for that."""
        self.published = published
        self.asked = False
        self._path = Path(published.path)
        self._start = self._config = config
        self._overlay = overlay
        self._know(files)
        if published.generation.error:  # what is in force is not what the file held
            self._judged = ""

    def resume(self, published: Published) -> None:
        """Go on after another process that watched, and may have published since."""
        if published.generation == self.published.generation:
            return
        self.published = published
        files = published.files()
        with contextlib.suppress(ConfigError):
            self._config = self._overlay(load(self._path, files=files).config)
            self._know(files)
            if published.generation.error:
                self._judged = ""

    def watch(self, publish: Callable[[Published], None]) -> None:
        """For ever; calls `publish` with what comes of each change."""
        seen, since = self._judged, 0.0
        while True:
            if seen == self._judged and not self.asked:
                self._wait_for_events()
            else:
                time.sleep(_PENDING_LOOK_SECONDS)
            found, now = self._fingerprint(), time.monotonic()
            if found != seen:
                seen, since = found, now
            if (seen != self._judged or self.asked) and now - since >= PATIENCE_SECONDS:
                self.asked = False
                self.judge()
                seen = self._judged
                publish(self.published)

    def _wait_for_events(self) -> None:
        folders = {path.parent for path in self._paths if path.parent.is_dir()}
        try:
            changes = watchfiles.watch(
                *folders,
                watch_filter=None,
                debounce=50,
                step=20,
                rust_timeout=_LOOK_MILLISECONDS,
                yield_on_timeout=True,
                recursive=False,
            )
            with contextlib.closing(changes):
                next(changes)
        except (OSError, RuntimeError, StopIteration):  # no events to be had: then a look has to do
            time.sleep(_LOOK_MILLISECONDS / 1000)

    def _know(self, files: Files) -> None:
        """Remember what was judged, so that it can be looked at again in the same way."""
        sources = files.sources()
        self._paths, self._judged = sources.paths, sources.fingerprint
        if isinstance(files, _Listing):
            self._listed = frozenset(files.listed)
        else:
            self._listed = frozenset(path for path in sources.paths if path.is_dir())

    def _fingerprint(self) -> str:
        files = Files(self._path.parent)
        for path in self._paths:
            with contextlib.suppress(Unreadable):
                if path in self._listed:
                    files.names(path)
                else:
                    files.read(path)
        return files.sources().fingerprint

    def judge(self) -> None:
        """Read the file: what comes of it are other settings, or what is wrong with it."""
        files = _Listing(self._path.parent)
        try:
            loaded = load(self._path, files=files)
        except ConfigError as error:
            self._know(files)
            self._refuse(error)
        else:
            self._know(files)
            self._accept(loaded, files)

    def _refuse(self, error: ConfigError) -> None:
        generation = msgspec.structs.replace(self.published.generation, error=str(error))
        self.published = msgspec.structs.replace(self.published, generation=generation)
        logger.error("%s can't be used, what is in force stays:\n%s", self._path, error)

    def _accept(self, loaded: Loaded, files: Files) -> None:
        for warning in loaded.warnings:
            logger.warning("%s", warning)
        config = self._overlay(loaded.config)
        before, differing = self.published.generation, changes(self._config, config)
        generation = msgspec.structs.replace(
            before,
            number=before.number + bool(differing),
            since=time.time() if differing else before.since,
            sha256=self._judged,
            error="",
            last_good=False,
            pending=tuple(change.key for change in changes(self._start, config) if not change.live),
        )
        self._config = config
        self.published = Published(
            generation=generation, path=self.published.path, held=held(files), logging=config.logging
        )
        logger.info("%s", _said(generation, differing))


def _said(generation: Generation, differing: list[Change]) -> str:
    what = "; ".join(map(str, differing)) or "nothing has changed"
    return f"{generation.file} was read: generation {generation.number}, sha256 {generation.sha256[:12]}: {what}"


class _Listing(Files):
    """Files that know which folders they were asked to list: to read one as a file would seem another content."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.listed: set[Path] = set()

    def names(self, folder: Path) -> list[str]:
        self.listed.add(folder)
        return super().names(folder)

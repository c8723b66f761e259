"""What a start begins with: the settings of the file, or the last good ones if the file can't be used."""

from __future__ import annotations

import logging
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from trow.cli.settings import Settings, file_of, laid_over, overlay, settings
from trow.config.files import Files, Unreadable
from trow.config.live import Generation, Live
from trow.config.loader import said_directory
from trow.config.model import Config
from trow.config.problems import ConfigError
from trow.config.published import Board, Published, held, keep, last_kept
from trow.config.watch import Watcher
from trow.server import NOT_KEPT, Reload

if TYPE_CHECKING:
    import argparse

logger = logging.getLogger("trow.config")
_DIRECTORY = re.compile(
    rb"^storage:[^\n]*\n(?:[ \t][^\n]*\n|#[^\n]*\n|\n)*?[ \t]+directory:[ \t]+([^\n#\0]+)", re.MULTILINE
)


class Start(NamedTuple):
    """Settings, and which they are."""

    settings: Settings
    generation: Generation

    def live(self) -> Live:
        return Live(self.settings.config, self.generation, self.settings.lines)

    def reload(self) -> Reload | None:
        """What puts in force what is saved from now on; None without a file."""
        found, files = self.settings, self.settings.files
        if files is None:
            return None
        logged = found.config.logging
        published = Published(generation=self.generation, path=self.generation.file, held=held(files), logging=logged)
        board = Board()
        board.post(published)
        try:
            keep(found.config.data_dir, published)
        except OSError as error:  # a full disk must not keep a registry from serving what it has
            logger.warning(NOT_KEPT, error.strerror)
        watcher = Watcher(published, found.config, files, found.overlay.apply)
        return Reload(watcher, board, found.config.data_dir)


def start(chosen: argparse.Namespace) -> Start:
    """The settings to begin with.

    Raises:
        UsageError: a flag is wrong.
        ConfigError: the file is, and no last good one is known, or nothing but the file was asked for.
    """
    try:
        found = settings(chosen)
    except ConfigError as error:
        kept = None if chosen.strict or chosen.dry_run else _last_good(chosen, error)
        if kept is None:
            raise
        return kept
    sha256 = found.files.sources().fingerprint if found.files else ""
    return Start(found, Generation(since=time.time(), sha256=sha256, file=str(found.file or "")))


def _last_good(chosen: argparse.Namespace, error: ConfigError) -> Start | None:
    over, file = overlay(chosen), file_of(chosen)
    if file is None:
        return None
    published = last_kept(_data_dir(chosen, file))
    if published is None or published.path != str(file):
        return None
    try:
        found = laid_over(over, file, published.files())
    except ConfigError:  # of an older version that knew other keys
        return None
    sha256 = published.generation.sha256
    generation = Generation(since=time.time(), sha256=sha256, file=str(file), error=str(error), last_good=True)
    return Start(found, generation)


def _data_dir(chosen: argparse.Namespace, file: Path) -> Path:
    """Where the last good file is kept; of one that is no YAML as its lines look."""
    if chosen.data_dir:
        return Path(chosen.data_dir)
    try:
        found = _DIRECTORY.search(Files(file.parent).read(file))
    except Unreadable:
        found = None
    said = said_directory(file)
    if found and said == Config().data_dir:
        return Path(os.fsdecode(found[1].strip().strip(b"'\"")))
    return said

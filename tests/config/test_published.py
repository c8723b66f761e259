"""What is published: whole, secret, and the same settings again wherever it is read."""

from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING

import pytest

from trow.config.files import Files
from trow.config.live import Generation
from trow.config.loader import load
from trow.config.model import Logging, LogLevel
from trow.config.published import NAME, Board, Held, Published, held, keep, last_kept

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "s3cret"
TEXT = """\
version: 1
registry_proxies:
  secrets_dir: mounted
  docker_config: docker.json
  registries:
    - {host: a.example, username: a, password_file: password}
    - {host: b.example, credentials_dir: login}
"""


def published(number: int = 1, size: int = 3, path: str = "/etc/trow/config.yaml") -> Published:
    content = Held(os.fsencode(path), b"%d" % (number % 10) * size)
    return Published(generation=Generation(number=number), path=path, held=(content,), logging=Logging())


def written(folder: Path) -> Path:
    for name in ("mounted/c.example", "login"):
        (folder / name).mkdir(parents=True)
        (folder / name / "username").write_text("c")
        (folder / name / "password").write_text(SECRET)
    (folder / "password").write_text(SECRET)
    (folder / "docker.json").write_text(json.dumps({"auths": {"d.example": {"username": "d", "password": SECRET}}}))
    (folder / "config.yaml").write_text(TEXT)
    return folder / "config.yaml"


def test_the_settings_are_made_again_of_what_was_held_when_all_files_have_gone(tmp_path: Path) -> None:
    file = written(tmp_path / "etc")
    files = Files(file.parent)
    before = load(file, files=files)
    posted = Published(generation=Generation(), path=str(file), held=held(files), logging=before.config.logging)
    board = Board()
    board.post(posted)
    file.parent.rename(tmp_path / "gone")

    again = load(file, files=board.read().files())

    assert again.config == before.config
    assert again.lines == before.lines
    assert again.sources.fingerprint == before.sources.fingerprint
    assert SECRET not in f"{posted!r} {posted}"


def test_a_name_that_is_no_text_can_be_held(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    (folder / "config.yaml").write_text("version: 1\n")
    files = Files(folder)
    files.read(folder / "config.yaml")
    keep_in = tmp_path / "data"
    (keep_in / "private").mkdir(parents=True)
    keep(keep_in, Published(generation=Generation(), path="config.yaml", held=held(files), logging=Logging()))

    found = last_kept(keep_in)

    assert found is not None
    assert found.files().read(folder / "config.yaml") == b"version: 1\n"


def test_a_board_is_read_as_a_whole_while_others_post() -> None:
    board, stop = Board(), threading.Event()
    board.post(published())

    child = os.fork()
    if child == 0:  # pragma: no cover
        for number in range(2000):
            board.post(published(number, size=1 + number * 37 % 5000))
        os._exit(0)
    while not stop.is_set():
        found = board.read()
        assert len(set(found.held[0].content or b"")) == 1
        if os.waitpid(child, os.WNOHANG)[0]:
            stop.set()
    assert board.read().generation.number == 1999


def test_what_is_kept_is_for_nobody_else_and_replaced_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    old = os.umask(0)
    try:
        for number in (1, 2):
            keep(tmp_path, published(number))
    finally:
        os.umask(old)

    assert last_kept(tmp_path) == published(2)
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600
    assert [each.name for each in (tmp_path / "private").iterdir()] == ["configuration"]


@pytest.mark.parametrize("content", [None, b"", b"garbage", b"\x80"])
def test_what_was_not_kept_or_is_not_understood_is_nothing(tmp_path: Path, content: bytes | None) -> None:
    (tmp_path / "private").mkdir()
    if content is not None:
        (tmp_path / NAME).write_bytes(content)

    assert last_kept(tmp_path) is None


def test_what_can_not_be_kept_leaves_what_was(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir(parents=True)
    (tmp_path / NAME / "in the way").touch()

    with pytest.raises(OSError, match=r".+"):
        keep(tmp_path, published())

    assert [each.name for each in (tmp_path / "private").iterdir()] == ["configuration"]


def test_the_settings_of_the_log_are_published_for_all(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    told = published()
    keep(tmp_path, Published(generation=told.generation, path="", held=(), logging=Logging(level=LogLevel.ERROR)))

    kept = last_kept(tmp_path)

    assert kept is not None
    assert kept.logging.level is LogLevel.ERROR

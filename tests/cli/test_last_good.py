"""A restart with a file that can't be used: the last good one serves, loudly; `--strict` refuses."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.client import Client
from tests.support.command import trow
from tests.support.reloading import largest_manifest, settings, state, watched
from tests.support.server import free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "s3cret-of-the-mirror"
REGISTRY = """\
registry_proxies:
  registries:
    - host: mirror.example
      username: somebody
      password_file: secret/password
"""
WRONG = {
    "a key": "limitz: 1\n",
    "a value": "workers: none\n",
    "half a line": "names: [a.example\n",
    "a tab": "names:\n\t- a.example\n",
}


@contextlib.contextmanager
def begun_with(tmp_path: Path, content: str) -> Iterator[Path]:
    """A data directory that was served with this file; the file."""
    file = tmp_path / "config.yaml"
    file.write_text(content)
    with running(tmp_path / "data", "--config-file", str(file)) as server:
        assert server.stop() == 0
    yield file


@pytest.mark.parametrize("wrong", WRONG)
def test_a_start_with_a_wrong_file_serves_the_last_good_one_loudly(tmp_path: Path, wrong: str) -> None:
    with begun_with(tmp_path, settings(22)) as file:
        file.write_text(settings(33, WRONG[wrong]))
        with watched(tmp_path / "data", file) as began:
            began.wait_limit(22)
            began.wait_state(last_good=True, generation=1)
            assert all("config.yaml:" in state(client)["error"] for client in began.clients)
            assert "the last good one is in force" in began.server.log()
            file.write_text(settings(44))
            began.wait_limit(44)
            began.wait_state(last_good=False, error="", generation=2)


def test_the_last_good_file_is_the_one_that_was_reloaded_last(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(settings(22))
    with watched(tmp_path / "data", file) as began:
        file.write_text(settings(33))
        began.wait_limit(33)
        file.write_text("limitz: 1\n")
        began.wait(lambda client: bool(state(client)["error"]))
        began.server.kill()
    for _ in range(2):
        with watched(tmp_path / "data", file) as began:
            began.wait_limit(33)
            began.wait_state(last_good=True)


@pytest.mark.parametrize("wrong", WRONG)
def test_strict_refuses_and_says_what_is_wrong(tmp_path: Path, wrong: str) -> None:
    with begun_with(tmp_path, settings(22)) as file:
        file.write_text(settings(33, WRONG[wrong]))
        words = ("--bind", "127.0.0.1:0", "--data-dir", str(tmp_path / "data"), "--config-file", str(file))
        refused = trow("serve", "--strict", *words)

        assert refused.returncode == 2
        assert f"trow: {file}:" in refused.stderr
        assert "Traceback" not in refused.stderr
        assert "up and running" not in refused.stdout


def test_without_a_last_good_file_a_wrong_one_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("limitz: 1\n")
    words = ("--bind", "127.0.0.1:0", "--data-dir", str(tmp_path / "data"), "--config-file", str(file))

    assert trow("serve", *words).returncode == 2


@pytest.mark.parametrize("wrong", WRONG)
def test_the_data_directory_is_found_that_only_the_wrong_file_names(tmp_path: Path, wrong: str) -> None:
    said = f"storage:  # of this registry\n  # where everything is\n  directory: {tmp_path / 'data'}\n"
    with begun_with(tmp_path, settings(22, said)) as file:
        file.write_text(settings(33, said + WRONG[wrong]))
        port = free_port()
        # in place of the words of a test's server, which name a data directory
        only = ["sh", "-c", f'exec "$1" -m trow serve --bind 127.0.0.1:{port} --config-file {file}', "sh"]
        with running(tmp_path / "unused", port=port, prefix=only), Client(port) as client:
            assert state(client)["last_good"]
            assert largest_manifest(client) == 22


def test_the_last_good_file_serves_also_when_a_secret_that_it_names_has_gone(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/password").write_text(SECRET)
    with begun_with(tmp_path, settings(22, REGISTRY)) as file:
        shutil.rmtree(tmp_path / "secret")
        with watched(tmp_path / "data", file) as began:
            began.wait_state(last_good=True, generation=1)
            began.wait_limit(22)
            assert all("password" in state(client)["error"] for client in began.clients)
            (tmp_path / "secret").mkdir()
            (tmp_path / "secret/password").write_text(SECRET)
            began.wait_state(last_good=False, error="", generation=1)
            assert SECRET not in began.server.log()


def test_a_start_that_can_not_keep_its_file_serves(tmp_path: Path) -> None:
    with begun_with(tmp_path, settings(22)) as file:
        kept = tmp_path / "data/private/configuration"
        kept.unlink()
        kept.mkdir()
        (kept / "in the way").touch()
        with watched(tmp_path / "data", file) as began:
            began.wait_limit(22)
            assert "could not be kept" in began.server.log()


def test_the_last_good_file_of_another_path_is_not_used(tmp_path: Path) -> None:
    with begun_with(tmp_path, settings(22)) as file:
        other = file.with_name("other.yaml")
        other.write_text("limitz: 1\n")
        words = ("--bind", "127.0.0.1:0", "--data-dir", str(tmp_path / "data"), "--config-file", str(other))

        assert trow("serve", *words).returncode == 2

"""What is saved is in force, in every worker, soon and whole: on a real Trow, however it was saved."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.client import Client, clients_of_different_workers
from tests.support.processes import alive, group_of, memory, wait_until
from tests.support.reloading import MOST_SECONDS, Watched, largest_manifest, mount, replace, settings, state, watched
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
      password_file: {}
"""


@pytest.fixture
def trow(tmp_path: Path) -> Iterator[Watched]:
    file = tmp_path / "config.yaml"
    file.write_text(settings(11))
    with watched(tmp_path / "data", file) as own:
        yield own


def test_a_file_saved_in_place_or_moved_over_it_is_in_force_in_every_worker(trow: Watched) -> None:
    pids = group_of(trow.server.process.pid)
    for kibibytes, save in ((22, trow.file.write_text), (33, lambda text: replace(trow.file, text))):
        save(settings(kibibytes))
        trow.wait_limit(kibibytes)
    trow.wait_state(generation=3, error="", last_good=False, pending=[], file=str(trow.file))
    first, second = (state(client) for client in trow.clients)
    assert first == second
    assert len(first["sha256"]) == 64
    assert abs(time.time() - first["since"]) < 60
    assert group_of(trow.server.process.pid) == pids
    assert "limits.manifest_size: 22KiB -> 33KiB" in trow.server.log()


def test_sighup_reads_again_and_replaces_no_worker(trow: Watched) -> None:
    pids = group_of(trow.server.process.pid)
    trow.server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "nothing has changed" in trow.server.log(), MOST_SECONDS)
    trow.file.write_text(settings(22))
    trow.server.process.send_signal(signal.SIGHUP)
    trow.wait_limit(22)

    assert group_of(trow.server.process.pid) == pids


def test_a_config_map_is_swapped_as_kubelet_does_it(tmp_path: Path) -> None:
    folder = tmp_path / "mounted"
    mount(folder, 1, {"config.yaml": settings(11)})
    with watched(tmp_path / "data", folder / "config.yaml") as trow:
        for number in (2, 3):
            mount(folder, number, {"config.yaml": settings(11 * number)})
            trow.wait_limit(11 * number)


def test_a_rotated_secret_is_a_reload_and_is_told_to_nobody(tmp_path: Path) -> None:
    folder, file = tmp_path / "secret", tmp_path / "config.yaml"
    mount(folder, 1, {"password": SECRET})
    file.write_text(settings(11, REGISTRY.format("secret/password")))
    with watched(tmp_path / "data", file, "--log-level", "trace") as trow:
        mount(folder, 2, {"password": f"{SECRET}-2"})
        trow.wait_state("the rotated Secret", generation=2)
        (folder / "..data" / "password").write_text(f"{SECRET}-3")
        trow.wait_state("the secret written in place", generation=3)
        for gone in ("password", "..data"):
            (folder / gone).unlink()
        trow.wait(lambda client: "password" in state(client)["error"], "what is missing")
        shutil.rmtree(folder)
        mount(folder, 4, {"password": f"{SECRET}-4"})
        trow.wait_state("the folder that was made again", generation=4, error="")
        told = [str(client.get(path).body) for client in trow.clients for path in ("/readiness", "/metrics")]

        assert SECRET not in "".join(told)
        assert SECRET not in trow.server.log()
        kept = tmp_path / "data/private/configuration"
        wait_until(lambda: f"{SECRET}-4".encode() in kept.read_bytes())
        assert kept.stat().st_mode & 0o777 == 0o600
        assert [each.name for each in kept.parent.iterdir() if each.name.startswith(kept.name)] == [kept.name]


def test_a_folder_that_is_deleted_and_made_again_is_watched_again(tmp_path: Path) -> None:
    folder = tmp_path / "etc/trow"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(settings(11))
    with watched(tmp_path / "data", folder / "config.yaml") as trow:
        shutil.rmtree(folder.parent)
        trow.wait(lambda client: "doesn't exist" in state(client)["error"], "a file that is missing")
        trow.wait_limit(11)
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text(settings(22))
        trow.wait_limit(22)
        trow.wait_state(error="", generation=2)
        (folder / "config.yaml").write_text(settings(33))
        trow.wait_limit(33)


@pytest.mark.parametrize("created", [False, True], ids=["in place", "created anew"])
def test_the_beginning_of_a_file_is_never_in_force(trow: Watched, *, created: bool) -> None:
    stop, seen = threading.Event(), set()

    def ask() -> None:
        with Client(trow.server.port) as client:
            while not stop.is_set():
                seen.add((largest_manifest(client), state(client)["error"]))

    asking = threading.Thread(target=ask)
    asking.start()
    for kibibytes in (22, 33):
        if created:
            trow.file.unlink()
        with trow.file.open("w") as file:
            file.write("version: 1\nlimits:\n  manifest_size: 4KiB\n")
            file.flush()
            time.sleep(0.5)
            file.write("names: [a.example]\nmanifests:\n  sparse: all\n")
            file.flush()
            time.sleep(0.5)
            file.seek(0)
            file.truncate()
            file.write(settings(kibibytes))
        trow.wait_limit(kibibytes)
    stop.set()
    asking.join()

    assert seen <= {(11, ""), (22, ""), (33, "")}


def test_the_log_changes_its_level_and_form_in_every_process(trow: Watched) -> None:
    trow.file.write_text(settings(22, "logging: {level: debug, format: text}\n"))
    trow.wait_limit(22)
    time.sleep(0.5)
    before = len(trow.server.log())
    for client in trow.clients:
        client.get("/healthz", x_request_id=f"asked-{client.get('/v2/').worker}")
    os.kill(trow.watcher(), signal.SIGKILL)
    wait_until(lambda: "starting another" in trow.server.log()[before:])
    trow.file.write_text(settings(33, "logging: {level: error, format: text}\n"))
    trow.wait_limit(33)
    since = trow.server.log()[before:]

    assert "{" not in since, since
    assert since.count("/healthz") == 2
    assert "logging.level: debug -> error" in since
    time.sleep(0.5)  # lines of before are gathered for a moment
    before = len(trow.server.log())
    trow.file.write_text(settings(44, "logging: {level: error}\n"))
    trow.wait_limit(44)
    time.sleep(0.3)
    assert trow.server.log()[before:] == ""


def test_an_invalid_file_changes_nothing_and_is_told_with_its_line_until_it_is_mended(trow: Watched) -> None:
    trow.file.write_text(settings(22, "  manifest_sise: 5\n"))
    trow.wait(lambda client: ":4:3: limits.manifest_sise" in state(client)["error"], "an error")
    trow.wait_limit(11)
    assert "manifest_sise" in trow.server.log()
    for client in trow.clients:
        assert "trow_config_last_reload_successful 0.0" in client.get("/metrics").body.decode()
    trow.file.write_text(settings(11))
    trow.wait_state("a mended file", error="", generation=1)
    for client in trow.clients:
        assert "trow_config_last_reload_successful 1.0" in client.get("/metrics").body.decode()


def test_what_needs_a_restart_waits_for_it_and_the_rest_is_in_force(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(settings(11))
    # flags win over the file: what they say never waits
    with watched(tmp_path / "data", tmp_path / "config.yaml") as trow:
        trow.file.write_text(settings(22, "storage: {directory: /elsewhere}\nworkers: 3\n"))
        trow.wait_limit(22)
        trow.wait_state(pending=[], error="", generation=2)
    words = f'"$1" -m trow serve --bind {{}} --config-file {tmp_path / "config.yaml"}'
    (tmp_path / "config.yaml").write_text(settings(11, f"storage: {{directory: {tmp_path / 'data'}}}\nworkers: 2\n"))
    port = free_port()
    only = ["sh", "-c", f"exec {words.format(f'127.0.0.1:{port}')}", "sh"]
    with (
        running(tmp_path / "data", port=port, prefix=only) as server,
        clients_of_different_workers(port) as clients,
    ):
        trow = Watched(server, tmp_path / "config.yaml", clients)
        trow.file.write_text(settings(22, "storage: {directory: /elsewhere}\nworkers: 3\n"))
        trow.wait_limit(22)
        trow.wait_state(pending=["storage.directory", "workers"], error="", generation=2)
        assert "workers: 2 -> 3 (needs a restart)" in server.log()


def test_a_file_that_is_wrong_for_good_is_told_once(trow: Watched) -> None:
    """A folder where a file belongs, and the other way round, is no change each time that it is looked at."""
    (trow.file.parent / "folder").mkdir()
    trow.file.write_text(settings(22, REGISTRY.format("folder")))
    trow.wait(lambda client: "regular file" in state(client)["error"], "an error")
    trow.file.write_text(settings(22, REGISTRY.format("folder").replace("password_file: folder", "password: x")))
    trow.wait_limit(22)
    text = REGISTRY.replace("username: somebody", "credentials_dir: config.yaml").replace("password_file: {}", "")
    trow.file.write_text(settings(33, text.rstrip() + "\n"))
    trow.wait(lambda client: "not a directory" in state(client)["error"], "an error")
    time.sleep(2.5)

    assert trow.server.log().count("can't be used") == 2


def test_a_watcher_that_is_killed_is_replaced_also_while_the_file_is_wrong(trow: Watched) -> None:
    def kill_watcher() -> None:
        victim = trow.watcher()
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: not alive(victim) and len(group_of(trow.server.process.pid)) == 4)

    kill_watcher()
    trow.file.write_text(settings(22))
    trow.wait_limit(22)
    kill_watcher()
    trow.file.write_text("version: 1\nlimitz: 1\n")
    trow.wait(lambda client: "limitz" in state(client)["error"], "an error")
    kill_watcher()
    trow.wait(lambda client: "limitz" in state(client)["error"], "the error still")
    trow.wait_limit(22)
    trow.file.write_text(settings(33))
    trow.wait_limit(33)
    trow.wait_state(generation=3, error="")


def test_a_worker_that_is_killed_is_replaced_by_one_of_the_generation_in_force(trow: Watched) -> None:
    trow.file.write_text(settings(22))
    trow.wait_limit(22)
    trow.file.write_text("wrong: 1\n")
    trow.wait(lambda client: bool(state(client)["error"]), "an error")
    for victim in [client.get("/v2/").worker for client in trow.clients]:
        os.kill(victim, signal.SIGKILL)
    seen = set()
    for _ in range(100):
        with Client(trow.server.port) as client:
            seen.add((largest_manifest(client), state(client)["generation"]))
    assert seen == {(22, 2)}
    with clients_of_different_workers(trow.server.port) as clients:
        fresh = trow._replace(clients=clients)
        fresh.wait(lambda client: bool(state(client)["error"]), "the error")
        trow.file.write_text(settings(33))
        fresh.wait_limit(33)


def test_nobody_outlives_the_first_process(trow: Watched) -> None:
    group = trow.server.process.pid
    trow.server.process.kill()
    wait_until(lambda: set(group_of(group)) <= {group}, 5)


def test_settings_change_also_when_they_can_not_be_kept(trow: Watched) -> None:
    private = trow.server.data_dir / "private"
    shutil.rmtree(private)
    private.write_text("no folder")
    trow.file.write_text(settings(22))
    trow.wait_limit(22)
    wait_until(lambda: "could not be kept" in trow.server.log())
    trow.file.write_text(settings(33))
    trow.wait_limit(33)


@pytest.mark.parametrize(
    "hostile",
    [
        "a: " + "[" * 1_000_000,
        "".join(f"k{number}: {{a: 1}}\n" for number in range(70_000)),
        "a: &a [" + "x, " * 1000 + "]\n" + "".join(f"b{n}: [{'*a, ' * 200}]\n" for n in range(1200)),
        "version: 1\nusers:\n" + "- {nam: x}\n" * 80_000,
    ],
    ids=["deep", "wide", "aliases", "wrong"],
)
def test_a_hostile_file_holds_up_no_pull(trow: Watched, hostile: str) -> None:
    pushed = trow.clients[0].push_image("pulled")
    before, most, slowest = memory(trow.server), 0, 0.0
    trow.file.write_text(hostile[: 1024 * 1024])
    begun = time.monotonic()
    while not all(state(client)["error"] for client in trow.clients):
        assert time.monotonic() - begun < 30
        asked = time.monotonic()
        for client in trow.clients:
            assert client.get("/v2/pulled/manifests/latest").body == pushed.content
        slowest = max(slowest, time.monotonic() - asked)
        most = max(most, memory(trow.server))
    mib = 1024 * 1024
    print(
        f"{time.monotonic() - begun:.1f} s, {before // mib} to {most // mib} MiB, slowest pulls {slowest * 1000:.0f} ms"
    )
    assert most - before < 300 * mib
    assert slowest < 1.0
    trow.file.write_text(settings(22))
    trow.wait_limit(22)
    trow.wait_state(error="")

"""The settings shown to people, and what has changed between two of them; secrets masked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.config.steps import config, loaded
from trow.config.model import Config
from trow.config.show import changes, masked

if TYPE_CHECKING:
    from pathlib import Path

EVERYTHING = """\
names: [registry.example]
listen: [{address: "[::]:8443"}, {address: ":0"}]
workers: 2
limits: {blob_size: 10GiB, body_stall: 250ms}
logging: {level: debug}
users: [{name: ci, password: correct-horse, groups: [a]}]
access: {rules: [{who: [anonymous], repositories: ["**"], may: [pull]}]}
registry_proxies:
  max_size: 12.5%
  registries:
    - {host: docker.io, username: u, password: correct-horse}
image_validation:
  overrides: [{labels: {team: a}, mode: warn}]
  exceptions: [{image: a, owner: b, reason: c, expires: 2026-12-31}]
"""


def said(old: str, new: str) -> list[str]:
    return [str(each) for each in changes(config(old), config(new))]


def test_the_settings_are_shown_as_a_file_would_say_them() -> None:
    shown = masked(config(EVERYTHING))
    assert shown["limits"] == {"manifest_size": "4MiB", "blob_size": "10GiB", "body_stall": "250ms", "shutdown": "30s"}
    assert shown["listen"] == [{"address": "[::]:8443", "tls": False}, {"address": "0.0.0.0:0", "tls": False}]
    assert shown["registry_proxies"]["max_size"] == "12.5%"
    assert shown["image_validation"]["exceptions"][0]["expires"] == "2026-12-31"
    assert shown["users"] == [{"name": "ci", "password": "********", "groups": ["a"]}]
    assert "correct-horse" not in json.dumps(shown)
    assert "name_worker" not in shown
    assert "logins" not in shown["registry_proxies"]


def test_what_is_shown_can_be_read_again_but_for_its_secrets() -> None:
    for text in ("", EVERYTHING):
        again = loaded(json.dumps(masked(config(text)))).config
        assert masked(again) == masked(config(text))
    assert loaded(json.dumps(masked(Config()))).config == Config()


def test_a_secret_from_a_file_is_shown_as_its_path(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("correct-horse")
    text = "users: [{name: a, password_file: token}]\n"
    shown = masked(config(text, tmp_path / "config.yaml"))
    assert shown["users"] == [{"name": "a", "password_file": str(tmp_path / "token"), "groups": []}]


def test_changes_are_told_key_by_key() -> None:
    assert said("", "") == []
    assert said("limits: {blob_size: 1GiB}", "limits: {manifest_size: 8MiB}\nlogging: {level: debug}") == [
        "limits.manifest_size: 4MiB -> 8MiB",
        "limits.blob_size: 1GiB -> nothing",
        "logging.level: info -> debug",
    ]
    assert said("names: [a]", "names: [a, b]") == ['names: ["a"] -> ["a","b"]']


def test_changes_that_need_a_restart_say_so() -> None:
    assert said("", "workers: 2\nstorage: {directory: b}\nlisten: [{address: ':1'}, {address: ':2'}]") == [
        "listen[0].address: 0.0.0.0:8000 -> 0.0.0.0:1 (needs a restart)",
        'listen[1]: nothing -> {"address":"0.0.0.0:2","tls":false} (needs a restart)',
        "storage.directory: data -> b (needs a restart)",
        "workers: auto -> 2 (needs a restart)",
    ]
    assert [each.live for each in changes(config(""), config("workers: 2\nnames: [a]"))] == [True, False]


def test_a_changed_secret_is_told_and_not_shown() -> None:
    text = "registry_proxies: {registries: [{host: a, username: u, password: correct-horse%s}]}"
    assert said(text % "", text % "-battery") == ["registry_proxies.registries[0].password: changed"]
    assert said("", text % "") == [
        (
            'registry_proxies.registries[0]: nothing -> {"host":"a","path_prefix":"","insecure":false,"username":"u",'
            '"password":"********","credentials_dir":null,"share":"permitted","check_interval":null,"when_cold":"stream",'
            '"first_byte":null,"connect_timeout":"3s","stall_timeout":"30s","ca":null,"token_realm":null}'
        )
    ]


def test_a_rotated_login_from_another_file_is_told(tmp_path: Path) -> None:
    for name in ("username", "password"):
        (tmp_path / name).write_text("one")
    here = tmp_path / "config.yaml"
    (tmp_path / "docker.json").write_text('{"auths": {"quay.io": {"username": "u", "password": "one"}}}')
    text = "registry_proxies: {docker_config: docker.json, registries: [{host: ghcr.io, credentials_dir: .}]}"
    before = config(text, here)
    assert changes(before, config(text, here)) == []
    (tmp_path / "password").write_text("two")
    assert [str(each) for each in changes(before, config(text, here))] == [
        "registry_proxies.registries[0].credentials_dir: changed"
    ]
    (tmp_path / "docker.json").write_text('{"auths": {"quay.io": {"username": "u", "password": "two"}}}')
    assert [str(each) for each in changes(before, config(text, here))][1:] == [
        "registry_proxies.logins.quay.io: changed"
    ]

"""Secrets: where they come from, and that nothing tells them."""

from __future__ import annotations

import base64
import copy
import json
import os
import pickle
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.config.steps import config, loaded, refused_ours, warnings
from trow.config.secret import Secret
from trow.config.upstreams import Login

if TYPE_CHECKING:
    from pathlib import Path

    from trow.config.upstreams import RegistryProxies

S3CRET = "correct-horse"
REGISTRY = "registry_proxies:\n  registries:\n    - host: ghcr.io\n      username: u\n"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def password(text: str, here: Path) -> Secret:
    found = config(REGISTRY + f"      {text}\n", here).registry_proxies.registries[0].password
    assert found is not None
    return found


def test_a_secret_is_masked_wherever_it_is_printed() -> None:
    secret = Secret(S3CRET)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>20}", repr([secret]), ascii(secret)]
    assert not [each for each in shown if S3CRET in each]
    assert secret.reveal() == S3CRET


def test_a_secret_is_written_nowhere() -> None:
    login = Login(username="u", password=Secret(S3CRET))
    for write in (pickle.dumps, msgspec.json.encode, msgspec.msgpack.encode, json.dumps, msgspec.to_builtins):
        with pytest.raises(TypeError):
            write(login)
    assert S3CRET not in repr(login)
    assert not hasattr(Secret(S3CRET), "__dict__")


def test_secrets_are_equal_by_value() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert copy.deepcopy(Secret("ä")) == Secret("ä")
    assert len({Secret("a"), Secret("a")}) == 1


@pytest.mark.parametrize("text", ["yes", "012", "12345", "0x1F", "1e3", "true", "12:30", "~x", ".inf"])
def test_a_password_stays_as_it_is_written(text: str, here: Path) -> None:
    assert password(f"password: {text}", here).reveal() == text


def test_a_password_that_reads_as_nothing_is_asked_about(here: Path) -> None:
    assert refused_ours(REGISTRY + "      password: #hash\n", here) == [
        "6:7: registry_proxies.registries[0].password: is empty; a value that begins with # needs quotes"
    ]
    assert refused_ours(REGISTRY + "      password: ''\n", here) == [
        "6:17: registry_proxies.registries[0].password: is empty"
    ]


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
@pytest.mark.parametrize("text", ["password_file: token", "password: file://token"])
def test_a_secret_can_stand_in_a_file_and_loses_one_line_break(text: str, ending: str, here: Path) -> None:
    here.with_name("token").write_bytes(f" {S3CRET} {ending}".encode())
    secret = password(text, here)
    assert (secret.reveal(), secret.file) == (f" {S3CRET} ", here.with_name("token"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"correct\nhorse\n", "holds more than one line"),
        (b"correct-horse\xff", "isn't text in UTF-8"),
        (b"x" * (1024 * 1024 + 1), "is larger than 1024 KiB"),
    ],
)
def test_a_file_that_holds_no_secret_is_named_without_its_content(content: bytes, words: str, here: Path) -> None:
    token = here.with_name("token")
    token.write_bytes(content)
    assert refused_ours(REGISTRY + "      password_file: token\n", here) == [
        f"6:22: registry_proxies.registries[0].password_file: {token} {words}"
    ]


def test_a_secret_file_that_is_missing_or_unusable_is_named(here: Path) -> None:
    os.mkfifo(here.with_name("fifo"))
    for name, words in (("nowhere", "doesn't exist"), (".", "isn't a regular file"), ("fifo", "isn't a regular file")):
        assert refused_ours(REGISTRY + f"      password_file: {name}\n", here) == [
            f"6:22: registry_proxies.registries[0].password_file: {here.parent / name} {words}"
        ]
    (line,) = refused_ours(REGISTRY + f"      password_file: {'x' * 300}\n", here)
    assert line.endswith("can't be read (file name too long)")


def test_a_secret_and_its_file_cant_both_be_given(here: Path) -> None:
    here.with_name("token").write_text(S3CRET)
    assert refused_ours(REGISTRY + f"      password: {S3CRET}\n      password_file: token\n", here) == [
        "7:7: registry_proxies.registries[0].password_file: can't be given beside password: which of them is meant?"
    ]


def test_the_path_of_a_secret_file_is_text(here: Path) -> None:
    assert refused_ours(REGISTRY + "      password_file: [a]\n", here) == [
        "6:22: registry_proxies.registries[0].password_file: must be the path of a file"
    ]


def login(proxies: RegistryProxies, number: int = 0) -> tuple[str, str] | None:
    found = proxies.login(proxies.registries[number])
    return (found.username, found.password.reveal()) if found else None


def docker_config(auths: dict[str, object], **more: object) -> str:
    return json.dumps({"auths": auths, **more})


def basic(text: str) -> dict[str, str]:
    return {"auth": base64.b64encode(text.encode()).decode()}


DOCKER = """\
registry_proxies:
  docker_config: {}
  registries:
    - host: docker.io
    - {{host: quay.io, path_prefix: org/team}}
    - host: quay.io
    - host: "registry.example:5000"
    - host: ghcr.io
"""


def test_dockers_configuration_is_a_source_of_logins(here: Path) -> None:
    here.with_name("docker.json").write_text(
        docker_config(
            {
                "https://index.docker.io/v1/": basic("hub:a:b"),
                "quay.io/org": basic("org:1"),
                "quay.io": basic("all:2"),
                "http://Registry.example:5000/v2/": {"username": "u", "password": "3"},
                "https://ghcr.io": {},
            }
        )
    )
    proxies = config(DOCKER.format("docker.json"), here).registry_proxies
    assert [login(proxies, number) for number in range(5)] == [
        ("hub", "a:b"),
        ("org", "1"),
        ("all", "2"),
        ("u", "3"),
        None,
    ]


@pytest.mark.parametrize("name", [".dockerconfigjson", "config.json"])
def test_dockers_configuration_can_be_a_mounted_secret(name: str, here: Path) -> None:
    folder = here.with_name("mounted")
    folder.mkdir()
    (folder / name).write_text(docker_config({"docker.io": basic("hub:x")}))
    assert login(config(DOCKER.format("mounted"), here).registry_proxies) == ("hub", "x")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("correct-horse", " isn't a configuration of Docker: expected JSON with auths"),
        ('{"auths": ["correct-horse"]}', " isn't a configuration of Docker: expected JSON with auths"),
        ("[" * 100_000, " isn't a configuration of Docker: expected JSON with auths"),
        (
            docker_config({"ghcr.io": {"auth": "correct-horse"}}),
            ": the entry of auths for ghcr.io holds an auth that isn't the base64 of user:password",
        ),
        (
            docker_config({"ghcr.io": basic("correct-horse")}),
            ": the entry of auths for ghcr.io holds an auth that isn't the base64 of user:password",
        ),
        (docker_config({"ghcr.io/correct\nhorse": {}}), ": entry 1 of auths isn't named after a host"),
        (docker_config({"correct horse": {}}), ": entry 1 of auths isn't named after a host"),
    ],
)
def test_a_malformed_configuration_of_docker_is_told_without_its_content(content: str, words: str, here: Path) -> None:
    path = here.with_name("docker.json")
    path.write_text(content)
    assert refused_ours(DOCKER.format("docker.json"), here) == [f"3:3: registry_proxies.docker_config: {path}{words}"]


def test_what_isnt_used_of_dockers_configuration_is_a_warning(here: Path) -> None:
    path = here.with_name("docker.json")
    path.write_text(docker_config({"ghcr.io": {"identitytoken": S3CRET}}, credsStore="pass"))
    assert warnings("version: 1\n" + DOCKER.format("docker.json"), here)[1:] == [
        (
            f"3:3: registry_proxies.docker_config: {path}: "
            "credential helpers aren't run: only what stands under auths is used"
        ),
        (
            f"3:3: registry_proxies.docker_config: {path}: "
            "the entry of auths for ghcr.io has an identity token, which isn't used"
        ),
    ]


def mounted(folder: Path, username: str, secret: str) -> None:
    """As kubelet mounts a Secret: names that lead through a hidden folder."""
    hidden = folder / "..2026_11_24"
    hidden.mkdir(parents=True)
    (folder / "..data").symlink_to(hidden.name)
    for name, value in (("username", username), ("password", secret)):
        (hidden / name).write_text(value)
        (folder / name).symlink_to(f"..data/{name}")


FOLDERS = """\
registry_proxies:
  secrets_dir: secrets
  registries:
    - host: docker.io
    - {host: ghcr.io, credentials_dir: own}
    - host: "registry.example:5000"
    - {host: quay.io, username: inline, password: "4"}
    - {host: ghcr.io, path_prefix: org}
"""


def test_folders_of_mounted_secrets_are_a_source_of_logins(here: Path) -> None:
    mounted(here.with_name("own"), "own", "1")
    for host in ("docker.io", "ghcr.io", "registry.example_5000", "quay.io"):
        mounted(here.with_name("secrets") / host, host, "2")
    proxies = config(FOLDERS, here).registry_proxies
    assert [login(proxies, number) for number in range(5)] == [
        ("docker.io", "2"),
        ("own", "1"),
        ("registry.example_5000", "2"),
        ("inline", "4"),
        ("ghcr.io", "2"),
    ]


def test_folders_that_hold_no_login_are_told(here: Path) -> None:
    folder = here.with_name("secrets")
    for name in ("not a host", "quay.io"):
        (folder / name).mkdir(parents=True)
    own = here.with_name("own")
    own.mkdir()
    (own / "username").write_text("u")
    assert refused_ours(FOLDERS, here) == [
        "3:3: registry_proxies.secrets_dir: not a host: isn't named after a host",
        f"3:3: registry_proxies.secrets_dir: quay.io: {folder}/quay.io: username in it doesn't exist",
        f"6:23: registry_proxies.registries[1].credentials_dir: {own}: password in it doesn't exist",
    ]


def test_a_users_password_can_be_a_file_too(here: Path) -> None:
    here.with_name("hash").write_text("$2b$12$abc\n")
    (user,) = config("users: [{name: ci, password_file: hash}]", here).users
    assert user.password is not None
    assert user.password.reveal() == "$2b$12$abc"


def test_every_file_that_was_read_is_reported_and_its_content_counts(here: Path) -> None:
    token = here.with_name("token")
    text = "version: 1\n" + REGISTRY + "      password_file: token\n"
    token.write_text("one")
    first = loaded(text, here).sources
    assert set(first.paths) == {here, token}
    assert loaded(text, here).sources == first
    token.write_text("two")
    assert loaded(text, here).sources.fingerprint != first.fingerprint
    assert loaded(text + "\n", here).sources.fingerprint != loaded(text, here).sources.fingerprint

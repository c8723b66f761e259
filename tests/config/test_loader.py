"""Finding a file, reading files of Trow 0.10, and what comes back beside the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.steps import loaded, refused, warnings
from trow.config import loader
from trow.config.admission import Verdict
from trow.config.loader import find, load, load_bytes
from trow.config.model import Config
from trow.config.problems import ConfigError
from trow.config.units import GIB
from trow.config.upstreams import Sharing

ANY = (
    "registry_proxies.any: is true, as in Trow 0.10: any registry can be reached through this one. "
    "With `version: 1` only the listed ones can"
)
OF_010 = """\
registry_proxies:
  offline: false
  max_size: 50GiB
  registries:
    - host: docker.io
      path_prefix: /some/path/
      insecure: false
      username: u
      password: p
    - host: ghcr.io
      password: null
image_validation:
  default: Deny
  allow: [registry.example/]
  deny: []
"""


def test_a_file_is_found_by_flag_then_variable_then_in_its_usual_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = tmp_path / "usual.yaml"
    monkeypatch.setattr(loader, "USUAL_PLACE", usual)
    assert find(None, {}) is None
    usual.touch()
    assert find(None, {}) == usual
    assert find(None, {"TROW_CONFIG": ""}) == usual
    assert find(None, {"TROW_CONFIG": "b.yaml"}) == Path("b.yaml")
    assert find("a.yaml", {"TROW_CONFIG": "b.yaml"}) == Path("a.yaml")


def test_a_file_that_isnt_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "a.yaml")
    assert str(caught.value) == f"{tmp_path}/a.yaml: doesn't exist"
    assert caught.value.sources.paths == (tmp_path / "a.yaml",)
    with pytest.raises(ConfigError, match="isn't a regular file"):
        load(tmp_path)


def test_a_file_of_trow_010_means_what_it_meant_there() -> None:
    result = loaded(OF_010)
    proxies = result.config.registry_proxies
    assert (proxies.any, proxies.max_size) == (True, 50 * GIB)
    first, second = proxies.registries
    assert (first.host, first.path_prefix, first.username, first.share) == (
        *("docker.io", "some/path", "u"),
        Sharing.EVERYONE,
    )
    assert (second.password, second.share) == (None, Sharing.PERMITTED)
    assert result.config.image_validation is not None
    assert result.config.image_validation.default is Verdict.DENY
    assert [str(each).removeprefix("config.yaml:") for each in result.warnings] == [
        f"1:1: {ANY}",
        "1:1: registry_proxies: is checked but not in force in this version: nothing is fetched from other registries",
        (
            "5:7: registry_proxies.registries[0].share: is everyone, as in Trow 0.10: whoever can pull from this "
            "registry gets what these credentials fetch. With `version: 1` it is permitted"
        ),
        "12:1: image_validation: is checked but not in force in this version: no image is judged",
    ]


def test_with_a_version_the_same_file_is_safer() -> None:
    proxies = loaded("version: 1\n" + OF_010).config.registry_proxies
    assert proxies.any is False
    assert proxies.registries[0].share is Sharing.PERMITTED


@pytest.mark.parametrize("text", ["registry_proxies: null\n", "registry_proxies: {}\n", "registry_proxies:\n"])
def test_an_empty_section_of_010_opened_the_proxy(text: str) -> None:
    assert loaded(text).config.registry_proxies.any is True
    assert warnings(text)[0] == f"1:1: {ANY}"


def test_a_file_with_validation_alone_opens_nothing() -> None:
    config = loaded("image_validation: {default: Allow, allow: [], deny: [a/]}\n").config
    assert config.image_validation is not None
    assert config.image_validation.deny == ("a/",)
    assert config.registry_proxies == Config().registry_proxies


def test_an_explicit_any_needs_no_warning() -> None:
    assert warnings("registry_proxies: {any: false}\n") == []


def test_keys_of_06_to_08_are_passed_over_with_a_warning() -> None:
    text = "registry_proxies:\n  registries:\n    - host: docker.io\n      alias: docker\n      ignore_repos: [a]\n"
    assert warnings(text)[2:] == [
        (
            "4:7: registry_proxies.registries[0].alias: is a key of Trow 0.6 to 0.8: "
            "images are now reached as f/<host>/<repository>; it has no effect"
        ),
        (
            "5:7: registry_proxies.registries[0].ignore_repos: is a key of Trow 0.6 to 0.8: "
            "name what may be fetched by path_prefix instead; it has no effect"
        ),
    ]


def test_our_keys_need_a_version() -> None:
    assert refused("limits: {body_stall: 5s}\n") == ["1:1: version: is missing: begin the file with `version: 1`"]
    assert refused("registry_proxies: {}\nlogging: {}\nlimits: {}\n") == [
        "2:1: logging: is no key of Trow 0.10: begin the file with `version: 1`",
        "3:1: limits: is no key of Trow 0.10: begin the file with `version: 1`",
    ]
    assert refused("versoin: 1\nlimits: {}\n") == ["1:1: versoin: is no key that can stand here; did you mean version?"]


def test_files_of_06_are_shown_their_place() -> None:
    assert refused("offline: true\n") == [
        "1:1: offline: is no key that can stand here; it belongs under registry_proxies"
    ]


def test_the_line_of_each_key_comes_back() -> None:
    lines = loaded(OF_010).lines
    assert lines["registry_proxies.registries[0].username"] == 8
    assert lines["registry_proxies.registries[1]"] == 10
    assert lines["image_validation.allow[0]"] == 14
    assert lines["image_validation"] == 12


def test_for_another_machine_missing_files_are_but_warned_of(tmp_path: Path) -> None:
    text = b"""\
version: 1
listen: [{tls: {certificate: a.crt, key: a.key}}]
registry_proxies:
  docker_config: docker.json
  secrets_dir: secrets
  registries: [{host: a, username: b, password_file: c}, {host: d, credentials_dir: e}]
"""
    path = tmp_path / "config.yaml"
    with pytest.raises(ConfigError) as caught:
        load_bytes(text, path)
    missing = [each.message for each in caught.value.problems]
    assert missing == [
        f"{tmp_path}/{name} doesn't exist" for name in ("a.crt", "a.key", "docker.json", "secrets", "c", "e")
    ]
    assert set(caught.value.sources.paths) == {path, *(Path(each.split(" ")[0]) for each in missing)}
    assert [each.message for each in load_bytes(text, path, elsewhere=True).warnings if each.key[:4] != "regi"] == (
        missing[:2]
    )


def test_the_warnings_and_errors_name_the_file_as_it_was_given() -> None:
    assert str(loaded("registry_proxies: {}\n", Path("sub/a.yaml")).warnings[0]).startswith("sub/a.yaml:1:1: ")

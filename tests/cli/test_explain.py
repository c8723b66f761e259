"""`trow explain`: what is made of a reference, and which line decided."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import assert_one_line, trow
from trow.cli.ruling import matches

FILE = """\
version: 1
names: [trow.example, "trow.example:5000"]
registry_proxies:
  registries:
    - host: docker.io
    - host: ghcr.io
      path_prefix: team
    - host: ghcr.io
      path_prefix: team/images
image_validation:
  allow:
    - docker.io/
    - quay.io
  deny:
    - docker.io/library/nginx
  overrides:
    - namespaces: ["ci-*"]
      allow: ["docker.io/library/nginx:1"]
"""


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "c.yaml").write_text(FILE)
    monkeypatch.chdir(tmp_path)


def explained(*words: str) -> Any:
    result = trow("explain", *words, "--config", "c.yaml", "-o", "json", cwd=Path.cwd())
    assert (result.returncode, result.stderr) == (0, "")
    return json.loads(result.stdout)


@pytest.mark.parametrize(
    ("reference", "verdict", "key", "origin"),
    [
        ("trow.example/app", "local", "names[0]", "c.yaml:2"),
        ("TROW.example:5000/app:1", "local", "names[1]", "c.yaml:2"),
        ("trow.example/f/app", "local", "names[0]", "c.yaml:2"),
        ("nginx", "proxied", "registry_proxies.registries[0]", "c.yaml:5"),
        ("trow.example/f/docker.io/nginx", "proxied", "registry_proxies.registries[0]", "c.yaml:5"),
        ("trow.example/f/docker/nginx", "proxied", "registry_proxies.registries[0]", "c.yaml:5"),
        ("ghcr.io/team/app", "proxied", "registry_proxies.registries[1]", "c.yaml:7"),
        ("ghcr.io/team/images/app", "proxied", "registry_proxies.registries[2]", "c.yaml:9"),
        ("ghcr.io/team/imagestore", "proxied", "registry_proxies.registries[1]", "c.yaml:7"),
        ("ghcr.io/teams/app", "remote", "names", "c.yaml:2"),
        ("trow.example/f/quay.io/app", "local", "names[0]", "c.yaml:2"),
        ("quay.io/app", "remote", "names", "c.yaml:2"),
    ],
)
def test_where_an_image_is_and_what_decided(reference: str, verdict: str, key: str, origin: str) -> None:
    place = explained(reference)["place"]

    assert (place["verdict"], place["key"], place["origin"]) == (verdict, key, origin)


def test_how_it_is_read() -> None:
    document = explained(f"nginx:1@sha256:{'a' * 64}")

    assert (document["host"], document["repository"], document["tag"]) == ("docker.io", "library/nginx", "1")
    assert document["pulled"] == f"docker.io/library/nginx@sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("reference", "namespace", "verdict", "origin"),
    [
        ("nginx:1", "web", "denied", "c.yaml:15"),
        ("nginx:1", "ci-7", "allowed", "c.yaml:18"),
        ("nginx-unit:1", "web", "allowed", "c.yaml:12"),
        ("quay.io/app", "web", "allowed", "c.yaml:13"),
        ("quay.io.evil.example/app", "web", "denied", ""),
        ("trow.example/app", "web", "as local", ""),
    ],
)
def test_the_longest_prefix_of_whole_parts_decides(reference: str, namespace: str, verdict: str, origin: str) -> None:
    ruled = explained(reference, "--namespace", namespace)["admission"]

    assert (ruled["verdict"], ruled["origin"], ruled["in_force"]) == (verdict, origin, False)


def test_a_prefix_ends_where_a_part_does() -> None:
    assert matches("quay.io/a:1", "quay.io")
    assert matches("quay.io/a:1", "quay.io/a")
    assert not matches("quay.io.evil/a:1", "quay.io")
    assert not matches("quay.io/ab:1", "quay.io/a")


def test_people_read_it_too() -> None:
    result = trow("explain", "nginx", "--user", "ci", "--names", "trow.example", cwd=Path.cwd())

    assert result.returncode == 0
    assert "place        remote: docker.io is no name of this registry (names --names)" in result.stdout


def test_what_is_no_reference_is_one_line_and_status_1() -> None:
    assert_one_line(trow("explain", "a//b"), 1, "not an image reference")

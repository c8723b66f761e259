"""Damage on the disk: what is damaged is as good as not there, and spoils nothing beside it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.client import Client
from tests.support.server import Server, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.client import Image


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("trouble") / "data", "--workers", "2") as own:
        yield own


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with Client(server.port) as connected:
        yield connected


def repository(server: Server, name: str) -> Path:
    return server.data_dir / "repositories" / name


DAMAGE = (b"", b"garbage", b"\xff\xfe\x00", b"\n\n", b"sha256:0000 2026\n", b"{")


def blob_file(server: Server, digest: str) -> Path:
    algorithm, _, encoded = digest.partition(":")
    return server.data_dir / "blobs" / algorithm / encoded[:2] / encoded


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_tag_is_not_there_and_a_push_mends_it(
    server: Server, client: Client, name: str, damage: bytes
) -> None:
    pushed = client.push_image(name, "damaged")
    other = client.push_image(name, "whole", salt="other")
    (repository(server, name) / "_tags" / "damaged").write_bytes(damage)

    assert client.get(f"/v2/{name}/manifests/damaged").status == 404
    assert client.get(f"/v2/{name}/tags/list").json()["tags"] == ["whole"]
    assert client.delete(f"/v2/{name}/manifests/{other.digest}").status == 202
    assert client.put_manifest(name, pushed.content, "damaged").status == 201
    assert client.get(f"/v2/{name}/manifests/damaged").body == pushed.content


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_record_of_a_manifest_is_not_there_and_a_push_mends_it(
    server: Server, client: Client, name: str, damage: bytes
) -> None:
    pushed = client.push_image(name, "damaged")
    client.push_image(name, "whole", salt="other")
    (repository(server, name) / "_manifests" / "sha256" / pushed.digest.partition(":")[2]).write_bytes(damage)

    assert client.get(f"/v2/{name}/manifests/{pushed.digest}").status == 404
    assert client.get(f"/v2/{name}/tags/list").json()["tags"] == ["whole"]
    assert client.put_manifest(name, pushed.content, "damaged").status == 201
    assert client.get(f"/v2/{name}/manifests/damaged").body == pushed.content


def damage_blob(server: Server, digest: str, content: bytes) -> None:
    path = blob_file(server, digest)
    path.unlink()
    path.write_bytes(content)


def pushed_again(client: Client, name: str, image: Image) -> None:
    client.push_blob(name, image.config.content)
    client.push_manifest(name, image.content, "latest")


def test_content_of_another_size_is_not_there_and_a_push_mends_it(server: Server, client: Client, name: str) -> None:
    pushed = client.push_image(name, salt=name)
    damage_blob(server, pushed.digest, pushed.content[:-1])
    damage_blob(server, pushed.config.digest, pushed.config.content + b"x")

    for target in (f"manifests/{pushed.digest}", "manifests/latest", f"blobs/{pushed.config.digest}"):
        assert client.get(f"/v2/{name}/{target}").status == 404
        assert client.head(f"/v2/{name}/{target}").status == 404
    pushed_again(client, name, pushed)
    assert client.get(f"/v2/{name}/manifests/latest").body == pushed.content
    assert client.get(f"/v2/{name}/blobs/{pushed.config.digest}").body == pushed.config.content


def test_strange_files_among_ours_harm_nothing(server: Server, client: Client, name: str) -> None:
    """As file managers, backup tools and NFS leave them."""
    pushed = client.push_image(f"{name}/a", salt=name)
    folder = repository(server, f"{name}/a")
    for where in (folder, folder / "_tags", folder / "_manifests/sha256", folder / "_blobs/sha256", folder.parent):
        (where / ".nfs000000000001").write_text("strange")
        (where / "_Strange").mkdir()
    (repository(server, "UPPER") / "_manifests" / "sha256").mkdir(parents=True)
    (repository(server, "UPPER") / "_manifests" / "sha256" / "strange").write_text("strange")
    (server.data_dir / "uploads" / "strange").mkdir()

    assert client.get(f"/v2/{name}/a/tags/list").json()["tags"] == ["latest"]
    catalog = client.get("/v2/_catalog").json()["repositories"]
    assert f"{name}/a" in catalog
    assert "UPPER" not in catalog
    assert client.post(f"/v2/{name}/b/blobs/uploads/?mount={pushed.config.digest}").status == 201
    assert client.delete(f"/v2/{name}/a/manifests/{pushed.digest}").status == 202


def test_reads_go_on_when_nothing_can_be_written(server: Server, client: Client, name: str) -> None:
    pushed = client.push_image(name)
    uploads = server.data_dir / "uploads"
    kept = uploads.with_name("uploads-away")
    uploads.rename(kept)
    try:
        answer = client.post(f"/v2/{name}/blobs/uploads/")
        assert (answer.status, answer.code) == (500, "UNKNOWN")
        assert str(server.data_dir) not in answer.body.decode()
        assert client.put_manifest(name, pushed.content, "x").status == 500
        assert client.get(f"/v2/{name}/manifests/latest").body == pushed.content
        assert client.delete(f"/v2/{name}/manifests/latest").status == 202
        assert client.get("/readiness").json()["writable"] is False
    finally:
        shutil.rmtree(uploads, ignore_errors=True)
        kept.rename(uploads)
    assert client.put_manifest(name, pushed.content, "x").status == 201

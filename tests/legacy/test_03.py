"""What Trow 0.3 left: tags with their history, and blobs that no repository is known to hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.legacy.steps import T1, T2, T3, Imported
from tests.support.documents import (
    DOCKER_FOREIGN,
    OCI_IMAGE,
    descriptor,
    digest_of,
    docker_image,
    docker_list,
    dump,
    image,
)
from trow.errors import BlobUnknown
from trow.legacy.source import EPOCH
from trow.oci.digest import Digest
from trow.registry.records import TagEntry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.support.legacy import Trow03

    Importing = Callable[[], Awaitable[Imported]]


def entry(digest: str, time: str) -> TagEntry:
    return TagEntry(Digest(digest), time)


async def test_a_tag_keeps_its_whole_history(v03: Trow03, importing: Importing) -> None:
    first, second = v03.image("first"), v03.image("second")
    v03.tag("a", "latest", f"{first} {T3}", f"{second} {T2}", f"{first} {T1}")
    imported = await importing()
    assert await imported.tag("a", "latest") == first
    assert await imported.history("a", "latest") == [entry(first, T3), entry(second, T2), entry(first, T1)]
    assert imported.left_out() == []


async def test_what_a_tag_named_once_can_still_be_pulled_by_digest(v03: Trow03, importing: Importing) -> None:
    old, new = v03.image("old", layers=2), v03.image("new")
    v03.tag("a", "latest", f"{new} {T2}", f"{old} {T1}")
    imported = await importing()
    assert await imported.holds("a", old)
    assert await imported.blob("a", digest_of(b"old 1")) == b"old 1"


async def test_a_missing_or_unreadable_time_is_the_epoch(v03: Trow03, importing: Importing) -> None:
    digest = v03.image("x")
    v03.tag("a", "none", digest)
    v03.tag("a", "some", f"{digest} {T1}", f"{digest} yesterday")
    imported = await importing()
    assert await imported.history("a", "none") == [entry(digest, EPOCH)]
    assert await imported.history("a", "some") == [entry(digest, T1), entry(digest, EPOCH)]


async def test_a_manifest_is_as_old_as_the_first_tag_that_named_it(v03: Trow03, importing: Importing) -> None:
    """Else the older tag would be invisible."""
    digest = v03.image("x")
    v03.tag("a", "a-newer", f"{digest} {T3}")
    v03.tag("a", "older", f"{digest} {T1}")
    imported = await importing()
    assert await imported.tag("a", "older") == await imported.tag("a", "a-newer") == digest
    assert await imported.history("a", "older") == [entry(digest, T1)]


async def test_only_the_newest_hundred_entries_are_kept(v03: Trow03, importing: Importing) -> None:
    digest = v03.image("x")
    times = [f"2020-01-01T00:{number // 60:02}:{number % 60:02}.000000000Z" for number in range(150)]
    v03.tag("a", "latest", *(f"{digest} {time}" for time in reversed(times)))
    imported = await importing()
    assert [each.time for each in await imported.history("a", "latest")] == times[:-101:-1]


async def test_a_multi_arch_image_comes_with_its_children(v03: Trow03, importing: Importing) -> None:
    children = [dump(docker_image(b"config", [b"layer %d" % number])) for number in range(2)]
    for content in (b"config", b"layer 0", b"layer 1", *children):
        v03.blob(content)
    parent = v03.manifest(docker_list([descriptor(each, OCI_IMAGE) for each in children]))
    v03.tag("a", "latest", f"{parent} {T1}")
    imported = await importing()
    assert await imported.tag("a", "latest") == parent
    assert [await imported.holds("a", digest_of(each)) for each in children] == [True, True]
    assert await imported.blob("a", digest_of(b"layer 1")) == b"layer 1"
    assert await imported.repository("a").tags() == ["latest"]


async def test_a_manifest_that_was_pushed_by_its_digest_has_no_tag(v03: Trow03, importing: Importing) -> None:
    digest = v03.image("x")
    v03.tag("a", digest, f"{digest} {T2}")
    imported = await importing()
    assert await imported.holds("a", digest)
    assert await imported.repository("a").tags() == []
    assert await imported.registry.catalog() == ["a"]


async def test_folders_nest_as_names_do(v03: Trow03, importing: Importing) -> None:
    digests = {name: v03.image(name) for name in ("a", "a/b", "a/b/c", "a/b/c/d/e")}
    for name, digest in digests.items():
        v03.tag(name, "v1", f"{digest} {T1}")
    imported = await importing()
    assert await imported.registry.catalog() == sorted(digests)
    for name, digest in digests.items():
        assert await imported.tag(name, "v1") == digest
        assert await imported.repository(name).tags() == ["v1"]


async def test_each_repository_serves_what_its_own_manifests_need_alone(v03: Trow03, importing: Importing) -> None:
    shared = [b"config", b"shared layer"]
    for content in (*shared, b"of a", b"of b"):
        v03.blob(content)
    for name in ("a", "b"):
        digest = v03.manifest(image(b"config", [b"shared layer", f"of {name}".encode()]))
        v03.tag(name, "v1", f"{digest} {T1}")
    imported = await importing()
    assert await imported.blob("a", digest_of(b"shared layer")) == await imported.blob("b", digest_of(b"shared layer"))
    with pytest.raises(BlobUnknown):
        await imported.blob("a", digest_of(b"of b"))


async def test_referrers_are_listed(v03: Trow03, importing: Importing) -> None:
    subject = v03.image("x")
    v03.blob(b"{}")
    signature = v03.manifest(image(b"{}", subject={"mediaType": OCI_IMAGE, "digest": subject, "size": 1}))
    v03.tag("a", "latest", f"{subject} {T1}")
    v03.tag("a", "signature", f"{signature} {T2}")
    imported = await importing()
    assert await imported.referrers("a", subject) == [signature]


async def test_a_foreign_layer_need_not_be_there_and_comes_if_it_is(v03: Trow03, importing: Importing) -> None:
    document = docker_image(v03.root.name.encode(), [])
    v03.blob(v03.root.name.encode())
    document["layers"] = [descriptor(content, DOCKER_FOREIGN) for content in (b"elsewhere", b"here")]
    v03.blob(b"here")
    digest = v03.manifest(document)
    v03.tag("windows", "latest", f"{digest} {T1}")
    imported = await importing()
    assert await imported.tag("windows", "latest") == digest
    assert await imported.blob("windows", digest_of(b"here")) == b"here"
    assert imported.left_out() == []


async def test_docker_hubs_repositories_come_under_its_host(v03: Trow03, importing: Importing) -> None:
    digests = [v03.image(name) for name in ("nginx", "other", "mine")]
    v03.tag("f/docker/nginx", "latest", f"{digests[0]} {T2}")
    v03.tag("f/docker/library/nginx", "latest", f"{digests[1]} {T1}")
    v03.tag("f/docker/somebody/mine", "latest", f"{digests[2]} {T1}")
    imported = await importing()
    assert [each.digest for each in await imported.history("f/docker.io/library/nginx", "latest")] == digests[:2]
    assert await imported.tag("f/docker.io/somebody/mine", "latest") == digests[2]


async def test_what_was_only_proxied_may_be_evicted(v03: Trow03, importing: Importing) -> None:
    proxied, shared = v03.image("proxied"), v03.image("shared")
    v03.tag("f/docker/x/y", "a", f"{proxied} {T1}")
    v03.tag("f/docker/x/y", "b", f"{shared} {T1}")
    v03.tag("a", "latest", f"{shared} {T1}")
    v03.tag("z", "latest", f"{shared} {T1}")
    imported = await importing()
    assert all(imported.cached(each) for each in (proxied, digest_of(b"proxied 0")))
    assert not any(imported.cached(each) for each in (shared, digest_of(b"shared 0")))

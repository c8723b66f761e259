"""Manifests: every byte kept, what they refer to read, contradictions and what is no manifest refused."""

from __future__ import annotations

import json
import string
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oci.hostile import HOSTILE, each
from tests.support.documents import (
    DOCKER_FOREIGN,
    DOCKER_IMAGE,
    DOCKER_LIST,
    EMPTY_JSON,
    OCI_CONFIG,
    OCI_IMAGE,
    OCI_INDEX,
    descriptor,
    docker_image,
    docker_list,
    dump,
    image,
    index,
)
from trow.errors import ManifestInvalid
from trow.oci.codec import encode_json
from trow.oci.digest import Digest
from trow.oci.manifest import DOCKER_SCHEMA_1, SCHEMA_1_ADVICE, Descriptor, parse_manifest

if TYPE_CHECKING:
    from tests.support.documents import Document

CHILD = descriptor(b"child", OCI_IMAGE)
KINDS = {
    OCI_IMAGE: image(EMPTY_JSON, [b"layer"]),
    OCI_INDEX: index([CHILD]),
    DOCKER_IMAGE: docker_image(EMPTY_JSON, [b"layer"]),
    DOCKER_LIST: docker_list([CHILD]),
}
KNOWN_FIELDS = {"artifactType", "blobs", "subject", "annotations", *image(b""), *index([])}
RESTRICTED_NAME = {*string.ascii_letters, *string.digits, *"!#$&-^_.+"}  # RFC 6838 section 4.2
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
kinds = pytest.mark.parametrize("media_type", KINDS)


@kinds
def test_a_manifest_is_what_it_says_and_what_the_client_says(media_type: str) -> None:
    content = dump(KINDS[media_type])
    for declared in ("", media_type, f"{media_type}; charset=utf-8", f" {media_type} ", media_type.upper()):
        manifest = parse_manifest(content, declared)
        assert manifest.media_type == media_type
        assert manifest.content is content


@kinds
def test_without_a_media_type_of_its_own_it_is_what_the_client_says(media_type: str) -> None:
    document = {key: value for key, value in KINDS[media_type].items() if key != "mediaType"}
    assert parse_manifest(dump(document), media_type).media_type == media_type
    fallback = OCI_INDEX if "manifests" in document else OCI_IMAGE
    assert parse_manifest(dump(document), "").media_type == fallback


@kinds
def test_a_media_type_that_contradicts_the_documents_is_refused(media_type: str) -> None:
    for other in {*KINDS, "application/json", "text/plain"} - {media_type}:
        with pytest.raises(ManifestInvalid):
            parse_manifest(dump(KINDS[media_type]), other)


@given(
    st.sampled_from(list(KINDS)),
    st.dictionaries(st.text(max_size=8).filter(lambda key: key not in KNOWN_FIELDS), json_values, max_size=4),
    st.sampled_from([None, 0, 1, 7]),
    st.booleans(),
    st.sampled_from(["", " ", "\n\t "]),
)
def test_unknown_fields_and_odd_spacing_change_nothing_and_are_kept(
    media_type: str,
    more: dict[str, Any],
    indent: int | None,
    escaped: bool,
    around: str,
) -> None:
    text = json.dumps({**more, **KINDS[media_type]}, indent=indent, ensure_ascii=escaped)
    content = (around + text + around).encode(errors="surrogatepass" if escaped else "replace")
    plain = parse_manifest(dump(KINDS[media_type]), "")
    manifest = parse_manifest(content, media_type)
    assert manifest.content == content
    assert (manifest.blobs, manifest.manifests, manifest.subject) == (plain.blobs, plain.manifests, plain.subject)


def test_what_it_refers_to_is_read_in_order() -> None:
    manifest = parse_manifest(dump(image(b"c", [b"1", b"2", b"1"], subject=CHILD)), "")
    assert manifest.blobs == tuple(map(Digest.of, (b"c", b"1", b"2", b"1")))
    assert manifest.manifests == ()
    assert manifest.subject == Digest.of(b"child")
    listing = parse_manifest(dump(index([CHILD, descriptor(b"other", OCI_INDEX, "sha512")])), "")
    assert listing.manifests == (Digest.of(b"child"), Digest.of(b"other", "sha512"))
    assert listing.blobs == ()


def test_a_document_that_is_image_and_index_at_once_needs_all_that_it_names() -> None:
    """Whatever a client takes it for, everything in it is there."""
    for document in ({**KINDS[OCI_IMAGE], "manifests": [CHILD]}, {**KINDS[OCI_INDEX], **image(EMPTY_JSON, [b"layer"])}):
        manifest = parse_manifest(dump(document), "")
        assert manifest.manifests == (Digest.of(b"child"),)
        assert set(manifest.blobs) == {Digest.of(EMPTY_JSON), Digest.of(b"layer")}


@pytest.mark.parametrize(
    "media_type",
    [
        DOCKER_FOREIGN,
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    ],
)
def test_layers_that_stay_elsewhere_are_not_asked_for(media_type: str) -> None:
    document = image(EMPTY_JSON, [b"layer"])
    document["layers"].append({**descriptor(b"elsewhere", media_type), "urls": ["https://example.org/x"]})
    assert parse_manifest(dump(document), "").blobs == (Digest.of(EMPTY_JSON), Digest.of(b"layer"))


def test_the_artifact_type_is_its_own_or_its_configs() -> None:
    assert parse_manifest(dump(image(EMPTY_JSON, artifact_type="a/b")), "").artifact_type == "a/b"
    assert parse_manifest(dump(image(EMPTY_JSON)), "").artifact_type == OCI_CONFIG
    assert parse_manifest(dump({**image(EMPTY_JSON), "artifactType": ""}), "").artifact_type == OCI_CONFIG
    assert parse_manifest(dump(index([])), "").artifact_type is None


@pytest.mark.parametrize("media_type", DOCKER_SCHEMA_1)
def test_schema_1_is_refused_with_what_to_do(media_type: str) -> None:
    for content, declared in ((b"{}", media_type), (b"not even JSON", media_type), (b'{"schemaVersion": 1}', "")):
        with pytest.raises(ManifestInvalid) as refusal:
            parse_manifest(content, declared)
        assert refusal.value.message == SCHEMA_1_ADVICE


@kinds
@pytest.mark.parametrize("version", [None, 0, 3, "2", 2.5, -1])
def test_another_schema_version_is_refused(media_type: str, version: object) -> None:
    document = {**KINDS[media_type], "schemaVersion": version}
    if version is None:
        del document["schemaVersion"]
    with pytest.raises(ManifestInvalid):
        parse_manifest(dump(document), media_type)


@pytest.mark.parametrize(("media_type", "field"), [(OCI_IMAGE, "config"), (OCI_INDEX, "manifests")])
def test_what_a_kind_can_not_be_without_is_asked_for(media_type: str, field: str) -> None:
    for bad in ("absent", None):
        document: Document = {**KINDS[media_type], field: bad}
        if bad == "absent":
            del document[field]
        with pytest.raises(ManifestInvalid):
            parse_manifest(dump(document), "")


@pytest.mark.parametrize("place", ["config", "layers", "manifests", "subject"])
@pytest.mark.parametrize("digest", [None, 5, {}, []], ids=str)
def test_a_digest_that_is_no_text_is_refused_wherever_it_stands(place: str, digest: object) -> None:
    assert_refused(place, digest)


@pytest.mark.parametrize("place", ["config", "layers", "manifests", "subject"])
@each("digest", [*HOSTILE[:20], "sha256:0", "md5:" + "0" * 32, "sha256:" + "A" * 64])
def test_a_digest_that_is_none_is_refused_wherever_it_stands(place: str, digest: str) -> None:
    assert_refused(place, digest)


def assert_refused(place: str, digest: object) -> None:
    bad = {**CHILD, "digest": digest}
    document = {**KINDS[OCI_IMAGE], place: [bad] if place in ("layers", "manifests") else bad}
    with pytest.raises(ManifestInvalid):
        parse_manifest(json.dumps(document).encode(), "")


@each("text", [text for text in HOSTILE if len(text) > 127 or not set(text) <= RESTRICTED_NAME])
def test_a_media_type_that_could_do_harm_in_a_header_is_refused(text: str) -> None:
    for media_type in (f"application/{text}", f"{OCI_IMAGE}{text}"):
        with pytest.raises(ManifestInvalid):
            parse_manifest(dump({**KINDS[OCI_IMAGE], "mediaType": media_type}), "")
        with pytest.raises(ManifestInvalid):
            parse_manifest(dump({**KINDS[OCI_IMAGE], "mediaType": media_type}), media_type)


@given(st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()), st.text(max_size=12))
def test_anything_else_is_refused_and_nothing_breaks(content: bytes, declared: str) -> None:
    try:
        manifest = parse_manifest(content, declared)
    except ManifestInvalid:
        return
    assert manifest.content == content
    assert isinstance(json.loads(content), dict)


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"config":', b'{"x":[', b'{"annotations":{"a":'])
def test_a_document_of_great_depth_is_refused(opening: bytes) -> None:
    with pytest.raises(ManifestInvalid):
        parse_manifest(opening * 100_000, "")


def test_our_own_text_types_are_written_as_text() -> None:
    written = encode_json(Descriptor(media_type="a/b", digest=Digest.of(b""), size=0))
    assert json.loads(written) == {"mediaType": "a/b", "digest": str(Digest.of(b"")), "size": 0}

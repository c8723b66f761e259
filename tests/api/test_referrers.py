"""Referrers: what points to a manifest (Distribution spec, "Listing Referrers" and "Referrers Tag Schema")."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import documents
from tests.support.client import Client, clients_of_different_workers
from tests.support.documents import EMPTY_JSON, OCI_EMPTY, OCI_IMAGE, OCI_INDEX, Blob, descriptor, digest_of, dump

if TYPE_CHECKING:
    from tests.support.client import Answer
    from tests.support.documents import Document
    from tests.support.server import Server

SIGNATURE = "application/vnd.example.signature"
SBOM = "application/vnd.example.sbom+json"


def attach(
    client: Client, name: str, subject: Document, artifact_type: str | None, *, note: str = "", reference: str = ""
) -> Document:
    """Push an artifact that points to `subject`; the descriptor by which it must be listed."""
    client.push_blob(name, EMPTY_JSON)
    annotations = {"note": note} if note else None
    document = documents.image(
        EMPTY_JSON, subject=subject, artifact_type=artifact_type, annotations=annotations, config_type=OCI_EMPTY
    )
    answer = client.put_manifest(name, document, reference or None)
    assert answer.status == 201, answer
    assert answer.headers["oci-subject"] == subject["digest"]
    listed = descriptor(dump(document), OCI_IMAGE) | {"artifactType": artifact_type or OCI_EMPTY}
    return listed | ({"annotations": annotations} if annotations else {})


def referrers(client: Client, name: str, digest: str, query: str = "") -> list[Document]:
    answer = client.get(f"/v2/{name}/referrers/{digest}{query}")
    assert answer.status == 200, answer
    assert answer.headers["content-type"] == OCI_INDEX
    index = answer.json()
    assert (index["schemaVersion"], index["mediaType"]) == (2, OCI_INDEX)
    found: list[Document] = index["manifests"]
    return found


def by_digest(listed: list[Document]) -> list[Document]:
    return sorted(listed, key=lambda each: str(each["digest"]))


def test_what_refers_to_a_manifest_is_listed(client: Client, name: str) -> None:
    subject = client.push_image(name).as_subject()
    attached = [
        attach(client, name, subject, SIGNATURE, note="one"),
        attach(client, name, subject, SBOM, note="two", reference="tagged"),
        attach(client, name, subject, None),
    ]

    assert by_digest(referrers(client, name, subject["digest"])) == by_digest(attached)


def test_an_index_can_refer_too(client: Client, name: str) -> None:
    subject = client.push_image(name).as_subject()
    document = documents.index([subject], subject=subject, artifact_type=SBOM, annotations={"a": "b"})

    answer = client.put_manifest(name, document)

    assert answer.headers["oci-subject"] == subject["digest"]
    more = {"artifactType": SBOM, "annotations": {"a": "b"}}
    assert referrers(client, name, subject["digest"]) == [descriptor(dump(document), OCI_INDEX) | more]


def test_an_index_without_an_artifact_type_is_listed_without_one(client: Client, name: str) -> None:
    subject = client.push_image(name).as_subject()
    document = documents.index([], subject=subject)

    client.put_manifest(name, document)

    assert referrers(client, name, subject["digest"]) == [descriptor(dump(document), OCI_INDEX)]


@pytest.mark.parametrize("digest", [Blob.of(b"unknown").digest, digest_of(b"unknown", "sha512")])
def test_what_nothing_refers_to_has_an_empty_list(client: Client, name: str, digest: str) -> None:
    assert referrers(client, name, digest) == []
    assert referrers(client, name, digest, "?artifactType=x") == []


@pytest.mark.parametrize("text", ["sha256:abc", "latest", "md5:" + "0" * 32])
def test_the_referrers_of_what_is_no_digest_are_refused(client: Client, name: str, text: str) -> None:
    answer = client.get(f"/v2/{name}/referrers/{text}")

    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")


def test_the_list_can_be_filtered_by_artifact_type(client: Client, name: str) -> None:
    subject = client.push_image(name).as_subject()
    signature = attach(client, name, subject, SIGNATURE)
    sbom = attach(client, name, subject, SBOM)
    plain = attach(client, name, subject, None)

    for artifact_type, expected in ((SIGNATURE, [signature]), (SBOM, [sbom]), (OCI_EMPTY, [plain]), ("none/such", [])):
        escaped = artifact_type.replace("/", "%2F").replace("+", "%2B")
        answer = client.get(f"/v2/{name}/referrers/{subject['digest']}?artifactType={escaped}")
        assert answer.headers["oci-filters-applied"] == "artifactType"
        assert answer.json()["manifests"] == expected
    unfiltered = client.get(f"/v2/{name}/referrers/{subject['digest']}")
    assert unfiltered.headers["oci-filters-applied"] is None


def test_a_referrer_pushed_before_its_subject_is_listed(client: Client, name: str) -> None:
    later = client.push_image(f"{name}/elsewhere")
    attached = attach(client, name, later.as_subject(), SIGNATURE)

    assert client.head(f"/v2/{name}/manifests/{later.digest}").status == 404
    assert referrers(client, name, later.digest) == [attached]
    client.push_image(name)
    assert referrers(client, name, later.digest) == [attached]


def test_a_referrer_is_listed_in_its_own_repository_alone(client: Client, name: str) -> None:
    subject = client.push_image(f"{name}/one").as_subject()
    client.push_image(f"{name}/two")
    attach(client, f"{name}/one", subject, SIGNATURE)

    assert referrers(client, f"{name}/two", subject["digest"]) == []


def test_a_deleted_referrer_is_no_longer_listed(client: Client, name: str) -> None:
    subject = client.push_image(name).as_subject()
    first, second = (attach(client, name, subject, SIGNATURE, note=note) for note in "ab")

    client.delete(f"/v2/{name}/manifests/{first['digest']}")

    assert referrers(client, name, subject["digest"]) == [second]


def test_referrers_outlive_their_subject(client: Client, name: str) -> None:
    subject = client.push_image(name).as_subject()
    attached = attach(client, name, subject, SIGNATURE)

    client.delete(f"/v2/{name}/manifests/{subject['digest']}")

    assert referrers(client, name, subject["digest"]) == [attached]


def test_a_chain_of_referrers_is_listed_link_by_link(client: Client, name: str) -> None:
    image = client.push_image(name).as_subject()
    signature = attach(client, name, image, SIGNATURE)
    bare = {key: signature[key] for key in ("mediaType", "digest", "size")}
    timestamp = attach(client, name, bare, SBOM)

    assert referrers(client, name, image["digest"]) == [signature]
    assert referrers(client, name, bare["digest"]) == [timestamp]


def test_a_sha512_subject_has_its_referrers(client: Client, name: str) -> None:
    subject = {"mediaType": OCI_IMAGE, "digest": digest_of(b"far away", "sha512"), "size": 8}

    attached = attach(client, name, subject, SIGNATURE)

    assert referrers(client, name, str(subject["digest"])) == [attached]


def test_pushes_at_once_are_all_listed(server: Server, name: str) -> None:
    with clients_of_different_workers(server.port) as clients, Client(server.port) as third:
        subject = third.push_image(name).as_subject()
        attached: list[Document] = []

        def push(client: Client, who: int) -> None:
            attached.extend(attach(client, name, subject, SIGNATURE, note=f"{who} {number}") for number in range(12))

        threads = [threading.Thread(target=push, args=[each, who]) for who, each in enumerate([*clients, third])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(attached) == 36
        for client in clients:
            assert by_digest(referrers(client, name, subject["digest"])) == by_digest(attached)


def test_long_lists_come_in_pages_of_four_mebibytes(client: Client, name: str) -> None:
    subject = client.push_image(name).as_subject()
    attached = [attach(client, name, subject, SIGNATURE, note=f"{number} {'x' * 700_000}") for number in range(9)]
    attach(client, name, subject, SBOM, note="y" * 700_000)

    for query, filtered in (("", None), (f"?artifactType={SIGNATURE}", "artifactType")):
        pages = pages_of(client, f"/v2/{name}/referrers/{subject['digest']}{query}")
        assert len(pages) > 1
        assert all(len(page.body) <= 4 * 1024 * 1024 for page in pages)
        assert all(page.headers["oci-filters-applied"] == filtered for page in pages)
        listed = [each["digest"] for page in pages for each in page.json()["manifests"]]
        assert len(listed) == len(set(listed)) == (9 if filtered else 10)
        assert {each["digest"] for each in attached} <= set(listed)


def pages_of(client: Client, target: str) -> list[Answer]:
    pages = [client.get(target)]
    while following := pages[-1].next_page:
        pages.append(client.get(following))
    return pages


def fallback_tag(digest: str) -> str:
    return digest.replace(":", "-")[:71]


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_artifacts_of_the_fallback_tag_are_listed(client: Client, name: str, algorithm: str) -> None:
    subject = {"mediaType": OCI_IMAGE, "digest": digest_of(b"subject", algorithm), "size": 7}
    signature = plain_artifact(client, name, SIGNATURE)
    sbom = plain_artifact(client, name, SBOM)
    client.push_manifest(name, documents.index([signature, sbom]), fallback_tag(str(subject["digest"])))
    attached = attach(client, name, subject, SIGNATURE)

    listed = referrers(client, name, str(subject["digest"]))

    assert by_digest(listed) == by_digest([signature, sbom, attached])
    assert referrers(client, name, str(subject["digest"]), f"?artifactType={SBOM.replace('+', '%2B')}") == [sbom]


def plain_artifact(client: Client, name: str, artifact_type: str) -> Document:
    client.push_blob(name, EMPTY_JSON)
    document: dict[str, Any] = documents.image(EMPTY_JSON, artifact_type=artifact_type, config_type=OCI_EMPTY)
    client.push_manifest(name, document)
    return descriptor(dump(document), OCI_IMAGE) | {"artifactType": artifact_type}


def test_one_listed_twice_is_answered_once(client: Client, name: str) -> None:
    subject = client.push_image(name).as_subject()
    attached = attach(client, name, subject, SIGNATURE)
    client.push_manifest(name, documents.index([attached, attached]), fallback_tag(subject["digest"]))

    assert referrers(client, name, subject["digest"]) == [attached]


def test_a_deleted_artifact_of_the_fallback_tag_is_no_longer_listed(client: Client, name: str) -> None:
    subject = client.push_image(name).as_subject()
    artifact = plain_artifact(client, name, SIGNATURE)
    client.push_manifest(name, documents.index([artifact]), fallback_tag(subject["digest"]))

    client.delete(f"/v2/{name}/manifests/{artifact['digest']}")

    assert referrers(client, name, subject["digest"]) == []


@pytest.mark.parametrize("content", [documents.image(EMPTY_JSON), documents.index([])])
def test_a_fallback_tag_of_something_else_harms_nothing(client: Client, name: str, content: Document) -> None:
    subject = client.push_image(name).as_subject()
    client.push_manifest(name, content, fallback_tag(subject["digest"]))

    assert referrers(client, name, subject["digest"]) == []

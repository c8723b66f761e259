"""Any requests in any order, to either of two processes, against a model; and everything read back."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.api.model import Manifest, Registry, Repository, Upload, assert_catalog, assert_repository, assert_uploads
from tests.support import documents
from tests.support.client import Client, clients_of_different_workers
from tests.support.documents import OCI_EMPTY, OCI_IMAGE, digest_of, dump

if TYPE_CHECKING:
    from tests.support.server import Server

TYPES = ("application/vnd.a", "application/vnd.b")
WHO = st.integers(0, 1)
NAMES = st.sampled_from(["a", "a-b", "a/b", "a/b/c", "a.b/c"])
TAGS = st.sampled_from(["latest", "1.0", "1-0", "A"])
NUMBERS = st.integers(0, 3)
CHOICES = st.integers(0, 1_000_000)
_counter = itertools.count(1)


class Machine(RuleBasedStateMachine):
    """The clients of both processes, and what they must see."""

    clients: ClassVar[list[Client]] = []

    @initialize()
    def begin(self) -> None:
        self.prefix = f"zz-model/run{next(_counter):06}"  # the last of the catalog, so that its pages are ours
        self.model = Registry()
        self.steps = 0
        self.touched: str | None = None

    def full(self, name: str) -> str:
        return f"{self.prefix}/{name}"

    def repository(self, name: str) -> Repository:
        self.touched = self.full(name)
        return self.model.repositories[self.full(name)]

    def content(self, number: int) -> bytes:
        return f"{self.prefix} blob {number}".encode() * (1 + number * 3000)

    # --- blobs

    @rule(who=WHO, name=NAMES, number=NUMBERS, algorithm=st.sampled_from(["sha256", "sha512"]), way=st.integers(0, 2))
    def push_blob(self, who: int, name: str, number: int, algorithm: str, way: int) -> None:
        blob, client, full = self.model.blob(self.content(number), algorithm), self.clients[who], self.full(name)
        if way == 0:
            answer = client.put(f"{client.begin(full)}?digest={blob.digest}", blob.content)
        elif way == 1:
            answer = client.post(f"/v2/{full}/blobs/uploads/?digest={blob.digest}", blob.content)
        else:
            location = client.begin(full)
            for start in range(0, len(blob.content), 100_000):
                piece = blob.content[start : start + 100_000]
                assert self.clients[1 - who].patch(location, piece).status == 202
            answer = client.put(f"{location}?digest={blob.digest}")
        assert answer.status == 201
        self.repository(name).blobs.add(blob.digest)

    @rule(who=WHO, name=NAMES)
    def begin_upload(self, who: int, name: str) -> None:
        self.model.uploads.append(Upload(self.full(name), self.clients[who].begin(self.full(name))))

    @precondition(lambda self: self.model.uploads)
    @rule(who=WHO, choice=CHOICES, number=NUMBERS, ranged=st.booleans())
    def append(self, who: int, choice: int, number: int, *, ranged: bool) -> None:
        upload = self.model.uploads[choice % len(self.model.uploads)]
        piece, offset = self.content(number), len(upload.content)
        headers = {"content_range": f"{offset}-{offset + len(piece) - 1}"} if ranged else {}
        answer = self.clients[who].patch(upload.location, piece, **headers)
        upload.content += piece
        assert (answer.status, answer.headers["range"]) == (202, f"0-{len(upload.content) - 1}")

    @precondition(lambda self: self.model.uploads)
    @rule(who=WHO, choice=CHOICES, right=st.booleans())
    def finish(self, who: int, choice: int, *, right: bool) -> None:
        upload, last = self.model.uploads[choice % len(self.model.uploads)], self.prefix.encode()
        blob = self.model.blob(upload.content + last)
        digest = blob.digest if right else digest_of(b"wrong" + upload.content)
        answer = self.clients[who].put(f"{upload.location}?digest={digest}", last)
        assert answer.status == (201 if right else 400)
        if right:
            self.model.uploads.remove(upload)
            self.model.repositories[upload.name].blobs.add(digest)
            self.touched = upload.name

    @precondition(lambda self: self.model.uploads)
    @rule(who=WHO, choice=CHOICES)
    def cancel(self, who: int, choice: int) -> None:
        upload = self.model.uploads.pop(choice % len(self.model.uploads))
        assert self.clients[who].delete(upload.location).status == 204
        assert self.clients[1 - who].get(upload.location).status == 404

    @precondition(lambda self: self.model.contents)
    @rule(who=WHO, choice=CHOICES, source=st.one_of(st.none(), NAMES), destination=NAMES)
    def mount(self, who: int, choice: int, source: str | None, destination: str) -> None:
        digest = list(self.model.contents)[choice % len(self.model.contents)]
        query = f"?mount={digest}" + (f"&from={self.full(source)}" if source else "")
        answer = self.clients[who].post(f"/v2/{self.full(destination)}/blobs/uploads/{query}")
        there = digest in self.repository(source).blobs if source else self.model.anybody_holds(digest)
        assert answer.status == (201 if there else 202)
        if there:
            self.repository(destination).blobs.add(digest)

    @precondition(lambda self: self.model.contents)
    @rule(who=WHO, name=NAMES, choice=CHOICES)
    def delete_blob(self, who: int, name: str, choice: int) -> None:
        digest = list(self.model.contents)[choice % len(self.model.contents)]
        answer = self.clients[who].delete(f"/v2/{self.full(name)}/blobs/{digest}")
        held = self.repository(name).blobs
        assert answer.status == (202 if digest in held else 404)
        held.discard(digest)

    # --- manifests

    @rule(
        who=WHO,
        name=NAMES,
        number=NUMBERS,
        artifact_type=st.sampled_from([None, *TYPES]),
        note=st.sampled_from([None, "x", "y"]),
        subject=st.one_of(st.none(), CHOICES),
        tags=st.lists(TAGS, max_size=3),
        by_tag=st.booleans(),
    )
    def push_image(
        self,
        who: int,
        name: str,
        number: int,
        artifact_type: str | None,
        note: str | None,
        subject: int | None,
        tags: list[str],
        *,
        by_tag: bool,
    ) -> None:
        config = self.model.blob(self.content(number))
        target = self.some_manifest(subject) if subject is not None else None
        document = documents.image(
            config.content,
            subject=target.descriptor() if target else None,
            artifact_type=artifact_type,
            annotations={"note": note} if note else None,
            config_type=OCI_EMPTY,
        )
        blobs, kind, notes = (config.digest,), artifact_type or OCI_EMPTY, document.get("annotations")
        self.put(who, name, document, blobs, (), target, kind, notes, tags, by_tag=by_tag)

    @precondition(lambda self: self.model.made)
    @rule(who=WHO, name=NAMES, choices=st.lists(CHOICES, max_size=3), tags=st.lists(TAGS, max_size=2))
    def push_index(self, who: int, name: str, choices: list[int], tags: list[str]) -> None:
        children = [self.some_manifest(choice) for choice in choices]
        document = documents.index([child.descriptor() for child in children], annotations={"of": self.prefix})
        digests = tuple(child.digest for child in children)
        self.put(who, name, document, (), digests, None, None, document["annotations"], tags, by_tag=False)

    def some_manifest(self, choice: int) -> Manifest:
        made = list(self.model.made)
        if not made:
            return Manifest(b"", digest_of(b""), OCI_IMAGE, (), (), None, None, None)
        return self.model.made[made[choice % len(made)]]

    def put(
        self,
        who: int,
        name: str,
        document: documents.Document,
        blobs: tuple[str, ...],
        children: tuple[str, ...],
        subject: Manifest | None,
        artifact_type: str | None,
        annotations: dict[str, str] | None,
        tags: list[str],
        *,
        by_tag: bool,
    ) -> None:
        content, client, repository = dump(document), self.clients[who], self.repository(name)
        manifest = Manifest(
            *(content, digest_of(content), document["mediaType"], blobs, children),
            *(subject.digest if subject else None, artifact_type, annotations),
        )
        self.model.made[manifest.digest] = manifest
        if by_tag and tags:
            tags = tags[:1]
            answer = client.put_manifest(self.full(name), content, tags[0])
        else:
            query = "?" + "&".join(f"tag={tag}" for tag in tags) if tags else ""
            answer = client.put_manifest(self.full(name), content, query=query)
        admitted = repository.admits(manifest)
        assert answer.status == (201 if admitted else 400), answer
        if admitted:
            assert answer.headers["oci-subject"] == manifest.subject
            repository.put(manifest, tags)
        else:
            assert answer.code == "MANIFEST_BLOB_UNKNOWN"

    @precondition(lambda self: self.model.made)
    @rule(who=WHO, name=NAMES, choice=CHOICES)
    def delete_manifest(self, who: int, name: str, choice: int) -> None:
        digest, repository = self.some_manifest(choice).digest, self.repository(name)
        answer = self.clients[who].delete(f"/v2/{self.full(name)}/manifests/{digest}")
        assert answer.status == (202 if digest in repository.manifests else 404)
        if answer.status == 202:
            repository.delete(digest)

    @rule(who=WHO, name=NAMES, tag=TAGS)
    def delete_tag(self, who: int, name: str, tag: str) -> None:
        answer = self.clients[who].delete(f"/v2/{self.full(name)}/manifests/{tag}")
        history = self.repository(name).history
        assert answer.status == (202 if tag in history else 404)
        history.pop(tag, None)

    # --- what must be seen

    @invariant()
    def what_was_touched_is_seen_by_the_other_process(self) -> None:
        self.steps += 1
        if self.touched:
            client = self.clients[self.steps % 2]
            assert_repository(client, self.model, self.touched)
            assert_catalog(client, self.model, self.prefix)
            self.touched = None

    def teardown(self) -> None:
        if hasattr(self, "model"):
            for client in self.clients:
                for name in sorted(self.model.repositories):
                    assert_repository(client, self.model, name)
                assert_catalog(client, self.model, self.prefix)
                assert_uploads(client, self.model)


def test_a_registry_is_what_its_history_makes_it(server: Server) -> None:
    with clients_of_different_workers(server.port) as clients:
        Machine.clients = clients
        run_state_machine_as_test(
            Machine, settings=settings(max_examples=20, stateful_step_count=30, deadline=None, derandomize=True)
        )

"""A client that says exactly what it is told, and holds every answer to what the house promises of all answers."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import time
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from tests.support.documents import EMPTY_JSON, OCI_IMAGE, Blob, digest_of, dump, image

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from email.message import Message

    from tests.support.documents import Document

PATIENCE_SECONDS = 60.0
CODES = frozenset(
    (
        *("BLOB_UNKNOWN", "BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "DIGEST_INVALID", "MANIFEST_BLOB_UNKNOWN"),
        *("MANIFEST_INVALID", "MANIFEST_UNKNOWN", "NAME_INVALID", "NAME_UNKNOWN", "SIZE_INVALID", "UNAUTHORIZED"),
        *("DENIED", "UNSUPPORTED", "TOOMANYREQUESTS"),
    )
)
CODES_5XX = frozenset({"UNKNOWN", "UNAVAILABLE", "BLOB_UPLOAD_INVALID"})


class Answer(NamedTuple):
    """A whole answer."""

    status: int
    headers: Message
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of the error that it bears."""
        return str(self.json()["errors"][0]["code"])

    @property
    def location(self) -> str:
        return self.headers["location"]

    @property
    def worker(self) -> int:
        return int(self.headers["trow-worker"])

    @property
    def next_page(self) -> str | None:
        """The target of its `Link` with `rel="next"`."""
        link = self.headers["link"]
        if link is None:
            return None
        found = re.fullmatch(r'<(/[^>]+)>; rel="next"', link)
        assert found, link
        return found.group(1)


def check(method: str, answer: Answer) -> Answer:
    """Every answer names the API's version, no Location leaves the server or bears a query, every error is OCI's."""
    status, headers, body = answer
    assert headers["docker-distribution-api-version"] == "registry/2.0", headers.items()
    location = headers["location"]
    assert location is None or re.fullmatch(r"/[^/?#][^?#]*", location), location
    if method == "HEAD" or status in (204, 304):
        assert body == b""
    elif status >= 400:
        assert headers["content-type"].startswith("application/json"), headers.items()
        (error,) = answer.json()["errors"]
        assert set(error) == {"code", "message", "detail"}
        assert error["code"] in (CODES if status < 500 else CODES_5XX), error
        assert error["message"]
        assert isinstance(error["message"], str)
    return answer


class Image(NamedTuple):
    """An image that was pushed."""

    digest: str
    content: bytes
    media_type: str
    config: Blob
    layers: list[Blob]

    def as_subject(self) -> Document:
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.content)}


class Client:
    """One kept-alive connection, opened again after the server closed it; not for several threads."""

    def __init__(self, port: int, *, host: str = "127.0.0.1") -> None:
        self.port = port
        self._connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_SECONDS)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def request(
        self,
        method: str,
        target: str,
        body: bytes | Iterable[bytes] = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send it, read the whole answer, and check what holds for all answers. An iterable body goes chunked."""
        connection, sent = self._connection, dict(headers or {})
        try:
            # an error may be answered before the body was read: it is in the socket already
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, target, body or None, sent)
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
        except (OSError, http.client.HTTPException):
            connection.close()
            raise
        return check(method, answer)

    def get(self, target: str, **headers: str) -> Answer:
        return self.request("GET", target, headers=_spelled(headers))

    def head(self, target: str, **headers: str) -> Answer:
        return self.request("HEAD", target, headers=_spelled(headers))

    def post(self, target: str, body: bytes = b"", **headers: str) -> Answer:
        return self.request("POST", target, body, _spelled(headers))

    def patch(self, target: str, body: bytes | Iterable[bytes], **headers: str) -> Answer:
        return self.request("PATCH", target, body, _spelled(headers))

    def put(self, target: str, body: bytes = b"", **headers: str) -> Answer:
        return self.request("PUT", target, body, _spelled(headers))

    def delete(self, target: str) -> Answer:
        return self.request("DELETE", target)

    # --- whole steps, each of which must succeed

    def begin(self, name: str, query: str = "") -> str:
        """Begin an upload; its Location."""
        answer = self.post(f"/v2/{name}/blobs/uploads/{query}")
        assert answer.status == 202, answer
        return answer.location

    def offset(self, location: str) -> int:
        """How many bytes an upload has, as far as its status can say: 1 when there are none."""
        answer = self.get(location)
        assert answer.status == 204, answer
        found = re.fullmatch(r"0-(\d+)", answer.headers["range"])
        assert found, answer.headers.items()
        return int(found.group(1)) + 1

    def push_blob(self, name: str, content: bytes, algorithm: str = "sha256") -> Blob:
        blob = Blob.of(content, algorithm)
        answer = self.put(f"{self.begin(name)}?digest={blob.digest}", content)
        assert answer.status == 201, answer
        return blob

    def push_manifest(
        self, name: str, document: Document | bytes, reference: str | None = None, media_type: str | None = None
    ) -> str:
        """Store it under a reference, or under its digest; the digest."""
        answer = self.put_manifest(name, document, reference, media_type)
        assert answer.status == 201, answer
        return str(answer.headers["docker-content-digest"])

    def put_manifest(
        self,
        name: str,
        document: Document | bytes,
        reference: str | None = None,
        media_type: str | None = None,
        query: str = "",
    ) -> Answer:
        """Try to store it; by default as what it says it is."""
        content = document if isinstance(document, bytes) else dump(document)
        declared = media_type or json.loads(content).get("mediaType", OCI_IMAGE)
        target = f"/v2/{name}/manifests/{quote(reference or digest_of(content), safe=':')}{query}"
        return self.put(target, content, content_type=declared)

    def push_image(self, name: str, reference: str | None = "latest", *, salt: str = "", layers: int = 1) -> Image:
        """A small image, its blobs first; another salt makes another image."""
        config = self.push_blob(name, b'{"salt":"%s"}' % salt.encode() if salt else EMPTY_JSON)
        pushed = [self.push_blob(name, f"layer {number} {salt}".encode()) for number in range(layers)]
        content = dump(image(config.content, [layer.content for layer in pushed]))
        digest = self.push_manifest(name, content, reference)
        return Image(digest, content, OCI_IMAGE, config, pushed)

    def pages(self, target: str, field: str) -> list[list[str]]:
        """Every page of a list, as its links lead."""
        found: list[list[str]] = []
        following: str | None = target
        while following:
            answer = self.get(following)
            assert answer.status == 200, answer
            found.append(answer.json()[field])
            following = answer.next_page
            assert len(found) < 1000
        return found


def _spelled(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@contextlib.contextmanager
def clients_of_different_workers(port: int, count: int = 2) -> Iterator[list[Client]]:
    """As many connections as asked for, each to another process."""
    with contextlib.ExitStack() as stack:
        chosen: dict[int, Client] = {}
        deadline = time.monotonic() + 20  # one that has just been forked takes a moment
        while len(chosen) < count and time.monotonic() < deadline:
            for _ in range(50):
                client = stack.enter_context(Client(port))
                worker = client.get("/v2/").worker
                if worker in chosen:
                    client.close()
                else:
                    chosen[worker] = client
            time.sleep(0.02)
        assert len(chosen) == count, f"only the workers {list(chosen)} answered"
        yield list(chosen.values())[:count]


def raw_exchange(port: int, request: bytes, *, seconds: float = 10.0) -> bytes:
    """Send bytes as they are on a connection of their own; all that comes until the server closes or goes quiet."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(request)
        return receive_all(connection)


def receive_all(connection: socket.socket) -> bytes:
    received = b""
    with contextlib.suppress(TimeoutError, ConnectionResetError):
        while piece := connection.recv(65536):
            received += piece
    return received

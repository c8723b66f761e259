"""The clients that push, each in a process of its own; cheap, so that the server is what is measured."""

from __future__ import annotations

import hashlib
import http.client
import os
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.support.documents import OCI_IMAGE, digest_of, dump, image

if TYPE_CHECKING:
    from collections.abc import Mapping
    from multiprocessing.synchronize import Event

PATIENCE_SECONDS = 120.0
REPOSITORY = "bench/read"
KIB, MIB = 1024, 1024 * 1024


class Refused(Exception):
    """An answer that a push can't do with."""


class Client:
    """One kept-alive connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)

    def ask(
        self, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None, expect: int = 201
    ) -> str:
        """Send it, and return the path and query of the Location."""
        self._connection.request(method, target, body, dict(headers or {}))
        return self._answer(f"{method} {target}", expect)

    def _answer(self, what: str, expect: int) -> str:
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != expect:
            raise Refused(f"{what}: {answer.status} {content[:200].decode(errors='replace')}")
        location = urlsplit(answer.headers.get("location", ""))
        return f"{location.path}?{location.query}" if location.query else location.path

    def push_blob(self, repository: str, content: bytes) -> None:
        """In two requests."""
        location = self.ask("POST", f"/v2/{repository}/blobs/uploads/", expect=202)
        headers = {"Content-Type": "application/octet-stream"}
        self.ask("PUT", _with_digest(location, digest_of(content)), content, headers)

    def push_file(self, repository: str, path: Path, digest: str) -> None:
        """In three requests, as docker does."""
        location = self.ask("POST", f"/v2/{repository}/blobs/uploads/", expect=202)
        connection = self._connection
        connection.putrequest("PATCH", location)
        connection.putheader("Content-Type", "application/octet-stream")
        connection.putheader("Content-Length", str(path.stat().st_size))
        connection.endheaders()
        with path.open("rb") as file:
            connection.sock.sendfile(file)
        location = self._answer(f"PATCH {location}", 202)
        self.ask("PUT", _with_digest(location, digest))

    def push_manifest(self, repository: str, reference: str, content: bytes) -> None:
        self.ask("PUT", f"/v2/{repository}/manifests/{reference}", content, {"Content-Type": OCI_IMAGE})

    def push_image(self, repository: str, tag: str, blobs: list[bytes]) -> None:
        for blob in blobs:
            self.push_blob(repository, blob)
        self.push_manifest(repository, tag, dump(image(blobs[0], blobs[1:])))


def _with_digest(location: str, digest: str) -> str:
    return f"{location}{'&' if '?' in location else '?'}digest={digest}"


def small(seed: str, size: int = KIB) -> bytes:
    return random.Random(seed).randbytes(size)


def manifest(number: int) -> bytes:
    """What the tag of a number names: each another manifest, of about a kilobyte, on the same blobs."""
    document = image(small("config"), [small("layer 1"), small("layer 2")], annotations={"bench.number": str(number)})
    return dump(document)


def push_tags(port: int, first: int, end: int) -> int:
    """How many it has pushed."""
    client = Client(port)
    for number in range(first, end):
        client.push_manifest(REPOSITORY, f"t{number}", manifest(number))
    return end - first


def push_images(port: int, run: str, first: int, end: int) -> int:
    client = Client(port)
    for number in range(first, end):
        blobs = [small(f"{run} {number} {part}") for part in range(3)]
        client.push_image(f"bench/write{number % 8}", f"{run}-{number}", blobs)
    return end - first


def large_file(path: Path, size: int) -> str:
    """Make a file that nobody has seen before; its digest."""
    hasher, piece = hashlib.sha256(), os.urandom(MIB)
    with path.open("wb") as file:
        for number in range(size // MIB):
            piece = number.to_bytes(8, "big") + piece[8:]
            file.write(piece)
            hasher.update(piece)
    return f"sha256:{hasher.hexdigest()}"


def push_large(port: int, path: str, digest: str) -> float:
    """The seconds that it took."""
    began = time.perf_counter()
    Client(port).push_file("bench/large", Path(path), digest)
    return time.perf_counter() - began


def push_beside(port: int, tags: int, ended: Event, rate: float) -> None:
    """Move a tag to an image with a new blob, `rate` times a second: too seldom to count as the server's work."""
    client, number = Client(port), 0
    while not ended.wait(1 / rate):
        number += 1
        blobs = [small("config"), small(f"beside {os.getpid()} {number}")]
        client.push_blob(REPOSITORY, blobs[1])
        client.push_manifest(REPOSITORY, f"t{random.randrange(tags)}", dump(image(blobs[0], blobs[1:])))

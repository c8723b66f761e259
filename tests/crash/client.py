"""A client of the registry that says exactly what it was told: a whole answer, or that the connection was cut."""

from __future__ import annotations

import hashlib
import http.client
import json
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
PATIENCE_SECONDS = 60.0


class Cut(Exception):
    """The connection ended before a whole answer had come: nobody knows what was done."""


class Violation(Exception):
    """The registry broke a promise."""


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    def oci_code(self) -> str | None:
        """The code of an OCI error body, or None if the body is anything else."""
        try:
            document = json.loads(self.body)
            return str(document["errors"][0]["code"])
        except (ValueError, LookupError, TypeError):
            return None


class Refused(Violation):
    """A whole answer, but not one that was hoped for."""

    def __init__(self, request: str, answer: Answer) -> None:
        super().__init__(f"{request} was answered {answer.status}: {answer.body[:300]!r}")
        self.answer = answer


class Client:
    """One connection, opened again when it was closed; not for several threads."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)

    def request(self, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        """Send a request and read its answer to the end.

        Raises:
            Cut: the connection ended first.
        """
        sent = {"Accept": f"{MANIFEST_TYPE}, */*", **(headers or {})}
        if method in ("POST", "PUT", "PATCH"):
            sent["Content-Length"] = str(len(body))
        connection = self._connection
        try:
            whole_body_sent = _send(connection, method, target, body, sent)
            response = connection.getresponse()
            whole = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Cut(f"{method} {target}: {error!r}") from error
        received = {name.lower(): value for name, value in response.getheaders()}
        if response.will_close or not whole_body_sent:
            connection.close()
        length = received.get("content-length")
        if length is not None and method != "HEAD" and int(length) != len(whole):
            raise Violation(f"{method} {target}: Content-Length {length}, but {len(whole)} bytes came")
        return Answer(response.status, received, whole)

    def expect(
        self, status: int, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Like `request`, for one status only.

        Raises:
            Refused: another status came.
        """
        answer = self.request(method, target, body, headers)
        if answer.status != status:
            raise Refused(f"{method} {target}", answer)
        return answer

    def close(self) -> None:
        self._connection.close()


def _send(
    connection: http.client.HTTPConnection, method: str, target: str, body: bytes, headers: Mapping[str, str]
) -> bool:
    """Whether all of it was taken; if not, an error may have been answered early, and is still in the socket."""
    try:
        connection.request(method, target, body or None, headers)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


def location(answer: Answer) -> str:
    """Path and query of the Location of an answer."""
    parts = urlsplit(answer.headers["location"])
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()

"""Requests that no client sends by mistake: each gets an answer below 500 or a closed connection, and makes no file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.client import Client, raw_exchange
from tests.support.documents import Blob

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.server import Server

DIGEST = Blob.of(b"hostile").digest
TEXTS = (
    *(b"..", b".", b"%2e%2e", b"%2E%2E%2F", b"..%2f..%2f..%2fetc%2fpasswd", b"../../../etc/passwd", b"a/../../b"),
    *(b"%00", b"a%00b", b"%0a", b"%0d%0aX-Injected:%20yes", b"%", b"%zz", b"%2", b"%252e%252e", b"%c0%ae", b"%ff"),
    *(b"a" * 10_000, b"a/" * 5_000 + b"b", b"%61" * 3_000, b"/" * 1_000, b"//", b";", b"a;b", b"~root", b"$HOME"),
    *("é".encode(), "ä/ö".encode(), "\u202e".encode(), b"\xff\xfe", b"a\x7f", b"\\..\\..", b"C:", b"*", b"'\"<>"),
    *(b"_manifests", b"_blobs/sha256", b"sha256:" + b"../" * 30, b"sha256:%2e%2e", b"sha256:" + b"0" * 10_000),
)
TARGETS = (
    ("GET", b"/v2/%s/manifests/latest"),
    ("PUT", b"/v2/%s/manifests/latest"),
    ("DELETE", b"/v2/%s/manifests/latest"),
    ("POST", b"/v2/%s/blobs/uploads/"),
    ("GET", b"/v2/%s/tags/list"),
    ("GET", b"/v2/hostile/manifests/%s"),
    ("PUT", b"/v2/hostile/manifests/%s"),
    ("DELETE", b"/v2/hostile/manifests/%s"),
    ("GET", b"/v2/hostile/blobs/%s"),
    ("DELETE", b"/v2/hostile/blobs/%s"),
    ("PATCH", b"/v2/hostile/blobs/uploads/%s"),
    ("PUT", b"/v2/hostile/blobs/uploads/%s?digest=" + DIGEST.encode()),
    ("DELETE", b"/v2/hostile/blobs/uploads/%s"),
    ("GET", b"/v2/hostile/referrers/%s"),
    ("GET", b"/%s/manifest_history/latest"),
    ("GET", b"/hostile/manifest_history/%s"),
    ("GET", b"/f/%s/v2/a/tags/list"),
    ("GET", b"/v2/f/%s/tags/list"),
    ("GET", b"/%s"),
    ("GET", b"/v2/hostile/tags/list?ns=%s"),
    ("GET", b"/v2/hostile/tags/list?last=%s"),
    ("GET", b"/v2/_catalog?n=%s"),
    ("GET", b"/v2/_catalog?last=%s"),
    ("POST", b"/v2/hostile/blobs/uploads/?mount=%s"),
    ("POST", b"/v2/hostile/blobs/uploads/?from=%s&mount=" + DIGEST.encode()),
    ("POST", b"/v2/hostile/blobs/uploads/?digest=%s"),
    ("POST", b"/v2/hostile/blobs/uploads/?digest-algorithm=%s"),
    ("PUT", b"/v2/hostile/manifests/" + DIGEST.encode() + b"?tag=%s"),
    ("GET", b"/v2/hostile/referrers/" + DIGEST.encode() + b"?artifactType=%s"),
    ("GET", b"/v2/hostile/referrers/" + DIGEST.encode() + b"?last=%s"),
)

IDS = [f"{method} {target.replace(DIGEST.encode(), b'DIGEST').decode()}" for method, target in TARGETS]


def statuses(answers: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3})", answers)]


def ask(port: int, method: str, target: bytes, more: bytes = b"") -> bytes:
    head = b"%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%sContent-Length: 0\r\n\r\n"
    return raw_exchange(port, head % (method.encode(), target, more))


def files(server: Server) -> set[Path]:
    data = server.data_dir
    return {path.relative_to(data) for path in data.rglob("*") if path.relative_to(data).parts[0] != "locks"}


@pytest.mark.parametrize(("method", "target"), TARGETS, ids=IDS)
def test_hostile_names_and_digests_are_answered_and_make_no_file(server: Server, method: str, target: bytes) -> None:
    before = files(server)
    for text in TEXTS:
        answers = ask(server.port, method, target % text)

        codes = statuses(answers)
        assert len(codes) == 1, (text, answers[:300])
        assert codes[0] < 500, (text, answers[:300])
        assert b"\r\nx-injected" not in answers.lower(), text
        if b"registry/2.0" not in answers:  # what is no HTTP at all is refused before it is ours
            assert codes[0] in (400, 414, 431), (text, answers[:300])
    made = files(server) - before
    assert all(len(path.parts) == 2 and path.parts[0] == "uploads" for path in made), made


GET = b"GET /v2/ HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: x\r\n"
BROKEN = {
    "empty lines": b"\r\n\r\n",
    "zeros": b"\x00" * 100,
    "a method alone": b"GET\r\n\r\n",
    "another version": b"GET / HTTP/9.9\r\n\r\n",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01" + b"\xff" * 99,
    "two spaces": b"GET  /v2/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "a header without colon": b"GET /v2/ HTTP/1.1\r\nHost x\r\n\r\n",
    "lower case": b"get /v2/ http/1.1\r\n\r\n",
    "NUL in the path": b"GET /v2/\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "NUL in a header": GET + b"X: a\x00b\r\n\r\n",
    "a thousand headers": GET + b"X: y\r\n" * 1000 + b"\r\n",
    "a header of a megabyte": GET + b"X: " + b"y" * 1_000_000 + b"\r\n\r\n",
    "a target that is no path": b"GET v2 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target that is an authority": b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target that is a star": b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "an endless length": POST + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "two lengths": POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a chunk of no number": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n",
    "a chunk of an endless number": POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\nab\r\n0\r\n\r\n",
    "an encoding that is not chunked": POST + b"Transfer-Encoding: gzip\r\n\r\nab",
}


@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_no_http_does_not_harm_the_server(server: Server, broken: str) -> None:
    answers = raw_exchange(server.port, BROKEN[broken], seconds=1.0)

    assert all(status < 500 for status in statuses(answers)), answers[:300]
    with Client(server.port) as client:
        assert client.get("/v2/").status == 200


@pytest.mark.parametrize(
    ("framing", "body"),
    [
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", b"5\r\nabcde\r\n0\r\n\r\n"),
    ],
)
def test_a_body_of_two_lengths_smuggles_nothing(server: Server, framing: bytes, body: bytes) -> None:
    head = b"POST /v2/smuggle/blobs/uploads/ HTTP/1.1\r\nHost: x\r\n%s\r\n" % framing

    answers = raw_exchange(server.port, head + body, seconds=1.0)

    assert len(statuses(answers)) <= 2
    assert b"abcde" not in answers


PATHS = st.text("/.%2fFeEabv2_-:~?#[]@!$&'()*+,;=<>^`{|}\\\"", max_size=60)


@given(method=st.sampled_from(["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE"]), path=PATHS)
@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_no_path_is_a_server_error(server: Server, method: str, path: str) -> None:
    for prefix in ("/v2/", "/f/", "/"):
        answers = ask(server.port, method, f"{prefix}{path}".encode().replace(b" ", b"%20"))
        assert all(status < 500 for status in statuses(answers)), answers[:400]


NOUNS = st.sampled_from(["manifests", "blobs", "blobs/uploads", "tags/list", "referrers", "_catalog", "..", "%2e", ""])


@given(parts=st.lists(st.one_of(NOUNS, st.text("abz0._-:%/", max_size=8)), min_size=1, max_size=6))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_no_shuffling_of_the_words_of_the_api_is_a_server_error(server: Server, parts: list[str]) -> None:
    for method in ("GET", "PUT", "DELETE"):
        answers = ask(server.port, method, f"/v2/{'/'.join(parts)}".encode())
        assert [status for status in statuses(answers) if status >= 500] == [], answers[:400]
        assert b"registry/2.0" in answers


HEADERS = st.sampled_from(["Range", "If-Range", "If-None-Match", "Content-Range", "Content-Type", "Accept", "Expect"])


@given(header=HEADERS, value=st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f")))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_no_header_is_a_server_error(server: Server, header: str, value: str) -> None:
    more = f"{header}: {value}\r\n".encode("latin-1")
    for method, target in (("GET", f"/v2/hostile/blobs/{DIGEST}"), ("PUT", "/v2/hostile/manifests/x")):
        answers = ask(server.port, method, target.encode(), more)
        assert [status for status in statuses(answers) if status >= 500] == [], answers[:400]

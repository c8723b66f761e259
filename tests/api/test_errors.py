"""The fixed table of errors: what each wrong request is answered. The envelope itself is checked by the client."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.support.documents import EMPTY_JSON, OCI_IMAGE, digest_of, dump, image

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.support.client import Client

NONE = digest_of(b"nowhere in this registry")
UPLOAD = "01234567-0123-4567-89ab-0123456789ab"
IMAGE = {"Content-Type": OCI_IMAGE}


class Row(NamedTuple):
    """A request about `{name}`, a repository with the tag `latest` and the blob `{blob}`, and its answer."""

    method: str
    target: str
    status: int
    code: str
    headers: Mapping[str, str] = {}
    body: bytes = b""
    answered: Mapping[str, str] = {}


TABLE = (
    # no such path
    Row("GET", "/v1/", 404, "NAME_UNKNOWN"),
    Row("GET", "/v2/x", 404, "NAME_UNKNOWN"),
    Row("GET", "/v2/_other", 404, "NAME_UNKNOWN"),
    Row("GET", "/v2/{name}", 404, "NAME_UNKNOWN"),
    Row("GET", "/v2/{name}/tags", 404, "NAME_UNKNOWN"),
    Row("GET", "/v2/{name}/tags/other", 404, "NAME_UNKNOWN"),
    Row("GET", "/v2/{name}/manifests", 404, "NAME_UNKNOWN"),
    Row("GET", "/v2/{name}/blobs", 404, "NAME_UNKNOWN"),
    Row("GET", "/v2/{name}/other/x", 404, "NAME_UNKNOWN"),
    Row("GET", "/nowhere", 404, "NAME_UNKNOWN"),
    Row("POST", "/nowhere", 404, "NAME_UNKNOWN", body=b"x"),
    Row("GET", "/healthz/x", 404, "NAME_UNKNOWN"),
    # a method that the path does not have
    Row("POST", "/", 405, "UNSUPPORTED", answered={"allow": "GET, HEAD, OPTIONS"}),
    Row("DELETE", "/healthz", 405, "UNSUPPORTED", answered={"allow": "GET, HEAD, OPTIONS"}),
    Row("PUT", "/readiness", 405, "UNSUPPORTED", answered={"allow": "GET, HEAD, OPTIONS"}),
    Row("POST", "/v2/", 405, "UNSUPPORTED", answered={"allow": "GET, HEAD"}),
    Row("DELETE", "/v2", 405, "UNSUPPORTED", answered={"allow": "GET, HEAD"}),
    Row("PATCH", "/v2/_catalog", 405, "UNSUPPORTED", answered={"allow": "GET, HEAD"}),
    Row("DELETE", "/v2/{name}/tags/list", 405, "UNSUPPORTED", answered={"allow": "GET, HEAD"}),
    Row("PUT", "/v2/{name}/referrers/{blob}", 405, "UNSUPPORTED", answered={"allow": "GET, HEAD"}),
    Row("POST", "/{name}/manifest_history/latest", 405, "UNSUPPORTED", answered={"allow": "GET, HEAD"}),
    Row("PATCH", "/v2/{name}/manifests/latest", 405, "UNSUPPORTED", answered={"allow": "DELETE, GET, HEAD, PUT"}),
    Row("POST", "/v2/{name}/manifests/latest", 405, "UNSUPPORTED", answered={"allow": "DELETE, GET, HEAD, PUT"}),
    Row("PUT", "/v2/{name}/blobs/{blob}", 405, "UNSUPPORTED", answered={"allow": "DELETE, GET, HEAD"}),
    Row("GET", "/v2/{name}/blobs/uploads/", 405, "UNSUPPORTED", answered={"allow": "POST"}),
    Row("PUT", "/v2/{name}/blobs/uploads", 405, "UNSUPPORTED", answered={"allow": "POST"}),
    Row(
        *("POST", f"/v2/{{name}}/blobs/uploads/{UPLOAD}", 405, "UNSUPPORTED"),
        answered={"allow": "DELETE, GET, HEAD, PATCH, PUT"},
    ),
    Row("OPTIONS", "/v2/", 405, "UNSUPPORTED", answered={"allow": "GET, HEAD"}),
    Row("BREW", "/v2/{name}/tags/list", 405, "UNSUPPORTED", answered={"allow": "GET, HEAD"}),
    # names, references, digests
    Row("GET", "/v2/UPPER/manifests/latest", 400, "NAME_INVALID"),
    Row("GET", "/v2/UPPER/tags/list", 400, "NAME_INVALID"),
    Row("POST", "/v2/UPPER/blobs/uploads/", 400, "NAME_INVALID"),
    Row("GET", "/v2/{name}%2fx/tags/list", 400, "NAME_INVALID"),
    Row("GET", "/v2/{name}/tags/list?ns=-", 400, "NAME_INVALID"),
    Row("GET", "/v2/{name}/none/tags/list", 404, "NAME_UNKNOWN"),
    Row("GET", "/v2/{name}/blobs/sha256:0", 400, "DIGEST_INVALID"),
    Row("DELETE", "/v2/{name}/blobs/latest", 400, "DIGEST_INVALID"),
    Row("GET", "/v2/{name}/manifests/sha256:0", 400, "DIGEST_INVALID"),
    Row("PUT", "/v2/{name}/manifests/md5:0", 400, "DIGEST_INVALID", IMAGE, EMPTY_JSON),
    Row("GET", "/v2/{name}/referrers/latest", 400, "DIGEST_INVALID"),
    # what is not there
    Row("GET", f"/v2/{{name}}/blobs/{NONE}", 404, "BLOB_UNKNOWN"),
    Row("DELETE", f"/v2/{{name}}/blobs/{NONE}", 404, "BLOB_UNKNOWN"),
    Row("GET", f"/v2/{{name}}/manifests/{NONE}", 404, "MANIFEST_UNKNOWN"),
    Row("GET", "/v2/{name}/manifests/none", 404, "MANIFEST_UNKNOWN"),
    Row("DELETE", "/v2/{name}/manifests/none", 404, "MANIFEST_UNKNOWN"),
    Row("GET", "/v2/{name}/none/manifests/latest", 404, "MANIFEST_UNKNOWN"),
    Row("GET", "/{name}/manifest_history/none", 404, "MANIFEST_UNKNOWN"),
    Row("GET", f"/v2/{{name}}/blobs/uploads/{UPLOAD}", 404, "BLOB_UPLOAD_UNKNOWN"),
    Row("PATCH", f"/v2/{{name}}/blobs/uploads/{UPLOAD}", 404, "BLOB_UPLOAD_UNKNOWN", body=b"x"),
    Row("PUT", f"/v2/{{name}}/blobs/uploads/{UPLOAD}?digest={NONE}", 404, "BLOB_UPLOAD_UNKNOWN", body=b"x"),
    Row("DELETE", f"/v2/{{name}}/blobs/uploads/{UPLOAD}", 404, "BLOB_UPLOAD_UNKNOWN"),
    # pulls
    Row(
        *("GET", "/v2/{name}/blobs/{blob}", 416, "SIZE_INVALID", {"Range": "bytes=99-"}),
        answered={"content-range": "bytes */2"},
    ),
    Row("GET", "/v2/_catalog?n=x", 400, "UNSUPPORTED"),
    Row("GET", "/v2/{name}/tags/list?n=-1", 400, "UNSUPPORTED"),
    Row("GET", "/{name}/manifest_history/latest?n=x", 400, "UNSUPPORTED"),
    Row("GET", "/v2/_catalog?n=%ff", 400, "UNSUPPORTED"),
    # uploads
    Row("POST", "/v2/{name}/blobs/uploads/?digest-algorithm=md5", 400, "UNSUPPORTED"),
    Row("POST", "/v2/{name}/blobs/uploads/?digest=sha256:0", 400, "DIGEST_INVALID", body=b"x"),
    Row("POST", f"/v2/{{name}}/blobs/uploads/?digest={NONE}", 400, "DIGEST_INVALID", body=b"x"),
    Row("POST", "/v2/{name}/blobs/uploads/?mount=sha256:0", 400, "DIGEST_INVALID"),
    Row("POST", f"/v2/{{name}}/blobs/uploads/?mount={NONE}&from=UPPER", 400, "NAME_INVALID"),
    Row("PATCH", "{upload}", 400, "BLOB_UPLOAD_INVALID", {"Content-Range": "x"}, b"x"),
    Row("PATCH", "{upload}", 400, "BLOB_UPLOAD_INVALID", {"Content-Range": "3-9"}, b"x"),
    Row("PATCH", "{upload}", 416, "BLOB_UPLOAD_INVALID", {"Content-Range": "0-0"}, b"x", {"range": "0-2"}),
    Row("PUT", "{upload}", 400, "DIGEST_INVALID", body=b"x"),
    Row("PUT", "{upload}?digest=x", 400, "DIGEST_INVALID", body=b"x"),
    Row("PUT", f"{{upload}}?digest={NONE}", 400, "DIGEST_INVALID", body=b"x"),
    Row("PUT", f"{{upload}}?digest={NONE}", 416, "BLOB_UPLOAD_INVALID", {"Content-Range": "9-9"}, b"x"),
    # manifests
    Row("PUT", "/v2/{name}/manifests/x", 400, "MANIFEST_INVALID", IMAGE, b"{"),
    Row("PUT", "/v2/{name}/manifests/-x", 400, "MANIFEST_INVALID", IMAGE, dump(image(EMPTY_JSON))),
    Row("PUT", "/v2/{name}/manifests/x", 400, "MANIFEST_INVALID", {"Content-Type": "text/x"}, dump(image(EMPTY_JSON))),
    Row("PUT", "/v2/{name}/manifests/x", 400, "MANIFEST_BLOB_UNKNOWN", IMAGE, dump(image(b"nowhere"))),
    Row("PUT", f"/v2/{{name}}/manifests/{NONE}", 400, "DIGEST_INVALID", IMAGE, dump(image(EMPTY_JSON))),
    Row("PUT", "/v2/{name}/manifests/x", 413, "SIZE_INVALID", IMAGE, b" " * (4 * 1024 * 1024 + 1)),
    Row(
        *("PUT", f"/v2/{{name}}/manifests/{digest_of(dump(image(EMPTY_JSON)))}?" + "tag=a&" * 200, 414, "UNSUPPORTED"),
        *(IMAGE, dump(image(EMPTY_JSON))),
    ),
    # what is kept for proxied repositories
    Row("POST", "/v2/f/docker/x/blobs/uploads/", 405, "UNSUPPORTED"),
    Row("PUT", "/v2/f/docker/x/manifests/x", 405, "UNSUPPORTED", IMAGE, dump(image(EMPTY_JSON))),
    Row("PUT", "/v2/{name}/manifests/x?ns=docker.io", 405, "UNSUPPORTED", IMAGE, dump(image(EMPTY_JSON))),
    Row("GET", "/v2/f/docker/x/manifests/x", 404, "NAME_UNKNOWN"),
    Row("GET", "/v2/{name}/manifests/latest?ns=docker.io", 404, "NAME_UNKNOWN"),
    Row("GET", "/f/docker.io/v2/x/manifests/latest", 404, "NAME_UNKNOWN"),
)


def rows(chosen: Iterable[Row]) -> pytest.MarkDecorator:
    """Parametrize a test by rows of the table, each with an id that says where it stands."""
    labelled = [
        pytest.param(row, id=f"{TABLE.index(row)} {row.method} {row.target[:60]} {row.status}") for row in chosen
    ]
    return pytest.mark.parametrize("row", labelled)


@rows(TABLE)
def test_each_wrong_request_has_its_answer(client: Client, name: str, row: Row) -> None:
    pushed = client.push_image(name)
    upload = client.begin(name)
    client.patch(upload, b"abc")
    target = row.target.format(name=name, blob=pushed.config.digest, upload=upload)

    answer = client.request(row.method, target, row.body, row.headers)

    assert (answer.status, answer.code) == (row.status, row.code)
    for header, value in row.answered.items():
        given = answer.headers[header]
        assert given is not None, header
        assert (", ".join(sorted(given.split(", "))) if header == "allow" else given) == value


@rows(row for row in TABLE if row.method == "GET" and row.status not in (405, 416))  # HEAD knows no ranges
def test_head_of_a_wrong_request_has_the_headers_of_get(client: Client, name: str, row: Row) -> None:
    pushed = client.push_image(name)
    target = row.target.format(name=name, blob=pushed.config.digest, upload="")

    headers = {**row.headers, "X-Request-Id": "the-same"}
    get, head = (client.request(method, target, headers=headers) for method in ("GET", "HEAD"))

    assert head.status == get.status
    assert {key: value for key, value in head.headers.items() if key not in ("date", "x-request-id")} == {
        key: value for key, value in get.headers.items() if key not in ("date", "x-request-id")
    }


@rows(row for row in TABLE if row.body)
def test_the_connection_goes_on_after_a_wrong_request(client: Client, name: str, row: Row) -> None:
    upload = client.begin(name)
    client.patch(upload, b"abc")
    target = row.target.format(name=name, blob=NONE, upload=upload)

    for _ in range(2):
        client.request(row.method, target, row.body, row.headers)
        assert client.get("/v2/").status == 200

"""What can go wrong, drawn: each class carries the OCI code, the HTTP status and the message that a client sees.

Errors are raised here below and rendered once, in `api.errors`. Statuses and codes are those of the Distribution
specification, "Error Codes"; a 4xx uses only its fourteen codes, a 5xx adds distribution's UNKNOWN and UNAVAILABLE.

RegistryError
├── BlobUnknown 404                   BLOB_UNKNOWN
├── BlobUploadUnknown 404             BLOB_UPLOAD_UNKNOWN
├── BlobUploadInvalid 400             BLOB_UPLOAD_INVALID
│   ├── ChunkOutOfOrder 416           (the body must start where the upload stands)
│   └── BodyStalled 408
│       └── BodyBroken 400            (the client hung up, or sent what is no body in HTTP)
├── DigestInvalid 400                 DIGEST_INVALID
├── ManifestUnknown 404               MANIFEST_UNKNOWN
├── ManifestInvalid 400               MANIFEST_INVALID
├── ManifestBlobUnknown 400           MANIFEST_BLOB_UNKNOWN
├── NameInvalid 400                   NAME_INVALID
├── NameUnknown 404                   NAME_UNKNOWN
│   └── PageUnknown 404               (no such path)
├── SizeInvalid 400                   SIZE_INVALID
│   ├── TooLarge 413
│   └── RangeNotSatisfiable 416
├── Unsupported 405                   UNSUPPORTED
│   └── QueryInvalid 400              (a malformed `n`, `last`, `digest-algorithm`)
├── TooManyTags 414                   UNSUPPORTED
├── StorageFull 507                   BLOB_UPLOAD_INVALID
├── StorageBusy 503                   UNAVAILABLE
└── StorageFailed 500                 UNKNOWN
"""

from __future__ import annotations

from enum import StrEnum


class ErrorCode(StrEnum):
    """The codes of the Distribution specification, and distribution's two for a 5xx."""

    BLOB_UNKNOWN = "BLOB_UNKNOWN"
    BLOB_UPLOAD_INVALID = "BLOB_UPLOAD_INVALID"
    BLOB_UPLOAD_UNKNOWN = "BLOB_UPLOAD_UNKNOWN"
    DIGEST_INVALID = "DIGEST_INVALID"
    MANIFEST_BLOB_UNKNOWN = "MANIFEST_BLOB_UNKNOWN"
    MANIFEST_INVALID = "MANIFEST_INVALID"
    MANIFEST_UNKNOWN = "MANIFEST_UNKNOWN"
    NAME_INVALID = "NAME_INVALID"
    NAME_UNKNOWN = "NAME_UNKNOWN"
    SIZE_INVALID = "SIZE_INVALID"
    UNAUTHORIZED = "UNAUTHORIZED"
    DENIED = "DENIED"
    UNSUPPORTED = "UNSUPPORTED"
    TOOMANYREQUESTS = "TOOMANYREQUESTS"
    UNKNOWN = "UNKNOWN"
    UNAVAILABLE = "UNAVAILABLE"


class RegistryError(Exception):
    """An error that a client is told about: its class says code, status and message, its `detail` what was wrong."""

    code = ErrorCode.UNKNOWN
    status = 500
    message = "Internal Server Error"

    def __init__(self, detail: object = None, *, message: str | None = None) -> None:
        super().__init__(message or self.message, detail)
        self.detail = detail
        if message:
            self.message = message

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Response headers that belong to this error."""
        return []


class BlobUnknown(RegistryError):
    code, status, message = ErrorCode.BLOB_UNKNOWN, 404, "Blob Unknown"


class BlobUploadUnknown(RegistryError):
    code, status, message = (
        ErrorCode.BLOB_UPLOAD_UNKNOWN,
        404,
        "Upload unknown: it was finished, cancelled or never begun",
    )


class BlobUploadInvalid(RegistryError):
    code, status, message = ErrorCode.BLOB_UPLOAD_INVALID, 400, "Invalid request to blob upload"


class ChunkOutOfOrder(BlobUploadInvalid):
    """A chunk that doesn't begin at the upload's offset, or comes while another request holds the upload."""

    status = 416

    def __init__(self, detail: object, *, offset: int, location: str = "") -> None:
        super().__init__(detail)
        self.offset = offset
        self.location = location

    def headers(self) -> list[tuple[bytes, bytes]]:
        headers = [(b"range", b"0-%d" % max(self.offset - 1, 0))]
        if self.location:
            headers.append((b"location", self.location.encode()))
        return headers


class BodyStalled(BlobUploadInvalid):
    status, message = 408, "The request's body stopped arriving"

    def headers(self) -> list[tuple[bytes, bytes]]:
        return [(b"connection", b"close")]


class BodyBroken(BodyStalled):
    """Often there is nobody to be answered any more."""

    status, message = 400, "The request's body broke off"


class DigestInvalid(RegistryError):
    code, status, message = ErrorCode.DIGEST_INVALID, 400, "Provided digest did not match uploaded content"


class ManifestUnknown(RegistryError):
    code, status, message = ErrorCode.MANIFEST_UNKNOWN, 404, "Manifest unknown"


class ManifestInvalid(RegistryError):
    code, status, message = ErrorCode.MANIFEST_INVALID, 400, "Manifest invalid"


class ManifestBlobUnknown(RegistryError):
    code, status = ErrorCode.MANIFEST_BLOB_UNKNOWN, 400
    message = "Manifest refers to a blob or manifest that this repository does not hold"


class NameInvalid(RegistryError):
    code, status, message = ErrorCode.NAME_INVALID, 400, "Invalid repository name"


class NameUnknown(RegistryError):
    code, status, message = ErrorCode.NAME_UNKNOWN, 404, "Repository unknown"


class PageUnknown(NameUnknown):
    message = "404 page not found"


class SizeInvalid(RegistryError):
    code, status, message = ErrorCode.SIZE_INVALID, 400, "Provided length did not match content length"


class TooLarge(SizeInvalid):
    status, message = 413, "Content is larger than the limit"


class RangeNotSatisfiable(SizeInvalid):
    """RFC 9110 section 15.5.17."""

    status = 416
    message = "The range specified in the request header cannot be satisfied by the current blob."

    def __init__(self, size: int) -> None:
        super().__init__({"size": size})
        self.size = size

    def headers(self) -> list[tuple[bytes, bytes]]:
        return [(b"content-range", b"bytes */%d" % self.size)]


class Unsupported(RegistryError):
    code, status, message = ErrorCode.UNSUPPORTED, 405, "Unsupported"

    def __init__(self, detail: object = None, *, message: str | None = None, allow: str = "GET, HEAD") -> None:
        super().__init__(detail, message=message)
        self.allow = allow

    def headers(self) -> list[tuple[bytes, bytes]]:
        return [(b"allow", self.allow.encode())] if self.status == 405 else []


class QueryInvalid(Unsupported):
    status, message = 400, "Invalid query parameter"


class TooManyTags(RegistryError):
    code, status, message = ErrorCode.UNSUPPORTED, 414, "Too many tag parameters"


class StorageFull(RegistryError):
    code, status = ErrorCode.BLOB_UPLOAD_INVALID, 507
    message = "The registry's disk is full; an upload can be resumed when there is room"


class StorageBusy(RegistryError):
    code, status, message = ErrorCode.UNAVAILABLE, 503, "The registry is busy with this content; try again"

    def headers(self) -> list[tuple[bytes, bytes]]:
        return [(b"retry-after", b"1")]


class StorageFailed(RegistryError):
    """The disk failed or refused. The reason is in the log, not in the answer."""

    message = "The registry's storage failed; nothing was stored"

"""The one renderer of errors: the envelope of the Distribution specification, "Error Codes", for every 4xx and 5xx."""

from __future__ import annotations

import logging
import secrets

import msgspec

from trow.api.response import JSON, Response
from trow.errors import ErrorCode, PageUnknown, QueryInvalid, RegistryError, StorageFailed, StorageFull, Unsupported
from trow.oci.codec import encode_json

logger = logging.getLogger("trow.api")


class ErrorBody(msgspec.Struct, frozen=True):
    """One error."""

    code: ErrorCode
    message: str
    detail: object


class ErrorEnvelope(msgspec.Struct, frozen=True):
    """What clients parse."""

    errors: tuple[ErrorBody, ...]


def render(error: BaseException) -> Response:
    """The answer to an error; what is not ours to tell becomes a 500 with a number that the log bears too."""
    if not isinstance(error, RegistryError):
        error = _from_framework(error)
    if isinstance(error, StorageFull | StorageFailed):
        logger.error("%s: %s", type(error).__name__, error.__cause__)
    envelope = ErrorEnvelope((ErrorBody(error.code, error.message, error.detail),))
    return Response(error.status, [JSON, *error.headers()], encode_json(envelope))


def _from_framework(error: BaseException) -> RegistryError:
    """What Litestar raises for paths and methods outside `/v2`, and what nobody expected."""
    status = getattr(error, "status_code", None)
    if status == 404:
        return PageUnknown()
    if status == 405:
        return Unsupported(allow=(getattr(error, "headers", None) and error.headers.get("allow")) or "GET, HEAD")  # type: ignore[attr-defined]
    if isinstance(status, int) and 400 <= status < 500:
        return QueryInvalid(message=str(getattr(error, "detail", "Bad request")))
    number = secrets.token_hex(4)
    logger.error("request %s failed", number, exc_info=error)
    return RegistryError({"request": number})

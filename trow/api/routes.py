"""From a path to what it names: pure, strict, and parsed once.

    /v2/                                   the API itself
    /v2/_catalog
    /v2/<name>/tags/list
    /v2/<name>/manifests/<reference>
    /v2/<name>/blobs/<digest>
    /v2/<name>/blobs/uploads/[<id>]
    /v2/<name>/referrers/<digest>
    /<name>/manifest_history/<tag>         Trow 0.3's
    /f/<host>/v2/…                         a proxied registry's root

Names may hold slashes and the words above, so a path is split from its right end. Works on the raw path: what a
framework made of it (slashes collapsed, escapes resolved) is no longer what the client said.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from trow.errors import NameInvalid, PageUnknown, Unsupported
from trow.oci.reference import PROXIED, Host, RepositoryName


class Kind(Enum):
    """What a path names."""

    BASE = "base"
    CATALOG = "catalog"
    TAGS = "tags"
    MANIFEST = "manifest"
    BLOB = "blob"
    UPLOADS = "uploads"
    UPLOAD = "upload"
    REFERRERS = "referrers"
    HISTORY = "history"


class Route(NamedTuple):
    """A path that was understood: `name` is still to be judged, `last` is a reference, a digest or an upload's id."""

    kind: Kind
    name: str = ""
    last: str = ""
    namespace: str | None = None


# few names are asked for many times, and the pattern costs 2 µs
_repository_name = lru_cache(2048)(RepositoryName)

METHODS = {
    Kind.BASE: ("GET", "HEAD"),
    Kind.CATALOG: ("GET", "HEAD"),
    Kind.TAGS: ("GET", "HEAD"),
    Kind.MANIFEST: ("GET", "HEAD", "PUT", "DELETE"),
    Kind.BLOB: ("GET", "HEAD", "DELETE"),
    Kind.UPLOADS: ("POST",),
    Kind.UPLOAD: ("GET", "HEAD", "PATCH", "PUT", "DELETE"),
    Kind.REFERRERS: ("GET", "HEAD"),
    Kind.HISTORY: ("GET", "HEAD"),
}
READS = ("GET", "HEAD")


def match(raw_path: bytes) -> Route:
    """What a path names. Raises PageUnknown, or NameInvalid for one that hides something in its escapes."""
    path = raw_path.decode("latin-1")
    if "%" in path:
        path = _unescaped(path)
    route = Route(Kind.BASE) if path == "/v2" else None
    if path.startswith("/v2/"):
        route = _match_api(path[4:], None)
    elif path.startswith("/f/"):
        route = _match_proxied(path[3:])
    if route is None:
        name, separator, tag = path[1:].rpartition("/manifest_history/")
        if not separator or "/" in tag:
            raise PageUnknown
        route = Route(Kind.HISTORY, name, tag)
    return route


def _match_proxied(path: str) -> Route | None:
    host, separator, rest = path.partition("/v2/")
    if not separator:
        host, separator = path.removesuffix("/v2"), path[-3:]
    return _match_api(rest, Host(host)) if separator in ("/v2/", "/v2") and "/" not in host else None


def _match_api(path: str, namespace: str | None) -> Route | None:
    if not path:
        return Route(Kind.BASE, namespace=namespace)
    rest, _, last = path.rpartition("/")
    if not last:  # Rocket, under Trow 0.3, took a trailing slash anywhere
        path = rest
        rest, _, last = rest.rpartition("/")
    if path == "_catalog":
        return Route(Kind.CATALOG, namespace=namespace)
    name, _, noun = rest.rpartition("/")
    if not name or not last:
        return None
    match noun, last:
        case "manifests", _:
            return Route(Kind.MANIFEST, name, last, namespace)
        case "blobs", "uploads":
            return Route(Kind.UPLOADS, name, "", namespace)
        case "blobs", _:
            return Route(Kind.BLOB, name, last, namespace)
        case "uploads", _ if name.endswith("/blobs"):
            return Route(Kind.UPLOAD, name.removesuffix("/blobs"), last, namespace)
        case "tags", "list":
            return Route(Kind.TAGS, name, "", namespace)
        case "referrers", _:
            return Route(Kind.REFERRERS, name, last, namespace)
        case _:
            return None


def _unescaped(path: str) -> str:
    plain = unquote(path, "latin-1")
    if "%2f" in path.lower() or "%" in plain or not plain.isascii() or not plain.isprintable():
        raise NameInvalid({"Repository": path[:256]})
    return plain


def require_method(route: Route, method: str) -> None:
    """Raise Unsupported, with what is allowed, unless the method belongs to what the path names."""
    allowed = METHODS[route.kind]
    if method not in allowed:
        raise Unsupported({"method": method[:16]}, allow=", ".join(allowed))


def local_name(route: Route, method: str, namespace: str | None, names: tuple[str, ...]) -> RepositoryName:
    """The local repository that a request is about.

    Raises:
        NameInvalid: the name, the namespace or the host is malformed.
        Unsupported: a write to what is kept for proxied repositories.
        PageUnknown: a read from an upstream: a 404 at once, so that containerd goes on to the origin.
    """
    host = Host(namespace) if namespace is not None else None
    foreign = route.namespace or (host if host is not None and host not in names else None)
    proxied = route.name.startswith(PROXIED)
    if foreign is None and not proxied:
        return _repository_name(route.name)
    if proxied and route.name != PROXIED:
        Host(route.name.removeprefix(PROXIED).partition("/")[0])
    if method not in READS:
        raise Unsupported(message="The operation is unsupported for proxied repos.", allow=", ".join(READS))
    raise PageUnknown({"Host": foreign or route.name}, message="Proxied repositories are not served yet")

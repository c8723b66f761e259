"""The tree of keys, one for every driver; the only place that spells one.

blobs/<alg>/<first two>/<hex>                    content, immutable, shared by all repositories
blobs/<alg>/<first two>/<hex>.cached             it came from another registry, and nobody has pushed it here
repositories/<name>/_manifests/<alg>/<hex>       ManifestRecord; the commit point of a manifest
repositories/<name>/_blobs/<alg>/<hex>           the blob's size: this repository may serve it
repositories/<name>/_tags/<tag>                  lines "<digest> <time>", newest first: the tag and its history
repositories/<name>/_referrers/<alg>/<hex>/…     one descriptor for each referrer, named <alg>-<hex>
uploads/…                                        what has arrived so far, and temporary files
locks/…                                          the fixed set of short locks, and who serves the directory
private/                                         keys (0700), never in a backup
imported/<version>                               the data of that earlier Trow came over: how much, and what did not
format                                           the layout's version

A path component of a repository name can't begin with `_`, so names and keys never meet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trow.oci.digest import Digest

REPOSITORIES = "repositories/"


def blob(digest: Digest) -> str:
    return f"blobs/{digest.algorithm}/{digest.hex[:2]}/{digest.hex}"


def cached_marker(digest: Digest) -> str:
    return blob(digest) + ".cached"


def manifests(repository: str, algorithm: str) -> str:
    return f"{REPOSITORIES}{repository}/_manifests/{algorithm}/"


def manifest(repository: str, digest: Digest) -> str:
    return f"{REPOSITORIES}{repository}/_manifests/{digest.algorithm}/{digest.hex}"


def blob_links(repository: str, algorithm: str) -> str:
    return f"{REPOSITORIES}{repository}/_blobs/{algorithm}/"


def blob_link(repository: str, digest: Digest) -> str:
    return f"{REPOSITORIES}{repository}/_blobs/{digest.algorithm}/{digest.hex}"


def tags(repository: str) -> str:
    return f"{REPOSITORIES}{repository}/_tags/"


def tag(repository: str, name: str) -> str:
    return f"{REPOSITORIES}{repository}/_tags/{name}"


def referrers(repository: str, subject: Digest) -> str:
    return f"{REPOSITORIES}{repository}/_referrers/{subject.algorithm}/{subject.hex}/"


def referrer(repository: str, subject: Digest, digest: Digest) -> str:
    return f"{referrers(repository, subject)}{digest.algorithm}-{digest.hex}"


def imported(version: str) -> str:
    return f"imported/{version}"

"""Logins for registries that stand in other files: Docker's config.json, and the folders of mounted Secrets."""

from __future__ import annotations

import base64
import binascii
import os
from typing import TYPE_CHECKING

import msgspec

from trow.config.files import Unreadable
from trow.config.secret import Secret
from trow.config.units import host as read_host
from trow.config.upstreams import Login

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trow.config.files import Files

_NO_PAIR = "holds an auth that isn't the base64 of user:password"
_DOCKER_NAMES = (".dockerconfigjson", "config.json")


class _Entry(msgspec.Struct, frozen=True):
    auth: str | None = None
    username: str | None = None
    password: str | None = None
    identitytoken: str | None = None


class _Docker(msgspec.Struct, frozen=True, rename="camel"):
    auths: dict[str, _Entry | None] = {}
    creds_store: str | None = None
    cred_helpers: dict[str, str] = {}


class Found(msgspec.Struct):
    """What a file held, by host or host/path, and what is to be said of it: (is it an error, words)."""

    logins: dict[str, Login] = {}
    remarks: list[tuple[bool, str]] = []


def docker_logins(path: Path, files: Files) -> Found:
    """The logins of Docker's configuration, in a file or in the folder of a mounted Secret. Raises Unreadable."""
    if files.is_folder(path):
        name = next((each for each in _DOCKER_NAMES if files.exists(path / each)), None)
        if name is None:
            raise Unreadable("holds neither .dockerconfigjson nor config.json")
        path /= name
    try:
        document = msgspec.json.decode(files.read(path), type=_Docker)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Unreadable("isn't a configuration of Docker: expected JSON with auths") from None
    found = Found()
    if document.creds_store or document.cred_helpers:
        found.remarks.append((False, "credential helpers aren't run: only what stands under auths is used"))
    for number, (name, entry) in enumerate(document.auths.items(), 1):
        key = docker_key(name)
        if key is None:
            found.remarks.append((True, f"entry {number} of auths isn't named after a host"))
            continue
        login = _docker_login(entry or _Entry(), path)
        if isinstance(login, str):
            found.remarks.append((login == _NO_PAIR, f"the entry of auths for {key} {login}"))
        else:
            found.logins.setdefault(key, login)
    return found


def _docker_login(entry: _Entry, path: Path) -> Login | str:
    """The login of an entry, or what is to be said of it."""
    username, password = entry.username, entry.password
    if entry.auth:
        try:
            username, colon, password = base64.b64decode(entry.auth, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return _NO_PAIR
        if not colon:
            return _NO_PAIR
        password = password.strip("\0")
    if not username or not password:
        return "has an identity token, which isn't used" if entry.identitytoken else "holds no login"
    return Login(username=username, password=Secret(password, path))


def docker_key(name: str) -> str | None:
    """`https://index.docker.io/v1/` is docker.io; a path stays, as podman writes it. None: that is no host."""
    bare = name.partition("://")[2] or name
    host, _, path = bare.strip("/").partition("/")
    if path in ("v1", "v2"):
        path = ""
    try:
        host = read_host(host)
    except ValueError:
        return None
    if not path.isprintable():
        return None
    return f"{host}/{path}" if path else host


def folder_login(folder: Path, files: Files) -> Login:
    """The login of a mounted Secret of type kubernetes.io/basic-auth. Raises Unreadable, naming the file."""
    values = []
    for name in ("username", "password"):
        try:
            values.append(files.text(folder / name))
        except Unreadable as error:
            raise Unreadable(f"{name} in it {error}") from None
    return Login(username=values[0], password=Secret(values[1], folder / "password"))


def folders_logins(folder: Path, files: Files) -> Iterator[tuple[str, Login | str]]:
    """The logins of a folder of such folders, each named after its host, or what is wrong. Raises Unreadable."""
    for name in files.names(folder):
        try:
            # a mount path in Kubernetes can't hold a colon
            head, underscore, port = name.rpartition("_")
            key = read_host(f"{head}:{port}" if underscore and port.isdecimal() else name)
        except ValueError:
            yield name if name.isprintable() else "?", "isn't named after a host"
            continue
        try:
            yield key, folder_login(folder / name, files)
        except Unreadable as error:
            yield key, os.fspath(folder / name) + f": {error}"

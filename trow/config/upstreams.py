"""The settings of the pull-through cache: which registries it reaches, as whom, and how long a copy is good."""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec

from trow.config.keys import Duration, Host, Key, Name, PathPrefix, Pause, Room, Url
from trow.config.secret import Secret
from trow.config.units import Share


class WhenCold(StrEnum):
    """What a client gets of an image that isn't here yet."""

    STREAM = "stream"
    DECLINE = "decline"


class Sharing(StrEnum):
    """Who may read what was fetched with credentials."""

    PERMITTED = "permitted"
    EVERYONE = "everyone"


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """A name and a password for a registry."""

    username: str
    password: Secret


class Upstream(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One registry, or a part of one."""

    host: Annotated[Host, Key("Host of the registry, with its port if it has one", example="docker.io")]
    path_prefix: Annotated[
        PathPrefix, Key("Only repositories below this path; the longest that matches wins", example="team/images")
    ] = ""
    insecure: Annotated[bool, Key("Speak plain HTTP with it")] = False
    username: Annotated[Name | None, Key("Who pulls", example="mirror")] = None
    password: Annotated[Secret | None, Key("Password or token of that user")] = None
    credentials_dir: Annotated[
        Path | None, Key("Folder with the files username and password: a mounted Secret of type basic-auth")
    ] = None
    share: Annotated[Sharing, Key("Who may read what was fetched with credentials: permitted or everyone")] = (
        Sharing.PERMITTED
    )
    check_interval: Annotated[
        Duration | None, Key("How long a tag is served without asking; empty: as for all registries")
    ] = None
    when_cold: Annotated[
        WhenCold, Key("An image that isn't here yet: stream it, or decline and fetch it behind the scenes")
    ] = WhenCold.STREAM
    first_byte: Annotated[Pause | None, Key("Decline after this long without a first byte; empty: wait")] = None
    connect_timeout: Annotated[Pause, Key("How long a connection may take to come about")] = 3.0
    stall_timeout: Annotated[Pause, Key("How long a body may pause before it is asked for again")] = 30.0
    ca: Annotated[Path | None, Key("Certificates to trust beside the public ones, as a PEM file")] = None
    token_realm: Annotated[Url | None, Key("Where tokens come from, if not from the host itself")] = None

    mounted: Login | None = None
    """What credentials_dir holds; not a key of the file."""

    def complaints(self) -> Iterator[tuple[str, str]]:
        """What is wrong between its keys: key and message."""
        if self.password is not None and self.username is None:
            yield "password", "needs a username beside it"
        if self.username is not None and self.password is None:
            yield "username", "needs a password or a password_file beside it"
        if self.credentials_dir is not None and self.username is not None:
            yield "credentials_dir", "can't be combined with username and password: which of them is meant?"
        if self.insecure and self.ca is not None:
            yield "ca", "has no use beside insecure: plain HTTP has no certificates"
        if self.token_realm is not None and self.token_realm.startswith("http:") and not self.insecure:
            yield "token_realm", "must begin with https://, or the password would be sent in the clear"


class RegistryProxies(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The pull-through cache."""

    offline: Annotated[bool, Key("Serve copies only, never ask a registry")] = False
    any: Annotated[bool, Key("Reach any public registry, not the listed ones alone")] = False
    max_size: Annotated[Room, Key("Room for cached images: a size, or a share of the volume")] = Share(0.8)
    check_interval: Annotated[Duration, Key("How long a tag is served without asking its registry; 0s asks always")] = (
        0.0
    )
    serve_deleted: Annotated[bool, Key("Go on serving images that their registry has deleted")] = True
    remember_missing: Annotated[Duration, Key("How long a registry's no is remembered")] = 60.0
    docker_config: Annotated[
        Path | None, Key("Docker's config.json, or a mounted Secret of type dockerconfigjson, with logins")
    ] = None
    secrets_dir: Annotated[
        Path | None,
        Key("Folder with a folder for each host (host_5000 for host:5000), each with username and password"),
    ] = None
    registries: Annotated[tuple[Upstream, ...], Key("Registries that may be reached")] = ()
    logins: dict[str, Login] = msgspec.field(default_factory=dict)
    """By host or host/path: what docker_config and secrets_dir hold; not a key of the file."""

    def complaints(self) -> Iterator[tuple[str, str]]:
        """What is wrong between its keys: key and message."""
        seen: dict[tuple[str, str], int] = {}
        for number, each in enumerate(self.registries):
            first = seen.setdefault((each.host, each.path_prefix), number)
            if first != number:
                yield f"registries[{number}]", f"is the same host and path_prefix as registries[{first}]"

    def login(self, upstream: Upstream) -> Login | None:
        """As whom to pull from it: its own credentials, else those found for its path, else for its host."""
        if upstream.username is not None and upstream.password is not None:
            return Login(username=upstream.username, password=upstream.password)
        if upstream.mounted is not None:
            return upstream.mounted
        path = f"{upstream.host}/{upstream.path_prefix}".rstrip("/")
        while path:
            if path in self.logins:
                return self.logins[path]
            path = path.rpartition("/")[0]
        return None

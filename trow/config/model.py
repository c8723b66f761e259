"""The settings of a running Trow: frozen values with their defaults and units. They are the keys of the file.

What stands beside a field (`Key`) makes the reference, the schema and the table of the documentation.
"""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec

from trow.config.access import Access, User
from trow.config.admission import ImageValidation
from trow.config.keys import Duration, Folder, Host, Key, ListenAddress, Network, Origin, Pause, Size, Version, Workers
from trow.config.units import AUTO_WORKERS, MIB, Address
from trow.config.upstreams import RegistryProxies

__all__ = [
    "AUTO_WORKERS",
    "MIB",
    "Address",
    "Config",
    "Cors",
    "Limits",
    "Listen",
    "LogFormat",
    "LogLevel",
    "Logging",
    "Manifests",
    "Sparse",
    "Storage",
    "Tls",
]


class Sparse(StrEnum):
    """What a manifest may refer to that is not there."""

    NONE = "none"
    INDEXES = "indexes"
    ALL = "all"


class LogLevel(StrEnum):
    """What is logged; each level holds those before it."""

    OFF = "off"
    ERROR = "error"
    WARN = "warn"
    INFO = "info"
    DEBUG = "debug"
    TRACE = "trace"


class LogFormat(StrEnum):
    """How a line of the log looks."""

    AUTO = "auto"
    JSON = "json"
    TEXT = "text"


class Tls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Certificate and key, as PEM files."""

    certificate: Annotated[Path, Key("Certificate with its chain, as a PEM file", example="tls.crt")]
    key: Annotated[Path, Key("Its private key, as a PEM file", example="tls.key")]


class Listen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One address, plain or TLS."""

    address: Annotated[ListenAddress, Key("Address and port, IPv6 in brackets", example="0.0.0.0:8000")] = Address(
        "0.0.0.0",  # noqa: S104 (a registry is there for others)
        8000,
    )
    tls: Annotated[
        Tls | bool, Key("Files of a certificate and its key; true: one that Trow makes; false: plain HTTP")
    ] = False

    @property
    def host(self) -> str:
        return self.address.host

    @property
    def port(self) -> int:
        return self.address.port

    @property
    def certificate(self) -> Path | None:
        return self.tls.certificate if isinstance(self.tls, Tls) else None

    @property
    def key(self) -> Path | None:
        return self.tls.key if isinstance(self.tls, Tls) else None

    def complaints(self) -> Iterator[tuple[str, str]]:
        """What is wrong between its keys: key and message."""
        if self.tls is True:  # to be ignored would mean plain HTTP where TLS was asked for
            yield "tls", "this version can't make a certificate of its own: give certificate and key"


class Storage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where everything is kept."""

    directory: Annotated[Folder, Key("Where everything is kept; seen from where Trow is started", restart=True)] = Path(
        "data"
    )


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds on what clients send, and on how long they may take."""

    manifest_bytes: Annotated[Size, Key("Largest manifest")] = msgspec.field(default=4 * MIB, name="manifest_size")
    blob_bytes: Annotated[Size | None, Key("Largest blob; null: no limit")] = msgspec.field(
        default=None, name="blob_size"
    )
    stall_seconds: Annotated[Pause, Key("How long a request's body may pause")] = msgspec.field(
        default=60.0, name="body_stall"
    )
    shutdown_seconds: Annotated[Duration, Key("How long requests may finish after SIGTERM")] = msgspec.field(
        default=30.0, name="shutdown"
    )


class Manifests(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What manifests are accepted."""

    sparse: Annotated[Sparse, Key("What may refer to something that isn't there: none, indexes or all")] = Sparse.NONE


class Cors(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Web pages of other hosts."""

    origins: Annotated[
        tuple[Origin, ...], Key("Origins whose pages may call this registry, as https://ui.example; * is all")
    ] = ()


class Logging(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is logged, and how."""

    level: Annotated[LogLevel, Key("off, error, warn, info, debug or trace")] = LogLevel.INFO
    format: Annotated[LogFormat, Key("json, text, or auto: text on a terminal and json elsewhere")] = LogFormat.AUTO


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything."""

    version: Annotated[Version, Key("Version of this file's keys; a file without it is read as Trow 0.10's")] = 1
    names: Annotated[tuple[Host, ...], Key("Hosts by which this registry is known, as registry.example:5000")] = ()
    listen: Annotated[tuple[Listen, ...], Key("Addresses to listen on", restart=True)] = (Listen(),)
    storage: Annotated[Storage, Key("Where everything is kept", restart=True)] = Storage()
    workers: Annotated[
        Workers, Key("Worker processes; auto: as CPU and memory limits allow, 4 at most", restart=True)
    ] = AUTO_WORKERS
    limits: Annotated[Limits, Key("Bounds on what clients send, and on how long they may take")] = Limits()
    manifests: Annotated[Manifests, Key("What manifests are accepted")] = Manifests()
    cors: Annotated[Cors, Key("Web pages of other hosts")] = Cors()
    trusted_proxies: Annotated[
        tuple[Network, ...], Key("Networks whose X-Forwarded-* headers are believed, as 10.0.0.0/8")
    ] = ()
    logging: Annotated[Logging, Key("What is logged, and how")] = Logging()
    users: Annotated[tuple[User, ...], Key("Who may log in")] = ()
    access: Annotated[Access, Key("Who may do what")] = Access()
    registry_proxies: Annotated[RegistryProxies, Key("The pull-through cache")] = RegistryProxies()
    image_validation: Annotated[
        ImageValidation | None, Key("Which images may run in the cluster; null: not configured")
    ] = None
    name_worker: bool = False
    """Answers say which worker gave them: for tests, and not a key of the file."""

    @property
    def data_dir(self) -> Path:
        return self.storage.directory

    @property
    def sparse(self) -> Sparse:
        return self.manifests.sparse

    @property
    def shutdown_seconds(self) -> float:
        return self.limits.shutdown_seconds

    @property
    def log_level(self) -> LogLevel:
        return self.logging.level

    def complaints(self) -> Iterator[tuple[str, str]]:
        """What is wrong between its keys: key and message."""
        if not self.listen:
            yield "listen", "must name at least one address"
        seen: dict[Address, int] = {}
        for number, each in enumerate(self.listen):
            first = seen.setdefault(each.address, number)
            if first != number and each.port:
                yield f"listen[{number}].address", f"is the same as that of listen[{first}]"
        names = [each.name for each in self.users]
        for number, name in enumerate(names):
            if name in names[:number]:
                yield f"users[{number}].name", f"is the same as that of users[{names.index(name)}]"


# Parts that this version checks but doesn't have yet. Whoever builds one takes its line out.
STILL_TO_COME = {
    "trusted_proxies": "X-Forwarded-* headers are read as in Trow 0.10",
    "users": "ANYONE WHO CAN REACH THIS REGISTRY MAY PUSH AND PULL without a login",
    "access": "ANYONE WHO CAN REACH THIS REGISTRY MAY PUSH AND PULL whatever the rules say",
    "registry_proxies": "nothing is fetched from other registries",
    "image_validation": "no image is judged",
}

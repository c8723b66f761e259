"""A file in, the settings out, or everything that is wrong with it; nothing here watches or applies anything."""

from __future__ import annotations

import operator
import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from trow.config.files import Files, Sources, Unreadable
from trow.config.keys import fields
from trow.config.legacy import LEGACY_KEYS, as_trow_010, ask_for_version
from trow.config.logins import docker_logins, folder_login, folders_logins
from trow.config.model import STILL_TO_COME, Config
from trow.config.problems import ConfigError, Problem
from trow.config.reader import Reader
from trow.config.tree import Mapping, Place, Scalar, SyntaxProblem, decode, parse
from trow.config.upstreams import RegistryProxies

if TYPE_CHECKING:
    from collections.abc import Mapping as MappingType

    from trow.config.upstreams import Login

USUAL_PLACE = Path("/etc/trow/config.yaml")


class Loaded(msgspec.Struct, frozen=True):
    """The settings of a file, what is odd about it, the line of each key in it, and the files it consists of."""

    config: Config
    warnings: tuple[Problem, ...]
    lines: dict[str, int]
    sources: Sources


def find(flag: str | None, environment: MappingType[str, str]) -> Path | None:
    """The file to use: the flag's, TROW_CONFIG's, or the one in the usual place if it is there.

    The first two are returned whether they exist or not: to load one that is missing is an error.
    """
    named = flag or environment.get("TROW_CONFIG")
    if named:
        return Path(named)
    return USUAL_PLACE if USUAL_PLACE.exists() else None


def load(path: Path, *, elsewhere: bool = False, files: Files | None = None) -> Loaded:
    """Read a file and the files it names, by way of `files` if the caller wants to know what they held.

    `elsewhere`: it is for another machine, missing files are but warned of.

    Raises:
        ConfigError: with everything that is wrong.
    """
    files = files or Files(path.parent)
    try:
        content = files.read(path)
    except Unreadable as error:
        raise ConfigError((Problem(os.fspath(path), 0, 0, "", str(error)),), files.sources()) from None
    return _load(content, path, files, elsewhere=elsewhere)


def said_directory(path: Path) -> Path:
    """`storage.directory` of a file that can't be used otherwise; the usual one if not even that can be read."""
    usual = Config().data_dir
    try:
        root = parse(decode(Files(path.parent).read(path))).root
    except (Unreadable, SyntaxProblem):
        return usual
    storage = root.entries.get("storage") if isinstance(root, Mapping) else None
    said = storage[1].entries.get("directory") if storage and isinstance(storage[1], Mapping) else None
    return Path(said[1].text) if said and isinstance(said[1], Scalar) and said[1].text else usual


def load_bytes(content: bytes, path: Path, *, elsewhere: bool = False) -> Loaded:
    """As `load`, of a content that is at hand; `path` says what it is called and where relative paths start."""
    files = Files(path.parent)
    files.note(path, content)
    return _load(content, path, files, elsewhere=elsewhere)


def _load(content: bytes, path: Path, files: Files, *, elsewhere: bool) -> Loaded:
    name = os.fspath(path)
    try:
        tree = parse(decode(content))
    except SyntaxProblem as error:
        problems = tuple(Problem(name, line, column, "", message) for line, column, message in error.places)
        raise ConfigError(problems, files.sources()) from None
    root = tree.root
    if root is None or (isinstance(root, Scalar) and root.kind == "null"):
        root = Mapping(Place(1, 1), {})
    keys = set(root.entries) if isinstance(root, Mapping) else set()
    is_010 = bool(keys & LEGACY_KEYS) and "version" not in keys
    reader = Reader(name, files, Config, lenient=is_010, elsewhere=elsewhere)
    reader.finish[RegistryProxies] = lambda proxies, at: _with_logins(proxies, at, reader, files)
    config = reader.read(root)
    for place, message in tree.problems:
        reader.complain(place, "", message)
    if keys and "version" not in keys:
        ask_for_version(reader, keys, {field.key for field in fields(Config)})
    sources = files.sources()
    if reader.problems or not isinstance(config, Config):
        raise ConfigError(tuple(sorted(reader.problems, key=lambda each: (each.line, each.column))), sources)
    if is_010:
        config = as_trow_010(config, reader)
    _warn_of_what_is_to_come(config, reader)
    lines = {key: place.line for key, place in reader.places.items()}
    return Loaded(config, tuple(sorted(reader.warnings, key=lambda each: each.line)), lines, sources)


def _warn_of_what_is_to_come(config: Config, reader: Reader) -> None:
    for key, meaning in STILL_TO_COME.items():
        mine, usual = operator.attrgetter(key)(config), operator.attrgetter(key)(Config())
        if mine != usual:
            reader.warn(key, f"is checked but not in force in this version: {meaning}")


def _with_logins(proxies: RegistryProxies, at: str, reader: Reader, files: Files) -> RegistryProxies:
    """The logins that other files hold: each registry's own folder, secrets_dir, and after that docker_config."""
    logins: dict[str, Login] = {}
    registries = list(proxies.registries)
    for number, each in enumerate(registries):
        if each.credentials_dir and files.exists(each.credentials_dir):
            key = f"{at}.registries[{number}].credentials_dir"
            try:
                registries[number] = msgspec.structs.replace(each, mounted=folder_login(each.credentials_dir, files))
            except Unreadable as error:
                reader.complain(reader.place(key), key, f"{each.credentials_dir}: {error}")
    if proxies.secrets_dir and files.exists(proxies.secrets_dir):
        key = f"{at}.secrets_dir"
        try:
            for host, found in folders_logins(proxies.secrets_dir, files):
                if isinstance(found, str):
                    reader.complain(reader.place(key), key, f"{host}: {found}")
                else:
                    logins.setdefault(host, found)
        except Unreadable as error:
            reader.complain(reader.place(key), key, f"{proxies.secrets_dir} {error}")
    if proxies.docker_config and files.exists(proxies.docker_config):
        key = f"{at}.docker_config"
        try:
            held = docker_logins(proxies.docker_config, files)
        except Unreadable as error:
            reader.complain(reader.place(key), key, f"{proxies.docker_config} {error}")
            return proxies
        for is_wrong, words in held.remarks:
            if is_wrong:
                reader.complain(reader.place(key), key, f"{proxies.docker_config}: {words}")
            else:
                reader.warn(key, f"{proxies.docker_config}: {words}")
        for host, login in held.logins.items():
            logins.setdefault(host, login)
    return msgspec.structs.replace(proxies, registries=tuple(registries), logins=logins)

"""The settings of logins and rights: users, and who may do what in which repositories."""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec

from trow.config.keys import Key, Name, Pause
from trow.config.secret import Secret


class Right(StrEnum):
    """What a rule may allow."""

    PULL = "pull"
    PUSH = "push"
    DELETE = "delete"


class User(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Someone who may log in."""

    name: Annotated[Name, Key("Name to log in with", example="ci")]
    password: Annotated[Secret | None, Key("Password, or its hash as `trow hash-password` prints it")] = None
    groups: Annotated[tuple[Name, ...], Key("Groups that rules may name")] = ()

    def complaints(self) -> Iterator[tuple[str, str]]:
        """What is wrong between its keys: key and message."""
        if self.password is None:
            yield "password", "is missing: give password or password_file"
        if ":" in self.name:
            yield "name", "must not hold a colon: no client could log in"
        if self.name == "anonymous":
            yield "name", "is taken: rules mean everybody without a login by it"


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may do what, where."""

    who: Annotated[tuple[Name, ...], Key("Users, groups as group:NAME, or anonymous", example=["anonymous"])]
    repositories: Annotated[tuple[Name, ...], Key("Repositories as globs; the longest match wins", example=["**"])]
    may: Annotated[tuple[Right, ...], Key("Any of pull, push and delete; none denies", example=["pull"])] = ()


class Access(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Logins and rights."""

    htpasswd: Annotated[Path | None, Key("File with more users, as htpasswd -B writes it")] = None
    token_lifetime: Annotated[Pause, Key("How long a token is good")] = 3600.0
    rules: Annotated[tuple[Rule, ...], Key("Who may do what; without a rule a user may do everything")] = ()

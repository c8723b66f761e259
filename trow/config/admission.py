"""The settings of the admission webhook: which images may run."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

import msgspec

from trow.config.keys import Day, Key, Name


class Verdict(StrEnum):
    """What becomes of an image that no rule names; spelt as in Trow 0.10."""

    ALLOW = "Allow"
    DENY = "Deny"


class Mode(StrEnum):
    """What a refusal does."""

    ENFORCE = "enforce"
    WARN = "warn"
    AUDIT = "audit"


class LocalImages(StrEnum):
    """Which images of this registry may run."""

    PRESENT = "present"
    LISTED = "listed"
    ANY = "any"


class Override(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Other rules for some namespaces."""

    namespaces: Annotated[tuple[Name, ...], Key("Namespaces as globs", example=["ci-*"])] = ()
    labels: Annotated[dict[str, str], Key("Labels of the namespaces", example={"team": "platform"})] = msgspec.field(
        default_factory=dict
    )
    mode: Annotated[Mode | None, Key("Mode there")] = None
    default: Annotated[Verdict | None, Key("Default there")] = None
    allow: Annotated[tuple[Name, ...], Key("Prefixes that may run there, beside those of all")] = ()
    deny: Annotated[tuple[Name, ...], Key("Prefixes that may not run there, beside those of all")] = ()

    def complaints(self) -> Iterator[tuple[str, str]]:
        """What is wrong between its keys: key and message."""
        if not self.namespaces and not self.labels:
            yield "namespaces", "is missing: say by namespaces or labels where it applies"


class Exemption(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An image that may run for a while although it is denied."""

    image: Annotated[Name, Key("The image as it is written", example="docker.io/example/old:1.0")]
    owner: Annotated[Name, Key("Who answers for it", example="platform team")]
    reason: Annotated[Name, Key("Why", example="until its successor is out")]
    expires: Annotated[Day, Key("Last day of it", example="2027-12-31")]


class ImageValidation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which images may run."""

    default: Annotated[Verdict, Key("Images that no prefix names: Allow or Deny")] = Verdict.DENY
    allow: Annotated[tuple[Name, ...], Key("Prefixes of images that may run; the longest prefix wins")] = ()
    deny: Annotated[tuple[Name, ...], Key("Prefixes of images that may not run; deny wins ties")] = ()
    local: Annotated[LocalImages, Key("Images of this registry: those present, those listed, or any")] = (
        LocalImages.PRESENT
    )
    mode: Annotated[Mode, Key("What a refusal does: enforce, warn or audit")] = Mode.ENFORCE
    short_names: Annotated[bool, Key("Read nginx as docker.io/library/nginx; false refuses such names")] = True
    overrides: Annotated[tuple[Override, ...], Key("Other rules for some namespaces")] = ()
    exceptions: Annotated[tuple[Exemption, ...], Key("Images that may run until a day")] = ()

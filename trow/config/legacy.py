"""Files of Trow 0.10, which bear no version: what is understood otherwise in them than in ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from trow.config.advice import nearest
from trow.config.upstreams import Sharing

if TYPE_CHECKING:
    from trow.config.model import Config
    from trow.config.reader import Reader

LEGACY_KEYS = frozenset({"registry_proxies", "image_validation"})


def as_trow_010(config: Config, reader: Reader) -> Config:
    """What such a file meant to Trow 0.10, with a warning wherever ours would mean something safer.

    A file without `registry_proxies` was none for 0.10, so nothing was ever opened by it, and nothing is.
    """
    proxies = config.registry_proxies
    if "registry_proxies" not in reader.places:
        return config
    if "registry_proxies.any" not in reader.places:
        proxies = replace(proxies, any=True)
        reader.warn(
            "registry_proxies.any",
            "is true, as in Trow 0.10: any registry can be reached through this one. "
            "With `version: 1` only the listed ones can",
        )
    registries = list(proxies.registries)
    for number, each in enumerate(registries):
        key = f"registry_proxies.registries[{number}]"
        if each.password is not None and f"{key}.share" not in reader.places:
            registries[number] = replace(each, share=Sharing.EVERYONE)
            reader.warn(
                f"{key}.share",
                "is everyone, as in Trow 0.10: whoever can pull from this registry gets what these credentials fetch. "
                "With `version: 1` it is permitted",
            )
    return replace(config, registry_proxies=replace(proxies, registries=tuple(registries)))


def ask_for_version(reader: Reader, keys: set[str], known: set[str]) -> None:
    """Complain of keys that need a version in the file, if it has none."""
    ours = sorted(keys & known - LEGACY_KEYS, key=lambda each: reader.places[each])
    if keys & LEGACY_KEYS:
        for each in ours:
            reader.complain(reader.places[each], each, "is no key of Trow 0.10: begin the file with `version: 1`")
    elif ours and not any(nearest(each, ["version"]) for each in keys):
        reader.complain(reader.places[ours[0]], "version", "is missing: begin the file with `version: 1`")

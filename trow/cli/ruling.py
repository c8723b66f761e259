"""What the settings mean for one image: where it is, who may pull it and whether it may run, each with what decided."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING, Any, NamedTuple

from trow.config.admission import Verdict
from trow.config.units import host as read_host
from trow.oci.image import DOCKER_HUB, ImageReferenceInvalid, parse_image
from trow.oci.reference import PROXIED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trow.cli.settings import Settings
    from trow.config.upstreams import Upstream
    from trow.oci.image import ImageReference

LOCAL, CACHED, REMOTE = "local", "proxied", "remote"
_OLD_HUB = "docker"  # Trow 0.3 had its copies of Docker Hub below f/docker/


class Ruling(NamedTuple):
    """One thing that is decided: `place`, `pull` or `admission`; `key` and `origin` say which setting did it."""

    about: str
    verdict: str
    because: str
    key: str = ""
    origin: str = ""
    in_force: bool = True
    upstream: str | None = None

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return {name: value for name, value in self._asdict().items() if name != "about" and value is not None}

    def source(self) -> str:
        """Which setting decided, and whether it counts, in brackets."""
        where = f"{self.key} {self.origin}" if self.key and self.origin else self.key and f"{self.key}, a default"
        parts = [where, "" if self.in_force else "not in force in this version"]
        said = "; ".join(part for part in parts if part)
        return f" ({said})" if said else ""


def rulings(image: ImageReference, found: Settings, *, user: str | None, namespace: str | None) -> list[Ruling]:
    """Everything that is decided about an image."""
    place = _place(image, found)
    return [place, _pull(place, found, user), _admission(image, place, found, namespace)]


def matches(name: str, prefix: str) -> bool:
    """Whether a reference begins with a prefix and the next part begins there: `quay.io` is not in `quay.io.evil`."""
    return name.startswith(prefix) and (prefix.endswith("/") or name[len(prefix) : len(prefix) + 1] in ("", *"/:@"))


# --- where it is


def _place(image: ImageReference, found: Settings) -> Ruling:
    names = found.config.names
    if image.host not in names:
        return _at_another(image, found)
    key = f"names[{names.index(image.host)}]"
    ours = _origin(found, key, "names")
    if not image.repository.startswith(PROXIED):
        return Ruling("place", LOCAL, f"{image.host} is this registry", key, ours)
    host, _, path = image.repository.removeprefix(PROXIED).partition("/")
    hub = DOCKER_HUB if host == _OLD_HUB else None
    try:
        there = parse_image(f"{hub or host}/{path}")
    except ImageReferenceInvalid:
        there = None
    if not path or there is None or there.host not in (_canonical(host), hub):
        return Ruling("place", LOCAL, f"{image.host} is this registry, and f/{host} names no other", key, ours)
    return _proxied(there, found, f"it is a copy of {there.name}", ours, key)


def _at_another(image: ImageReference, found: Settings) -> Ruling:
    entry = _upstream(image, found.config.registry_proxies.registries)
    if entry is not None:
        return _proxied(image, found, f"{image.host} can be pulled through this registry", "", "")
    if not found.config.names:
        why = f"no name of this registry is known, so {image.host} is another"
        return Ruling("place", REMOTE, why, "names", found.origin("names"))
    why = f"{image.host} is no name of this registry"
    return Ruling("place", REMOTE, why, "names", found.origin("names"))


def _proxied(image: ImageReference, found: Settings, why: str, origin: str, key: str) -> Ruling:
    """`image` as its own registry calls it; the entry for it decides, or that there is none."""
    proxies = found.config.registry_proxies
    number = _upstream(image, proxies.registries)
    if number is not None:
        entry = proxies.registries[number]
        key = f"registry_proxies.registries[{number}]"
        part = f"{entry.host}/{entry.path_prefix}" if entry.path_prefix else entry.host
        why += f", by the entry for {part}"
        origin = _origin(found, f"{key}.path_prefix" if entry.path_prefix else f"{key}.host", key)
    elif proxies.any:
        key, origin = "registry_proxies.any", found.origin("registry_proxies.any")
        why += ", as any registry is"
    else:
        return Ruling("place", LOCAL, f"{why}, but no entry reaches that", key, origin, in_force=False)
    if proxies.offline:
        why += "; only copies that are here are served (registry_proxies.offline)"
    return Ruling("place", CACHED, why, key, origin, in_force=False, upstream=image.name)


def _upstream(image: ImageReference, registries: Sequence[Upstream]) -> int | None:
    """The entry with the longest path that whole parts of the repository begin with."""
    fitting = [
        (len(each.path_prefix), -number)
        for number, each in enumerate(registries)
        if each.host == _canonical(image.host)
        and (not each.path_prefix or f"{image.repository}/".startswith(f"{each.path_prefix}/"))
    ]
    return -max(fitting)[1] if fitting else None


def _canonical(host: str) -> str:
    try:
        return read_host(host)
    except ValueError:
        return host


# --- who may pull it


def _pull(place: Ruling, found: Settings, user: str | None) -> Ruling:
    config = found.config
    if place.verdict == REMOTE:
        return Ruling("pull", "not asked", "its own registry decides who may pull it")
    who = f"{user} too" if user else "with or without a login"
    for key, value in (("access.rules", config.access.rules), ("users", config.users)):
        if value:
            why = f"whoever reaches this registry, {who}: {key} is checked, but no login is asked for in this version"
            return Ruling("pull", "everyone", why, key, found.origin(key), in_force=False)
    return Ruling("pull", "everyone", f"whoever reaches this registry, {who}: there are no users")


# --- whether it may run


def _admission(image: ImageReference, place: Ruling, found: Settings, namespace: str | None) -> Ruling:
    rules = found.config.image_validation
    if rules is None:
        return Ruling("admission", "not judged", "there is no image_validation", in_force=False)
    root = "image_validation"
    default = (rules.default, f"{root}.default")
    matching = list(_matching(str(image), root, rules.allow, rules.deny))
    for number, each in enumerate(rules.overrides):
        if (
            namespace
            and any(fnmatch.fnmatchcase(namespace, pattern) for pattern in each.namespaces)
            and not each.labels
        ):
            inner = f"{root}.overrides[{number}]"
            matching += _matching(str(image), inner, each.allow, each.deny)
            default = (each.default, f"{inner}.default") if each.default else default
    best = max(matching, default=None)
    if best is not None:
        _, denies, key, prefix = best
        verdict = "denied" if denies else "allowed"
        return Ruling("admission", verdict, f"the longest prefix is {prefix}", key, _listed(found, key), in_force=False)
    if place.verdict == LOCAL:
        key = f"{root}.local"
        return Ruling("admission", "as local", f"local images: {rules.local}", key, found.origin(key), in_force=False)
    verdict = "allowed" if default[0] is Verdict.ALLOW else "denied"
    origin = found.origin(default[1])
    return Ruling("admission", verdict, "no prefix names it", default[1], origin, in_force=False)


def _matching(name: str, path: str, allow: Sequence[str], deny: Sequence[str]) -> Iterator[tuple[int, bool, str, str]]:
    """Length, whether it denies, key and prefix of what matches; of two as long, that which denies is the greater."""
    for denies, word, prefixes in ((False, "allow", allow), (True, "deny", deny)):
        for number, prefix in enumerate(prefixes):
            if matches(name, prefix):
                yield len(prefix), denies, f"{path}.{word}[{number}]", prefix


def _listed(found: Settings, key: str) -> str:
    return _origin(found, key, key.rpartition("[")[0])


def _origin(found: Settings, *keys: str) -> str:
    """Of the first key that somebody gave: a flag gives a whole list, the file each entry."""
    if keys[-1] in found.overlay.keys:
        return found.overlay.keys[keys[-1]]
    return next((origin for key in keys if (origin := found.origin(key))), "")

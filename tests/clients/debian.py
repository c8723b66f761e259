"""Clients from Debian, in roots of their own: two suites, unpacked with all that they need; the system is not touched.

apt works on sources, a cache and an (empty) record of installed packages that are all the suite's own, so that it
resolves and fetches everything down to the C library. Nothing is configured: the clients need only files.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.clients.program import Failed, Missing, run

if TYPE_CHECKING:
    from collections.abc import Iterator

# What many clusters still run, and the newest that can be installed together.
OLD, NEW = "bookworm", "testing"
PACKAGES = {
    OLD: ("skopeo", "podman", "buildah", "containerd", "docker.io", "ca-certificates"),
    NEW: ("skopeo", "podman", "buildah", "containerd", "docker.io", "docker-cli", "docker-buildx", "cosign", "curl"),
}
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_LEFT_OUT = ("doc", "man", "locale", "info", "bash-completion", "zsh", "fish")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Root:
    """A folder that is a whole root for its programs."""

    suite: str
    path: Path
    versions: dict[str, str]

    def version(self, package: str) -> str:
        """As its authors count: without epoch, Debian's revision and its marks."""
        return re.split(r"[+~-]", self.versions[package].rpartition(":")[2])[0]


def install(suite: str, build: Path) -> Root:
    """The root of a suite, made once. Raises Missing."""
    path, packages = build / suite, PACKAGES[suite]
    listed = path / ".packages"
    if not listed.exists() or not set(packages) <= set(_versions(listed)):
        for program in ("apt-get", "dpkg-deb", "tar"):
            if shutil.which(program) is None:
                raise Missing(f"{program} is missing: the clients come from Debian's packages, run this on a Debian")
        making = build / f"{suite}.making"
        for folder in (making, path):
            shutil.rmtree(folder, ignore_errors=True)
        try:
            _make(making, suite, packages)
        except Failed as failed:
            wanted = f"apt-get install {' '.join(packages)}"
            raise Missing(f"Debian {suite} gave no clients, wanted was `{wanted}`:\n{failed}") from None
        making.rename(path)
    return Root(suite=suite, path=path, versions=_versions(listed))


def _make(root: Path, suite: str, packages: tuple[str, ...]) -> None:
    apt = root / "apt"
    for folder in ("lists/partial", "cache/archives/partial"):
        (apt / folder).mkdir(parents=True)
    signed = f"[signed-by={_KEYRING}] " if _KEYRING.exists() else ""
    (apt / "sources").write_text(f"deb {signed}{_mirror()} {suite} main\n")
    (apt / "status").touch()
    settings = {
        "Dir::Etc::sourcelist": apt / "sources",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::State": apt,
        "Dir::State::lists": apt / "lists",
        "Dir::State::status": apt / "status",
        "Dir::Cache": apt / "cache",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
        "Acquire::Retries": "3",
    }
    command = ["apt-get", "--quiet", "--yes", *(f"--option={key}={value}" for key, value in settings.items())]
    inherited = dict(os.environ)  # a proxy, if the machine needs one
    run([*command, "update"], env=inherited, seconds=300)
    run([*command, "--no-install-recommends", "--download-only", "install", *packages], env=inherited, seconds=600)
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    archives = sorted((apt / "cache" / "archives").glob("*.deb"))
    for archive in archives:
        _unpack(archive, root)
    for name in ("dev", "proc", "sys", "run", "tmp", "root", "etc", "var/tmp"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc" / "group").write_text("root:x:0:\n")
    (root / "etc" / "hosts").write_text("127.0.0.1 localhost\n")
    names = (archive.stem.split("_")[:2] for archive in archives)
    (root / ".packages").write_text("".join(f"{name} {version.replace('%3a', ':')}\n" for name, version in names))
    shutil.rmtree(apt)


def _unpack(archive: Path, root: Path) -> None:
    left_out = [f"--exclude=./usr/share/{name}" for name in _LEFT_OUT]
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", archive], stdout=subprocess.PIPE) as content:
        subprocess.run(
            ["tar", "--extract", "--keep-directory-symlink", f"--directory={root}", *left_out],
            stdin=content.stdout,
            check=True,
        )
    if content.returncode:
        raise Failed(f"{archive.name} can't be unpacked")


def _versions(listed: Path) -> dict[str, str]:
    return {name: version for name, _, version in (line.partition(" ") for line in listed.read_text().splitlines())}


def _mirror() -> str:
    """Where this machine gets its own Debian from. Raises Missing."""
    for uri, suites, components in _entries():
        if "main" in components and any(not re.search("-|/", suite) for suite in suites):
            return uri
    raise Missing("no Debian among the machine's apt sources: run this on a Debian with a `deb … main` source")


def _entries() -> Iterator[tuple[str, list[str], list[str]]]:
    """The sources of binary packages, in both of apt's forms."""
    folder = Path("/etc/apt")
    for path in (folder / "sources.list", *sorted((folder / "sources.list.d").glob("*.list"))):
        for line in path.read_text().splitlines() if path.exists() else ():
            entry = re.match(r"deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)\s+(.+)", line)
            if entry:
                yield entry[1], [entry[2]], entry[3].split()
    for path in sorted((folder / "sources.list.d").glob("*.sources")):
        text = re.sub(r"^#.*\n", "", path.read_text(), flags=re.MULTILINE)
        for stanza in re.split(r"\n\s*\n", text):
            found = re.findall(r"^(\S+):[ \t]*(.*)$", stanza, re.MULTILINE)
            fields = {key.lower(): value.split() for key, value in found}
            if "deb" in fields.get("types", ()) and fields.get("enabled") != ["no"]:
                for uri in fields.get("uris", ()):
                    yield uri, fields.get("suites", []), fields.get("components", [])

"""What every family of clients is handed: a running registry, images to push, programs, and a place of its own."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from typing import TYPE_CHECKING

from tests.clients import sandbox
from tests.clients.debian import NEW, OLD
from tests.clients.program import Failed, Program, home_env
from tests.support.server import running

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.clients.debian import Root
    from tests.clients.golang import Builds
    from tests.clients.images import Layout
    from tests.clients.registry import Registry
    from tests.clients.report import Report
    from tests.support.server import Server

# Images that one client pushes and all the others pull, each under the tag 1.
MANY = "library/many"  # three platforms, in by skopeo
BUILT = "library/built"  # two platforms, in by buildah
ZSTD = "library/zstd"  # one platform, its layers zstd, in by skopeo
SUITES = (OLD, NEW)
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stage:
    """The surroundings of a run."""

    folder: Path
    registry: Registry
    report: Report
    many: Layout
    plain: Layout
    roots: Mapping[str, Root]
    builds: Builds

    def debian(self, suite: str, package: str, *command: str, name: str | None = None, **env: str) -> Program:
        """A program of a Debian package, in namespaces of its own in the suite's root."""
        root = self.roots[suite]
        return Program(
            name=name or command[0].rpartition("/")[2],
            version=root.version(package),
            entry=sandbox.entry(root.path, self.folder),
            command=command,
            env=home_env(self.home(suite), _PATH, **env),
        )

    def home(self, suite: str) -> Path:
        """The home of the programs of a suite; their /var is in it."""
        return self.folder / "home" / suite

    def forget_blobs(self, suite: str) -> None:
        """Make skopeo, podman and buildah forget which blobs they saw in the registry, and so push new ones."""
        shutil.rmtree(self.home(suite) / "var/lib/containers/cache", ignore_errors=True)

    def built(self, name: str, **env: str) -> Program:
        """A program built from source, which needs no root but the machine's."""
        path, version = self.builds.program(name)
        home = self.folder / "home" / name
        return Program(name=name.rstrip("34"), version=version, command=(str(path),), env=home_env(home, _PATH, **env))

    @contextlib.contextmanager
    def guarded(self, family: str, name: str) -> Iterator[Path]:
        """Tell and count what goes wrong outside a check, when a daemon starts or ends, in a folder of its own."""
        place = self.folder / name
        place.mkdir()
        try:
            yield place
        except Failed as failed:
            self.report.miss(family, f"{name}: {failed}")
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def place(self, program: Program) -> Path:
        """A folder for what a program keeps."""
        path = self.folder / f"{program.name.replace(' ', '-')}-{program.version}"
        path.mkdir(exist_ok=True)
        return path


@contextlib.contextmanager
def trow(data_dir: Path) -> Iterator[Server]:
    """A registry as every part of this suite uses it: plain HTTP on a loopback port, two workers."""
    with running(data_dir, "--workers", "2", prefix=sandbox.BOUND) as server:
        yield server


def repository(program: Program) -> str:
    """Where a client pushes to."""
    return f"{program.name.replace(' ', '/')}/{program.version}"

"""What the README tells a newcomer to type, typed: its console blocks that use a client, as they stand there.

Two things are put in place of others: the port, and a registry on this machine for docker.io. Where the README shows
an answer, it is the answer.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from tests.clients import containerd, docker, podman, skopeo
from tests.clients.debian import NEW
from tests.clients.program import Missing, Program, home_env
from tests.clients.stage import trow

if TYPE_CHECKING:
    from tests.clients.stage import Stage

README = Path(__file__).resolve().parents[2] / "README.md"
WANTED = ("docker", "ctr", "podman", "helm")
_HUB = "docker.io/"
_HUB_IMAGES = "library/alpine"


def blocks(text: str) -> list[list[tuple[str, str]]]:
    """The console blocks: commands, each with the answer that is shown."""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        commands = []
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, answer = re.sub(r"\\\n\s*", "", part).partition("\n")
            commands.append((command.partition(" #")[0].strip(), answer.strip()))
        found.append(commands)
    return found


def run(stage: Stage) -> None:
    place = stage.folder / "first-steps"
    with contextlib.ExitStack() as stack:
        stack.enter_context(stage.guarded("README", place.name))
        server = stack.enter_context(trow(place / "data"))
        programs = {
            "docker": stack.enter_context(docker.running(stage, NEW, place / "docker", snapshotter=False)),
            "ctr": stack.enter_context(containerd.running(stage, NEW, place / "containerd")),
            "podman": podman.make(stage, NEW),
            "skopeo": stage.debian(NEW, "skopeo", "skopeo"),
            "curl": stage.debian(NEW, "curl", "curl", "--silent"),
            "helm": stage.built("helm4"),
        }
        for tag in ("3", "latest"):
            skopeo.push(stage, _HUB_IMAGES, tag)
        shell = _shell(stage, place, programs)

        def here(text: str) -> str:
            return text.replace(":8000", f":{server.port}").replace(_HUB, f"{stage.registry.host}/")

        told = [block for block in blocks(README.read_text()) if block and block[0][0].split()[0] in programs]
        for block in told:
            verbs = ", ".join(" ".join(itertools.takewhile(str.isalpha, command.split())) for command, _ in block)
            with stage.report.check(programs[block[0][0].split()[0]], f"does as the README says: {verbs}"):
                for command, answer in block:
                    said = shell("-e", "-c", here(command), cwd=place)
                    assert not answer or said == here(answer), f"{command}\n{said}"
        typed = {command.split()[0] for block in told for command, _ in block}
        for name in WANTED:
            if name not in typed:
                raise Missing(
                    f"README.md shows no first steps with {name}: a console block that begins with `$ {name} `"
                )


def _shell(stage: Stage, place: Path, programs: dict[str, Program]) -> Program:
    """A shell that finds the clients by their names."""
    folder = place / "bin"
    folder.mkdir()
    home = place / "home"
    trusted = (
        home / ".config" / "containers" / "registries.conf"
    )  # docker.io needs no flag, nor does what stands for it
    trusted.parent.mkdir(parents=True)
    trusted.write_text(f'[[registry]]\nlocation = "{stage.registry.host}"\ninsecure = true\n')
    for name, program in programs.items():
        variables = [f"{key}={value}" for key, value in {**program.env, "HOME": str(home)}.items()]
        words = ["env", "-i", *variables, *program.entry, *program.command]
        (folder / name).write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        (folder / name).chmod(0o755)
    env = home_env(home, f"{folder}:/usr/bin:/bin")
    return Program(name="README", version="", command=("sh",), env=env)

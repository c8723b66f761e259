"""The servers that are compared: how each is started on a loopback port with a folder of its own, and ended.

Each runs as it comes, with its log in a file. nginx serves the same files, without a log: the limit for reads.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from tests.benchmarks import programs
from tests.benchmarks.programs import Missing
from tests.support.server import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

START_SECONDS = 30.0

REGISTRY = """version: 0.1
log: {{accesslog: {{disabled: false}}}}
storage:
  cache: {{blobdescriptor: inmemory}}
  filesystem: {{rootdirectory: {data}}}
http: {{addr: "127.0.0.1:{port}", secret: bench}}
"""

NGINX = """daemon off;
user root;
worker_processes auto;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  default_type application/octet-stream;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    root {data};
    location = /v2/ {{ return 200 "{{}}"; }}
  }}
}}
"""


class Kind(NamedTuple):
    """A program that can be started: `command(program, folder, port)`, with data in `folder/data`."""

    name: str
    find: Callable[[], str]
    command: Callable[[str, Path, int], list[str]]
    pushes: bool = True


def _trow(program: str, folder: Path, port: int) -> list[str]:
    return [program, "-m", "trow", "serve", "--bind", f"127.0.0.1:{port}", "--data-dir", str(folder / "data")]


def _registry(program: str, folder: Path, port: int) -> list[str]:
    config = folder / "config.yml"
    config.write_text(REGISTRY.format(data=folder / "data", port=port))
    return [program, "serve", str(config)]


def _olareg(program: str, folder: Path, port: int) -> list[str]:
    return [program, "serve", "--addr", "127.0.0.1", "--port", str(port), "--dir", str(folder / "data")]


def _nginx(program: str, folder: Path, port: int) -> list[str]:
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, data=folder / "data", port=port))
    return [program, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(config)]


KINDS = (
    Kind("Trow", lambda: sys.executable, _trow),
    Kind("nginx", lambda: programs.debian("nginx", "nginx-light"), _nginx, pushes=False),
    Kind("olareg 0.2", programs.olareg, _olareg),
    Kind("distribution 3.1", programs.distribution, _registry),
    Kind("docker-registry", lambda: programs.debian("docker-registry", "docker-registry"), _registry),
)


class Server:
    """One running program; its processes are a process group of their own."""

    def __init__(self, kind: Kind, program: str, folder: Path) -> None:
        self.kind, self.program, self.folder = kind, program, folder
        self.port = free_port()
        self.data = folder / "data"
        self.data.mkdir(parents=True)
        command = kind.command(program, folder, self.port)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TROW_", "REGISTRY_"))}
        began = time.perf_counter()
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**inherited, "OTEL_TRACES_EXPORTER": "none"},  # distribution would send them to nobody
                start_new_session=True,
            )
        try:
            self._first_answer(began + START_SECONDS)
        except BaseException:
            self.kill()
            raise
        self.start_seconds = time.perf_counter() - began

    def _first_answer(self, deadline: float) -> None:
        while time.perf_counter() < deadline and self.process.poll() is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
            with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
                connection.request("GET", "/v2/")
                if connection.getresponse().status == 200:
                    return
            time.sleep(0.001)
        last = " ".join((self.folder / "log").read_text(errors="replace").split())[-300:]
        raise Missing(f"{self.kind.name} did not start: {last}")

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextlib.contextmanager
def running(kind: Kind, program: str, folder: Path) -> Iterator[Server]:
    """A server that has answered inside the block, and is gone after it."""
    server = Server(kind, program, folder)
    try:
        yield server
    finally:
        server.kill()

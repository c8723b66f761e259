"""A real Trow on a free loopback port, as a user would start it, and ended without leaving anything behind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

READY = "Trow is up and running!"


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """One running `trow serve` with its workers, which form a session and process group of their own."""

    def __init__(
        self,
        data_dir: Path,
        *flags: str,
        port: int | None = None,
        env: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
    ) -> None:
        self.data_dir = data_dir
        self.port = port or free_port()
        self.log_path = data_dir.with_name(f"{data_dir.name}.{self.port}.log")
        self._log = self.log_path.open("wb")  # an earlier server on this port may have left one
        self.process = subprocess.Popen(
            [
                *prefix,
                *(sys.executable, "-m", "trow", "serve", "--bind", f"127.0.0.1:{self.port}"),
                *("--data-dir", str(data_dir), *flags),
            ],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TROW_TEST_WORKER_HEADER": "1", **(env or {})},
            start_new_session=True,
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def wait_ready(self, seconds: float = 20.0) -> Server:
        """Return once the server says that it is ready; raise with its log if it ended or took too long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if READY in self.log():
                return self
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        self.kill()
        raise RuntimeError(f"trow did not start (exit status {self.process.returncode}):\n{self.log()}")

    def workers(self) -> list[int]:
        """The process ids of the workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def stop(self, seconds: float = 30.0) -> int:
        """End it as an operator does; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        finally:
            self.kill()

    def kill(self) -> None:
        """SIGKILL to the whole group, as a node that loses power would, but for the page cache."""
        if self._log.closed:
            return  # killed before: the number may be another group's by now
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._log.close()


@contextlib.contextmanager
def running(
    data_dir: Path,
    *flags: str,
    port: int | None = None,
    env: Mapping[str, str] | None = None,
    prefix: Sequence[str] = (),
) -> Iterator[Server]:
    """A server that is ready inside the block and gone after it."""
    server = Server(data_dir, *flags, port=port, env=env, prefix=prefix)
    try:
        yield server.wait_ready()
    finally:
        server.kill()

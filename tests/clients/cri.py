"""The kubelet's calls to containerd's image service: gRPC over its socket, by curl, with messages made by hand.

They have two short fields between them, which is less than a gRPC library, or the kubelet's own tool, would cost.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from tests.clients.program import Failed
from tests.clients.stage import MANY, ZSTD

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.program import Program
    from tests.clients.stage import Stage


def run(stage: Stage, curl: Program, version: str, socket: Path) -> None:
    kubelet = dataclasses.replace(curl, name="containerd CRI", version=version)
    check, registry = stage.report.check, stage.registry
    image = registry.config(MANY, registry.child(MANY, "1"))

    with check(kubelet, "pulls by tag as the kubelet does (PullImage)"):
        assert _image_id(pull(curl, socket, f"{registry.host}/{MANY}:1")) == image
    with check(kubelet, "pulls by digest (PullImage)"):
        assert _image_id(pull(curl, socket, f"{registry.host}/{MANY}@{stage.many.digest}")) == image
    with check(kubelet, "pulls zstd layers (PullImage)"):
        assert _image_id(pull(curl, socket, f"{registry.host}/{ZSTD}:1")) == registry.config(ZSTD, "1")
    with check(kubelet, "says why an image that is not there can't be pulled"):
        try:
            said = f"pulled {pull(curl, socket, f'{registry.host}/{MANY}:absent')!r}"
        except Failed as failed:
            said = str(failed)
        assert "not found" in said, said


def pull(curl: Program, socket: Path, reference: str) -> bytes:
    """PullImageRequest{image: ImageSpec{image: reference}}; the answer's message. Raises Failed."""
    message = _field(1, _field(1, reference.encode()))
    answer, headers = socket.with_name("grpc-answer"), socket.with_name("grpc-headers")
    curl(
        *("--silent", "--show-error", "--http2-prior-knowledge", f"--unix-socket={socket}"),
        *("--header=content-type: application/grpc", "--header=te: trailers", "--data-binary=@-"),
        *(f"--dump-header={headers}", f"--output={answer}", "http://localhost/runtime.v1.ImageService/PullImage"),
        put=b"\0" + len(message).to_bytes(4, "big") + message,
    )
    trailers = headers.read_text()
    status = re.search(r"^grpc-status: (\d+)", trailers, re.MULTILINE)
    if status is None or status[1] != "0":
        raise Failed(f"PullImage {reference}: {trailers}")
    return answer.read_bytes()[5:]


def _field(number: int, content: bytes) -> bytes:
    """A field of bytes as Protocol Buffers has it; shorter than 128 bytes, as a length of one byte says."""
    assert len(content) < 128
    return bytes(((number << 3) | 2, len(content))) + content


def _image_id(answer: bytes) -> str:
    """PullImageResponse{image_ref}."""
    assert answer[:1] == b"\x0a", answer
    return answer[2 : 2 + answer[1]].decode()

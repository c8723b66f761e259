"""Steps of these tests: read a text as a file, and see what came of it."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from trow.config.loader import Loaded, load_bytes
from trow.config.problems import ConfigError

if TYPE_CHECKING:
    from trow.config.model import Config

HERE = Path("config.yaml")


def loaded(text: str, path: Path = HERE) -> Loaded:
    return load_bytes(textwrap.dedent(text).encode(), path)


def config(text: str, path: Path = HERE) -> Config:
    """The settings of a file of ours, whose version is put before it."""
    return loaded("version: 1\n" + textwrap.dedent(text), path).config


def refused(text: str | bytes, path: Path = HERE) -> list[str]:
    """The lines that say what is wrong, without the path of the file."""
    content = text if isinstance(text, bytes) else textwrap.dedent(text).encode()
    with pytest.raises(ConfigError) as caught:
        load_bytes(content, path)
    return [line.removeprefix(f"{path}:").strip() for line in str(caught.value).splitlines()]


def refused_ours(text: str, path: Path = HERE) -> list[str]:
    """As `refused`, of a file of ours whose first line, the version, isn't written."""
    return refused("version: 1\n" + textwrap.dedent(text), path)


def warnings(text: str, path: Path = HERE) -> list[str]:
    return [str(each).removeprefix(f"{path}:") for each in loaded(text, path).warnings]

"""The layers of ARCHITECTURE.md, held by reading every import: downward only, and nothing that has no room."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parent.parent
LAYERS = (
    ("__main__",),
    ("cli", "server"),
    ("worker",),
    ("listening",),
    ("app",),
    ("api", "web", "kubernetes", "legacy"),
    ("registry", "admission"),
    ("storage", "upstream", "access"),
    ("config", "tls"),
    ("oci", "errors", "log", "metrics"),
    ("__init__",),
)
# beside each other all the same: a command starts the server, values of `oci` refuse with our errors
NEIGHBOURS = {("cli", "server"), ("oci", "errors")}
TAKE_PLAIN_VALUES = ("storage", "upstream", "tls", "oci")
KNOW_THE_FRAMEWORK = {"cli", "server", "worker", "app", "api", "web"}
KNOW_THE_DRIVERS = ("cli", "server", "app", "legacy", "storage")
NO_NAMES = {"utils", "util", "common", "helpers", "core", "manager", "service", "misc"}
NO_IO = {"os", "io", "socket", "asyncio", "pathlib", "subprocess", "threading", "tempfile", "shutil"}
LONGEST = 300


class Import(NamedTuple):
    """What a module imports, and where."""

    module: str
    line: int


def modules() -> dict[str, Path]:
    """Every module of the package, by its dotted name."""
    found = {}
    for path in sorted((ROOT / "trow").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)] = path
    return found


MODULES = modules()


def imports(module: str) -> list[Import]:
    """All of them, also those inside functions and those for types alone."""
    path = MODULES[module]
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [Import(name.name, node.lineno) for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            whole = ".".join([*base, *([node.module] if node.module else [])])
            found += [Import(_module_of(whole, name.name), node.lineno) for name in node.names]
    return found


def _module_of(package: str, name: str) -> str:
    """`from trow import app` names a module, `from trow.errors import BlobUnknown` names something in one."""
    return f"{package}.{name}" if f"{package}.{name}" in MODULES else package


def room(module: str) -> str:
    """The first level below the package; the package itself, which holds the version, is below all."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def layer(name: str) -> int:
    return next(number for number, rooms in enumerate(LAYERS) if name in rooms)


def ours(module: str) -> list[Import]:
    return [each for each in imports(module) if each.module.partition(".")[0] == "trow"]


def all_of_ours() -> list[tuple[str, str, str, str]]:
    """Every import among our own modules: where it stands, from which room, of which room and module."""
    return [
        (f"{MODULES[module].relative_to(ROOT)}:{line}", room(module), room(imported), imported)
        for module in MODULES
        for imported, line in ours(module)
    ]


def test_every_room_has_its_layer() -> None:
    assert {room(module) for module in MODULES} - {name for rooms in LAYERS for name in rooms} == set()


def test_imports_run_downward_only() -> None:
    """A room may import itself, what lies below it, and the few neighbours named above."""
    assert not [
        f"{where}: {mine} is not above {theirs}"
        for where, mine, theirs, _ in all_of_ours()
        if mine != theirs and layer(mine) >= layer(theirs) and (mine, theirs) not in NEIGHBOURS
    ]


def test_rooms_below_the_wiring_take_plain_values_and_no_configuration() -> None:
    assert not [where for where, mine, theirs, _ in all_of_ours() if mine in TAKE_PLAIN_VALUES and theirs == "config"]


def test_only_who_wires_knows_a_storage_driver() -> None:
    """Another driver can come without touching `registry` or `api`."""
    known = ("trow.storage.base", "trow.storage.layout")
    assert not [
        where
        for where, mine, theirs, module in all_of_ours()
        if theirs == "storage" and mine not in KNOW_THE_DRIVERS and module not in known
    ]
    assert not [each for module in known for each in ours(module) if room(each.module) == "storage"]


def test_the_web_framework_is_known_at_the_top_alone() -> None:
    outside = {module: {each.module.partition(".")[0] for each in imports(module)} for module in MODULES}
    assert {room(module) for module in MODULES if "litestar" in outside[module]} <= KNOW_THE_FRAMEWORK
    assert {room(module) for module in MODULES if "granian" in outside[module]} <= {"worker"}


def test_values_do_no_input_or_output() -> None:
    values = [module for module in MODULES if room(module) == "oci"]
    assert values
    assert not [each for module in values for each in imports(module) if each.module.partition(".")[0] in NO_IO]


def test_modules_are_named_after_what_they_own_and_say_so() -> None:
    assert not [module for module in MODULES if NO_NAMES & set(module.split("."))]
    documented = {module: ast.get_docstring(ast.parse(path.read_text())) for module, path in MODULES.items()}
    assert not [module for module, text in documented.items() if not text or len(text.split()) < 3]


def test_a_module_is_read_in_one_sitting() -> None:
    lines = {module: len(path.read_text().splitlines()) for module, path in MODULES.items()}
    assert {module: count for module, count in lines.items() if count > LONGEST} == {}


def test_the_map_draws_the_same_layers() -> None:
    """Those rooms of the map that are built already, in the order in which it draws them."""
    drawn = [line for line in (ROOT / "ARCHITECTURE.md").read_text().splitlines() if line.startswith("cli, server > ")]
    assert len(drawn) == 1
    built = [[name for name in rooms if name in {room(module) for module in MODULES}] for rooms in LAYERS[1:-1]]
    assert [sorted(part.split(", ")) for part in drawn[0].split(" > ")] == [sorted(rooms) for rooms in built]


def test_the_tests_see_an_import_wherever_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "import a.b\nfrom c import d\nif True:\n    from .e import f\ndef g():\n    from trow import app\n"
    (tmp_path / "x.py").write_text(source)
    monkeypatch.setitem(MODULES, "trow.oci.x", tmp_path / "x.py")
    seen = [Import("a.b", 1), Import("c", 2), Import("trow.oci.e", 4), Import("trow.app", 6)]
    assert sorted(imports("trow.oci.x")) == sorted(seen)

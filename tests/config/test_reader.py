"""What is wrong with a file, in the words that its writer reads: all of it, with places and keys, and no values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest

from tests.config.steps import config, refused, refused_ours, warnings
from trow.config.files import Files
from trow.config.keys import Key
from trow.config.model import Address, Config, LogFormat, LogLevel, Sparse, Tls
from trow.config.reader import Reader
from trow.config.tree import parse
from trow.config.units import GIB, MIB, Share
from trow.config.upstreams import WhenCold


def test_a_file_sets_what_it_names_and_leaves_the_rest() -> None:
    found = config(
        """\
        names: [registry.example, "registry.example:5000"]
        listen:
          - address: "[::]:8000"
          - address: 127.0.0.1:8001
        storage: {directory: /var/lib/trow}
        workers: 3
        limits:
          manifest_size: 8MiB
          blob_size: 10GiB
          body_stall: 1m30s
          shutdown: 0
        manifests: {sparse: indexes}
        cors: {origins: ["https://ui.example"]}
        trusted_proxies: [10.0.0.0/8]
        logging: {level: off, format: json}
        registry_proxies:
          max_size: 25%
          registries:
            - {host: quay.io, when_cold: decline, first_byte: 2s}
        """
    )
    assert found.names == ("registry.example", "registry.example:5000")
    assert [each.address for each in found.listen] == [Address("::", 8000), Address("127.0.0.1", 8001)]
    assert (found.data_dir, found.workers, found.sparse) == (Path("/var/lib/trow"), 3, Sparse.INDEXES)
    assert (found.limits.manifest_bytes, found.limits.blob_bytes) == (8 * MIB, 10 * GIB)
    assert (found.limits.stall_seconds, found.shutdown_seconds) == (90.0, 0.0)
    assert (found.cors.origins, found.trusted_proxies) == (("https://ui.example",), ("10.0.0.0/8",))
    assert (found.log_level, found.logging.format) == (LogLevel.OFF, LogFormat.JSON)
    assert found.registry_proxies.max_size == Share(0.25)
    (upstream,) = found.registry_proxies.registries
    assert (upstream.host, upstream.when_cold, upstream.first_byte) == ("quay.io", WhenCold.DECLINE, 2.0)
    assert found.registry_proxies.serve_deleted is True


def test_everything_that_is_wrong_is_told_at_once_in_the_order_of_the_file() -> None:
    lines = refused_ours(
        """\
        limits:
          manifest_sise: 4MiB
          blob_size: ten
        logging:
          level: debgu
        registry_proxies:
          registries:
            - host: https://ghcr.io
              insecure: yes
            - hots: quay.io
              username: 12
        """
    )
    assert lines == [
        "3:3: limits.manifest_sise: is no key that can stand here; did you mean manifest_size?",
        "4:14: limits.blob_size: must be a size, such as 4MiB or 50GiB",
        "6:10: logging.level: must be one of off, error, warn, info, debug, trace; did you mean debug?",
        "9:13: registry_proxies.registries[0].host: must be a host alone, without https:// or the like",
        (
            "10:17: registry_proxies.registries[0].insecure: must be true or false, not text; "
            "in YAML 1.2 only true and false are"
        ),
        "11:7: registry_proxies.registries[1].hots: is no key that can stand here; did you mean host?",
        (
            "12:17: registry_proxies.registries[1].username: must be text, without spaces around it, not a number; "
            "put it in quotes"
        ),
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("limits: [a]", "2:9: limits: must be a mapping of keys, not a list"),
        ("limits: 5", "2:9: limits: must be a mapping of keys, not a number"),
        ("names: trow", "2:8: names: must be a list, not text; begin each entry on a line of its own, as in `- ...`"),
        (
            "listen: :8000",
            "2:9: listen: must be a list, not text; begin each entry on a line of its own, as in `- address: ...`",
        ),
        ("names: {a: b}", "2:8: names: must be a list, not a mapping"),
        ("names: [[a]]", "2:9: names[0]: must be a host, such as docker.io or registry.example:5000, not a list"),
        ("names:\n  -", "3:4: names[0]: must be a host, such as docker.io or registry.example:5000, not nothing"),
        ("workers: 0", "2:10: workers: must be between 1 and 256, or auto"),
        ("workers: many", "2:10: workers: must be auto or a number from 1 to 256"),
        ("workers:", "2:1: workers: has no value: write one, or take the key out"),
        ("limits: {body_stall: 0}", "2:22: limits.body_stall: must be more than 0"),
        ("limits: {body_stall: -1s}", "2:22: limits.body_stall: must be a duration, such as 30s, 10m or 1h30m"),
        ("limits: {manifest_size: 0}", "2:25: limits.manifest_size: must be at least 1"),
        ("limits: {manifest_size: null}", "2:10: limits.manifest_size: has no value: write one, or take the key out"),
        ("storage: {directory: ''}", "2:22: storage.directory: must be a folder"),
        ("manifests: {sparse: All}", "2:21: manifests.sparse: must be one of none, indexes, all; did you mean all?"),
        ("manifests: {sparse: true}", "2:21: manifests.sparse: must be one of none, indexes, all, not true or false"),
        ("listen: []", "2:1: listen: must name at least one address"),
        (
            "listen: [{address: '::'}]",
            "2:20: listen[0].address: must be an address and a port, such as 0.0.0.0:8000 or [::]:8000",
        ),
        (
            "listen: [{address: ':80'}, {address: ':80'}]",
            "2:29: listen[1].address: is the same as that of listen[0]",
        ),
        (
            "listen: [{tls: true}]",
            "2:11: listen[0].tls: this version can't make a certificate of its own: give certificate and key",
        ),
        ("listen: [{tls: {key: nowhere.key}}]", "2:16: listen[0].tls.certificate: is missing"),
        ("listen: [{tls: {key: nowhere.key}}]", "2:22: listen[0].tls.key: nowhere.key doesn't exist"),
        ("listen: [{tls: yes}]", ("2:16: listen[0].tls: must be a mapping of keys or true or false, not text; "
         "in YAML 1.2 only true and false are")),
        ("trusted_proxies: [10.1.0.0/8]", ("2:19: trusted_proxies[0]: has bits set behind its mask; "
         "the network is 10.0.0.0/8")),
        ("cors: {origins: [ui.example]}", "2:18: cors.origins[0]: must be an origin, such as https://ui.example, or *"),
        ("registries: []", "2:1: registries: is no key that can stand here; it belongs under registry_proxies"),
        ("manifest_size: 4", "2:1: manifest_size: is no key that can stand here; it belongs under limits"),
        ("logging: {when_cold: stream}", ("2:11: logging.when_cold: is no key that can stand here; "
         "it belongs under registry_proxies.registries[]")),
        ("logLevel: info", "2:1: logLevel: is no key that can stand here"),
        ("trusted-proxies: {}", "2:1: trusted-proxies: is no key that can stand here; did you mean trusted_proxies?"),
        ("'a b: c': {}", "2:1: ?: is no key that can stand here"),
        ("users: [{password: x}]", "2:9: users[0].name: is missing"),
        ("users: [{name: x}]", "2:9: users[0].password: is missing: give password or password_file"),
        (
            "users: [{name: a, password: x}, {name: a, password: x}]",
            "2:34: users[1].name: is the same as that of users[0]",
        ),
        (
            "access: {rules: [{who: [a], repositories: [b], may: [pul]}]}",
            "2:54: access.rules[0].may[0]: must be one of pull, push, delete; did you mean pull?",
        ),
        (
            "image_validation: {default: deny}",
            "2:29: image_validation.default: must be one of Allow, Deny; did you mean Deny?",
        ),
        (
            "image_validation: {overrides: [{mode: warn}]}",
            "2:32: image_validation.overrides[0].namespaces: is missing: say by namespaces or labels where it applies",
        ),
        (
            "image_validation: {overrides: [{labels: {a: 1}}]}",
            "2:45: image_validation.overrides[0].labels.a: must be text, not a number; put it in quotes",
        ),
        (
            "registry_proxies: {registries: [{host: a}, {host: A}]}",
            "2:44: registry_proxies.registries[1]: is the same host and path_prefix as registries[0]",
        ),
        (
            "registry_proxies: {registries: [{host: a, alias: b}]}",
            ("2:43: registry_proxies.registries[0].alias: is a key of Trow 0.6 to 0.8: "
            "images are now reached as f/<host>/<repository>"),
        ),
        (
            "registry_proxies: {registries: [{host: a, username: u}]}",
            "2:43: registry_proxies.registries[0].username: needs a password or a password_file beside it",
        ),
        (
            "registry_proxies: {registries: [{host: a, username: b, password: c, credentials_dir: .}]}",
            ("2:69: registry_proxies.registries[0].credentials_dir: can't be combined with username and password: "
            "which of them is meant?"),
        ),
        (
            "registry_proxies: {registries: [{host: a, insecure: true, ca: .}]}",
            "2:59: registry_proxies.registries[0].ca: has no use beside insecure: plain HTTP has no certificates",
        ),
        (
            "registry_proxies: {registries: [{host: a, token_realm: 'http://b/token'}]}",
            ("2:43: registry_proxies.registries[0].token_realm: must begin with https://, "
            "or the password would be sent in the clear"),
        ),
        (
            "registry_proxies: {registries: [{host: a, token_realm: 'https://u:p@b/token'}]}",
            "2:56: registry_proxies.registries[0].token_realm: must be a URL, such as https://auth.example/token",
        ),
        ("users: [{name: 'a:b', password: c}]", "2:10: users[0].name: must not hold a colon: no client could log in"),
        (
            "users: [{name: anonymous, password: c}]",
            "2:10: users[0].name: is taken: rules mean everybody without a login by it",
        ),
        ('access: {htpasswd: "a\\nb"}', "2:20: access.htpasswd: must be a path"),
        (
            "registry_proxies: {registries: [{host: a, password: u}]}",
            "2:43: registry_proxies.registries[0].password: needs a username beside it",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_explained(text: str, line: str) -> None:
    assert line in refused_ours(text)


def test_a_section_with_nothing_under_it_is_the_default() -> None:
    text = "limits:\nnames:\nlisten: null\nregistry_proxies: ~\nimage_validation:\nlogging: {}\n"
    assert config(text) == Config()


def test_a_misspelt_key_is_not_called_missing_too() -> None:
    assert refused_ours("registry_proxies:\n  registries:\n    - hsot: quay.io\n") == [
        "4:7: registry_proxies.registries[0].hsot: is no key that can stand here; did you mean host?"
    ]


def test_what_is_no_mapping_is_no_configuration() -> None:
    assert refused("- a\n") == ["1:1: must be a mapping of keys, not a list"]
    assert refused("trow\n") == ["1:1: must be a mapping of keys, not text"]


def test_a_file_of_another_version_is_refused() -> None:
    assert refused("version: 2\n") == ["1:10: version: isn't known to this Trow, which reads version 1"]
    assert refused("version: one\n") == ["1:10: version: must be a version, which is 1"]


def test_a_field_of_the_tests_is_no_key() -> None:
    assert refused_ours("name_worker: true\n") == [
        "2:1: name_worker: is no key that can stand here; did you mean workers?"
    ]
    assert refused_ours("registry_proxies: {logins: {}}\n") == [
        "2:20: registry_proxies.logins: is no key that can stand here"
    ]


def test_certificates_are_sought_beside_the_file(tmp_path: Path) -> None:
    for name in ("a.crt", "a.key"):
        (tmp_path / name).write_text("no real certificate")
    text = "listen: [{address: ':8443', tls: {certificate: a.crt, key: a.key}}]\n"
    (listen,) = config(text, tmp_path / "config.yaml").listen
    assert listen.tls == Tls(certificate=tmp_path / "a.crt", key=tmp_path / "a.key")
    assert (listen.certificate, listen.key) == (tmp_path / "a.crt", tmp_path / "a.key")


def test_parts_that_are_still_to_come_are_accepted_with_a_warning_if_they_are_used() -> None:
    assert warnings("version: 1\ncors: {}\nusers: []\nregistry_proxies: {any: false}\n") == []
    assert warnings(
        """\
        version: 1
        listen: [{address: ":80"}, {address: ":81"}]
        cors: {origins: ["*"]}
        users:
          - {name: a, password: b}
        image_validation: {}
        """
    ) == [
        (
            "4:1: users: is checked but not in force in this version: "
            "ANYONE WHO CAN REACH THIS REGISTRY MAY PUSH AND PULL without a login"
        ),
        "6:1: image_validation: is checked but not in force in this version: no image is judged",
    ]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A section that no file of Trow has."""

    whole: Annotated[int, Key("A whole number"), msgspec.Meta(ge=1, le=100)] = 1
    real: Annotated[float | None, Key("A number")] = None
    table: Annotated[dict[str, tuple[int, ...]], Key("Lists by name")] = msgspec.field(default_factory=dict)
    hidden: int = 0


def walked(text: str) -> tuple[Any, list[str]]:
    node = parse(text).root
    assert node is not None
    reader = Reader("a", Files(Path()), Part, lenient=False, elsewhere=False)
    return reader.read(node), [str(each) for each in reader.problems]


def test_the_walk_knows_no_key_by_its_name() -> None:
    made, problems = walked("{whole: 0x10, real: -1.5, table: {a: [1, -2], b: []}}")
    assert problems == []
    assert made == Part(whole=16, real=-1.5, table={"a": (1, -2), "b": ()})
    for text, problem in (
        ("whole: 0", "a:1:8: whole: must be at least 1"),
        ("whole: 101", "a:1:8: whole: must be at most 100"),
        (f"whole: {'9' * 5000}", "a:1:8: whole: must be at most 100"),
        ("whole: 1.0", "a:1:8: whole: must be a whole number, not a number"),
        ("real: x", "a:1:7: real: must be a number, not text"),
        ("table: [a]", "a:1:8: table: must be a mapping of keys, not a list"),
        ("table: {a: [x]}", "a:1:13: table.a[0]: must be a whole number, not text"),
        ("hidden: 1", "a:1:1: hidden: is no key that can stand here"),
    ):
        assert walked(text)[1] == [problem]


def test_a_flood_of_mistakes_is_cut() -> None:
    lines = refused_ours("\n".join(f"key_{n}_x: 1" for n in range(250)))
    assert len(lines) == 101
    assert lines[-1] == "... and 150 more"

"""How values are written: read as they should be, shown as they can be read again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trow.config import units
from trow.config.units import GIB, MIB, TIB, Address, Share


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("10m", 600), ("1h30m", 5400), ("250ms", 0.25), ("1.5h", 5400), ("7d", 604800), ("1m30s500ms", 90.5)),
        *(("5", 5), ("0.5", 0.5), ("0", 0), ("0s", 0)),
    ],
)
def test_durations_have_units_and_a_bare_number_is_seconds(text: str, seconds: float) -> None:
    assert units.duration(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "10 m", "-1s", "1e3", "10min", "1,5s", "inf", ".5s", "10m5", "1H", "٣s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^$"):
        units.duration(text)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        *(("4MiB", 4 * MIB), ("50GiB", 50 * GIB), ("50Gi", 50 * GIB), ("50 GiB", 50 * GIB), ("1.25GiB", 5 * GIB // 4)),
        *(("10GB", 10**10), ("10G", 10**10), ("10gb", 10**10), ("1kB", 1000), ("1kib", 1024), ("2TiB", 2 * TIB)),
        *(("123", 123), ("123B", 123), ("0.1MB", 100_000), ("0", 0)),
    ],
)
def test_sizes_count_in_1024s_with_an_i_and_in_1000s_without(text: str, count: int) -> None:
    assert units.size(text) == count


@pytest.mark.parametrize("text", ["", "GiB", "-1", "1m", "1k", "4 MiBs", "4iB", "1PiB", "0x10", "1e9", "4MiB ", "50%"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^$"):
        units.size(text)


def test_a_size_beyond_any_disk_is_refused() -> None:
    with pytest.raises(ValueError, match="is larger than any disk"):
        units.size("999999999999999TiB")


def test_room_is_a_size_or_a_share() -> None:
    assert units.room("50GiB") == 50 * GIB
    assert units.room("80%") == Share(0.8)
    assert isinstance(units.room("80%"), Share)
    assert not isinstance(units.room("1"), Share)
    for text in ("0%", "101%"):
        with pytest.raises(ValueError, match="must be more than 0% and at most 100%"):
            units.room(text)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("0.0.0.0:8000", Address("0.0.0.0", 8000)),
        ("[::]:8443", Address("::", 8443)),
        ("[::1]:0", Address("::1", 0)),
        (":5000", Address("0.0.0.0", 5000)),
        ("*:5000", Address("0.0.0.0", 5000)),
        ("5000", Address("0.0.0.0", 5000)),
        ("localhost:80", Address("localhost", 80)),
    ],
)
def test_addresses_have_a_port(text: str, address: Address) -> None:
    assert units.address(text) == address


@pytest.mark.parametrize(
    "text", ["", "localhost", "::", "::1:8000", "[::1]", "a:b", "a:70000", "a b:80", "http://a:80", "[x]:1", "1.2.3.4:"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^$|port between|IP address"):
        units.address(text)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("docker.io", "docker.io"),
        ("index.docker.io", "docker.io"),
        ("registry-1.docker.io", "docker.io"),
        ("GHCR.io", "ghcr.io"),
        ("registry.example:5000", "registry.example:5000"),
        ("[2001:db8::1]:5000", "[2001:db8::1]:5000"),
        ("10.0.0.1:5000", "10.0.0.1:5000"),
        ("localhost", "localhost"),
        ("my_registry", "my_registry"),
    ],
)
def test_hosts_are_lower_case_and_docker_hub_has_one_name(text: str, host: str) -> None:
    assert units.host(text) == host


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("https://ghcr.io", "must be a host alone, without https:// or the like"),
        ("ghcr.io/org", "must be a host alone; what follows the slash is a path"),
        ("a b", ""),
        ("user@host", ""),
        ("host:0", ""),
        ("host:70000", ""),
        ("-a", ""),
        ("", ""),
        ("[zz]", ""),
        ("[1::2::3]", "is not an IP address in its brackets"),
    ],
)
def test_what_is_no_host_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}$"):
        units.host(text)


def test_networks_are_in_cidr_form() -> None:
    assert units.network("10.0.0.0/8") == "10.0.0.0/8"
    assert units.network("10.1.2.3") == "10.1.2.3/32"
    assert units.network("fd00::/8") == "fd00::/8"
    with pytest.raises(ValueError, match=r"has bits set behind its mask; the network is 10.0.0.0/8"):
        units.network("10.1.2.3/8")
    with pytest.raises(ValueError, match=r"^$"):
        units.network("ten")


def test_a_day_is_one_of_the_calendar() -> None:
    assert units.date("2026-12-31").isoformat() == "2026-12-31"
    for text, words in (("2026-02-30", "is no day of the calendar"), ("20261231", ""), ("tomorrow", "")):
        with pytest.raises(ValueError, match=f"^{words}$"):
            units.date(text)


@given(st.integers(0, 1 << 50))
def test_a_size_is_shown_as_it_can_be_read(count: int) -> None:
    assert units.size(str(units.show_size(count))) == count


@given(st.integers(0, 10**9).map(lambda milliseconds: milliseconds / 1000) | st.integers(0, 10**7).map(float))
def test_a_duration_is_shown_as_it_can_be_read(seconds: float) -> None:
    assert units.duration(units.show_duration(seconds)) == pytest.approx(seconds, abs=1e-9)

"""TLS, with a certificate made for the test: by the flags of both versions, of 1.2 and 1.3."""

from __future__ import annotations

import http.client
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.command import assert_one_line, trow
from tests.support.documents import Blob
from tests.support.server import Server, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EC = "EC"
RSA = "RSA"


def make_certificate(folder: Path, kind: str) -> tuple[Path, Path]:
    """A certificate for localhost that signs itself, and its key: PKCS#8 for EC, PKCS#1 for RSA."""
    folder.mkdir(parents=True, exist_ok=True)
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    if kind == EC:
        key, form = ec.generate_private_key(ec.SECP256R1()), PrivateFormat.PKCS8
    else:
        key, form = rsa.generate_private_key(65537, 2048), PrivateFormat.TraditionalOpenSSL
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "domain.crt", folder / "domain.key"
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, form, NoEncryption()))
    return certificate, private


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls") / "certs", EC)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, certificate: tuple[Path, Path]) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("tls-data") / "data"
    with running(data, "--tls", f"{certificate[0]},{certificate[1]}", "--workers", "2") as own:
        yield own


def get(port: int, context: ssl.SSLContext, path: str = "/v2/") -> tuple[int, str | None]:
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        version: str | None = connection.sock.version()
        return response.status, version
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("version", "name"), [(ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")]
)
def test_both_versions_of_tls_are_served(
    server: Server, certificate: tuple[Path, Path], version: ssl.TLSVersion, name: str
) -> None:
    context = ssl.create_default_context(cafile=str(certificate[0]))
    context.minimum_version = context.maximum_version = version

    assert get(server.port, context) == (200, name)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_older_versions_are_not(server: Server, certificate: tuple[Path, Path]) -> None:
    context = ssl.create_default_context(cafile=str(certificate[0]))
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1

    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        get(server.port, context)


def test_plain_http_on_the_tls_port_harms_nobody(server: Server, certificate: tuple[Path, Path]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", "/v2/")
    with pytest.raises((http.client.HTTPException, OSError)):
        connection.getresponse()
    connection.close()

    assert get(server.port, ssl.create_default_context(cafile=str(certificate[0])))[0] == 200


@pytest.mark.parametrize("size", [100, 5_000_000])
def test_a_blob_goes_in_and_out_over_tls(server: Server, certificate: tuple[Path, Path], size: int) -> None:
    context = ssl.create_default_context(cafile=str(certificate[0]))
    connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=context, timeout=30)
    blob = Blob.of(b"x" * size)
    try:
        connection.request("POST", f"/v2/tls/blobs/uploads/?digest={blob.digest}", blob.content)
        with connection.getresponse() as pushed:
            assert (pushed.status, pushed.headers["location"]) == (201, f"/v2/tls/blobs/{blob.digest}")
        for headers, expected in (({}, blob.content), ({"Range": "bytes=7-"}, blob.content[7:])):
            connection.request("GET", f"/v2/tls/blobs/{blob.digest}", headers=headers)
            with connection.getresponse() as pulled:
                assert pulled.read() == expected
    finally:
        connection.close()


@pytest.mark.parametrize("key", [EC, RSA], ids=["EC", "RSA"])
def test_the_flags_of_trow_0_3_serve_tls(tmp_path: Path, key: str) -> None:
    certificate, private = make_certificate(tmp_path, key)

    with running(tmp_path / "data", "-c", str(certificate), "-k", str(private)) as server:
        context = ssl.create_default_context(cafile=str(certificate))
        assert get(server.port, context)[0] == 200
        assert f"https://127.0.0.1:{server.port}" in server.log()


@pytest.mark.parametrize("broken", ["certificate", "key", "pair"])
def test_files_that_are_no_certificate_are_said_in_one_line(tmp_path: Path, broken: str) -> None:
    certificate, private = make_certificate(tmp_path / "one", EC)
    if broken == "certificate":
        certificate.write_text("garbage")
    elif broken == "key":
        private.write_text("garbage")
    else:
        _, private = make_certificate(tmp_path / "two", EC)

    words = ("--bind", "127.0.0.1:0", "--data-dir", str(tmp_path / "data"), "--tls", f"{certificate},{private}")
    result = trow(*words)

    assert_one_line(result, 2 if result.returncode == 2 else 1, str(private if broken == "key" else certificate))


def test_a_missing_certificate_is_said_in_one_line(tmp_path: Path) -> None:
    result = trow("--tls", "--data-dir", str(tmp_path / "data"), cwd=tmp_path)

    assert_one_line(result, 2, "Trow requires a TLS certificate and key, but failed to find them.", "certs/domain.crt")

"""Judge the client certificate helper by a handshake on loopback."""

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import httpx2
import pytest
import trustme

from watchword.client import client_certificate


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    ca, foreign = trustme.CA(), trustme.CA()
    ca.cert_pem.write_to_path(folder / "ca.pem")
    foreign.cert_pem.write_to_path(folder / "foreign.pem")
    for name, leaf in (("server", ca.issue_cert("127.0.0.1")), ("client", ca.issue_cert("billing.example"))):
        leaf.private_key_pem.write_to_path(folder / f"{name}.key")
        leaf.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
    return folder


@pytest.fixture
def url(files: Path) -> Iterator[str]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=files / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(files / "server.pem", files / "server.key")
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            raw, _ = listener.accept()
            with raw, context.wrap_socket(raw, server_side=True) as tls:
                tls.recv(65536)
                alternatives = dict(tls.getpeercert()["subjectAltName"])  # type: ignore[index, arg-type]
                name = alternatives["DNS"].encode()
                tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(name) + name)
        except OSError:
            return

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"https://127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


@pytest.mark.parametrize("library", [httpx2, httpx])
def test_the_certificate_is_presented(library: type[httpx2], files: Path, url: str) -> None:  # type: ignore[valid-type]
    context = client_certificate(files / "client.pem", files / "client.key", files / "ca.pem")
    assert library.get(url, verify=context, timeout=5).text == "billing.example"  # type: ignore[attr-defined]


def test_only_the_given_authority_is_trusted(files: Path, url: str) -> None:
    context = client_certificate(files / "client.pem", files / "client.key", files / "foreign.pem")
    with pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx2.get(url, verify=context, timeout=5)


def test_old_tls_and_unverified_hosts_are_off(files: Path) -> None:
    context = client_certificate(files / "client.pem", files / "client.key", files / "ca.pem")
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_a_key_of_another_certificate_is_refused(files: Path) -> None:
    with pytest.raises(ssl.SSLError):
        client_certificate(files / "client.pem", files / "server.key", files / "ca.pem")


def test_an_encrypted_key_asks_nobody(files: Path, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization as s

    key = s.load_pem_private_key((files / "client.key").read_bytes(), None)
    pem = key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.BestAvailableEncryption(b"pass"))
    (tmp_path / "locked.key").write_bytes(pem)
    with pytest.raises(OSError, match=r".*"):
        client_certificate(files / "client.pem", tmp_path / "locked.key", files / "ca.pem")
    assert client_certificate(files / "client.pem", tmp_path / "locked.key", files / "ca.pem", "pass")

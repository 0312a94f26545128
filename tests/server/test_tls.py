"""Real TLS on loopback: uvicorn, the certificates that clients show, and what the application sees of them."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import pickle
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from tests.certificates import DAY, Made, make, uri

from watchword.adapters.asgi import request_of
from watchword.codec.secrets import digest
from watchword.codec.x509 import ChainVerifier, der_of
from watchword.lifecycle.certificates import issue_client_certificate, issue_server_certificate, new_ca
from watchword.model.credential import Credential, Kind
from watchword.model.records import Subject
from watchword.model.verdict import Principal
from watchword.schemes.mtls import Mtls
from watchword.server.tls import LiveTls, TlsProtocol, live_kwargs, serve_kwargs, ssl_context
from watchword.verdicts import Verdicts

START = int(time.time())
CLOSED = (ssl.SSLError, ConnectionError, http.client.HTTPException)


class FewRecords:
    """Hold what the scheme looks up."""

    def __init__(self) -> None:
        self.credentials: dict[bytes, Credential] = {}
        self.people: dict[str, Subject] = {}

    async def credential_by(self, lookup: bytes) -> Credential | None:
        return self.credentials.get(lookup)

    async def subject(self, name: str) -> Subject | None:
        return self.people.get(name)


class Served:
    """A server that answers every request with the scheme's verdict and the TLS extension it saw."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca_pem, self.ca_key = new_ca("Loopback CA", START)
        self.certificate, self.private_key = folder / "server.pem", folder / "server.key"
        pem, key, _ = issue_server_certificate(self.ca_pem, self.ca_key, ["localhost", "127.0.0.1"], START, START + DAY)
        self.certificate.write_bytes(pem)
        self.private_key.write_bytes(key)
        self.records, self.verdicts = FewRecords(), Verdicts()
        self.scheme = Mtls(self.records, self.verdicts, ChainVerifier(self.ca_pem))  # type: ignore[arg-type]
        self.port = 0

    async def app(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        request = request_of(scope)
        shown = self.scheme.read(request)
        verdict: Any = None
        if shown is not None:
            verdict = self.scheme.verify(shown, request)
            if asyncio.iscoroutine(verdict):
                verdict = await verdict
        tls = dict(scope.get("extensions", {}).get("tls", {}))
        tls["client_cert_der"] = bool(tls.get("client_cert_der"))
        if isinstance(verdict, Principal):
            said: dict[str, Any] = {"subject": verdict.subject}
        else:
            said = {"subject": None, "reason": verdict.reason.code if verdict else "absent"}
        body = json.dumps(said | {"tls": tls, "scheme": scope["scheme"]}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def enrol(self, subject: str) -> Client:
        pem, key, _ = issue_client_certificate(self.ca_pem, self.ca_key, subject, START, START + DAY)
        record = Credential(f"crt_{subject}", Kind.CLIENT_CERT, subject, START, lookup=digest(der_of(pem)))
        self.records.people[subject] = Subject(subject, START)
        assert record.lookup is not None
        self.records.credentials[record.lookup] = record
        return self.client(pem, key)

    def client(self, pem: bytes | None = None, key: bytes | None = None) -> Client:
        context = ssl.create_default_context(cadata=self.ca_pem.decode())
        if pem is not None and key is not None:
            file = self.folder / f"{digest(pem).hex()}.pem"
            file.write_bytes(pem + key)
            context.load_cert_chain(file)
        return Client(self, context, pem)

    def show(self, made: Made) -> Client:
        return self.client(made.pem, made.key_pem)

    @property
    def authority(self) -> Made:
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        key = load_pem_private_key(self.ca_key, None)
        return Made(x509.load_pem_x509_certificate(self.ca_pem), key)  # type: ignore[arg-type]

    def revoke(self, client: Client) -> None:
        assert client.pem is not None
        lookup = digest(der_of(client.pem))
        record = self.records.credentials[lookup]
        self.records.credentials[lookup] = replace(record, revoked_at=START)
        self.verdicts.evict(f"credential:{record.id}")  # what the feed does


@dataclass
class Client:
    """A caller with its certificate."""

    served: Served
    context: ssl.SSLContext
    pem: bytes | None

    def connect(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("localhost", self.served.port, context=self.context, timeout=5)

    def ask(self, connection: http.client.HTTPSConnection | None = None) -> dict[str, Any]:
        with (
            contextlib.closing(connection or self.connect())
            if connection is None
            else contextlib.nullcontext(connection) as used
        ):
            used.request("GET", "/orders?x=1")
            answer: dict[str, Any] = json.loads(used.getresponse().read())
        return answer

    def session(self, version: ssl.TLSVersion, offered: ssl.SSLSession | None = None) -> Session:
        """Ask over a bare TLS socket that offers an earlier session."""
        self.context.maximum_version = version
        raw = socket.create_connection(("localhost", self.served.port), 5)
        with self.context.wrap_socket(raw, server_hostname="localhost", session=offered) as tls:
            answer = b""
            with contextlib.suppress(*CLOSED):
                tls.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                while chunk := tls.recv(65536):
                    answer += chunk
            return Session(tls.session, tls.session_reused is True, answer)


@dataclass
class Session:
    """What became of a connection: the session it left, whether it was an earlier one, and the answer."""

    left: ssl.SSLSession | None
    reused: bool
    answer: bytes


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    place = Served(tmp_path_factory.mktemp("tls"))
    settings = serve_kwargs(place.certificate, place.private_key, place.ca_pem)
    with running(configured(place.app, loop=request.param, **settings)) as place.port:
        yield place


def configured(app: Any, **settings: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app, host="127.0.0.1", port=0, interface="asgi3", log_level="critical", lifespan="off", **settings
    )


@contextlib.contextmanager
def running(config: uvicorn.Config) -> Iterator[int]:
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _ in range(500):
        if server.started:
            break
        time.sleep(0.01)
    assert server.started
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


def test_a_client_with_its_certificate(served: Served) -> None:
    client = served.enrol("service:billing")
    answer = client.ask()
    assert answer["subject"] == "service:billing"
    assert answer["scheme"] == "https"
    tls = answer["tls"]
    assert client.pem is not None
    assert [der_of(pem.encode()) for pem in tls["client_cert_chain"]] == [der_of(client.pem)]
    assert tls["client_cert_name"] == "CN=service:billing"
    assert tls["client_cert_error"] is None
    assert tls["tls_version"] == 0x0304
    assert tls["cipher_suite"] in {0x1301, 0x1302, 0x1303}
    assert set(tls) == {
        "server_cert",
        "client_cert_chain",
        "client_cert_name",
        "client_cert_error",
        "client_cert_der",
        "tls_version",
        "cipher_suite",
    }


def test_a_client_without_one(served: Served) -> None:
    answer = served.client().ask()
    assert (answer["subject"], answer["reason"]) == (None, "absent")
    assert (answer["tls"]["client_cert_chain"], answer["tls"]["client_cert_name"]) == ([], None)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_tls_1_2_is_still_spoken_and_nothing_older(served: Served) -> None:
    client = served.enrol("service:old")
    client.context.maximum_version = ssl.TLSVersion.TLSv1_2
    tls = client.ask()["tls"]
    assert tls["tls_version"] == 0x0303
    assert tls["cipher_suite"] in {0xC02B, 0xC02C, 0xCCA9}  # ECDHE-ECDSA with an AEAD
    older = served.client()
    older.context.minimum_version = ssl.TLSVersion.TLSv1_1
    older.context.maximum_version = ssl.TLSVersion.TLSv1_1
    older.context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        older.ask()


def test_httpx2_shows_its_certificate(served: Served) -> None:
    client = served.enrol("user:alice")
    with httpx2.Client(verify=client.context) as session:
        for _ in range(2):
            assert session.get(f"https://localhost:{served.port}/").json()["subject"] == "user:alice"


def test_two_clients_at_once_are_not_mixed_up(served: Served) -> None:
    alice, bob = served.enrol("user:alice"), served.enrol("user:bob")
    first, second = alice.connect(), bob.connect()
    with contextlib.closing(first), contextlib.closing(second):
        for _ in range(3):
            assert alice.ask(first)["subject"] == "user:alice"
            assert bob.ask(second)["subject"] == "user:bob"


def test_the_certificate_of_one_with_the_key_of_another(served: Served) -> None:
    alice, bob = make(served.authority, [uri("user:alice")], now=START), make(None, [uri("user:bob")], now=START)
    with pytest.raises(ssl.SSLError):
        served.client(alice.pem, bob.key_pem)


@pytest.mark.parametrize(
    "kind", ["other CA", "same-named CA", "self-signed", "expired", "not yet", "usage", "a CA", "the CA"]
)
def test_tls_refuses_the_handshake(served: Served, kind: str) -> None:
    names = [uri("service:billing")]
    authority = served.authority
    twin = make(common="Loopback CA", ca=True, now=START)
    made = {
        "other CA": lambda: make(make(common="Other CA", ca=True, now=START), names, now=START),
        "same-named CA": lambda: make(twin, names, now=START),
        "self-signed": lambda: make(None, names, common="service:billing", now=START),
        "expired": lambda: make(authority, names, now=START, span=(-DAY, -60)),
        "not yet": lambda: make(authority, names, now=START, span=(3600, DAY)),
        "usage": lambda: make(authority, names, now=START, usages=(ExtendedKeyUsageOID.SERVER_AUTH,)),
        "a CA": lambda: make(authority, names, ca=True, now=START),
        "the CA": lambda: authority,
    }[kind]()
    client = served.show(made)
    with pytest.raises(CLOSED):
        client.ask()


@pytest.mark.parametrize("case", ["no usage", "NUL", "server", "not on record"])
def test_the_scheme_refuses_what_tls_lets_in(served: Served, case: str) -> None:
    authority = served.authority
    made, expected = {
        "no usage": lambda: (make(authority, [uri("user:a")], now=START, usages=()), "untrusted_certificate"),
        "NUL": lambda: (make(authority, [x509.DNSName("a.example\0.b")], now=START), "malformed_credential"),
        "server": lambda: (None, ""),
        "not on record": lambda: (make(authority, [uri("user:a")], now=START), "unknown_credential"),
    }[case]()
    if made is None:  # the server's own certificate, from the same CA, is for no client
        with pytest.raises(CLOSED):
            served.client(served.certificate.read_bytes(), served.private_key.read_bytes()).ask()
        return
    assert served.show(made).ask()["reason"] == expected


def test_a_connection_does_not_outlive_the_revocation_of_its_certificate(served: Served) -> None:
    client = served.enrol("service:short")
    with contextlib.closing(client.connect()) as connection:
        assert client.ask(connection)["subject"] == "service:short"
        assert client.ask(connection)["subject"] == "service:short"
        port = connection.sock.getsockname()[1]
        served.revoke(client)
        assert client.ask(connection)["reason"] == "revoked"
        assert connection.sock.getsockname()[1] == port, "it was not the same connection"


def test_tls_1_3_gives_no_ticket_to_come_back_with(served: Served) -> None:
    client = served.enrol("service:again")
    first = client.session(ssl.TLSVersion.TLSv1_3)
    assert b'"service:again"' in first.answer
    assert first.left is not None
    assert not first.left.has_ticket
    served.revoke(client)
    again = client.session(ssl.TLSVersion.TLSv1_3, first.left)
    assert not again.reused
    assert b'"revoked"' in again.answer


def test_tls_1_2_sessions_bring_no_certificate_back(served: Served) -> None:
    client = served.enrol("service:again12")
    first = client.session(ssl.TLSVersion.TLSv1_2)
    assert b'"service:again12"' in first.answer
    assert first.left is not None
    assert not first.left.has_ticket
    served.revoke(client)
    dropped = client.session(ssl.TLSVersion.TLSv1_2, first.left)
    assert (dropped.reused, dropped.answer) == (True, b"")
    again = client.session(ssl.TLSVersion.TLSv1_2, first.left)  # which the server has forgotten: a full handshake
    assert not again.reused
    assert b'"revoked"' in again.answer


def test_plain_http_has_no_extension() -> None:
    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        body = json.dumps("tls" in scope.get("extensions", {})).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        await send({"type": "http.response.body", "body": body})

    with running(configured(app, http=TlsProtocol)) as port:
        assert httpx2.get(f"http://127.0.0.1:{port}/").text == "false"


def test_a_required_certificate(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = serve_kwargs(served.certificate, served.private_key, served.ca_pem, optional=False)
    with running(configured(served.app, **settings)) as port:
        monkeypatch.setattr(served, "port", port)
        assert served.enrol("service:must").ask()["subject"] == "service:must"
        with pytest.raises(CLOSED):
            served.client().ask()


def test_without_a_client_ca_nobody_is_asked(served: Served) -> None:
    assert ssl_context(served.certificate, served.private_key).verify_mode is ssl.CERT_NONE


@pytest.mark.parametrize("bundle", [b"", b"\n", b"junk"])
def test_cve_2026_27586_an_empty_ca_bundle_stops_the_start(served: Served, bundle: bytes) -> None:
    for start in (ssl_context, serve_kwargs):
        with pytest.raises(ValueError, match="client CA bundle"):
            start(served.certificate, served.private_key, bundle)


def test_a_missing_or_foreign_key_stops_the_start(served: Served, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        serve_kwargs(served.certificate, tmp_path / "none.key")
    other = tmp_path / "other.key"
    other.write_bytes(make().key_pem)
    with pytest.raises(ssl.SSLError):
        serve_kwargs(served.certificate, other)


def test_every_authority_of_the_bundle_reaches_openssl(served: Served) -> None:
    second = make(common="Second CA", ca=True, now=START)
    context = ssl_context(served.certificate, served.private_key, served.ca_pem + second.pem)
    assert context.cert_store_stats()["x509_ca"] == 2
    assert context.verify_mode is ssl.CERT_OPTIONAL
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_the_settings_reach_other_processes(served: Served) -> None:
    settings = serve_kwargs(served.certificate, served.private_key, served.ca_pem)
    again = pickle.loads(pickle.dumps(settings))  # noqa: S301 - our own
    assert again["http"] is TlsProtocol
    assert isinstance(again["ssl_context_factory"](None, None), ssl.SSLContext)


def shown_certificate(port: int) -> bytes:
    """Return the server's certificate (DER) as a client sees it that names no server: one that dials an address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port), 5) as raw,
        context.wrap_socket(raw) as tls,
    ):
        found = tls.getpeercert(binary_form=True)
    assert found is not None
    return found


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_cas_of_clients_come_and_go_while_the_server_runs(loop: Any, tmp_path: Path) -> None:
    served = Served(tmp_path)
    live = LiveTls(served.certificate, served.private_key, served.ca_pem)
    settings = live_kwargs(pickle.loads(pickle.dumps(live)))  # noqa: S301 - our own, as a worker gets it
    live = settings["ssl_context_factory"].__self__
    own = served.ca_pem
    with running(configured(served.app, loop=loop, **settings)) as served.port:
        before = served.enrol("service:before")
        kept = before.connect()
        assert before.ask(kept)["subject"] == "service:before"
        second, second_key = new_ca("Loopback CA", START)  # of the same name, as ours are
        served.ca_pem, served.ca_key = second, second_key
        after = served.enrol("service:after")
        after.context.load_verify_locations(cadata=own.decode())
        with pytest.raises(CLOSED):
            after.ask()
        live.trust(own + second)
        served.scheme.trust(ChainVerifier(own + second))
        assert after.ask()["subject"] == "service:after"
        assert before.ask()["subject"] == "service:before"
        live.trust(second)
        assert after.ask()["subject"] == "service:after"
        with pytest.raises(CLOSED):
            before.ask()
        assert before.ask(kept)["subject"] == "service:before"  # its connection stands; its scheme judges it
        kept.close()


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_the_servers_own_certificate_is_replaced_while_it_runs(loop: Any, tmp_path: Path) -> None:
    served = Served(tmp_path)
    live = LiveTls(served.certificate, served.private_key, served.ca_pem)
    first = der_of(served.certificate.read_bytes())
    with running(configured(served.app, loop=loop, **live_kwargs(live))) as served.port:
        assert shown_certificate(served.port) == first
        again, key, _ = issue_server_certificate(served.ca_pem, served.ca_key, ["localhost"], START, START + 2 * DAY)
        served.certificate.write_bytes(again)
        with pytest.raises(ssl.SSLError):  # the key of before does not belong to it: nothing is taken
            live.made()
        assert shown_certificate(served.port) == first
        served.private_key.write_bytes(key)
        live.take(live.made())
        assert shown_certificate(served.port) == der_of(again)
        assert served.enrol("service:billing").ask()["subject"] == "service:billing"


def mimic(of: Made, common: str, *, ca: bool) -> Made:
    """Make a certificate that signs itself and goes by the name, key identifier and serial number of another."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), of.certificate.serial_number)
        .not_valid_before(datetime.fromtimestamp(START - 30, UTC))
        .not_valid_after(datetime.fromtimestamp(START + 400 * DAY, UTC))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(of.key.public_key()), critical=False)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    return Made(builder.sign(key, SHA256()), key)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_rfc_8705_section_2_2_clients_own_certificates_pass_and_prove_nobody_to_mtls(loop: Any, tmp_path: Path) -> None:
    served = Served(tmp_path)
    live = LiveTls(served.certificate, served.private_key, served.ca_pem)
    own, other = make(common="service:billing", now=START), make(common="service:billing", now=START)
    old = make(common="old", now=START, span=(-DAY, -60))
    authority = make(common="app", ca=True, now=START)
    issued = make(authority, [uri("service:billing")], now=START)
    with running(configured(served.app, loop=loop, **live_kwargs(live))) as served.port:
        alice = served.enrol("user:alice")
        kept = alice.connect()
        assert alice.ask(kept)["subject"] == "user:alice"
        for each in (own, issued):
            with pytest.raises(CLOSED):
                served.show(each).ask()
        live.trust(anchors=(own.der, old.der, authority.der))
        for each in (own, issued):  # what a registered one signed passes TLS; it proves nobody
            answer = served.show(each).ask()
            assert (answer["subject"], answer["reason"]) == (None, "untrusted_certificate")
            assert answer["tls"]["client_cert_der"] is True
        for each in (other, old, authority, make(own, now=START)):
            with pytest.raises(CLOSED):
                served.show(each).ask()
        assert alice.ask()["subject"] == "user:alice"
        assert served.client().ask()["reason"] == "absent"
        live.trust(anchors=())
        with pytest.raises(CLOSED):
            served.show(own).ask()
        assert alice.ask(kept)["subject"] == "user:alice"
        kept.close()


@pytest.mark.parametrize("common", ["Loopback CA", "loopback ca", "  Loopback \t CA "])
@pytest.mark.parametrize("ca", [True, False])
def test_a_registered_certificate_takes_no_cas_place(tmp_path: Path, common: str, ca: bool) -> None:
    """OpenSSL finds issuers by name: one of a CA's name would have everybody's certificates refused."""
    served = Served(tmp_path)
    live = LiveTls(served.certificate, served.private_key, served.ca_pem)
    own = make(common="app", now=START)
    taken = mimic(served.authority, common, ca=ca)
    live.trust(anchors=(taken.der, own.der))
    with running(configured(served.app, **live_kwargs(live))) as served.port:
        assert served.enrol("user:alice").ask()["subject"] == "user:alice"
        assert served.show(own).ask()["reason"] == "untrusted_certificate"
        with pytest.raises(CLOSED):
            served.show(taken).ask()


def shaken(server: ssl.SSLContext, shown: Path | None = None) -> int:
    """Let a client and a server shake hands in memory; return how many certificates the server sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if shown is not None:
        context.load_cert_chain(shown)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client, other = context.wrap_bio(back, there), server.wrap_bio(there, back, server_side=True)
    waiting = [client, other]
    for _ in range(8):
        for each in list(waiting):
            with contextlib.suppress(ssl.SSLWantReadError):
                each.do_handshake()
                waiting.remove(each)
    assert waiting == []
    sent: list[Any] = client._sslobj.get_unverified_chain()  # type: ignore[attr-defined]
    return len(sent)


def test_a_registered_certificate_takes_no_place_in_a_chain(tmp_path: Path) -> None:
    """Neither between a CA of the bundle and the one above it, nor in the chain that the server sends of itself."""
    root = make(common="Root", ca=True, now=START)
    between = make(root, common="Between", ca=True, now=START)
    leaf = make(between, [uri("service:billing")], now=START)
    server = make(root, [x509.DNSName("localhost")], now=START, usages=(ExtendedKeyUsageOID.SERVER_AUTH,))
    shown, certificate = tmp_path / "shown.pem", tmp_path / "server.pem"
    shown.write_bytes(leaf.pem + leaf.key_pem)
    certificate.write_bytes(server.pem + server.key_pem)
    anchors = [mimic(root, "Root", ca=ca).der for ca in (True, False)]
    assert shaken(ssl_context(certificate, certificate, between.pem), shown) == 1
    assert shaken(ssl_context(certificate, certificate, between.pem, anchors=anchors), shown) == 1


def test_a_registered_certificate_takes_no_others_place(tmp_path: Path) -> None:
    served = Served(tmp_path)
    live = LiveTls(served.certificate, served.private_key, served.ca_pem)
    own = make(common="app", now=START)
    mimics = [mimic(own, "app", ca=ca) for ca in (True, False)]
    live.trust(anchors=(*(each.der for each in mimics), own.der))
    with running(configured(served.app, **live_kwargs(live))) as served.port:
        for each in (own, *mimics):
            assert served.show(each).ask()["reason"] == "untrusted_certificate"


def test_one_that_cannot_be_read_keeps_no_other_out(served: Served) -> None:
    own = make(common="app", ca=True, now=START)  # only such are listed
    context = ssl_context(
        served.certificate,
        served.private_key,
        served.ca_pem,
        anchors=[b"", b"x", own.der[:-1], own.der + b"x", own.der],
    )
    assert own.der in context.get_ca_certs(binary_form=True)
    asked_of_nobody = ssl_context(served.certificate, served.private_key, anchors=[own.der])
    assert asked_of_nobody.verify_mode is ssl.CERT_NONE


def test_an_empty_bundle_replaces_nothing(served: Served) -> None:
    live = LiveTls(served.certificate, served.private_key, served.ca_pem)
    with pytest.raises(ValueError, match="client CA bundle"):
        live.trust(b"")
    assert live.client_ca == served.ca_pem

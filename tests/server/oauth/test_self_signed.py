"""RFC 8705 section 2.2 under ``watchword serve``: clients prove themselves by certificates of their own, over real TLS.

One server with two workers answers for all of it.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, Final, TypeVar

import httpx2
import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session  # type: ignore[import-untyped]
from cryptography import x509
from tests.certificates import Made, make, uri
from tests.figures.house import PATIENCE, House

from watchword.client import AuthenticationFailed, OAuth2Auth
from watchword.codec.oauth.x5c import jwks_of
from watchword.codec.strict import from_base64url, json_object, to_base64url
from watchword.codec.x509 import der_of
from watchword.lifecycle.clients.book import ClientBook
from watchword.model.credential import Kind

pytestmark = pytest.mark.processes

NOW: Final = time.time()
MORE: Final = '[oauth]\nregistration = "open"\n'
REFUSED: Final = (httpx2.TransportError, ssl.SSLError, ConnectionError)
IN_A_ROW: Final = 5  # connections that are all let in, or all refused: two workers take turns

T = TypeVar("T")


class Place:
    """Hold the server, and what callers need to reach it."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.url = f"https://127.0.0.1:{house.port}"

    def http(self, shown: str | Made = "") -> httpx2.Client:
        """Return a client of one connection, with a certificate: made here, or of a file in the folder."""
        folder = self.house.folder
        context = ssl.create_default_context(cafile=folder / "ca.pem")
        if isinstance(shown, Made):
            (folder / "shown.pem").write_bytes(shown.pem + shown.key_pem)
            shown = "shown"
        if shown:
            context.load_cert_chain(folder / f"{shown}.pem")
        return httpx2.Client(base_url=self.url, verify=context, trust_env=False, timeout=20)

    @contextmanager
    def connected(self, shown: str | Made) -> Iterator[httpx2.Client]:
        """Yield the same on a connection that stands: one worker may hear of a certificate before the other."""
        with self.http(shown) as http:
            patiently(lambda: http.get("/.well-known/oauth-authorization-server").raise_for_status())
            yield http

    def passes(self, shown: str | Made) -> bool:
        """Return whether TLS lets a certificate through; TLS 1.3 says no at the first reading."""
        try:
            with self.http(shown) as http:
                return http.get("/.well-known/oauth-authorization-server").status_code == 200
        except REFUSED:
            return False

    def settles(self, shown: str | Made, passes: bool) -> None:
        """Wait until both workers let a certificate through, or neither does."""
        end, row = time.monotonic() + PATIENCE, 0
        while row < IN_A_ROW:
            assert time.monotonic() < end, self.house.output()
            row = row + 1 if self.passes(shown) is passes else 0
            if not row:
                time.sleep(0.05)

    def add(self, name: str, made: Made | None, **fields: Any) -> str:
        """Add a client as another process does, and wait for nothing."""

        async def work() -> str:
            async with self.house.operator() as watchword:
                book = ClientBook(watchword.store, watchword.lifecycle, clock=watchword.clock)
                keys = {} if made is None else {"jwks": jwks_of(made.pem), "auth_method": "self_signed_tls_client_auth"}
                return (await book.add(f"service:{name}", {**keys, **fields}, by="test")).credential.id

        return asyncio.run(work())

    def token(self, http: httpx2.Client, client_id: str) -> httpx2.Response:
        return http.post("/oauth/token", data={"client_id": client_id, "grant_type": "client_credentials"})


def patiently(act: Callable[[], T]) -> T:
    """Do it again while TLS refuses it."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return act()
        except (*REFUSED, requests.ConnectionError):
            assert time.monotonic() < end
            time.sleep(0.05)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with House(tmp_path_factory.mktemp("self") / "house", tls=True, more=MORE) as house:
        yield Place(house)


@pytest.fixture(scope="module")
def billing(place: Place) -> str:
    """Register a certificate that openssl made on the command line; return the client's id."""
    folder = place.house.folder
    made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout own.key -out cert.pem -days 30"
    subprocess.run(["openssl", *made.split(), "-subj", "/CN=billing"], cwd=folder, check=True, capture_output=True)
    (folder / "own.pem").write_bytes((folder / "cert.pem").read_bytes() + (folder / "own.key").read_bytes())
    run = [sys.executable, "-m", "watchword", "--config", str(folder / "watchword.toml"), "--json"]
    options = ["--auth-method", "self_signed_tls_client_auth", "--jwks", str(folder / "cert.pem")]
    words = [*run, "client", "add", "billing", *options, "--certificate-bound", "--scope", "orders:read"]
    added = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
    place.settles("own", True)
    return str(added["client_id"])


def claims(token: str) -> dict[str, Any]:
    found = json_object(from_base64url(token.split(".")[1].encode()) or b"")
    assert found is not None
    return found


def invalid(answer: httpx2.Response) -> None:
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})


def test_a_certificate_of_its_own_proves_the_client_and_binds_its_tokens(place: Place, billing: str) -> None:
    der = der_of((place.house.folder / "cert.pem").read_bytes())
    with place.connected("own") as http:
        said = http.get("/.well-known/oauth-authorization-server").json()
        assert "self_signed_tls_client_auth" in said["token_endpoint_auth_methods_supported"]
        answer = place.token(http, billing)
        assert answer.status_code == 200, answer.text
        token = answer.json()["access_token"]
        assert claims(token)["cnf"] == {"x5t#S256": to_base64url(sha256(der).digest()).decode()}
        bearer = {"authorization": f"Bearer {token}"}
        who = http.get("/whoami", headers=bearer)
        assert (who.status_code, who.json()["subject"], who.json()["scheme"]) == (200, "service:billing", "oauth2")
        told = http.post("/oauth/introspect", data={"client_id": billing, "token": token}).json()
        assert (told["active"], told["cnf"]) == (True, claims(token)["cnf"])
        assert http.get("/whoami").status_code == 401  # the certificate alone is nobody's
    with place.http() as thief:
        assert thief.get("/whoami", headers=bearer).status_code == 401
        invalid(place.token(thief, billing))


def test_authlib_and_our_own_client(place: Place, billing: str) -> None:
    folder = place.house.folder
    session = OAuth2Session(billing, token_endpoint_auth_method="none", scope="orders:read")
    session.cert, session.verify = (folder / "cert.pem", folder / "own.key"), folder / "ca.pem"
    session.trust_env = False
    with session:
        token = patiently(lambda: session.fetch_token(f"{place.url}/oauth/token", grant_type="client_credentials"))
        assert token["scope"] == "orders:read"
        assert session.get(f"{place.url}/whoami").json()["subject"] == "service:billing"
    auth = OAuth2Auth.client_credentials(billing, None, issuer=place.url, mtls=True)
    with place.connected("own") as http:
        assert http.get("/whoami", auth=auth).json()["scheme"] == "oauth2"
    again = OAuth2Auth.client_credentials(billing, None, issuer=place.url, mtls=True)
    with place.http() as thief, pytest.raises(AuthenticationFailed, match="invalid_client"):
        thief.get("/whoami", auth=again)


def test_tls_refuses_strangers_and_what_has_ended(place: Place, billing: str) -> None:
    ended, last = make(common="ended", now=NOW, span=(-7200, -3600)), make(common="last", now=NOW)
    place.add("ended", ended)
    place.add("last", last)
    place.settles(last, True)
    for each in (make(common="billing", now=NOW), make(common="last", now=NOW), ended, make(last, now=NOW)):
        assert not place.passes(each)


def test_what_a_registered_ca_signs_proves_nobody(place: Place, billing: str) -> None:
    """Its certificates pass TLS: whoever registers has that much say. Nothing believes them."""
    authority = make(common="evil", ca=True, now=NOW)
    evil, victim = place.add("evil", authority), place.add("victim", make(common="victim", now=NOW))
    names = {"tls_client_auth_san_uri": "urn:watchword:service:billing"}
    named = place.add("named", None, auth_method="tls_client_auth", **names)
    issued = make(authority, [uri("service:billing")], common="victim", now=NOW)
    place.settles(issued, True)
    with place.connected(issued) as http:
        for each in (evil, victim, named, billing):
            invalid(place.token(http, each))
        assert http.get("/whoami").status_code == 401  # mtls
        with place.connected("own") as own:
            token = place.token(own, billing).json()["access_token"]
        assert http.get("/whoami", headers={"authorization": f"Bearer {token}"}).status_code == 401


def test_it_goes_with_its_client(place: Place) -> None:
    first, second = make(common="gone", now=NOW), make(common="gone", now=NOW)
    client = place.add("gone", first)
    place.settles(first, True)

    def changed(act: Callable[[ClientBook], Any]) -> None:
        async def work() -> None:
            async with place.house.operator() as watchword:
                await act(ClientBook(watchword.store, watchword.lifecycle, clock=watchword.clock))

        asyncio.run(work())

    with place.connected(first) as kept:
        assert place.token(kept, client).status_code == 200
        changed(lambda book: book.change(client, {"jwks": jwks_of(second.pem)}, by="test"))
        place.settles(second, True)
        invalid(place.token(kept, client))  # its connection stands; it is judged anew
    place.settles(first, False)
    with place.connected(second) as kept:
        assert place.token(kept, client).status_code == 200
        changed(lambda book: book.remove(client, reason="test", by="test"))
        place.settles(second, False)
        invalid(place.token(kept, client))


def test_a_client_registers_its_certificate_itself(place: Place) -> None:
    own, other = make(common="Watchword", now=NOW), make(common="registered", now=NOW)
    keys = jwks_of(own.pem + other.pem)
    given = {
        "redirect_uris": ["https://app.example/cb"],
        "token_endpoint_auth_method": "self_signed_tls_client_auth",
        "jwks": keys,
    }
    with place.http() as http:
        crossed = {**keys["keys"][0], "x5c": keys["keys"][1]["x5c"]}
        answer = http.post("/oauth/register", json={**given, "jwks": {"keys": [crossed]}})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")
        answer = http.post("/oauth/register", json=given)
        assert answer.status_code == 201, answer.text
        said = answer.json()
        assert said["jwks"] == given["jwks"]
    place.settles(other, True)
    with place.connected(other) as http:
        form = {"client_id": said["client_id"], "grant_type": "authorization_code", "code": "none"}
        more = {"redirect_uri": "https://app.example/cb", "code_verifier": "v" * 43}
        answer = http.post("/oauth/token", data={**form, **more})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")  # who it is was not the matter


async def _enrol(house: House) -> dict[str, str]:
    async with house.operator() as watchword:
        await watchword.lifecycle.add_subject("service:enrolled", by="test")
        return dict((await watchword.lifecycle.issue(Kind.CLIENT_CERT, "service:enrolled", by="test")).material)


def test_a_registered_certificate_of_our_cas_name_locks_nobody_out(place: Place) -> None:
    material = asyncio.run(_enrol(place.house))
    (place.house.folder / "enrolled.pem").write_text(material["certificate"] + material["private_key"])
    authority = (place.house.folder / "ca.pem").read_bytes()
    names = x509.load_pem_x509_certificate(authority).subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    taken, after = make(common=str(names[0].value), ca=True, now=NOW), make(common="after", now=NOW)
    place.add("mimic", taken)
    place.add("after", after)
    place.settles(after, True)
    place.settles("enrolled", True)
    assert not place.passes(make(taken, [uri("service:enrolled")], now=NOW))
    with place.connected("enrolled") as http:
        assert http.get("/whoami").json()["subject"] == "service:enrolled"

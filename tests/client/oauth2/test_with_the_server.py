"""Log in at the real server by every library: browser, device, machine; bound tokens, refresh, resource discovery."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.client.callers import Caller
from tests.client.oauth2.api import GuardedApi
from tests.client.oauth2.test_identity import pem
from tests.person import Person
from tests.server.live import PASSWORD, Live, live
from watchword.client import AuthenticationFailed, OAuth2Auth
from watchword.client.oauth2 import AuthorizationCode, DeviceAuthorization, Prompt
from watchword.codec.jose import VerificationKey
from watchword.model.credential import Kind

REDIRECT = "http://127.0.0.1/callback"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.fixture(scope="module")
def api() -> Iterator[GuardedApi]:
    serving = GuardedApi()
    yield serving
    serving.stop()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, api: GuardedApi) -> Iterator[Live]:
    toml = f'issuer = "{{url}}"\n[[resource]]\nuri = "{api.resource}"\n'
    with live(tmp_path_factory.mktemp("oauth2"), toml) as running:
        api.issuer = running.url
        running.service("app")
        running.user("alice", scopes=("orders:read", "orders:write"))
        yield running


@pytest.fixture
def alice(house: Live) -> Iterator[Person]:
    person = Person(house.url, "alice", PASSWORD)
    yield person
    person.close()


def registered(house: Live, *grants: str, **more: Any) -> Any:
    options = {"grants": list(grants), "redirect_uris": [REDIRECT], "public": True, "first_party": True, **more}
    scopes = ("orders:read", "orders:write")
    return house.issue(Kind.OAUTH_CLIENT, "service:app", scopes=scopes, options=options).material


def browser(person: Person) -> AuthorizationCode:
    """Return the code flow whose browser is the person's, in a thread of its own as a browser is."""

    def show(url: str) -> None:
        threading.Thread(target=person.visit, args=(url,), daemon=True).start()

    return AuthorizationCode(show=show, seconds=15)


@pytest.mark.parametrize("dpop", [False, True])
@pytest.mark.parametrize("first_party", [True, False])
def test_code(caller: Caller, house: Live, alice: Person, dpop: bool, first_party: bool) -> None:
    client = registered(house, "authorization_code", "refresh_token", first_party=first_party)
    auth = OAuth2Auth(None, client["client_id"], None, "orders:read", flow=browser(alice), issuer=house.url, dpop=dpop)
    who = caller.send(auth, "GET", f"{house.url}/whoami").json()
    assert (who["subject"], who["scheme"], who["scopes"]) == ("user:alice", "oauth2", ["orders:read"])
    assert "You are logged in" in alice.pages[-1]
    token = auth.current()
    assert token is not None
    assert (token.bound, bool(token.refresh)) == (dpop, True)
    auth._proof = None
    assert caller.send(auth, "GET", f"{house.url}/whoami").status_code == 200
    assert auth.current() != token  # refreshed: nobody was asked again
    assert sum("You are logged in" in page for page in alice.pages) == 1


def test_twenty_requests_at_once_open_one_browser(caller: Caller, house: Live, alice: Person) -> None:
    client = registered(house, "authorization_code", "refresh_token")
    auth = OAuth2Auth(None, client["client_id"], None, "orders:read", flow=browser(alice), issuer=house.url)
    answers = caller.at_once(auth, f"{house.url}/whoami", 20)
    assert [answer.status_code for answer in answers] == [200] * 20
    assert sum("You are logged in" in page for page in alice.pages) == 1


def test_other_tasks_go_on_while_a_person_logs_in(house: Live, alice: Person) -> None:
    client = registered(house, "authorization_code")
    ticks = 0

    async def main() -> int:
        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        def show(url: str) -> None:
            threading.Timer(0.3, alice.visit, (url,)).start()

        flow = AuthorizationCode(show=show, seconds=15)
        auth = OAuth2Auth(None, client["client_id"], None, "orders:read", flow=flow, issuer=house.url)
        ticking = asyncio.create_task(tick())
        async with httpx2.AsyncClient(auth=auth, trust_env=False) as http:
            status = (await http.get(f"{house.url}/whoami")).status_code
        ticking.cancel()
        return int(status)

    assert asyncio.run(main()) == 200
    assert ticks > 10


def test_a_login_that_is_cancelled_listens_no_longer(house: Live) -> None:
    client = registered(house, "authorization_code")
    shown: list[str] = []

    async def main() -> None:
        flow = AuthorizationCode(show=shown.append, seconds=15)
        auth = OAuth2Auth(None, client["client_id"], None, "orders:read", flow=flow, issuer=house.url)
        async with httpx2.AsyncClient(auth=auth, trust_env=False) as http:
            asking = asyncio.create_task(http.get(f"{house.url}/whoami"))
            while not shown:
                await asyncio.sleep(0.01)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking

    asyncio.run(main())
    assert not [each for each in threading.enumerate() if each.name == "watchword-login"]


def test_a_person_who_declines(house: Live) -> None:
    client = registered(house, "authorization_code", first_party=False)
    person = Person(house.url, "alice", PASSWORD, decision="deny")
    auth = OAuth2Auth(None, client["client_id"], None, "orders:read", flow=browser(person), issuer=house.url)
    with pytest.raises(AuthenticationFailed, match="access_denied"):
        Caller("httpx2").send(auth, "GET", f"{house.url}/whoami")
    person.close()


def test_an_api_elsewhere_says_where_to_log_in_and_what_it_needs(
    caller: Caller, house: Live, alice: Person, api: GuardedApi
) -> None:
    client = registered(house, "authorization_code", "refresh_token", first_party=False)
    auth = OAuth2Auth(None, client["client_id"], flow=browser(alice))
    read = caller.send(auth, "GET", api.resource)
    assert (read.status_code, read.json()) == (200, {"who": "user:alice", "scope": "orders:read"})
    write = caller.send(auth, "POST", api.resource, content=b"{}")
    assert (write.status_code, write.json()["scope"]) == (200, "orders:read orders:write")
    assert sum("You are logged in" in page for page in alice.pages) == 2
    # What it was given for this API goes nowhere else.
    assert caller.send(auth, "GET", f"{house.url}/whoami").status_code == 401


@pytest.mark.parametrize("dpop", [False, True])
def test_device(house: Live, alice: Person, dpop: bool) -> None:
    client = registered(house, DEVICE, "refresh_token")
    slept: list[float] = []

    def show(prompt: Prompt) -> None:
        assert prompt.verification_uri == f"{house.url}/device"
        alice.visit(prompt.verification_uri, user_code=prompt.user_code)

    def sleep(seconds: float) -> Future[None]:
        slept.append(seconds)
        done: Future[None] = Future()
        done.set_result(None)
        return done

    flow = DeviceAuthorization(show, sleep)
    auth = OAuth2Auth(None, client["client_id"], None, "orders:read", flow=flow, issuer=house.url, dpop=dpop)
    who = Caller("httpx2").send(auth, "GET", f"{house.url}/whoami").json()
    assert (who["subject"], who["scopes"]) == ("user:alice", ["orders:read"])
    assert slept[0] == 5


@pytest.mark.parametrize("dpop", [False, True])
def test_client_credentials(caller: Caller, house: Live, dpop: bool) -> None:
    client = registered(house, "client_credentials", public=False)
    auth = OAuth2Auth.client_credentials(
        client["client_id"], client["client_secret"], "orders:read", issuer=house.url, dpop=dpop
    )
    who = caller.send(auth, "GET", f"{house.url}/whoami").json()
    assert (who["subject"], who["scopes"]) == ("service:app", ["orders:read"])


def keyed(house: Live, *grants: str, **more: Any) -> tuple[str, bytes]:
    """Return id and private key of a client that proves itself by a key."""
    key = ed25519.Ed25519PrivateKey.generate()
    jwks = {"keys": [VerificationKey(key.public_key(), "k1").public_jwk()]}
    client = registered(house, *grants, public=False, auth_method="private_key_jwt", jwks=jwks, **more)
    return client["client_id"], pem(key)


def test_private_key_jwt(caller: Caller, house: Live) -> None:
    client_id, key = keyed(house, "client_credentials")
    auth = OAuth2Auth.client_credentials(client_id, None, "orders:read", issuer=house.url, private_key=key, kid="k1")
    assert caller.send(auth, "GET", f"{house.url}/whoami").json()["subject"] == "service:app"


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    toml = 'issuer = "{url}"\n[oauth]\nprofile = "fapi2"\ndpop_nonces = true\n'
    with live(tmp_path_factory.mktemp("fapi2"), toml) as running:
        running.service("app")
        running.user("alice", scopes=("orders:read", "orders:write"))
        yield running


def test_fapi_2_pushed_request_signed_assertion_bound_token_and_nonces(caller: Caller, strict: Live) -> None:
    person = Person(strict.url, "alice", PASSWORD)
    client_id, key = keyed(strict, "authorization_code", "refresh_token")
    auth = OAuth2Auth(
        None,
        client_id,
        None,
        "orders:read",
        flow=browser(person),
        issuer=strict.url,
        private_key=key,
        kid="k1",
        dpop=True,
    )
    assert caller.send(auth, "GET", f"{strict.url}/whoami").json()["subject"] == "user:alice"
    auth._proof = None
    assert caller.send(auth, "GET", f"{strict.url}/whoami").status_code == 200
    person.close()


def test_fapi_2_lets_nobody_in_with_less(strict: Live) -> None:
    client_id, key = keyed(strict, "client_credentials")
    auth = OAuth2Auth.client_credentials(client_id, None, "orders:read", issuer=strict.url, private_key=key, kid="k1")
    with pytest.raises(AuthenticationFailed, match="invalid_"):
        Caller("httpx2").send(auth, "GET", f"{strict.url}/whoami")

"""The second step of a login: asked for by page and by JSON, bound to its browser, worth one login."""

from __future__ import annotations

import html
import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from tests.authenticator import Authenticator
from tests.server.live import PASSWORD, Live, live

from watchword.codec.otp import Totp
from watchword.model.credential import Kind

LIMITS = '[limits]\naddress = "100000/min"\naccount = "1000/min"\nlogins = ""\n[mfa]\nrp_id = "localhost"\n'
ORIGIN = "http://localhost:8000"


class Person:
    """Hold somebody with an authenticator app, recovery codes and a passkey."""

    def __init__(self, server: Live, name: str, *, passkey: bool = True) -> None:
        self.server, self.name, self.subject = server, name, f"user:{name}"
        server.user(name, scopes=("orders:read",))
        factors, me = server.watchword.factors, self.subject
        draft = server.do(factors.begin_totp(me))
        self.totp = Totp(draft.secret)
        made = server.do(factors.finish_totp(me, draft.handle, self.code(-1), name="App", by=me))
        assert made.kind is Kind.TOTP, made
        self.recovery = list(server.do(factors.new_recovery_codes(me, by=me)))
        self.device = Authenticator(ORIGIN)
        if passkey:
            begun = server.do(factors.begin_passkey(me))
            response = self.device.create(begun.options)
            kept = server.do(factors.finish_passkey(me, begun.handle, response, name="Key", by=me))
            assert kept.kind is Kind.PASSKEY, kept

    def code(self, later: int = 0) -> str:
        """Return the code of now, or of so many half minutes later: each is accepted once."""
        return self.totp.code(int(time.time()) // 30 + later)

    def challenge(self, client: httpx2.Client) -> dict[str, Any]:
        answer = client.post("/login", json={"username": self.name, "password": PASSWORD})
        assert answer.status_code == 403, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    toml = f'issuer = "{ORIGIN}"\n{LIMITS}origins = ["{ORIGIN}"]\n'
    with live(tmp_path_factory.mktemp("mfa"), toml) as running:
        yield running


@pytest.fixture
def client(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as made:
        yield made


_count = iter(range(1000))


@pytest.fixture
def person(server: Live) -> Person:
    return Person(server, f"person{next(_count)}")


def whoami(client: httpx2.Client, given: dict[str, Any]) -> dict[str, Any]:
    return client.get("/whoami", headers={"authorization": f"Bearer {given['token']}"}).json()


def test_json_asks_for_a_second_factor_and_gives_tokens_for_it(client: httpx2.Client, person: Person) -> None:
    due = person.challenge(client)
    assert due["type"] == "urn:watchword:problem:mfa_required"
    assert due["factors"] == ["otp", "webauthn", "recovery"]
    answer = client.post("/login/mfa", json={"challenge": due["challenge"], "code": person.code()})
    assert answer.status_code == 200, answer.text
    assert answer.json().keys() == {"token", "token_type", "expires_in", "refresh_token"}
    who = whoami(client, answer.json())
    assert (who["factors"], who["scopes"]) == (["pwd", "otp", "mfa"], ["orders:read"])
    again = client.post("/login/mfa", json={"challenge": due["challenge"], "code": person.recovery[0]})
    assert again.status_code == 401, "a challenge is worth one login"

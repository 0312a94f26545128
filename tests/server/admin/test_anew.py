"""People prove themselves again before they reveal or destroy; machines cannot, and have other bounds."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import httpx2
import pytest
from tests.server.admin.operators import asking, problem
from tests.server.live import PASSWORD, Live, live

from watchword.model.credential import Credential, Kind
from watchword.model.records import Add
from watchword.model.request import Peer, Request
from watchword.model.verdict import Principal, Rejection
from watchword.server.admin.anew import Anew

PLACE = "/admin/v1/credentials"
BOTH = ("admin:credentials:read", "admin:credentials:write")
NEW = {"kind": "api-key", "subject": "service:billing"}
NOW = 100_000.0


class Factors:
    def __init__(self, *kinds: Kind) -> None:
        self._held = tuple(Credential(f"x_{kind}", kind, "user:alice", 1) for kind in kinds)

    async def enrolled(self, subject: str) -> tuple[Credential, ...]:
        return self._held


async def _judged(who: Principal, *kinds: Kind) -> Any:
    guard = Anew(600.0, Factors(*kinds), lambda: NOW)  # type: ignore[arg-type]
    answer = guard.check(Request("POST", b"/", b"", [], Peer()), who)
    return answer if isinstance(answer, tuple) else await answer  # type: ignore[misc]


def judged(who: Principal, *kinds: Kind) -> bool:
    import asyncio

    return not isinstance(asyncio.run(_judged(who, *kinds)), Rejection)


def alice(at: float = NOW, **proved: float) -> Principal:
    claims = MappingProxyType({"proved": proved} if proved else {})
    return Principal("user:alice", "session", "ses_1", frozenset(), tuple(proved), int(at), claims)


@pytest.mark.parametrize("age", [0, 600, -59])
def test_a_login_of_lately_is_enough_where_there_is_no_second_factor(age: float) -> None:
    assert judged(alice(NOW - age))


@pytest.mark.parametrize("age", [601, -61, NOW])
def test_a_login_of_before_is_not(age: float) -> None:
    assert not judged(alice(NOW - age))


def test_who_has_second_factors_has_to_have_proved_one_of_them() -> None:
    assert not judged(alice(pwd=NOW), Kind.TOTP)
    assert not judged(alice(pwd=NOW, otp=NOW - 700), Kind.TOTP)
    assert judged(alice(NOW - 9000, otp=NOW - 500), Kind.TOTP)
    assert judged(alice(webauthn=NOW), Kind.TOTP, Kind.PASSKEY)
    assert not judged(alice(webauthn=NOW), Kind.TOTP)  # a passkey that was removed


def test_ghsa_hp74_gm6m_2qm5_others_do_not_say_when_our_factors_were_proved() -> None:
    claims = MappingProxyType({"proved": {"otp": NOW}})
    outside = Principal("user:alice", "jwt", "https://idp.example:sub", frozenset(), ("pwd",), int(NOW), claims)
    assert not judged(outside, Kind.TOTP)
    assert judged(outside._replace(factors=("otp",)), Kind.TOTP)


def test_services_are_let_in_and_a_persons_key_is_no_login() -> None:
    assert judged(Principal("service:ops", "api-key", "key_1", authenticated_at=1))
    assert not judged(Principal("user:alice", "api-key", "key_1", authenticated_at=1))
    assert not judged(Principal("user:alice", "mtls", "crt_1", factors=("hwk",), authenticated_at=int(NOW)), Kind.TOTP)


# --- over HTTP --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    settings = '[admin]\naccept = "api-key | jwt | session"\nwithin = "10m"\nlimit = ""\n'
    with live(tmp_path_factory.mktemp("anew"), settings) as running:
        running.service("ops")
        running.service("billing")
        running.user("alice", scopes=BOTH)
        yield running


def aged(server: Live, seconds: int) -> httpx2.Client:
    """Return Alice's browser, with a login of so many seconds ago."""
    at = int(server.watchword.clock()) - seconds
    options = {"authenticated_at": at, "factors": ["pwd"], "proved": {"pwd": at}}
    session = server.issue(Kind.SESSION, "user:alice", scopes=BOTH, options=options)
    token = server.watchword.csrf.token_for(session.credential.id)
    cookie = f"session={session.material['cookie']}"
    return server.client(headers={"cookie": cookie, "x-csrf-token": token})


def test_an_old_session_looks_and_does_not_reveal(server: Live) -> None:
    with aged(server, 700) as http:
        assert http.get(PLACE).status_code == 200
        refused = http.post(PLACE, json=NEW)
        assert problem(refused) == (401, "insufficient_user_authentication")
    with aged(server, 10) as http:
        assert http.post(PLACE, json=NEW).status_code == 201


def test_a_token_is_told_how_fresh_a_login_has_to_be(server: Live) -> None:
    with server.client() as http:
        token = http.post("/login", json={"username": "alice", "password": PASSWORD}).json()["token"]
        headers = {"authorization": f"Bearer {token}"}
        assert http.post(PLACE, json=NEW, headers=headers).status_code == 201
        enrolled = Credential("otp_alice", Kind.TOTP, "user:alice", 1, detail={"name": "phone"})
        server.do(server.watchword.store.write(Add(enrolled)))
        refused = http.post(PLACE, json=NEW, headers=headers)
        server.do(server.watchword.lifecycle.revoke("otp_alice", reason="test", by="test"))
    assert problem(refused) == (401, "insufficient_user_authentication")
    challenge = refused.headers["www-authenticate"]
    assert 'error="insufficient_user_authentication"' in challenge
    assert 'max_age="600"' in challenge


def test_a_session_needs_its_token_against_other_sites(server: Live) -> None:
    with aged(server, 0) as http:
        del http.headers["x-csrf-token"]
        assert problem(http.post(PLACE, json=NEW)) == (403, "forbidden")


def test_machines_are_bounded_by_networks_and_a_limit(tmp_path: Any) -> None:
    settings = '[admin]\nnetworks = ["10.0.0.0/8"]\n'
    with live(tmp_path, settings) as server:
        server.service("ops")
        with asking(server, *BOTH) as http:
            assert problem(http.get(PLACE)) == (403, "forbidden")


def test_one_credential_has_one_allowance_for_all_of_it(tmp_path: Any) -> None:
    with live(tmp_path, '[admin]\nlimit = "3/h"\n') as server:
        server.service("ops")
        with asking(server, *BOTH) as http, asking(server, *BOTH) as other:
            answers = [http.get(PLACE) for _ in range(2)] + [http.get(PLACE + "/key_x"), http.get(PLACE)]
            assert [each.status_code for each in answers] == [200, 200, 404, 429]
            assert problem(answers[-1]) == (429, "rate_limited")
            assert int(answers[-1].headers["retry-after"]) > 0
            assert other.get(PLACE).status_code == 200

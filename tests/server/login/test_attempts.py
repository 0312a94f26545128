"""Guessing passwords is slow, for every spelling and at any number at once; owners are not counted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import httpx2
import pytest
from tests.server.live import PASSWORD, Live, live
from tests.server.login.people import hidden, submit

from watchword.model.credential import Kind
from watchword.model.request import Peer, Request
from watchword.model.verdict import Rejection
from watchword.server.login.attempts import Attempts, confidential

_numbers = count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("attempts"), '[limits]\naccount = "5/h"\naddress = "10000/min"\n') as running:
        for name in ("alice", "bob", "carol", "dora"):
            running.user(name)
        yield running


def attempt(client: httpx2.Client, name: str, password: str = "wrong wrong wrong") -> httpx2.Response:
    return client.post("/login", json={"username": name, "password": password})


def test_an_account_is_guessed_at_most_so_often_whatever_its_spelling(server: Live) -> None:
    with server.client() as client:
        statuses = [
            attempt(client, name).status_code for name in ("alice", "ALICE", "Alice", "ａlice", "aLICE", "alice")
        ]
        assert statuses == [401] * 5 + [429]
        refused = attempt(client, "alice", PASSWORD)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) > 0
        assert server.last().reason == "rate_limited"


def test_unknown_names_are_limited_like_known_ones(server: Live) -> None:
    with server.client() as client:
        assert [attempt(client, "nobody").status_code for _ in range(6)] == [401] * 5 + [429]


@pytest.mark.parametrize("known", [True, False])
def test_spellings_of_an_address_share_a_count_whether_or_not_somebody_has_it(server: Live, known: bool) -> None:
    """Or else a count that two spellings share would tell that somebody has it."""
    local = f"post{next(_numbers)}"
    if known:
        server.user(local)
        server.do(server.watchword.accounts.add_address(f"user:{local}", f"{local}@b\u00fccher.example", by="test"))
    with server.client() as client:
        guessed = [attempt(client, f"{local}@b\u00fccher.example", f"wrong {n}").status_code for n in range(6)]
        assert guessed == [401] * 5 + [429]
        assert attempt(client, f"{local.upper()}@XN--BCHER-KVA.example").status_code == 429


def test_right_passwords_are_not_counted(server: Live) -> None:
    with server.client() as client:
        assert {attempt(client, "bob", PASSWORD).status_code for _ in range(12)} == {200}


def test_many_guesses_at_once_do_not_outrun_the_count(server: Live) -> None:
    def one(_: int) -> int:
        with server.client() as client:
            return attempt(client, "carol").status_code

    with ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(one, range(24)))
    assert statuses.count(401) == 5
    assert statuses.count(429) == 19


def test_an_address_is_slowed_down_over_all_names(tmp_path_factory: pytest.TempPathFactory) -> None:
    with live(tmp_path_factory.mktemp("address"), '[limits]\naddress = "4/h"\n') as server, server.client() as client:
        statuses = [attempt(client, f"name{number}").status_code for number in range(6)]
        assert statuses == [401] * 4 + [429] * 2


def test_passwords_travel_encrypted_or_not_at_all(server: Live) -> None:
    attempts = Attempts(server.watchword, server.settings)
    request = Request("POST", b"/login", b"", [], Peer("192.0.2.7"), b"")
    verdict = server.do(attempts.prove(request, "dora", PASSWORD))
    assert isinstance(verdict, Rejection)
    assert verdict.reason.code == "password_over_plaintext"


@pytest.mark.parametrize(
    ("peer", "private"),
    [
        (Peer("127.0.0.1"), True),
        (Peer("::1"), True),
        (Peer("::ffff:127.0.0.1"), True),
        (Peer("192.0.2.7", tls=True), True),
        (Peer("192.0.2.7"), False),
        (Peer("127.0.0.1.evil.example"), False),
        (Peer(""), False),
    ],
)
def test_what_is_confidential(peer: Peer, private: bool) -> None:
    assert confidential(peer) is private


def test_no_queue_stays_behind(server: Live) -> None:
    attempts = Attempts(server.watchword, server.settings)
    request = Request("POST", b"/login", b"", [], Peer("127.0.0.1"), b"")

    async def many() -> None:
        await asyncio.gather(*(attempts.prove(request, f"x{number}", "wrong wrong wrong") for number in range(9)))

    server.do(many())
    assert attempts._queues == {}


@pytest.mark.parametrize("ended", ["changed", "revoked", "disabled"])
@pytest.mark.parametrize("kind", ["form", "json"])
def test_a_password_that_ends_while_it_is_hashed_begins_nothing(
    server: Live, monkeypatch: pytest.MonkeyPatch, kind: str, ended: str
) -> None:
    """Hashes queue for seconds in a flood: who knows the old password would come in after its owner was told so."""
    name = f"late{next(_numbers)}"
    password, watchword = server.user(name).credential.id, server.watchword
    verify, arrived, go = watchword.passwords.verify, threading.Event(), threading.Event()

    async def slow(encoded: str, typed: str) -> bool:
        arrived.set()
        fits = await verify(encoded, typed)
        await asyncio.to_thread(go.wait, 10)
        return fits

    monkeypatch.setattr(watchword.passwords, "verify", slow)
    given = {"username": name, "password": PASSWORD}
    with server.client() as client, ThreadPoolExecutor(1) as thread:
        more = {"json": given} if kind == "json" else {"data": given}
        answer = thread.submit(client.post, "/login", **more)
        assert arrived.wait(10)
        if ended == "changed":
            changed = watchword.accounts.change_password(f"user:{name}", None, "quite another horse in the stable")
            assert server.do(changed) == ()
        elif ended == "revoked":
            server.do(watchword.lifecycle.revoke(password, reason="test", by="test"))
        else:
            server.do(watchword.lifecycle.set_enabled(f"user:{name}", False, by="test"))
        go.set()
        assert answer.result().status_code == 401
    for began in (Kind.SESSION, Kind.REFRESH):
        assert not server.do(watchword.store.credentials(kind=began, subject=f"user:{name}"))


def test_every_field_for_a_password_shares_one_count(server: Live) -> None:
    """Who stole a session, but not the device's cookie, has no more guesses by another page."""
    name = f"shared{next(_numbers)}"
    server.user(name)
    with server.client() as client:
        page = submit(client, client.get("/login"), "/login", username=name, password=PASSWORD)
        assert page.status_code == 303
        client.cookies.delete("device")
        origin, html = {"origin": server.url}, {"accept": "text/html"}

        def login(guess: str) -> int:
            return attempt(client, name.upper(), guess).status_code

        def basic(guess: str) -> int:
            return client.get("/whoami", auth=(name, guess), headers={"cookie": ""}).status_code

        def step_up(guess: str) -> int:
            page = client.get("/login/step-up")
            form = {field: hidden(page, field) for field in ("csrf_token", "challenge")}
            return client.post("/login/step-up", data={**form, "password": guess}, headers=origin).status_code

        def account(guess: str) -> int:
            form = {
                "csrf_token": hidden(client.get("/account/password", headers=html)),
                "current": guess,
                "password": "y" * 20,
            }
            return client.post("/account/password", data=form, headers=origin).status_code

        ways = (login, basic, step_up, account)
        assert [way("wrong wrong wrong") for way in ways] == [401, 401, 401, 422]
        assert [way("still wrong wrong") for way in ways] == [429] * 4

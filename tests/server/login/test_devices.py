"""A device that logged in before has a count of its own, so nobody locks its owner out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.server.live import PASSWORD, Live, live

from watchword.model.credential import Kind
from watchword.model.request import Peer, Request
from watchword.server.login.devices import Devices

_numbers = count()
PROXY = '[server]\ntrusted_proxies = ["127.0.0.0/8"]\n'
LIMITS = '[limits]\naccount = "5/h"\naddress = "10000/min"\n'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("devices"), PROXY + LIMITS) as running:
        yield running


def attempt(client: httpx2.Client, name: str, password: str, address: str) -> httpx2.Response:
    headers = {"x-forwarded-for": address, "x-forwarded-proto": "https"}
    return client.post("/login", json={"username": name, "password": password}, headers=headers)


def hammered(server: Live, name: str) -> None:
    """Guess from many addresses until the account must wait."""
    with server.client() as stranger:
        statuses = [attempt(stranger, name, f"guess {n}", f"198.51.100.{n}").status_code for n in range(12)]
    assert statuses.count(401) <= 5
    assert statuses[-1] == 429


@pytest.fixture
def name(server: Live) -> str:
    name = f"owner{next(_numbers)}"
    server.user(name)
    return name


def test_the_owner_logs_in_at_once_while_a_stranger_hammers(server: Live, name: str) -> None:
    with server.client() as owner:
        first = attempt(owner, name, PASSWORD, "192.0.2.1")
        assert "__Host-device=dv_" in first.headers["set-cookie"]
        device = first.headers["set-cookie"].partition(";")[0]
        hammered(server, name)
        for address in ("192.0.2.1", "192.0.2.99"):  # at home, and with the same browser elsewhere
            owner.cookies.clear()
            owner.headers["cookie"] = device
            assert attempt(owner, name, PASSWORD, address).status_code == 200
    with server.client() as other:
        assert attempt(other, name, PASSWORD, "192.0.2.50").status_code == 429


def test_a_stolen_cookie_may_be_guessed_with_no_more_often(server: Live, name: str) -> None:
    with server.client() as owner:
        device = attempt(owner, name, PASSWORD, "192.0.2.1").headers["set-cookie"].partition(";")[0]
    with server.client(headers={"cookie": device}) as thief:
        statuses = [attempt(thief, name, f"guess {n}", f"198.51.100.{n}").status_code for n in range(9)]
    assert statuses == [401] * 5 + [429] * 4


def test_a_cookie_ends_with_the_password(server: Live, name: str) -> None:
    devices, subject = Devices(server.watchword), f"user:{name}"
    set_cookie = server.do(devices.cookie(asking(), subject))[1]
    known = asking(set_cookie.partition(b";")[0])
    assert server.do(devices.known(known, subject)).startswith("dv_")
    (password,) = server.do(server.watchword.store.credentials(kind=Kind.PASSWORD, subject=subject))
    server.do(server.watchword.lifecycle.revoke(password.id, reason="changed", by="test"))
    server.issue(Kind.PASSWORD, subject, options={"password": PASSWORD})
    assert server.do(devices.known(known, subject)) == ""


def test_who_resets_the_password_logs_in_while_others_go_on_guessing(server: Live, name: str) -> None:
    reset = server.do(server.watchword.accounts.reset_for(f"user:{name}", by="test"))
    fresh = "quite another horse in the stable"
    headers = {"x-forwarded-for": "192.0.2.1", "x-forwarded-proto": "https"}
    with server.client(headers=headers) as owner:
        answer = owner.post("/reset/new", json={"token": reset.token, "password": fresh})
        assert answer.status_code == 200, answer.text
        hammered(server, name)
        owner.headers["cookie"] = answer.headers["set-cookie"].partition(";")[0]
        assert owner.post("/login", json={"username": name, "password": fresh}).status_code == 200


def test_a_cookie_is_for_its_account_alone_and_cannot_be_altered(server: Live, name: str) -> None:
    other = f"owner{next(_numbers)}"
    server.user(other)
    devices = Devices(server.watchword)
    value = server.do(devices.cookie(asking(), f"user:{name}"))[1].partition(b";")[0]
    assert server.do(devices.known(asking(value), f"user:{other}")) == ""
    assert server.do(devices.known(asking(value), None)) == ""
    for altered in (
        value[:-1] + (b"0" if value[-1:] != b"0" else b"1"),
        value.replace(b"dv_", b"dv_0", 1),
        b"device=x",
    ):
        assert server.do(devices.known(asking(altered), f"user:{name}")) == ""


def test_one_browser_is_known_for_four_accounts_and_keeps_its_id(server: Live) -> None:
    devices = Devices(server.watchword)
    names = [f"owner{next(_numbers)}" for _ in range(5)]
    value = b""
    for each in names:
        server.user(each)
        value = server.do(devices.cookie(asking(value), f"user:{each}"))[1].partition(b";")[0]
    known = [server.do(devices.known(asking(value), f"user:{each}")) for each in names]
    assert [bool(each) for each in known] == [False, True, True, True, True]
    again = server.do(devices.cookie(asking(value), f"user:{names[1]}"))[1].partition(b";")[0]
    assert server.do(devices.known(asking(again), f"user:{names[1]}")) == known[1]


def test_a_cookie_ends_after_half_a_year(tmp_path: Path) -> None:
    shift = [0.0]
    with live(tmp_path, clock=lambda: time.time() + shift[0]) as server:
        server.user("alice")
        devices = Devices(server.watchword)
        value = server.do(devices.cookie(asking(), "user:alice"))[1].partition(b";")[0]
        assert server.do(devices.known(asking(value), "user:alice"))
        shift[0] = 181 * 86400
        assert server.do(devices.known(asking(value), "user:alice")) == ""


def test_a_name_that_nobody_has_is_looked_for_as_one_that_somebody_has(
    server: Live, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who must wait is answered without a hash: a look-up more would tell which names exist."""
    asked: list[str] = []
    store = server.watchword.store
    credentials = store.credentials

    async def listed(**given: Any) -> Any:
        asked.append(given["subject"])
        return await credentials(**given)

    monkeypatch.setattr(store, "credentials", listed)
    made_up = b"device=dv_" + b"a" * 20 + b".1700000000." + b"0" * 64
    for subject in (f"user:{name}", None):
        assert server.do(Devices(server.watchword).known(asking(made_up), subject)) == ""
    assert len(asked) == 2


def asking(cookie: bytes = b"") -> Request:
    headers = [(b"cookie", cookie)] if cookie else []
    return Request("POST", b"/login", b"", headers, Peer("127.0.0.1"), b"")

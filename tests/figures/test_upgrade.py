"""A database that a release without accounts made: whoever was let in then is let in now, and nothing breaks.

``before.sql`` was made by that release's own commands and server: no session knows when each factor was proven, no
refresh family has a salt. Its root key and secrets are of no other use.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx2
import pytest

from tests.figures import house as figures
from tests.figures.house import signed
from tests.server.live import Live
from tests.server.login.people import hidden
from watchword.model.credential import Kind
from watchword.stores.migrations import upgrade
from watchword.stores.shared_meter import driver

THEN = 1_795_644_500.0  # a minute after it was made
DATABASE = Path(__file__).with_name("before.sql")
ROOT_KEY = "nyNkIqatwSILGwUhzbEWj33DCKMeftwZsLc6TnoxLBE"
PASSWORD = "correct horse battery staple"
COOKIES = {
    "session": "ws_8byY1FB4t7e817JZ4mCNpMkRoWfxLt4IUg4W",
    "csrf": "98a2813fd063eca54e649d720f7fe8fe8354056674caaa307c66717b9dec21dd",
}
FAMILY = "rt_5zGHWiZObfSo3f6wT0NH.y55NaC4kkGTCm6sQMiKIFWBuseSm1314h1oZ"
FIRST, SECOND = f"{FAMILY}.0.yUw61BnQwzZRHQojSFKbkseP7tcTl22wHVXj", f"{FAMILY}.1.GN4OrIt32P9Bh7aOOm0DTaHuo5l8Vn29ZpG2"
UNUSED = "rt_svpV5QJBS1ZBbqiJVuOu.MqzD91cRksA73WhdNRuLkNP5AjorUK1SmmS8.0.qkAOgPrhytKMv3fXP9AGBycaLO8ihd16piyz"
CLIENT = ("cli_ZPtxAAbSIs6yVDA3MgAz", "cs_live_YwCGgGkjPCb9XMJAq77PdH6eGdmJhE14jkkp")
API_KEY = "ak_live_ODuwdUuKdIAismS2dYoHaq7sR8KqDf3cPgSU"
HMAC = ("hk_live_XKLhNXzU4NnsBMYDd75G", "hs_live_TeFZnHKIhjYl2rGXXTDRNS2Oh9I3Bn3tgJ6K")
TOML = """
issuer = "http://127.0.0.1:18745"
[[route]]
path = "/fresh"
accept = "session | jwt"
within = "5m"
[[route]]
path = "/password"
accept = "session | jwt"
factors = ["pwd"]
within = "5m"
[[route]]
path = "/second"
accept = "session | jwt"
factors = ["otp"]
"""
PAGES = ("", "/sessions", "/factors", "/keys", "/password", "/profile", "/email", "/delete", "/export")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Live]:
    database = driver.connect(tmp_path / "live.db")
    database.executescript(DATABASE.read_text())
    database.close()
    upgrade(f"sqlite:///{tmp_path}/live.db")
    running = Live(tmp_path, TOML, root_key=ROOT_KEY, clock=lambda: THEN).start()
    yield running
    running.stop()


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def _refresh(client: httpx2.Client, token: str) -> httpx2.Response:
    return client.post("/refresh", json={"refresh_token": token})


def test_machines_are_let_in(server: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "time", SimpleNamespace(time=lambda: THEN))
    with server.client() as client:
        assert client.get("/whoami", headers=_bearer(API_KEY)).status_code == 200
        proof = dict(signed(*HMAC, "/whoami", f"127.0.0.1:{server.port}", "a-nonce-of-then"))
        assert client.get("/whoami", headers=proof).status_code == 200
        form = {"grant_type": "client_credentials", "client_id": CLIENT[0], "client_secret": CLIENT[1]}
        given = client.post("/oauth/token", data=form).json()
        assert client.get("/whoami", headers=_bearer(given["access_token"])).status_code == 200


def test_a_session_goes_on_and_can_be_raised(server: Live) -> None:
    """It was no secret when the password was proven: at the login."""
    with server.client(cookies=COOKIES) as client:
        assert client.get("/whoami").json()["factors"] == ["pwd"]
        statuses = {path: client.get(f"/account{path}").status_code for path in PAGES}
        assert max(statuses.values()) < 500, statuses
        assert statuses[""] == statuses["/sessions"] == statuses["/factors"] == 200
        for path, status in (("/fresh", 200), ("/password", 200), ("/second", 401)):
            assert client.get(f"/check{path}").status_code == status, path
        page = client.get("/login/step-up")
        form = {name: hidden(page, name) for name in ("csrf_token", "challenge")} | {"password": PASSWORD}
        raised = client.post("/login/step-up", data=form, headers={"origin": server.url})
        assert raised.status_code == 303
        assert raised.cookies["session"] != COOKIES["session"]
        client.cookies = raised.cookies
        assert client.get("/whoami").json()["factors"] == ["pwd"]
        token = {"x-csrf-token": raised.cookies["csrf"]}
        assert client.post("/logout", headers=token).status_code == 204
        assert client.get("/whoami").status_code == 401


def test_a_refresh_family_goes_on_and_ends_at_a_theft(server: Live) -> None:
    with server.client() as client:
        second = _refresh(client, SECOND)
        assert second.status_code == 200
        who = client.get("/whoami", headers=_bearer(second.json()["token"])).json()
        assert (who["subject"], who["factors"]) == ("user:alice", ["pwd"])
        asked = client.post("/login/step-up", json={}, headers=_bearer(second.json()["token"])).json()
        raised = client.post("/login/mfa", json={"challenge": asked["challenge"], "password": PASSWORD})
        assert raised.status_code == 200
        assert _refresh(client, FIRST).status_code == 401
        assert _refresh(client, second.json()["refresh_token"]).status_code == 401
        other = _refresh(client, UNUSED)
        assert other.status_code == 200
        others = client.get(
            "/account/sessions", headers={**_bearer(other.json()["token"]), "accept": "application/json"}
        )
        assert others.json()["sessions"][0]["current"]


def test_the_token_before_has_no_grace_where_its_successor_cannot_be_made_again(server: Live) -> None:
    """There is no salt: it is a theft, as it was then."""
    with server.client() as client:
        assert _refresh(client, FIRST).status_code == 401
        assert _refresh(client, SECOND).status_code == 401


def test_people_log_in_get_a_second_factor_and_leave(server: Live) -> None:
    watchword = server.watchword
    with server.client() as client:
        given = client.post("/login", json={"username": "Alice", "password": PASSWORD}).json()
        assert client.get("/whoami", headers=_bearer(given["token"])).status_code == 200
    draft = server.do(watchword.factors.begin_totp("user:alice"))
    assert len(draft.secret) >= 32
    assert len(server.do(watchword.accounts.export("user:alice"))["credentials"]) == 4
    assert server.do(watchword.accounts.change_password("user:bob", PASSWORD, "quite another horse in here")) == ()
    server.do(watchword.sessions.end_everything("user:alice", by="test"))
    server.do(watchword.accounts.delete("user:alice", by="test"))


def test_keys_turn_over_and_the_log_is_whole(server: Live) -> None:
    watchword = server.watchword
    old = watchword.keys.signing_key().kid
    assert server.do(watchword.lifecycle.rotate(old, overlap=60, by="test")).credential.id != old
    listed = server.do(watchword.store.credentials(limit=100))
    for record in listed:
        if record.kind in (Kind.API_KEY, Kind.HMAC, Kind.OAUTH_CLIENT):
            server.do(watchword.lifecycle.rotate(record.id, overlap=60, by="test"))
    assert server.do(watchword.store.verify_audit()) == []


def test_it_is_a_database_of_before() -> None:
    """The database is what a release of before made, not what today's would."""
    made = DATABASE.read_text()
    assert "salt" not in made
    assert "proved" not in made
    assert "hash_work" not in made

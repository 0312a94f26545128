"""Have people with second factors, at a server and in a browser of a sort."""

from __future__ import annotations

import html
import json
import re
import time
from typing import Any

import httpx2
from tests.authenticator import Authenticator
from tests.server.live import PASSWORD, Live

from watchword.codec.otp import Totp
from watchword.model.credential import Kind

ORIGIN = "http://localhost:8000"
TOML = f"""\
issuer = "{ORIGIN}"
[limits]
address = "100000/min"
account = "1000/min"
logins = ""
[mfa]
origins = ["{ORIGIN}"]
"""


class Person:
    """Hold somebody with an authenticator app, recovery codes and a passkey."""

    def __init__(self, server: Live, name: str, *, app: bool = True, passkey: bool = True) -> None:
        self.server, self.name, self.subject = server, name, f"user:{name}"
        self.password = server.user(name, scopes=("orders:read",)).credential.id
        self.device = Authenticator(ORIGIN)
        self.recovery: list[str] = []
        if app:
            self.add_app()
        if passkey:
            self.add_passkey()
        if app or passkey:
            make = server.watchword.factors.new_recovery_codes
            self.recovery = list(server.do(make(self.subject, by=self.subject)))

    def add_app(self) -> None:
        factors, me = self.server.watchword.factors, self.subject
        draft = self.server.do(factors.begin_totp(me))
        self.totp = Totp(draft.secret)
        made = self.server.do(factors.finish_totp(me, draft.handle, self.code(-1), name="App", by=me))
        assert made.kind is Kind.TOTP, made

    def add_passkey(self) -> None:
        factors, me = self.server.watchword.factors, self.subject
        begun = self.server.do(factors.begin_passkey(me))
        response = self.device.create(begun.options)
        kept = self.server.do(factors.finish_passkey(me, begun.handle, response, name="Key", by=me))
        assert kept.kind is Kind.PASSKEY, kept

    def code(self, later: int = 0) -> str:
        """Return the code of now, or of so many half minutes later: each is accepted once."""
        return self.totp.code(int(time.time()) // 30 + later)

    def log_in(self, client: httpx2.Client, password: str = PASSWORD) -> httpx2.Response:
        return client.post("/login", json={"username": self.name, "password": password})

    def challenge(self, client: httpx2.Client) -> dict[str, Any]:
        answer = self.log_in(client)
        assert answer.status_code == 403, answer.text
        return answer.json()

    def tokens(self, client: httpx2.Client, later: int = 0) -> dict[str, Any]:
        due = self.challenge(client)
        answer = client.post("/login/mfa", json={"challenge": due["challenge"], "code": self.code(later)})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def session(self, client: httpx2.Client) -> str:
        """Log a browser in, with a recovery code where one is asked for; return the session's id."""
        page = submit(client, client.get("/login"), "/login", username=self.name, password=PASSWORD)
        if page.headers["location"] == "/login/mfa":
            page = submit(client, client.get("/login/mfa"), "/login/mfa", code=self.recovery.pop())
        assert page.status_code == 303, page.text
        return client.get("/whoami").json()["credential"]


def hidden(page: httpx2.Response, name: str = "csrf_token") -> str:
    """Return the value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page.text)
    assert found is not None, page.text
    return html.unescape(found[1])


def options(page: httpx2.Response) -> dict[str, Any]:
    """Return the passkey options that a page holds."""
    found = re.search(r'data-options="([^"]*)"', page.text)
    assert found is not None, page.text
    return json.loads(html.unescape(found[1]))


def submit(client: httpx2.Client, page: httpx2.Response, place: str, **fields: str) -> httpx2.Response:
    """Send a page's form as a browser of this site does."""
    form = {"csrf_token": hidden(page), **fields}
    return client.post(place, data=form, headers={"origin": str(client.base_url).rstrip("/")})


def whoami(client: httpx2.Client, given: dict[str, Any]) -> dict[str, Any]:
    return client.get("/whoami", headers={"authorization": f"Bearer {given['token']}"}).json()

"""Walk the code flow as a browser and its application do, for tests."""

from __future__ import annotations

import html
import re
import secrets
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
from tests.server.live import PASSWORD, Live

from watchword.codec.oidc import challenge_of
from watchword.model.credential import Kind

CALLBACK = "https://app.example/cb"


class App:
    """Hold one registered application."""

    def __init__(self, server: Live, **options: Any) -> None:
        self.server = server
        scopes = options.pop("scopes", ("orders:read", "orders:write"))
        given = {
            "grants": ["authorization_code", "refresh_token"],
            "redirect_uris": [CALLBACK],
            "first_party": True,
            **options,
        }
        issued = server.issue(Kind.OAUTH_CLIENT, "service:app", scopes=scopes, options=given)
        self.id = issued.material["client_id"]
        self.secret = issued.material.get("client_secret", "")
        self.record = issued.credential
        self.verifier = secrets.token_urlsafe(48)

    def request(self, **more: str | None) -> dict[str, str]:
        fields: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.id,
            "redirect_uri": CALLBACK,
            "scope": "openid orders:read",
            "state": "af0ifjsldkj",
            "nonce": "n-0S6_WzA2Mj",
            "code_challenge": challenge_of(self.verifier),
            "code_challenge_method": "S256",
            **more,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def place(self, **more: str | None) -> str:
        return "/oauth/authorize?" + urlencode(self.request(**more))

    def redeem(self, http: httpx2.Client, code: str, /, **more: str | None) -> httpx2.Response:
        fields: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "client_id": self.id,
            "client_secret": self.secret or None,
            "code_verifier": self.verifier,
            **more,
        }
        return http.post("/oauth/token", data={name: value for name, value in fields.items() if value is not None})

    def refresh(self, http: httpx2.Client, token: str, **more: str | None) -> httpx2.Response:
        fields: dict[str, str | None] = {
            "grant_type": "refresh_token",
            "refresh_token": token,
            "client_id": self.id,
            "client_secret": self.secret or None,
            **more,
        }
        return http.post("/oauth/token", data={name: value for name, value in fields.items() if value is not None})


def login(http: httpx2.Client, name: str = "alice", **form: str) -> httpx2.Response:
    """Sign in as a browser, by the page's form."""
    page = http.get("/login", params={"next": form["next"]} if "next" in form else None)
    token = re.search(r'name="csrf_token" value="([0-9a-f]+)"', page.text)
    assert token, page.text
    data = {"username": name, "password": PASSWORD, "csrf_token": token[1], **form}
    origin = str(http.base_url).rstrip("/")
    return http.post("/login", data=data, headers={"origin": origin})


def answer_of(response: httpx2.Response) -> dict[str, str]:
    """Return the authorization response that the browser is sent away with, by redirect or by the page."""
    place = response.headers.get("location")
    if place is None:
        refresh = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', response.text)
        assert refresh, response.text
        place = html.unescape(refresh[1])
    assert place.startswith(CALLBACK + "?"), place
    return dict(parse_qsl(urlsplit(place).query))


def code_of(http: httpx2.Client, app: App, **more: str | None) -> str:
    """Return a code for who is signed in."""
    return answer_of(http.get(app.place(**more)))["code"]

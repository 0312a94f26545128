"""An application and the person who uses it, at a server in processes of its own."""

from __future__ import annotations

import json
import secrets
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.figures.house import Line
from tests.server.oauth.flow import CALLBACK
from watchword import Watchword
from watchword.codec.oidc import challenge_of
from watchword.model.credential import Kind

FORM = (("content-type", "application/x-www-form-urlencoded"),)

Sending = tuple[str, tuple[tuple[str, str], ...], str, bytes]


class App:
    """Hold a public application of our own, that a person who is logged in uses."""

    def __init__(self, id: str, cookie: str) -> None:
        self.id = id
        self._cookie = (("cookie", f"session={cookie}"),)
        self._verifier = secrets.token_urlsafe(48)

    @classmethod
    async def of(cls, operator: Watchword, **options: Any) -> App:
        """Register one, and log alice in."""
        for name in ("user:alice", "service:app"):
            if await operator.store.subject(name) is None:
                await operator.lifecycle.add_subject(name, by="test")
        grants = ["authorization_code", "refresh_token"]
        given = {"grants": grants, "redirect_uris": [CALLBACK], "first_party": True, "public": True, **options}
        client = await operator.lifecycle.issue(Kind.OAUTH_CLIENT, "service:app", by="test", options=given)
        session = await operator.lifecycle.issue(Kind.SESSION, "user:alice", by="test", options={"idle": 900})
        return cls(client.material["client_id"], session.material["cookie"])

    async def code(self, line: Line) -> str:
        """Return a new code."""
        status, _, head = await self.asked(line)
        place = next(field for field in head.split("\r\n") if field.startswith("location: "))
        assert status == 303, head
        return dict(parse_qsl(urlsplit(place).query))["code"]

    async def asked(self, line: Line) -> tuple[int, bytes, str]:
        """Return status, content and head of what the person is answered."""
        asked = {
            "client_id": self.id,
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "scope": "openid",
            "code_challenge": challenge_of(self._verifier),
            "code_challenge_method": "S256",
        }
        status, head, content = await line.send("/oauth/authorize?" + urlencode(asked), self._cookie)
        return status, content, head.decode()

    def redeeming(self, code: str) -> Sending:
        """Return the request that redeems a code."""
        more = {"code": code, "redirect_uri": CALLBACK, "code_verifier": self._verifier}
        return self._sending({"grant_type": "authorization_code", **more})

    def refreshing(self, token: str) -> Sending:
        """Return the request that uses a refresh token."""
        return self._sending({"grant_type": "refresh_token", "refresh_token": token})

    def _sending(self, form: dict[str, str]) -> Sending:
        return "/oauth/token", FORM, "POST", urlencode({"client_id": self.id, **form}).encode()


async def given(line: Line, sending: Sending) -> dict[str, Any]:
    """Return the members of a token response."""
    status, _, content = await line.send(*sending)
    assert status == 200, content
    members: dict[str, Any] = json.loads(content)
    return members


async def status_of(line: Line, access_token: str) -> int:
    """Return how an API answers who comes with the token."""
    return (await line.send("/oauth/userinfo", [("authorization", f"Bearer {access_token}")]))[0]

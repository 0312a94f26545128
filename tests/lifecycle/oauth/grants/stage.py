"""Set a person, an application and a code up, for tests of grants."""

from __future__ import annotations

from typing import Any

from tests.house import House, asking
from tests.lifecycle.oauth.test_asking import FIELDS, KNOWN, VERIFIER
from watchword.lifecycle.oauth.asking import Ask
from watchword.lifecycle.oauth.terms import Given, Sender
from watchword.model.credential import Credential, Kind
from watchword.model.verdict import Principal

BOTH = ["authorization_code", "refresh_token"]


class Stage:
    """Hold an application and who uses it."""

    def __init__(self, opened: House, client: Credential, who: Principal) -> None:
        self.opened, self.client, self.who = opened, client, who

    @classmethod
    async def of(cls, opened: House, **options: Any) -> Stage:
        given = {"grants": BOTH, "redirect_uris": [KNOWN[0]], "first_party": True, **options}
        issued = await opened.issue(Kind.OAUTH_CLIENT, scopes=["a", "b"], options=given)
        session = await opened.issue(Kind.SESSION, "user:alice", scopes=["a"])
        who = Principal("user:alice", "session", session.credential.id, frozenset({"a"}), ("pwd",), 1)
        return cls(opened, issued.credential, who)

    async def code(self, *scopes: str) -> str:
        ask = Ask(self.client, KNOWN[0], frozenset(scopes or ("a",)), FIELDS["code_challenge"])
        return await self.opened.watchword.oauth.codes.grant(ask, self.who)

    async def answer(self, sender: Sender | None = None, **form: str) -> Given:
        grants = self.opened.watchword.oauth.grants
        return await grants.answer(asking(), form, self.client, sender or Sender())

    async def redeemed(self, code: str, sender: Sender | None = None, **change: str) -> Given:
        form = {"code": code, "redirect_uri": KNOWN[0], "code_verifier": VERIFIER, **change}
        return await self.answer(sender, grant_type="authorization_code", **form)

    async def refreshed(self, token: str, sender: Sender | None = None, **change: str) -> Given:
        return await self.answer(sender, grant_type="refresh_token", refresh_token=token, **change)


def error(given: Given) -> str:
    """Return what refuses."""
    assert not isinstance(given, dict), given
    return given.error


def members(given: Given) -> dict[str, Any]:
    """Return what was given."""
    assert isinstance(given, dict), given
    return given

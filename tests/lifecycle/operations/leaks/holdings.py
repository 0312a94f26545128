"""Give one subject one of every kind of secret that can leak."""

from __future__ import annotations

from typing import Any

from tests.house import House
from watchword.lifecycle.tokens import Terms
from watchword.model.credential import Credential, Kind
from watchword.model.verdict import Principal

ALICE = "user:alice"
PEM = ("certificate", "private_key")


async def holdings(opened: House) -> dict[str, tuple[str, str]]:
    """Return by name: what proves it, and the id of the credential that it is, or came from."""
    held: dict[str, tuple[str, str]] = {}

    async def give(name: str, kind: Kind, material: str, **more: Any) -> Credential:
        issued = await opened.issue(kind, ALICE, **more)
        held[name] = issued.material[material], issued.credential.id
        return issued.credential

    await give("api-key", Kind.API_KEY, "secret")
    await give("test-key", Kind.API_KEY, "secret", options={"test": True})
    await give("hmac", Kind.HMAC, "secret")
    client = await give("oauth-client", Kind.OAUTH_CLIENT, "client_secret")
    certified = await opened.issue(Kind.CLIENT_CERT, ALICE)
    for name in PEM:
        held[name] = certified.material[name], certified.credential.id
    await give("session", Kind.SESSION, "cookie")
    login = await opened.issue(Kind.PASSWORD, ALICE)
    who = Principal(ALICE, "login", login.credential.id, authenticated_at=int(opened.clock()))
    begun = await opened.watchword.families.start(who, by=ALICE)
    held["refresh"] = begun.token, begun.family.id
    held["jwt"] = opened.watchword.tokens.for_family(begun.family).text, begun.family.id
    opaque = client.changed(detail={**client.detail, "token_format": "opaque"})
    token = await opened.watchword.tokens.for_client(opaque, Terms(frozenset()))
    held["opaque"] = token.text, client.id
    return held

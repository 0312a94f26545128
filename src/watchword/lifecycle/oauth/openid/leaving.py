"""Judge what an application wants when it sends somebody to sign out (OpenID Connect RP-Initiated Logout 1.0)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from watchword.lifecycle.oauth.clients import Clients
from watchword.lifecycle.oauth.openid.id_tokens import Hint, IdTokens
from watchword.lifecycle.people.holdings import origin_of
from watchword.model.credential import Credential

__all__ = ["Leaving", "leaving_of", "meant"]

_LONGEST: Final = 512  # characters of a state


@dataclass(frozen=True, slots=True)
class Leaving:
    """Hold a request that may be answered: at ``place``, which is the client's, or with "" on our own page."""

    client: Credential | None = None
    place: str = ""
    state: str | None = None
    hint: Hint | None = None


async def leaving_of(fields: Mapping[str, str], clients: Clients, openid: IdTokens, place: str = "") -> Leaving | str:
    """Return the request, or the error (section 4): then nobody is sent anywhere.

    Who asks and where the answer goes must be certain: a hint is ours, for the client that is named, and the place is
    one that this client registered, character by character. ``place`` is the caller's network.
    """
    given = {name: value for name, value in fields.items() if value}
    hint = openid.hinted(given["id_token_hint"]) if "id_token_hint" in given else None
    if "id_token_hint" in given and hint is None:
        return "invalid_request"
    client_id = given.get("client_id", "" if hint is None else hint.client_id)
    if hint is not None and hint.client_id != client_id:
        return "invalid_request"
    client = await clients.find(client_id, place) if client_id else None
    if client is None and client_id:
        return "invalid_client"
    onward, state = given.get("post_logout_redirect_uri", ""), given.get("state")
    known = () if client is None else client.detail.get("post_logout_redirect_uris", ())
    if onward and not (onward in known and onward.isascii() and onward.isprintable()):
        return "invalid_redirect_uri"
    if state is not None and not (len(state) <= _LONGEST and state.isascii() and state.isprintable()):
        return "invalid_request"
    return Leaving(client, onward, state, hint)


def meant(leaving: Leaving, session: Credential, openid: IdTokens) -> bool:
    """Return whether the hint is an id_token of this very session: then the person need not be asked (section 2)."""
    client, hint = leaving.client, leaving.hint
    if client is None or hint is None or not hint.session:
        return False
    subjects = openid.subjects
    ours = subjects.of(client, session.subject), subjects.session(client, origin_of(session))
    return (hint.subject, hint.session) == ours

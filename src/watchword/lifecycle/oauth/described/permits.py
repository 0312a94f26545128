"""Settle what a client that describes itself may have, and whether one sector is its own."""

from __future__ import annotations

import json
from dataclasses import replace
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final, Literal

from watchword.lifecycle.clients.fields import HELD
from watchword.lifecycle.oauth.asking import OPENID_SCOPES
from watchword.lifecycle.oauth.authorization.profile import FAPI2, METHODS
from watchword.lifecycle.oauth.described.metadata import MOST_BYTES, ClientMetadata, MetadataRefused, Permitted
from watchword.model.credential import Credential
from watchword.model.ports import Fetch, Unavailable

if TYPE_CHECKING:
    from watchword.lifecycle.oauth.rules import OAuthRules

__all__ = ["REGISTERED", "bounded", "permitted", "sector_fault"]

REGISTERED: Final = "service:registered"
"""Whose clients those are that nobody here made: disabled, none of them is let in."""

_ADMINISTERS: Final = "admin:"  # scopes of this server's own administration: strangers get them by name alone
_OWN_KEYS: Final = frozenset({"none", "private_key_jwt"})
_ANY: Final = frozenset({*_OWN_KEYS, *METHODS, "client_secret_basic", "client_secret_post"})


def permitted(rules: OAuthRules, source: Literal["registered", "document"]) -> Permitted:
    """Return what the operator lets such clients have. A document can keep no secret, so it proves nothing by one."""
    own = rules.described
    methods = _ANY if source == "registered" else _OWN_KEYS
    published = frozenset(rules.scopes).union(*(resource.scopes for resource in rules.resources))
    grants = own.grants - {"client_credentials"} if source == "document" else own.grants
    given = frozenset(scope for scope in published if not scope.startswith(_ADMINISTERS))
    scopes = given if own.scopes is None else own.scopes
    if rules.profile == FAPI2:
        return Permitted(grants, scopes, methods & METHODS, ("ES256", "EdDSA"))
    return Permitted(grants, scopes, methods)


def bounded(client: Credential, rules: OAuthRules) -> Credential:
    """Return a client that describes itself with no more than such clients may have by now.

    What an operator changed of it stands; everybody else's clients are as they are.
    """
    source = client.detail.get("source")
    if source not in ("registered", "document") or HELD in client.detail:
        return client
    most = permitted(rules, source)
    scopes = client.scopes & (most.scopes | OPENID_SCOPES)
    grants = [grant for grant in client.detail.get("grants", ()) if grant in most.grants]
    if scopes == client.scopes and len(grants) == len(client.detail.get("grants", ())):
        return client
    return replace(client, scopes=scopes, detail={**client.detail, "grants": grants})


async def sector_fault(found: ClientMetadata, fetch: Fetch | None) -> MetadataRefused | None:
    """Return why the client is not of the sector that it names, None when it is, or names none.

    What is at ``sector_identifier_uri`` must list every redirect URI (OpenID Connect Registration 1.0 section 5).
    """
    place = found.detail.get("sector_identifier_uri")
    if place is None:
        return None
    if fetch is None:
        return MetadataRefused("invalid_client_metadata", "sector_identifier_uri cannot be used here")
    try:
        answer = fetch(place)
        fetched = await answer if isawaitable(answer) else answer
        listed = _list(fetched.body) if fetched.status == 200 else None
    except Unavailable:
        listed = None
    if listed is None or not set(found.detail["redirect_uris"]) <= listed:
        return MetadataRefused("invalid_client_metadata", "sector_identifier_uri does not list every redirect URI")
    return None


def _list(body: bytes) -> set[str] | None:
    if len(body) > MOST_BYTES:
        return None
    try:
        listed: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return {each for each in listed if isinstance(each, str)} if isinstance(listed, list) else None

"""Exchange a token for another one: fewer rights, another API, somebody who acts (RFC 8693).

What comes of it has never more scopes, never a longer life and never another subject than what it came of, and ends
with it. It says who acts, unless the operator lets a client do without.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from watchword.codec.claims import bounds
from watchword.codec.oauth.protected_resource import checked_resource
from watchword.codec.secrets import new_id
from watchword.guards.networks import Networks
from watchword.lifecycle.clients.fields import EXCHANGE
from watchword.lifecycle.oauth.asking import OPENID_SCOPES
from watchword.lifecycle.oauth.grants.response import response_of
from watchword.lifecycle.oauth.openid.subjects import PAIRWISE
from watchword.lifecycle.oauth.presented import ID_JAG, Judged, PresentedTokens, Shown
from watchword.lifecycle.oauth.resources import MOST_RESOURCES, Resources
from watchword.lifecycle.oauth.terms import Asking, Given, Refused, refused
from watchword.lifecycle.tokens import AccessToken, Terms, Tokens
from watchword.model.credential import Credential
from watchword.model.ports import Clock
from watchword.model.reason import MALFORMED_REQUEST, REFUSED_GRANT, UNCONFIRMED
from watchword.model.verdict import NO_CONSTRAINTS, Principal, Rejection

__all__ = ["JAG_TYPE", "MOST_ACTORS", "TokenExchange"]

_TYPE: Final = "urn:ietf:params:oauth:token-type:"
ACCESS_TYPE: Final = _TYPE + "access_token"
JWT_TYPE: Final = _TYPE + "jwt"
ID_TYPE: Final = _TYPE + "id_token"
REFRESH_TYPE: Final = _TYPE + "refresh_token"
JAG_TYPE: Final = _TYPE + "id-jag"
"""The token type of an Identity Assertion JWT Authorization Grant."""

MOST_ACTORS: Final = 4
"""How many may act for one another in a row, and how many exchanges one token may have behind it."""

_JAG_LIFE: Final = 300  # seconds
_ERROR: Final = "invalid_request"  # RFC 8693 section 2.2.2, for whatever is wrong with a token that was shown
_SAID: Final = ("amr", "acr", "auth_time", "proved")

_Target: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Hold a request to exchange as it is judged."""

    asking: Asking
    kind: str
    shown: Shown
    actor: Mapping[str, Any] | None = field(default=None)

    @property
    def client(self) -> Credential:
        return self.asking.client

    @property
    def name(self) -> str:
        return str(self.client.detail["client_id"])

    @property
    def policy(self) -> Mapping[str, Any]:
        return self.client.detail.get("exchange") or {}


class TokenExchange:
    """Answer the token-exchange grant."""

    name = EXCHANGE
    anybodys = False
    judges_targets = True

    def __init__(
        self, presented: PresentedTokens, tokens: Tokens, resources: Resources, *, issuer: str, clock: Clock = time.time
    ) -> None:
        self._presented = presented
        self._tokens = tokens
        self._resources = resources
        self._issuer = issuer
        self._clock = clock
        self._networks = Networks()

    async def answer(self, asking: Asking) -> Given:
        """Return the exchanged token (RFC 8693 section 2.2.1)."""
        form = asking.form
        kind = form.get("requested_token_type") or ACCESS_TYPE
        if kind not in (ACCESS_TYPE, JWT_TYPE, JAG_TYPE):
            return refused(REFUSED_GRANT, "requested_token_type", _ERROR)
        if not form.get("subject_token") or not form.get("subject_token_type"):
            return refused(MALFORMED_REQUEST, "subject_token and subject_token_type", _ERROR)
        shown = await self._subject(asking, kind)
        if isinstance(shown, Rejection):
            return Refused(shown, _ERROR, "the subject token is not accepted")
        actor = await self._actor(asking, shown)
        if isinstance(actor, Refused):
            return actor
        wanted = _Wanted(asking, kind, shown, actor)
        fault = self._unfit(wanted)
        if fault is not None:
            return fault
        return await (self._jag(wanted) if kind == JAG_TYPE else self._access(wanted))

    # --- what is shown ------------------------------------------------------------------------------------------------

    async def _subject(self, asking: Asking, kind: str) -> Judged:
        text, said, client = asking.form["subject_token"], asking.form["subject_token_type"], asking.client
        if said == ID_TYPE:
            return self._from_where(asking, await self._presented.id_token(text, client))
        if said == REFRESH_TYPE and kind == JAG_TYPE:
            return self._from_where(asking, await self._presented.refresh(text, client))
        if said in (ACCESS_TYPE, JWT_TYPE) and kind != JAG_TYPE:
            return await self._access_shown(text, client)
        return Rejection(REFUSED_GRANT, "subject_token_type")

    def _from_where(self, asking: Asking, shown: Judged) -> Judged:
        """Let the client show what it was given itself where a refresh token of it may be used, and nowhere else."""
        if isinstance(shown, Rejection):
            return shown
        bound = bounds({"networks": shown.claims["networks"]}) or NO_CONSTRAINTS
        who = Principal(shown.subject, "refresh", shown.source, constraints=bound)
        elsewhere = self._networks.check(asking.request, who)
        return elsewhere if isinstance(elsewhere, Rejection) else shown

    async def _access_shown(self, text: str, client: Credential) -> Judged:
        """Judge what somebody else gave to the client: it must have been for it, or its own."""
        if self._presented.outside(text):
            return await self._presented.exchanged(text)
        shown = await self._presented.access(text)
        if isinstance(shown, Rejection):
            return shown
        own = {str(client.detail["client_id"]), *(client.detail.get("introspects") or ())}
        if shown.client_id not in own and own.isdisjoint(shown.audience):
            return Rejection(REFUSED_GRANT, "a token for somebody else")
        return shown

    async def _actor(self, asking: Asking, shown: Shown) -> Mapping[str, Any] | Refused | None:
        """Return who is to act besides the one before (RFC 8693 section 4.1), None for nobody new."""
        text, said, client = asking.form.get("actor_token"), asking.form.get("actor_token_type"), asking.client
        name = str(client.detail["client_id"])
        if bool(text) != bool(said) or (text and said not in (ACCESS_TYPE, JWT_TYPE)):
            return refused(MALFORMED_REQUEST, "actor_token and actor_token_type", _ERROR)
        if not text:
            free = (client.detail.get("exchange") or {}).get("impersonate") is True
            itself = shown.client_id == name or shown.subject == client.subject
            return None if free or itself else {"sub": client.subject, "client_id": name}
        actor = await self._presented.access(text)
        if isinstance(actor, Rejection):
            return Refused(actor, _ERROR, "the actor token is not accepted")
        if actor.client_id != name or "act" in actor.claims or not actor.held_with(asking.cnf):
            return refused(REFUSED_GRANT, "another's actor token", _ERROR)
        return {"sub": actor.subject, "client_id": name}

    def _unfit(self, wanted: _Wanted) -> Refused | None:
        """Return why what was shown may not be exchanged by this client in this way."""
        claims = wanted.shown.claims
        if not wanted.shown.held_with(wanted.asking.cnf):
            return refused(UNCONFIRMED, "the subject token is bound to another key", _ERROR)
        may = claims.get("may_act")
        if may is not None and not _may_act(may, wanted.actor or {"sub": wanted.client.subject}, wanted.name):
            return refused(REFUSED_GRANT, "may_act", _ERROR)
        deep = _depth(claims.get("act")) >= MOST_ACTORS and wanted.actor is not None
        if deep or len(claims.get("origin", ())) >= MOST_ACTORS:
            return refused(REFUSED_GRANT, "too many exchanges in a row", _ERROR)
        detail = wanted.client.detail
        pairwise = detail.get("subject_type") == PAIRWISE  # what it could read says the very name that it must not know
        if (wanted.kind != ACCESS_TYPE and pairwise) or (
            wanted.kind == JWT_TYPE and detail.get("token_format") == "opaque"
        ):
            return refused(REFUSED_GRANT, "its tokens are opaque", _ERROR)
        return None

    # --- what comes of it ---------------------------------------------------------------------------------------------

    async def _access(self, wanted: _Wanted) -> Given:
        shown, asking = wanted.shown, wanted.asking
        target = self._target(wanted)
        if target is None:
            return refused(REFUSED_GRANT, "resource or audience", "invalid_target")
        scopes = self._scopes(wanted)
        if scopes is None:
            return refused(REFUSED_GRANT, "scope", "invalid_scope")
        bound = bounds(shown.claims)
        if bound is None:
            return refused(REFUSED_GRANT, "bounds", _ERROR)
        more: dict[str, Any] = {name: shown.claims[name] for name in _SAID if name in shown.claims}
        more["origin"] = _origin(shown)
        terms = Terms(scopes, target, asking.cnf, _acting(wanted), ends_at=shown.ends_at, more=more)
        source = replace(wanted.client, id=shown.source or wanted.client.id, subject=shown.subject)
        if shown.source:  # the bounds of what it came from, not those of who exchanges
            source = replace(source, networks=tuple(map(str, bound.networks)), limit=bound.limit)
        shown_as = shown.claims.get("jti", "an id_token")
        await self._presented.note(
            "exchange", wanted.client, shown, f"{shown_as} for {' '.join(target) or 'our own API'}"
        )
        given = response_of(await self._tokens.for_client(source, terms))
        return {**given, "issued_token_type": wanted.kind}

    def _target(self, wanted: _Wanted) -> _Target | None:
        """Return for which APIs the token is to be; None where not all of them may be had.

        An API goes on to others for who called it. For a person whose application the client is itself it has what they
        were asked about, as at a refresh.
        """
        shown, client = wanted.shown, wanted.client
        asked = tuple(dict.fromkeys((*wanted.asking.resources, *wanted.asking.audiences)))
        called = not set(client.detail.get("introspects") or ()).isdisjoint(shown.audience)
        if asked and (called or not shown.source or shown.subject == client.subject):
            return asked if self._resources.allowed(asked, client) else None
        return self._resources.narrowed(asked, shown.audience, client)

    def _scopes(self, wanted: _Wanted) -> frozenset[str] | None:
        """Return the scopes, never more than the token shown and the client have; None where more was asked for."""
        client, asked = wanted.client.scopes, frozenset(wanted.asking.form.get("scope", "").split())
        said = wanted.asking.form.get("subject_token_type")
        # An id_token says who somebody is, not what they may.
        held = OPENID_SCOPES if said == ID_TYPE else client if wanted.shown.scopes is None else wanted.shown.scopes
        possible = held & (client | OPENID_SCOPES)
        if not asked <= possible:
            return None
        return asked or possible & client

    async def _jag(self, wanted: _Wanted) -> Given:
        """Assert to another authorization server who somebody is (ID-JAG, section 4.3)."""
        asking, shown = wanted.asking, wanted.shown
        places = wanted.policy.get("audiences") or {}
        if asking.form.get("actor_token") or len(asking.audiences) != 1:
            return refused(MALFORMED_REQUEST, "audience", _ERROR)
        audience, resources = asking.audiences[0], _named(asking.resources)
        if audience not in places or resources is None:
            return refused(REFUSED_GRANT, "audience or resource", "invalid_target")
        asked = frozenset(asking.form.get("scope", "").split())
        if not asked <= wanted.client.scopes:
            return refused(REFUSED_GRANT, "scope", "invalid_scope")
        now = int(self._clock())
        end = min(now + _JAG_LIFE, int(shown.ends_at))
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "sub": shown.subject,
            "aud": audience,
            "client_id": places[audience],
            "jti": new_id("jti_"),
            "iat": now,
            "exp": end,
            "preferred_username": shown.subject.partition(":")[2],
            **{name: shown.claims[name] for name in ("amr", "acr", "auth_time") if name in shown.claims},
        }
        if asked:
            claims["scope"] = " ".join(sorted(asked))
        if resources:
            claims["resource"] = resources[0] if len(resources) == 1 else list(resources)
        await self._presented.note("exchange", wanted.client, shown, f"{claims['jti']} for {audience}")
        key = await self._tokens.openid.key_for(wanted.client)
        answer = response_of(AccessToken(key.sign(claims, ID_JAG), end - now, asked))
        return {**answer, "token_type": "N_A", "issued_token_type": JAG_TYPE}


def _may_act(may: Any, actor: Mapping[str, Any], client_id: str) -> bool:
    """Return whether ``may_act`` (RFC 8693 section 4.4) means this actor: by every member that it has."""
    said = {**actor, "client_id": client_id}
    return isinstance(may, Mapping) and bool(may) and all(said.get(name) == value for name, value in may.items())


def _depth(act: Any) -> int:
    depth = 0
    while isinstance(act, Mapping):
        depth, act = depth + 1, act.get("act")
    return depth


def _acting(wanted: _Wanted) -> Mapping[str, Any] | None:
    """Return who acts now, and in it who acted before (RFC 8693 section 4.1)."""
    before = wanted.shown.claims.get("act")
    if wanted.actor is None:
        return before if isinstance(before, Mapping) else None
    return {**wanted.actor, "act": before} if isinstance(before, Mapping) else wanted.actor


def _origin(shown: Shown) -> list[Mapping[str, Any]]:
    """Return the tokens that this one comes of: with each of them it ends. An id_token ends with its family alone."""
    if not shown.source or "jti" not in shown.claims:
        return []
    claims = shown.claims
    own = {"jti": claims["jti"], "iat": claims["iat"], "sid": shown.source, "client_id": shown.client_id}
    return [own, *claims.get("origin", ())]


def _named(resources: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the APIs of another server: well formed, and no more than a token should name."""
    try:
        found = tuple(dict.fromkeys(map(checked_resource, resources)))
    except ValueError:
        return None
    return found if len(found) <= MOST_RESOURCES else None

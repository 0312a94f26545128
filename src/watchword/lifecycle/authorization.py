"""Authorize applications: the code flow as a state machine over the stores (RFC 6749 section 4.1, RFC 7636).

asked -> (refused on our page | refused by redirect | granted: a code) -> redeemed once -> its family
                                                                       -> redeemed again: the family is revoked
"""

from __future__ import annotations

import hmac
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from watchword.codec.oidc import challenge_of
from watchword.codec.secrets import digest, new_id, new_secret, well_formed
from watchword.lifecycle.families import Families, Refreshed
from watchword.lifecycle.values import networks_of, rate_of
from watchword.lifecycle.verbs import Lifecycle
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Clock, Ephemeral, Records
from watchword.model.reason import MALFORMED_CREDENTIAL, REFUSED_GRANT, REPLAYED, REVOKED
from watchword.model.records import Swap
from watchword.model.verdict import Constraints, Principal, Rejection
from watchword.standing import standing

__all__ = ["OPENID_SCOPES", "Ask", "Authorizations", "Granted", "Refusal", "fresh_enough", "judged", "registered"]

OPENID_SCOPES: Final = frozenset({"openid", "profile", "email", "offline_access"})
"""Scopes of the protocol itself (OpenID Connect Core 1.0 sections 5.4 and 11): they open nothing of an API."""

CODE_LIFE: Final = 60
"""Seconds within which a code is redeemed (RFC 9700 recommends short; RFC 6749 section 4.1.2 allows ten minutes)."""

_REMEMBERED: Final = 86_400  # seconds that a code's second use still revokes what the first one gave
_CODE: Final = "ac_"
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER: Final = re.compile(r"[A-Za-z0-9\-._~]{43,128}")
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*")
_LOOPBACK: Final = re.compile(r"http://(127\.0\.0\.1|\[::1\])(?::([0-9]{1,5}))?((?:/.*)?)")
_PROMPTS: Final = frozenset({"none", "login", "consent", "select_account"})
_LONGEST: Final = 512
_TRIES: Final = 8
_BY: Final = "service:watchword"
_CHAIN: Final = 1000  # rotations of a client's secret that are followed

_UNSUPPORTED: Final = {
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported",
}


@dataclass(frozen=True, slots=True)
class Ask:
    """Hold an authorization request that may be answered. ``max_age`` is in seconds.

    ``strong`` says that of ``acr_values`` only "aal2" would do: a login by two factors (RFC 9470 section 4).
    """

    client: Credential
    redirect_uri: str
    scopes: frozenset[str]
    challenge: str
    state: str | None = None
    nonce: str = ""
    prompt: frozenset[str] = frozenset()
    max_age: int | None = None
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Refuse a request. Without ``redirect_uri`` nobody may be sent anywhere: the person is told on our own page."""

    error: str
    detail: str = ""
    redirect_uri: str = ""
    state: str | None = None


@dataclass(frozen=True, slots=True)
class Granted:
    """Hold what a code gave."""

    refreshed: Refreshed
    nonce: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)


def registered(uri: str, known: tuple[str, ...]) -> bool:
    """Return whether a redirect URI is one of the client's, character by character (RFC 9700 section 4.1.1).

    Only the port of a loopback address may differ (RFC 8252 section 7.3), since a native app takes whichever is free.
    """
    if not uri.isascii() or not uri.isprintable():
        return False
    if uri in known:
        return True
    asked = _LOOPBACK.fullmatch(uri)
    if asked is None or int(asked[2] or 80) > 65_535:
        return False
    held = filter(None, map(_LOOPBACK.fullmatch, known))
    return any(each[1] == asked[1] and each[3] == asked[3] for each in held)


def judged(fields: Mapping[str, str], client: Credential | None, audience: str, now: float) -> Ask | Refusal:
    """Judge an authorization request (RFC 6749 section 4.1.1, OpenID Connect Core 1.0 section 3.1.2.1). Pure.

    Who asks and where the answer goes is settled before anything else: no error of before that redirects. Fields
    without a value count as absent.
    """
    given = {name: value for name, value in fields.items() if value}
    uri, state = given.get("redirect_uri", ""), given.get("state")
    if client is None or client.refusal(now) is not None or client.kind is not Kind.OAUTH_CLIENT:
        return Refusal("invalid_client", "there is no such client")
    if not registered(uri, tuple(client.detail.get("redirect_uris", ()))):
        return Refusal("invalid_redirect_uri", "the redirect URI is not one of this client's")
    if not client.detail.get("first_party", False):
        return Refusal("unauthorized_client", "only applications of this operator are let in so far")
    if state is not None and not (len(state) <= _LONGEST and state.isascii() and state.isprintable()):
        return Refusal("invalid_request", "state", uri)
    error = _fault(given, client, audience)
    if error is not None:
        return Refusal(*error, uri, state)
    scopes = frozenset(given.get("scope", "").split()) or client.scopes
    prompt = frozenset(given.get("prompt", "").split())
    max_age = int(given["max_age"]) if "max_age" in given else None
    levels = set(given.get("acr_values", "").split())
    strong = "aal2" in levels and "aal1" not in levels
    return Ask(client, uri, scopes, given["code_challenge"], state, given.get("nonce", ""), prompt, max_age, strong)


def _fault(given: Mapping[str, str], client: Credential, audience: str) -> tuple[str, str] | None:
    """Return error and detail of what is wrong besides the client and its redirect URI."""
    for name, error in _UNSUPPORTED.items():
        if name in given:
            return error, name
    if "authorization_code" not in client.detail.get("grants", ()):
        return "unauthorized_client", "grant"
    kind = given.get("response_type")
    if kind != "code":
        return ("invalid_request" if kind is None else "unsupported_response_type"), "response_type"
    if given.get("response_mode", "query") != "query":
        return "invalid_request", "response_mode"
    if given.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(given.get("code_challenge", "")):
        return "invalid_request", "code_challenge with the method S256 is needed"
    if given.get("resource", audience) != audience:
        return "invalid_target", "resource"
    scope = given.get("scope")
    if scope is not None and (not _SCOPE.fullmatch(scope) or not set(scope.split()) <= client.scopes | OPENID_SCOPES):
        return "invalid_scope", "scope"
    return _fault_of_login(given)


def _fault_of_login(given: Mapping[str, str]) -> tuple[str, str] | None:
    nonce, prompt, max_age = given.get("nonce", ""), set(given.get("prompt", "").split()), given.get("max_age", "0")
    if len(nonce) > _LONGEST or not (nonce.isascii() and nonce.isprintable()):
        return "invalid_request", "nonce"
    if not prompt <= _PROMPTS or ("none" in prompt and len(prompt) > 1):
        return "invalid_request", "prompt"
    if not (max_age.isascii() and max_age.isdigit() and len(max_age) <= 10):
        return "invalid_request", "max_age"
    return None


def fresh_enough(ask: Ask, authenticated_at: float, now: float, asked_at: float | None) -> bool:
    """Return whether a login of ``authenticated_at`` (Unix seconds) is as fresh as the request wants it.

    ``asked_at`` is when this request sent the person to the login, None when it has not: ``prompt=login`` then asks.
    """
    since = float("-inf") if asked_at is None else asked_at
    if ask.prompt & {"login", "select_account"} and (asked_at is None or authenticated_at < since):
        return False
    # A login for this very request is fresh, however long its answer took; so max_age=0 asks once, not for ever.
    return ask.max_age is None or now - authenticated_at <= ask.max_age or authenticated_at >= since > float("-inf")


class Authorizations:
    """Grant and redeem codes. Each is redeemed once; its second use revokes what the first one gave."""

    def __init__(
        self,
        records: Records,
        ephemeral: Ephemeral,
        lifecycle: Lifecycle,
        families: Families,
        *,
        clock: Clock = time.time,
    ) -> None:
        self._records = records
        self._ephemeral = ephemeral
        self._lifecycle = lifecycle
        self._families = families
        self._clock = clock

    async def client(self, client_id: str) -> Credential | None:
        """Return the client's record, the newest where its secret was rotated; None unless it may be used."""
        record = await self._records.credential(client_id) if client_id.startswith("cli_") else None
        if record is not None and record.detail.get("client_id") != client_id:  # a rotation's: no name to clients
            return None
        for _ in range(_CHAIN):
            if record is None or record.replaced_by is None:
                break
            record = await self._records.credential(record.replaced_by)
        refused = await standing(self._records, record, Kind.OAUTH_CLIENT, self._clock())
        return record if refused is None else None

    async def grant(self, ask: Ask, who: Principal) -> str:
        """Return a code for the client: what the person may do, as far as the client may and asked for it.

        Once the credential that their session was begun with is revoked, nothing is refreshed.
        """
        code, now = new_secret(_CODE), self._clock()
        session = await self._records.credential(who.credential)
        begun = {} if session is None else session.detail
        family = new_id("fam_")
        value = {
            "client": ask.client.detail["client_id"],
            "redirect_uri": ask.redirect_uri,
            "challenge": ask.challenge,
            "nonce": ask.nonce,
            "scopes": sorted(ask.scopes & (who.scopes | OPENID_SCOPES)),
            "family": family,
            "subject": who.subject,
            "session": who.credential,
            "login": begun.get("login", ""),
            "proved": dict(begun.get("proved", {})),
            "factors": list(who.factors),
            "authenticated_at": who.authenticated_at,
            "networks": [str(network) for network in who.constraints.networks],
            "limit": None if who.constraints.limit is None else str(who.constraints.limit),
        }
        await self._ephemeral.put(_place("gave", code), family.encode(), now + _REMEMBERED)
        await self._ephemeral.put(_place("code", code), json.dumps(value).encode(), now + CODE_LIFE)
        return code

    async def redeem(
        self, code: str, client: Credential, redirect_uri: str, verifier: str, certificate: bytes | None = None
    ) -> Granted | Rejection:
        """Redeem a code for the client that it was given to: exactly one of any number of uses gets something.

        ``certificate`` is the one on the client's connection (DER). The code is gone with its first use, also with a
        wrong one: whoever steals a code has no second guess at the rest.
        """
        if not well_formed(code, _CODE):
            return Rejection(MALFORMED_CREDENTIAL, "code", credential=client.id)
        raw = await self._ephemeral.take(_place("code", code))
        if raw is None:
            return await self._replayed(code, client)
        value = json.loads(raw)
        if value["client"] != client.detail["client_id"]:
            return Rejection(REFUSED_GRANT, "another client's code", credential=client.id)
        if value["redirect_uri"] != redirect_uri:
            return Rejection(REFUSED_GRANT, "redirect_uri", credential=client.id)
        fits = _VERIFIER.fullmatch(verifier) and hmac.compare_digest(challenge_of(verifier), value["challenge"])
        if not fits:
            return Rejection(REFUSED_GRANT, "code_verifier", credential=client.id)
        session = await self._records.credential(value["session"])
        refused = await standing(self._records, session, Kind.SESSION, self._clock())
        if refused is not None:
            return Rejection(refused.reason, "the login of this code", credential=client.id)
        return await self._given(code, value, certificate)

    async def _given(self, code: str, value: Mapping[str, Any], certificate: bytes | None) -> Granted | Rejection:
        limit = None if value["limit"] is None else rate_of(value["limit"])
        who = Principal(
            subject=value["subject"],
            scheme="session",
            credential=value["login"],
            scopes=frozenset(value["scopes"]),
            factors=tuple(value["factors"]),
            authenticated_at=value["authenticated_at"],
            constraints=Constraints(tuple(map(_network, networks_of(value["networks"]))), limit),
        )
        more = {"client": value["client"], "proved": value["proved"]}
        refreshed = await self._families.start(
            who, by=value["client"], id=value["family"], more=more, certificate=certificate
        )
        # Who replayed the code meanwhile found no family yet, and left word.
        if await self._ephemeral.get(_place("replayed", code)) is not None:
            await self._void(value["family"])
        if not await self._still_there(value["session"]):
            await self._lifecycle.revoke(value["family"], reason="its login ended meanwhile", by=_BY)
            return Rejection(REVOKED, "the login of this code", credential=value["client"])
        return Granted(refreshed, value["nonce"])

    async def _still_there(self, session: str) -> bool:
        """Return whether the session outlived the beginning of its family.

        Whoever ends a person's logins lists them first. The family is there now: ended later, they find it or lose to
        this write and look again; ended before, the session says so.
        """
        for _ in range(_TRIES):
            record = await self._records.credential(session)
            if record is None or record.revoked_at is not None:
                return False
            if await self._records.write(Swap(record.changed())):
                return True
        return False

    async def _replayed(self, code: str, client: Credential) -> Rejection:
        """Revoke what the code gave (RFC 6749 section 4.1.2): one of the two who have it is a thief."""
        family = await self._ephemeral.get(_place("gave", code))
        if family is None:
            return Rejection(REFUSED_GRANT, "unknown code", credential=client.id)
        await self._ephemeral.put(_place("replayed", code), b"1", self._clock() + _REMEMBERED)
        await self._void(family.decode())
        return Rejection(REPLAYED, "code", credential=client.id)

    async def _void(self, family: str) -> None:
        if await self._records.credential(family) is not None:
            await self._lifecycle.revoke(family, reason="its code was used twice", by=_BY)


def _place(kind: str, code: str) -> str:
    return f"oauth-{kind}:{digest(code).hex()}"


def _network(text: str) -> Any:
    from ipaddress import ip_network

    return ip_network(text)

"""Grant and redeem authorization codes: a state machine over the stores (RFC 6749 section 4.1, RFC 7636).

granted: a code -> redeemed once -> its family
                -> redeemed again: the family is revoked
"""

from __future__ import annotations

import hmac
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, Final

from watchword.codec.oidc import challenge_of
from watchword.codec.secrets import digest, new_id, new_secret, well_formed
from watchword.lifecycle.families import Refreshed
from watchword.lifecycle.oauth.approvals import Approvals
from watchword.lifecycle.oauth.asking import Ask
from watchword.lifecycle.oauth.authorization.details import Details
from watchword.lifecycle.verbs import Lifecycle
from watchword.model.credential import Credential
from watchword.model.ports import Clock, Ephemeral, Records
from watchword.model.reason import MALFORMED_CREDENTIAL, REFUSED_GRANT, REPLAYED, UNCONFIRMED
from watchword.model.verdict import Principal, Rejection

__all__ = ["CODE_LIFE", "Codes", "Granted"]

CODE_LIFE: Final = 60
"""Seconds within which a code is redeemed (RFC 9700 recommends short; RFC 6749 section 4.1.2 allows ten minutes)."""

_REMEMBERED: Final = 86_400  # seconds that a code's second use still revokes what the first one gave
_ENDING: Final = 5  # seconds in which one of several second uses revokes that; then it may be another's turn
_CODE: Final = "ac_"
_VERIFIER: Final = re.compile(r"[A-Za-z0-9\-._~]{43,128}")
_BY: Final = "service:watchword"


@dataclass(frozen=True, slots=True)
class Granted:
    """Hold what a code gave: a family, and what of the authorization request counts beyond it."""

    refreshed: Refreshed
    nonce: str = ""
    resources: tuple[str, ...] = ()
    details: Details = ()
    claims: Mapping[str, Any] | None = None


class Codes:
    """Grant and redeem codes. Each is redeemed once; its second use revokes what the first one gave."""

    def __init__(
        self,
        records: Records,
        ephemeral: Ephemeral,
        lifecycle: Lifecycle,
        approvals: Approvals,
        *,
        clock: Clock = time.time,
    ) -> None:
        self._records = records
        self._ephemeral = ephemeral
        self._lifecycle = lifecycle
        self._approvals = approvals
        self._clock = clock

    async def grant(
        self, ask: Ask, who: Principal, *, scopes: frozenset[str] | None = None, consent: Credential | None = None
    ) -> str:
        """Return a code for the client: what the person may do, as far as the client may and asked for it.

        ``scopes`` are those of them that the person agreed to (None: all), ``consent`` is where they did: what it gave
        ends with it. Once the credential that their session was begun with is revoked, nothing is refreshed.
        """
        code, family, now = new_secret(_CODE), new_id("fam_"), self._clock()
        value = {
            **await self._approvals.noted(who),
            "client": ask.client.detail["client_id"],
            "redirect_uri": ask.redirect_uri,
            "challenge": ask.challenge,
            "nonce": ask.nonce,
            "scopes": sorted(ask.possible(who) if scopes is None else ask.possible(who) & scopes),
            "resources": list(ask.resources),
            "details": [dict(each) for each in ask.details],
            "claims": ask.claims and dict(ask.claims),
            "jkt": ask.jkt,
            "consent": None if consent is None else consent.id,
            "family": family,
        }
        await self._ephemeral.put(_place("gave", code), family.encode(), now + _REMEMBERED)
        await self._ephemeral.put(_place("code", code), json.dumps(value).encode(), now + CODE_LIFE)
        return code

    async def redeem(
        self,
        code: str,
        client: Credential,
        redirect_uri: str,
        verifier: str,
        cnf: Mapping[str, str] | None = None,
    ) -> Granted | Rejection:
        """Redeem a code for the client that it was given to: exactly one of any number of uses gets something.

        ``cnf`` is what the tokens are bound to, None for nothing. The code is gone with its first use, also with a
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
        if value["jkt"] and (cnf or {}).get("jkt") != value["jkt"]:  # RFC 9449 section 10
            return Rejection(UNCONFIRMED, "dpop_jkt", credential=client.id)
        return await self._given(code, value, client, cnf)

    async def _given(
        self, code: str, value: Mapping[str, Any], client: Credential, cnf: Mapping[str, str] | None
    ) -> Granted | Rejection:
        more = {name: value[name] for name in ("resources", "details", "claims", "consent") if value[name]}
        more["session"] = value["origin"]
        scopes, app = frozenset(value["scopes"]), {value["client"]: "openid" in value["scopes"]}
        begun = await self._approvals.begun(value, client, scopes, cnf, more, id=value["family"], app=app)
        if isinstance(begun, Rejection):
            return begun
        # Who replayed the code meanwhile found no family yet, and left word.
        if await self._ephemeral.get(_place("replayed", code)) is not None:
            await self._void(value["family"])
        return Granted(begun, value["nonce"], tuple(value["resources"]), tuple(value["details"]), value["claims"])

    async def _replayed(self, code: str, client: Credential) -> Rejection:
        """Revoke what the code gave (RFC 6749 section 4.1.2): one of the two who have it is a thief."""
        family = await self._ephemeral.get(_place("gave", code))
        if family is None:
            return Rejection(REFUSED_GRANT, "unknown code", credential=client.id)
        # Of a hundred at once one revokes: all of them would wait for each other, and for the one who redeems.
        now = self._clock()
        first = self._ephemeral.claim(digest(_place("ending", code)), now + _ENDING)
        if await first if isawaitable(first) else first:
            await self._ephemeral.put(_place("replayed", code), b"1", now + _REMEMBERED)
            await self._void(family.decode())
        return Rejection(REPLAYED, "code", credential=client.id)

    async def _void(self, family: str) -> None:
        if await self._records.credential(family) is not None:
            await self._lifecycle.revoke(family, reason="its code was used twice", by=_BY)


def _place(kind: str, code: str) -> str:
    return f"oauth-{kind}:{digest(code).hex()}"

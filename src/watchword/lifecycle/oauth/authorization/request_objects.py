"""Open signed authorization requests (RFC 9101). Only what is inside counts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from watchword.codec.claims import audience_refusal, moment, time_refusal
from watchword.codec.jose import open_token, peek
from watchword.lifecycle.oauth.client_keys import ClientKeys
from watchword.model.credential import Credential
from watchword.model.ports import Clock
from watchword.model.reason import BAD_CLAIMS, BAD_TYPE, UNKNOWN_KEY, WRONG_ISSUER, Reason

__all__ = ["ERROR", "RequestObjects"]

ERROR: Final = "invalid_request_object"
"""What a request is answered whose object does not hold (RFC 9101 section 7)."""

_TYPE: Final = "oauth-authz-req+jwt"  # RFC 9101 section 10.8: no other JWT of the client's is taken for a request
_LONGEST_LIFE: Final = 3_600  # seconds from now to ``exp``
_LEEWAY: Final = 30.0  # seconds that the client's clock may be ahead
_OF_THE_JWT: Final = frozenset({"iss", "aud", "exp", "iat", "nbf", "jti"})
_ASYMMETRIC: Final = frozenset({"EdDSA", "Ed25519", "ES256", "RS256", "PS256"})


@dataclass(frozen=True, slots=True)
class RequestObjects:
    """Open request objects that are for this ``issuer``, signed with keys of the client."""

    keys: ClientKeys
    issuer: str
    clock: Clock

    async def open(
        self, text: str, client: Credential, algorithms: frozenset[str] = _ASYMMETRIC
    ) -> dict[str, str] | Reason:
        """Return the parameters of the object, several resources with spaces between, or why it does not hold.

        It says ``iss`` (the client), ``aud`` (this issuer) and ``exp``, an hour ahead at most. Raise Unavailable where
        the client's keys cannot be fetched.
        """
        raw = text.encode("utf-8", "replace")
        header = peek(raw)
        if isinstance(header, Reason):
            return header
        if header.type != _TYPE or header.algorithm not in algorithms:
            return BAD_TYPE
        token = open_token(raw, header)
        if isinstance(token, Reason):
            return token
        key = await self.keys.key(client, header)
        refused = UNKNOWN_KEY if key is None else token.unproved(key)
        return refused or self._judged(token.claims, str(client.detail["client_id"]))

    def _judged(self, claims: Mapping[str, Any], client_id: str) -> dict[str, str] | Reason:
        now, end = self.clock(), moment(claims.get("exp"))
        if claims.get("iss") != client_id or claims.get("client_id", client_id) != client_id:
            return WRONG_ISSUER
        if end is None or end > now + _LONGEST_LIFE or not {"request", "request_uri"}.isdisjoint(claims):
            return BAD_CLAIMS
        if claims.get("sub") == client_id:  # an assertion of who the client is, not a request (RFC 9101 section 10.8)
            return BAD_TYPE
        refused = audience_refusal(claims, self.issuer) or time_refusal(claims, now, _LEEWAY)
        if refused is not None:
            return refused
        fields = {name: _text(name, value) for name, value in claims.items() if name not in _OF_THE_JWT}
        found = {name: value for name, value in fields.items() if value is not None}
        return {**found, "client_id": client_id} if len(found) == len(fields) else BAD_CLAIMS


def _text(name: str, value: object) -> str | None:
    """Return a parameter as it would stand in a query, None where it can be none."""
    if isinstance(value, str):
        return value
    if name == "resource":
        whole = isinstance(value, list) and all(isinstance(each, str) and " " not in each for each in value)
        return " ".join(value) if whole else None  # type: ignore[arg-type]
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return str(value)
    return json.dumps(value, separators=(",", ":"))

"""API keys: ``Authorization: Bearer ak_live_…`` (RFC 6750 section 2.1) or ``X-API-Key: ak_live_…``, found by digest."""

from __future__ import annotations

import time
from hashlib import sha256

from watchword.codec.secrets import well_formed
from watchword.model.credential import Kind
from watchword.model.ports import Clock, Records, Soon
from watchword.model.reason import MALFORMED_CREDENTIAL
from watchword.model.request import Request
from watchword.model.verdict import Challenge, Principal, Rejection, SecurityScheme
from watchword.standing import principal_of, standing, until
from watchword.verdicts import Verdicts

__all__ = ["ApiKey"]

_HEAD = b"Bearer ak_"
_PREFIXES = (b"ak_live_", b"ak_test_")


class ApiKey:
    """Prove a caller by a random key whose SHA-256 is on record.

    What ``read`` hands on is the digest: the key itself goes no further than the request that brought it. The field
    X-API-Key is for ``jwt via api-key``, where Authorization holds the user's token; two keys at once are refused.
    """

    name = "api-key"
    needs_body = False

    def __init__(self, records: Records, verdicts: Verdicts, *, realm: str = "api", clock: Clock = time.time) -> None:
        self._records = records
        self._verdicts = verdicts.part()
        self._proved = self._verdicts.find
        self._realm = realm
        self._clock = clock

    def recall(self, request: Request) -> Principal | None:
        """Return whom the very same key proved lately."""
        fields = request.fields
        value = fields.get(b"authorization")
        if value is not None and value[:10] == _HEAD and b"x-api-key" not in fields:
            proved = self._proved(sha256(value[7:]).digest())
            if proved is not None and self._clock() < proved[1]:
                return proved[0]
        return None

    def read(self, request: Request) -> bytes | Rejection | None:
        """Return the SHA-256 of the presented key."""
        fields = request.fields
        value = fields.get(b"authorization")
        other = fields.get(b"x-api-key")
        if value is None and other is None:
            return None
        keys = _keys(value, other)
        if not keys:
            return None
        return sha256(keys[0]).digest() if len(keys) == 1 else Rejection(MALFORMED_CREDENTIAL, "two API keys")

    def verify(self, credential: bytes, request: Request) -> Soon[Principal | Rejection]:
        """Return the key's owner. A key whose checksum is wrong is refused without a look-up."""
        proved = self._proved(credential)
        if proved is not None and self._clock() < proved[1]:
            return proved[0]
        (key,) = _keys(request.fields.get(b"authorization"), request.fields.get(b"x-api-key"))
        if not any(well_formed(key, prefix) for prefix in _PREFIXES):
            return Rejection(MALFORMED_CREDENTIAL, "checksum")
        return self._look_up(credential)

    async def _look_up(self, lookup: bytes) -> Principal | Rejection:
        now, mark = self._clock(), self._verdicts.mark
        record = await self._records.credential_by(lookup)
        refused = await standing(self._records, record, Kind.API_KEY, now)
        if refused is not None or record is None:
            return refused or Rejection(MALFORMED_CREDENTIAL)
        principal = principal_of(record, self.name, now)
        self._verdicts.put(lookup, principal, until(record, now), now, since=mark)
        return principal

    def challenge(self, rejection: Rejection | None) -> Challenge | None:
        """Ask for a Bearer credential (RFC 6750 section 3)."""
        error = (("error", rejection.reason.error),) if rejection and rejection.reason.error else ()
        return Challenge("Bearer", (("realm", self._realm), *error))

    def describe(self) -> SecurityScheme:
        """Return an ``http bearer`` security scheme."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "ak_live_… or ak_test_…"}


def _keys(authorization: bytes | None, field: bytes | None) -> list[bytes]:
    """Return the keys in the two fields that may hold one."""
    scheme, _, rest = (authorization or b"").partition(b" ")
    found = [rest.strip(b" ")] if scheme.lower() == b"bearer" else []
    return [key for key in (*found, field or b"") if key.startswith(b"ak_")]

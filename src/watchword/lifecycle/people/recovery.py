"""Recovery codes: shown once, kept as keyed digests, each good for one use (NIST SP 800-63B-4 section 3.1.2).

A code holds 80 random bits and is typed by hand. Its digest is keyed with what is derived from the root key, which is
not in the store: from a stolen store nothing can be tried, and with the root key too there are 2^80 codes to try. So
a slow password hash would add cost at every use (ten for each guess) and no security.
"""

from __future__ import annotations

import hmac
from typing import Final

from watchword.codec.otp import new_recovery_code, recovery_code_of
from watchword.codec.secrets import digest, new_id
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.people.holdings import act, held, newest
from watchword.lifecycle.people.proving import TRIES, Proving
from watchword.model.credential import Credential, Kind
from watchword.model.reason import MALFORMED_CREDENTIAL, REPLAYED, UNKNOWN_CREDENTIAL, WRONG_SECRET
from watchword.model.records import Add, Change, Swap
from watchword.model.verdict import Rejection

__all__ = ["RecoveryCodes"]

CODES: Final = 10
_COUNTED: Final = "recovery"


class RecoveryCodes:
    """Make recovery codes and take them back one by one."""

    def __init__(self, proving: Proving) -> None:
        self._proving = proving
        self._key = proving.sealer.mac("recovery-codes")

    async def renew(self, subject: str, *, by: str) -> tuple[str, ...]:
        """Return ten new codes; those from before are worth nothing. Raise LifecycleError."""
        proving = self._proving
        owner = await proving.owner(subject)
        codes = tuple(new_recovery_code() for _ in range(CODES))
        digests = [self._digest(owner.name, recovery_code_of(code) or "") for code in codes]
        for _ in range(TRIES):
            if await proving.write(*await self._renewal(owner.name, digests, by)):
                return codes
        raise LifecycleError(f"{owner.name} keeps changing", "try again")

    async def _renewal(self, subject: str, digests: list[str], by: str) -> tuple[Change, ...]:
        """Return the changes; a subject has one usable record, for the first is found by the number of those before."""
        now = self._proving.clock()
        records = await held(self._proving.records, subject, Kind.RECOVERY)
        detail = {"codes": digests, "made_at": int(now)}
        old = newest([each for each in records if each.refusal(now) is None])
        if old is not None:
            changed = old.changed(detail=detail, last_used_at=None)
            return Swap(changed), act(now, "rotate", by, subject, changed, f"{CODES} new codes")
        lookup = digest(f"recovery:{subject}:{len(records)}")
        made = Credential(new_id("rec_"), Kind.RECOVERY, subject, int(now), lookup=lookup, detail=detail)
        return Add(made), act(now, "issue", by, subject, made, f"{CODES} codes")

    async def verify(self, subject: str, code: str) -> Credential | Rejection:
        """Strike the code off, for exactly one of any number of callers, and return the record without it.

        Codes stand in for a factor: where there is none left, they prove nothing.
        """
        proving = self._proving
        typed = recovery_code_of(code)
        slowed = await proving.tried(_COUNTED, subject)
        if slowed is not None:
            return slowed
        answer = Rejection(MALFORMED_CREDENTIAL, "code") if typed is None else await self._struck(subject, typed)
        if isinstance(answer, Rejection) and answer.reason is not REPLAYED:
            await proving.missed(_COUNTED, subject)
        return answer

    async def _struck(self, subject: str, typed: str) -> Credential | Rejection:
        proving, wanted = self._proving, self._digest(subject, typed)
        if not await proving.usable(subject, Kind.TOTP) and not await proving.usable(subject, Kind.PASSKEY):
            return Rejection(UNKNOWN_CREDENTIAL, "no factor to stand in for")
        seen = False
        for _ in range(TRIES):
            record = newest(await proving.usable(subject, Kind.RECOVERY))
            if record is None:
                return Rejection(UNKNOWN_CREDENTIAL, "no recovery codes")
            left = [each for each in record.detail["codes"] if not hmac.compare_digest(each, wanted)]
            if len(left) == len(record.detail["codes"]):
                return Rejection(REPLAYED if seen else WRONG_SECRET, "code", credential=record.id)
            seen = True
            used = record.changed(detail={**record.detail, "codes": left}, last_used_at=int(proving.clock()))
            if await proving.write(Swap(used), proving.proved(used, f"{len(left)} codes left")):
                return used
        return Rejection(REPLAYED, "lost the race")

    def _digest(self, subject: str, code: str) -> str:
        return self._key(f"{subject}\n{code}".encode()).hex()

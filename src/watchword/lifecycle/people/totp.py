"""Codes of an authenticator app (RFC 6238): enrolled by showing one, each accepted once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from watchword.codec.otp import Totp, new_totp_secret
from watchword.codec.secrets import new_id
from watchword.lifecycle.mint import context
from watchword.lifecycle.people.proving import TRIES, Proving, factor_name, gone
from watchword.model.credential import Credential, Kind
from watchword.model.reason import REPLAYED, UNKNOWN_CREDENTIAL, WRONG_SECRET
from watchword.model.records import Change, Swap
from watchword.model.verdict import Rejection

__all__ = ["AppCodes", "TotpDraft"]

_DRAFT: Final = "totp-draft"
_DRAFT_SECONDS: Final = 600
_MOST: Final = 3  # apps a subject: every one more makes guessing easier
_COUNTED: Final = "otp"


@dataclass(frozen=True, slots=True)
class TotpDraft:
    """Hold a secret that is not yet a factor: ``uri`` for the QR picture, ``secret`` (base32) to type."""

    handle: str = field(repr=False)
    secret: str = field(repr=False)
    uri: str = field(repr=False)


class AppCodes:
    """Enrol and verify authenticator apps."""

    def __init__(self, proving: Proving) -> None:
        self._proving = proving

    async def begin(self, subject: str) -> TotpDraft:
        """Make a secret for a subject and keep it, sealed, for 10 minutes."""
        owner = await self._proving.owner(subject)
        await self._proving.room(owner.name, Kind.TOTP, _MOST)
        totp = Totp(new_totp_secret())
        value = {"subject": owner.name, "secret": totp.secret}
        handle = await self._proving.keep(_DRAFT, value, _DRAFT_SECONDS)
        return TotpDraft(handle, totp.secret, totp.uri(owner.name.partition(":")[2], self._proving.site.name))

    async def draft(self, subject: str, handle: str) -> TotpDraft | None:
        """Return the draft again, so that a page can show it once more after a wrong code."""
        kept = await self._proving.look(_DRAFT, handle)
        if kept is None or kept["subject"] != subject:
            return None
        totp = Totp(kept["secret"])
        return TotpDraft(handle, totp.secret, totp.uri(subject.partition(":")[2], self._proving.site.name))

    async def finish(
        self, subject: str, handle: str, code: str, *, name: str, by: str, beside: tuple[Change, ...] = ()
    ) -> Credential | Rejection:
        """Make the draft a factor, once, for who shows a code of it. That code proves nothing any more."""
        name, proving = factor_name(name), self._proving
        kept = await proving.look(_DRAFT, handle)
        if kept is None or kept["subject"] != subject:
            return gone()
        slowed = await proving.tried(_COUNTED, subject)
        if slowed is not None:
            return slowed
        now = proving.clock()
        step = Totp(kept["secret"]).step_of(code, now)
        if step is None:
            await proving.missed(_COUNTED, subject)
            return Rejection(WRONG_SECRET, "code")
        if await proving.take(_DRAFT, handle) is None:
            return gone()
        await proving.room(subject, Kind.TOTP, _MOST)
        id = new_id("otp_")
        detail = {"name": name, "step": step, "digits": 6, "period": 30, "algorithm": "SHA1"}
        sealed = proving.sealer.seal(kept["secret"].encode(), context(id))
        record = Credential(id, Kind.TOTP, subject, int(now), secret=sealed, detail=detail)
        return record if await proving.enrol(record, by, *beside) else gone()

    async def verify(self, subject: str, code: str) -> Credential | Rejection:
        """Return the app whose code this is, to exactly one of any number of callers.

        The time step of the code is kept on the record by compare-and-swap, and only a later one is accepted after it
        (RFC 6238 section 5.2). At most ten tries a minute, from wherever they come, reach the comparison.
        """
        slowed = await self._proving.tried(_COUNTED, subject)
        if slowed is not None:
            return slowed
        answer = await self._found(subject, code)
        if isinstance(answer, Rejection) and answer.reason is not REPLAYED:
            await self._proving.missed(_COUNTED, subject)
        return answer

    async def _found(self, subject: str, code: str) -> Credential | Rejection:
        proving = self._proving
        answer = Rejection(UNKNOWN_CREDENTIAL, "no authenticator app")
        for _ in range(TRIES):
            answer = Rejection(UNKNOWN_CREDENTIAL, "no authenticator app")
            now = proving.clock()
            for record in await proving.usable(subject, Kind.TOTP):
                totp, last = self._opened(record), record.detail["step"]
                step = totp.step_of(code, now, after=last)
                if step is not None:
                    used = record.changed(last_used_at=int(now), detail={**record.detail, "step": step})
                    if await proving.write(Swap(used), proving.proved(used)):
                        return used
                    break  # it changed: read it again, for its new step decides
                known = totp.step_of(code, now) is not None
                why = Rejection(REPLAYED, "code", credential=record.id) if known else Rejection(WRONG_SECRET, "code")
                answer = answer if answer.reason is REPLAYED else why
            else:
                return answer
        return Rejection(REPLAYED, "lost the race")

    def _opened(self, record: Credential) -> Totp:
        """Return the app's secret. Raise SealingError when the root key is another."""
        secret = self._proving.sealer.open(record.secret, context(record.id)).decode()
        kept: Any = record.detail
        return Totp(secret, kept["digits"], kept["period"], kept["algorithm"])

"""Second factors, all kinds: enrol, prove, rename, remove, and the operator's path for who has lost theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.outlasting import TOGETHER, Outlasting
from watchword.lifecycle.people.holdings import LOGINS, act, ended, ending, held
from watchword.lifecycle.people.passkeys import PasskeyDraft, PasskeyProof, Passkeys
from watchword.lifecycle.people.proving import FACTORS, TRIES, Proving, factor_name
from watchword.lifecycle.people.recovery import RecoveryCodes
from watchword.lifecycle.people.totp import AppCodes, TotpDraft
from watchword.lifecycle.voiding import taken_back
from watchword.model.credential import Credential, Kind
from watchword.model.records import Change, Swap
from watchword.model.verdict import Rejection

__all__ = ["FACTORS", "PasskeyDraft", "PasskeyProof", "SecondFactors", "TotpDraft"]

_OWN = (Kind.TOTP, Kind.PASSKEY)  # what recovery codes stand in for


class SecondFactors:
    """Let people have second factors. A ``subject`` is "user:alice"; ``by`` is who acts, for the audit.

    What proves something is a Credential or a PasskeyProof, what does not is a Rejection; LifecycleError says what
    cannot be done at all (no such user, too many factors, no name).
    """

    def __init__(self, proving: Proving) -> None:
        self._proving = proving
        self._apps = AppCodes(proving)
        self._passkeys = Passkeys(proving)
        self._recovery = RecoveryCodes(proving)

    @property
    def passkeys_possible(self) -> bool:
        """Return whether browsers make passkeys for this site: it needs a name, not an address."""
        return self._proving.site.possible

    async def enrolled(self, subject: str) -> tuple[Credential, ...]:
        """Return the factors that a subject can prove now, the oldest first; recovery codes only beside another."""
        own = [record for kind in _OWN for record in await self._proving.usable(subject, kind)]
        if not own:
            return ()
        codes = [each for each in await self._proving.usable(subject, Kind.RECOVERY) if each.detail["codes"]]
        return tuple(sorted(own, key=lambda each: (each.created_at, each.id)) + codes)

    # --- authenticator apps ---------------------------------------------------------------------------------------

    async def begin_totp(self, subject: str) -> TotpDraft:
        """Make a secret for an authenticator app; it is a factor once ``finish_totp`` saw a code of it."""
        return await self._apps.begin(subject)

    async def drafted_totp(self, subject: str, handle: str) -> TotpDraft | None:
        """Return a draft again, to show it once more after a wrong code."""
        return await self._apps.draft(subject, handle)

    async def finish_totp(
        self, subject: str, handle: str, code: str, *, name: str, by: str, beside: tuple[Change, ...] = ()
    ) -> Credential | Rejection:
        """Enrol the app that shows this code, only together with the changes ``beside``."""
        return await self._apps.finish(subject, handle, code, name=name, by=by, beside=beside)

    async def verify_totp(self, subject: str, code: str) -> Credential | Rejection:
        """Return the app whose code this is; a code is accepted once."""
        return await self._apps.verify(subject, code)

    # --- passkeys -------------------------------------------------------------------------------------------------

    async def begin_passkey(self, subject: str) -> PasskeyDraft:
        """Return the options for ``navigator.credentials.create``."""
        return await self._passkeys.begin(subject)

    async def finish_passkey(
        self, subject: str, handle: str, response: Mapping[str, Any], *, name: str, by: str
    ) -> Credential | Rejection:
        """Enrol the passkey that the browser made; ``response`` is the JSON form of its answer."""
        return await self._passkeys.finish(subject, handle, response, name=name, by=by)

    async def passkey_challenge(self, subject: str | None) -> PasskeyDraft:
        """Return the options for ``navigator.credentials.get``; None for a login that asks for no name."""
        return await self._passkeys.challenge(subject)

    async def verify_passkey(
        self, handle: str, response: Mapping[str, Any], *, subject: str | None = None
    ) -> PasskeyProof | Rejection:
        """Return who proved to hold which passkey. Give ``subject`` whenever it is known who must."""
        return await self._passkeys.verify(handle, response, subject=subject)

    # --- recovery codes -------------------------------------------------------------------------------------------

    async def new_recovery_codes(self, subject: str, *, by: str) -> tuple[str, ...]:
        """Return ten new codes, to be shown once; those from before are worth nothing."""
        return await self._recovery.renew(subject, by=by)

    async def verify_recovery(self, subject: str, code: str) -> Credential | Rejection:
        """Strike off one code; how many are left is the length of ``detail["codes"]``."""
        return await self._recovery.verify(subject, code)

    # --- keeping --------------------------------------------------------------------------------------------------

    async def rename(self, id: str, name: str, *, by: str, subject: str | None = None) -> Credential:
        """Give a factor another name. With ``subject``, only one of that subject's. Raise LifecycleError."""
        name = factor_name(name)
        for _ in range(TRIES):
            record = await self._one(id, subject)
            changed = record.changed(detail={**record.detail, "name": name})
            event = act(self._proving.clock(), "rename", by, record.subject, record, f"to {name}")
            if await self._proving.write(Swap(changed), event):
                return changed
        raise LifecycleError(f"{id} keeps changing", "try again")

    async def remove(self, id: str, *, by: str, reason: str = "", subject: str | None = None) -> None:
        """Remove a factor, and with the last one the recovery codes. With ``subject``, only one of that subject's."""
        for _ in range(TRIES):
            record = await self._one(id, subject)
            if await self._proving.write(*await self._removal(record, by, reason or "removed by its owner")):
                return
        raise LifecycleError(f"{id} keeps changing", "try again")

    async def _removal(self, record: Credential, by: str, reason: str) -> list[Change]:
        now = self._proving.clock()
        changes = ending(record, now=now, by=by, why=reason)
        left = [each for each in await self.enrolled(record.subject) if each.kind in _OWN and each.id != record.id]
        if not left and record.kind is not Kind.RECOVERY:
            why = f"{record.id} was the last factor"
            changes += await ended(self._proving.records, record.subject, (Kind.RECOVERY,), now=now, by=by, why=why)
        return changes

    async def reset(self, subject: str, *, by: str, reason: str) -> tuple[Credential, ...]:
        """Remove every factor of who has lost theirs, end their sessions and all tokens, in one transaction.

        The operator's path: who asks must have been recognised by other means, and ``reason`` says how. Return what was
        removed. Raise LifecycleError.
        """
        for tries in range(TRIES):
            owner, now = await self._proving.records.subject(subject), self._proving.clock()
            if owner is None:
                raise LifecycleError(f"there is no {subject}", "`watchword user list` shows who there is")
            found = await self._usable(subject)
            changes = [change for each in found for change in ending(each, now=now, by=by, why=reason)]
            why, together = "second factors were reset", tries < TOGETHER
            kinds = LOGINS if together else (Kind.SESSION,)
            changes += await ended(self._proving.records, subject, kinds, now=now, by=by, why=why)
            changes += taken_back(owner, now)
            changes.append(act(now, "reset-factors", by, subject, detail=reason))
            if await self._proving.write(*changes):
                if not together:
                    rest = Outlasting(self._proving.records, self._proving.told, self._proving.clock)
                    await rest.end(subject, by=by, why=why)
                return tuple(found)
        raise LifecycleError(f"{subject} keeps changing", "try again")

    async def _usable(self, subject: str) -> list[Credential]:
        now = self._proving.clock()
        all_held = [each for kind in FACTORS for each in await held(self._proving.records, subject, kind)]
        return [each for each in all_held if each.refusal(now) is None]

    async def _one(self, id: str, subject: str | None) -> Credential:
        record = await self._proving.records.credential(id)
        if record is None or record.kind not in FACTORS or (subject is not None and record.subject != subject):
            raise LifecycleError(f"there is no factor {id[:64]!r}", "`watchword user factors NAME` shows them")
        if record.refusal(self._proving.clock()) is not None:
            raise LifecycleError(f"{id} was removed", "`watchword user factors NAME` shows them")
        return record

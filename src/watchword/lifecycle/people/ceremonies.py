"""The ceremony of a login: what has been proven, what is due, and what follows from what.

What may follow is the table ``_NEXT``, nothing else. What is proven so far is kept, sealed, for ten minutes under a
handle; it is bound to the browser that began, may be guessed at ten times, and is worth one login.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from inspect import isawaitable
from types import MappingProxyType
from typing import Any, Final

from watchword.codec.otp import recovery_code_of
from watchword.codec.secrets import digest
from watchword.lifecycle.people.factors import SecondFactors
from watchword.lifecycle.people.holdings import held, newest
from watchword.lifecycle.people.passkeys import PasskeyDraft, PasskeyProof
from watchword.lifecycle.people.proving import FACTORS, Proving, gone
from watchword.model.credential import Credential, Kind
from watchword.model.reason import NO_CREDENTIAL, RATE_LIMITED, SUBJECT_MISMATCH
from watchword.model.records import Swap
from watchword.model.verdict import NO_CONSTRAINTS, Principal, Rate, Rejection
from watchword.standing import standing

__all__ = ["FIRST", "PROVABLE", "SECOND", "Ceremonies", "Pending", "Proven", "Stage", "following", "proving_now"]

FIRST: Final = frozenset({"pwd", "fed"})
"""Factors that a login can begin with."""

SECOND: Final = frozenset(FACTORS.values())
"""Factors that stand beside one of the first."""

PROVABLE: Final = frozenset({*FIRST, *SECOND, "mfa"})
"""What a route can ask for that people prove here."""

_PURPOSE: Final = "ceremony"
_SECONDS: Final = 600
_TRIES: Final = Rate(10, _SECONDS)
_SCHEME: Final = "login"


class Stage(StrEnum):
    """Name where a ceremony stands."""

    BEGUN = "begun"
    SECOND_DUE = "second-due"
    ENROLMENT_DUE = "enrolment-due"
    STEP_UP_DUE = "step-up-due"
    DONE = "done"


class _Proof(StrEnum):
    FIRST = "first"  # a password or an outside identity
    SECOND = "second"
    PASSKEY = "passkey"  # one whose authenticator knew its user: it is two factors


class _Person(StrEnum):
    HAS_FACTOR = "has a factor"
    NEEDS_FACTOR = "has none and must"
    NEEDS_NONE = "has none and need not"


# Where a ceremony stands, what is proven now, what the person has -> where it stands then. What is not here is refused.
_NEXT: Final[Mapping[tuple[Stage, _Proof, _Person], Stage]] = {
    (Stage.BEGUN, _Proof.FIRST, _Person.HAS_FACTOR): Stage.SECOND_DUE,
    (Stage.BEGUN, _Proof.FIRST, _Person.NEEDS_FACTOR): Stage.ENROLMENT_DUE,
    (Stage.BEGUN, _Proof.FIRST, _Person.NEEDS_NONE): Stage.DONE,
    (Stage.BEGUN, _Proof.PASSKEY, _Person.HAS_FACTOR): Stage.DONE,
    (Stage.SECOND_DUE, _Proof.SECOND, _Person.HAS_FACTOR): Stage.DONE,
    (Stage.SECOND_DUE, _Proof.PASSKEY, _Person.HAS_FACTOR): Stage.DONE,
    (Stage.ENROLMENT_DUE, _Proof.SECOND, _Person.HAS_FACTOR): Stage.DONE,  # proven by being enrolled
    (Stage.STEP_UP_DUE, _Proof.FIRST, _Person.HAS_FACTOR): Stage.DONE,
    (Stage.STEP_UP_DUE, _Proof.FIRST, _Person.NEEDS_FACTOR): Stage.DONE,
    (Stage.STEP_UP_DUE, _Proof.FIRST, _Person.NEEDS_NONE): Stage.DONE,
    (Stage.STEP_UP_DUE, _Proof.SECOND, _Person.HAS_FACTOR): Stage.DONE,
    (Stage.STEP_UP_DUE, _Proof.PASSKEY, _Person.HAS_FACTOR): Stage.DONE,
}


def following(stage: Stage, factor: str, *, has_factor: bool, required: bool = False, verified: bool = False) -> Stage:
    """Return where a ceremony stands after one more proof. Raise ValueError where that proof is not for it."""
    proof = _Proof.FIRST if factor in FIRST else _Proof.PASSKEY if verified else _Proof.SECOND
    person = _Person.HAS_FACTOR if has_factor else _Person.NEEDS_FACTOR if required else _Person.NEEDS_NONE
    stands = _NEXT.get((stage, proof, person))
    if stands is None:
        raise ValueError(f"{factor} is not for a ceremony that is {stage}")
    return stands


def proving_now(proved: Mapping[str, int], factor: str, now: int, *, verified: bool = False) -> dict[str, int]:
    """Return when each factor was proven (Unix seconds), ``factor`` now.

    "mfa" is as old as the older of the two that make it: one that is known or vouched for, and one that is held; or as
    the passkey that is both, its authenticator having ``verified`` its user.
    """
    after = {**proved, factor: now}
    first = max((after[name] for name in FIRST if name in after), default=None)
    second = max((after[name] for name in SECOND if name in after), default=None)
    both = [now] if verified else []
    both += [proved["mfa"]] if "mfa" in proved else []
    both += [min(first, second)] if first is not None and second is not None else []
    return {**after, "mfa": max(both)} if both else after


def _older_half(proved: Mapping[str, int]) -> frozenset[str]:
    """Return what makes "mfa" fresh: the half that is older, or a passkey, which is both."""
    first, second = (max(proved.get(name, 0) for name in half) for half in (FIRST, SECOND))
    return SECOND if second <= first else FIRST | {"webauthn"}


@dataclass(frozen=True, slots=True)
class Pending:
    """Hold a ceremony that something is due in. ``factors`` are what may be proven next.

    ``login`` is the credential that was proven first; ``source`` what is stepped up, ``ses_…`` or ``fam_…``.
    """

    handle: str = field(repr=False)
    subject: str
    stage: Stage
    factors: tuple[str, ...]
    proved: Mapping[str, int]
    login: str
    browser: str = field(default="", repr=False)
    next: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Proven:
    """Say who has proved everything that was due: ``who`` carries ``factors``, ``proved`` when each was."""

    who: Principal
    proved: Mapping[str, int]
    next: str = ""
    source: str = ""


class Ceremonies:
    """Carry people from their first proof to their last."""

    def __init__(self, proving: Proving, factors: SecondFactors, *, required: str = "optional") -> None:
        """``required`` is "off" (nobody is asked), "optional" (who has a factor is), "required" (everybody is)."""
        self._proving = proving
        self._factors = factors
        self._required = required

    async def begin(self, who: Principal, factor: str, *, browser: str = "", next: str = "") -> Proven | Pending:
        """Go on from a first proof, a password or an outside identity: done, or something more is due."""
        names = () if self._required == "off" else await self._names(who.subject)
        required = self._required == "required" and who.kind == "user"  # a service has no app to set up
        proved = proving_now({}, factor, int(self._proving.clock()))
        stage = following(Stage.BEGUN, factor, has_factor=bool(names), required=required)
        if stage is Stage.DONE:
            return Proven(_complete(who, proved), proved, next)
        wanted = names if stage is Stage.SECOND_DUE else ("otp",)
        return await self._keep(Pending("", who.subject, stage, wanted, proved, who.credential, browser, next))

    async def step_up(
        self, who: Principal, wanted: Iterable[str] = (), *, browser: str = "", next: str = ""
    ) -> Pending | None:
        """Ask somebody who is logged in for proof: of ``wanted``, or where nothing is named, of anything they have.

        None where they have nothing of what is wanted. ``who.credential`` is the session or refresh family.
        """
        names = await self._names(who.subject)
        passwords = await self._usable(who.subject, Kind.PASSWORD)
        have = (*names, "pwd") if passwords else names
        asked, proved = set(wanted), _proved_of(who)
        if "mfa" in asked:
            asked |= _older_half(proved)
        factors = tuple(name for name in have if name in asked or not asked)
        if not factors:
            return None
        return await self._keep(
            Pending("", who.subject, Stage.STEP_UP_DUE, factors, proved, "", browser, next, who.credential)
        )

    async def look(self, handle: str, *, browser: str = "") -> Pending | None:
        """Return a ceremony to the browser that began it, without ending it."""
        kept = await self._proving.look(_PURPOSE, handle)
        return _pending(handle, kept, browser)

    async def passkey(self, pending: Pending) -> PasskeyDraft | None:
        """Return a challenge for the passkeys of who is asked; None where no passkey is."""
        return await self._factors.passkey_challenge(pending.subject) if "webauthn" in pending.factors else None

    # --- proofs -------------------------------------------------------------------------------------------------------

    async def by_code(self, handle: str, code: str, *, browser: str = "") -> Proven | Rejection:
        """Finish by a code of an authenticator app, or by a recovery code."""
        factor = "recovery" if recovery_code_of(code) is not None else "otp"
        pending = await self._asked(handle, browser, factor)
        if isinstance(pending, Rejection):
            return pending
        verify = self._factors.verify_recovery if factor == "recovery" else self._factors.verify_totp
        found = await verify(pending.subject, code)
        return found if isinstance(found, Rejection) else await self._finish(pending, factor)

    async def by_passkey(
        self, handle: str, passkey: str, response: Mapping[str, Any], *, browser: str = ""
    ) -> Proven | Rejection:
        """Finish by a passkey; ``passkey`` is the handle of its challenge."""
        pending = await self._asked(handle, browser, "webauthn")
        if isinstance(pending, Rejection):
            return pending
        found = await self._factors.verify_passkey(passkey, response, subject=pending.subject)
        if isinstance(found, Rejection):
            return found
        return await self._finish(pending, "webauthn", verified=found.user_verified)

    async def by_password(self, handle: str, who: Principal, *, browser: str = "") -> Proven | Rejection:
        """Finish a step-up by the password that ``who`` was just proven by."""
        pending = await self._asked(handle, browser, "pwd")
        if isinstance(pending, Rejection):
            return pending
        if pending.subject != who.subject:
            return Rejection(SUBJECT_MISMATCH, "another's password", credential=who.credential)
        return await self._finish(pending, "pwd")

    async def enrolling(self, handle: str, *, browser: str = "") -> Pending | None:
        """Return a ceremony that a factor is due in, if what began it still holds and there is no factor meanwhile."""
        found = await self._enrolling(handle, browser)
        return None if found is None else found[0]

    async def by_enrolment(
        self, handle: str, draft: str, code: str, *, name: str, browser: str = ""
    ) -> Proven | Rejection:
        """Finish by a code of the drafted app, which is a factor from then on.

        The password or identity that began is swapped along with it: it cannot have ended, nor begun another enrolment
        that came first. So who knew a password that was changed, or waits until its owner has an app, gets none.
        """
        found = await self._enrolling(handle, browser)
        if found is None:
            return gone()
        pending, login = found
        me, beside = pending.subject, (Swap(login.changed()),)
        made = await self._factors.finish_totp(me, draft, code, name=name, by=me, beside=beside)
        return made if isinstance(made, Rejection) else await self._finish(pending, FACTORS[made.kind])

    async def by_passkey_alone(
        self, passkey: str, response: Mapping[str, Any], *, next: str = ""
    ) -> Proven | Rejection:
        """Log somebody in by a passkey that names them and whose authenticator knew them."""
        found = await self._factors.verify_passkey(passkey, response)
        if isinstance(found, Rejection):
            return found
        if not found.user_verified:
            return Rejection(NO_CREDENTIAL, "the authenticator did not verify its user", credential=found.credential.id)
        following(Stage.BEGUN, "webauthn", has_factor=True, verified=True)
        return await self._alone(found, next)

    # --- steps --------------------------------------------------------------------------------------------------------

    async def _alone(self, found: PasskeyProof, next: str) -> Proven:
        proved = proving_now({}, "webauthn", int(self._proving.clock()), verified=True)
        who = await self.entitled(found.subject, found.credential.id)
        return Proven(_complete(who, proved), proved, next)

    async def entitled(self, subject: str, credential: str) -> Principal:
        """Return the principal of who proved themselves without a password, by ``credential``.

        What a person may do, from where and how often, stands with the newest password: who has one may no more by
        another way in. Who has none may what the proof itself allows.
        """
        found = newest(await self._usable(subject, Kind.PASSWORD)) or await self._proving.records.credential(credential)
        scopes = found.scopes if found else frozenset()
        bounds = found.constraints() if found else NO_CONSTRAINTS
        return Principal(subject, _SCHEME, credential, scopes, constraints=bounds)

    async def _asked(self, handle: str, browser: str, factor: str) -> Pending | Rejection:
        """Return the ceremony that a proof is for, one try of it spent."""
        pending = await self.look(handle, browser=browser)
        if pending is None:
            return gone()
        tried = self._proving.meter.hit(f"ceremony|{digest(handle).hex()}", 1, _TRIES)
        left = await tried if isawaitable(tried) else tried
        if not left.admitted:
            wait = max(1, int(left.retry_after) + 1)
            return Rejection(RATE_LIMITED, "ceremony", ((b"retry-after", b"%d" % wait),))
        if factor not in pending.factors or pending.stage is Stage.ENROLMENT_DUE:
            return Rejection(NO_CREDENTIAL, f"{factor} is not asked for", credential=pending.login)
        return pending

    async def _finish(self, pending: Pending, factor: str, *, verified: bool = False) -> Proven | Rejection:
        """End the ceremony, for exactly one of any number of callers, if what began it still holds."""
        following(pending.stage, factor, has_factor=True, verified=verified)
        if await self._proving.take(_PURPOSE, pending.handle) is None:
            return gone()
        proved = proving_now(pending.proved, factor, int(self._proving.clock()), verified=verified)
        record = await self._begun_by(pending)
        if isinstance(record, Rejection):
            return record
        if record.kind in (Kind.PASSWORD, Kind.SESSION, Kind.REFRESH):
            who = Principal(record.subject, _SCHEME, record.id, record.scopes, constraints=record.constraints())
        else:
            who = await self.entitled(record.subject, record.id)
        return Proven(_complete(who, proved), proved, pending.next, pending.source)

    async def _enrolling(self, handle: str, browser: str) -> tuple[Pending, Credential] | None:
        pending = await self.look(handle, browser=browser)
        if pending is None or pending.stage is not Stage.ENROLMENT_DUE:
            return None
        login = await self._begun_by(pending)  # before the factors: what is enrolled after this look swaps it
        return None if isinstance(login, Rejection) or await self._names(pending.subject) else (pending, login)

    async def _begun_by(self, pending: Pending) -> Credential | Rejection:
        """Return what began the ceremony; refused when the password was changed meanwhile, or the account disabled."""
        record = await self._proving.records.credential(pending.source or pending.login)
        kind = record.kind if record is not None else Kind.PASSWORD
        refused = await standing(self._proving.records, record, kind, self._proving.clock())
        return record if record is not None and refused is None else refused or gone()

    async def _names(self, subject: str) -> tuple[str, ...]:
        enrolled = await self._factors.enrolled(subject)
        return tuple(dict.fromkeys(FACTORS[each.kind] for each in enrolled))

    async def _usable(self, subject: str, kind: Kind) -> list[Credential]:
        now = self._proving.clock()
        return [each for each in await held(self._proving.records, subject, kind) if each.refusal(now) is None]

    async def _keep(self, pending: Pending) -> Pending:
        value = {
            "subject": pending.subject,
            "stage": pending.stage.value,
            "factors": list(pending.factors),
            "proved": dict(pending.proved),
            "login": pending.login,
            "browser": digest(pending.browser).hex(),
            "next": pending.next,
            "source": pending.source,
        }
        handle = await self._proving.keep(_PURPOSE, value, _SECONDS)
        return _pending(handle, value, pending.browser) or pending


def _pending(handle: str, kept: Mapping[str, Any] | None, browser: str) -> Pending | None:
    if kept is None or kept["browser"] != digest(browser).hex():
        return None
    return Pending(
        handle,
        kept["subject"],
        Stage(kept["stage"]),
        tuple(kept["factors"]),
        kept["proved"],
        kept["login"],
        browser,
        kept["next"],
        kept["source"],
    )


def _complete(who: Principal, proved: Mapping[str, int]) -> Principal:
    """Return the principal with everything that was proven: its factors by when they were, "mfa" last."""
    factors = sorted((name for name in proved if name != "mfa"), key=lambda name: proved[name])
    named = (*factors, "mfa") if "mfa" in proved else tuple(factors)
    latest = max(proved[name] for name in factors)
    claims = MappingProxyType({"proved": MappingProxyType(dict(proved))})
    return who._replace(factors=named, authenticated_at=latest, claims=claims)


def _proved_of(who: Principal) -> dict[str, int]:
    """Return when a session's or token's factors were proven; all at the login where nothing more is known."""
    kept = who.claims.get("proved")
    if isinstance(kept, Mapping):
        return {str(name): int(at) for name, at in kept.items()}
    return dict.fromkeys(who.factors, who.authenticated_at)

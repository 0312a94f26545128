"""Rotate anything, find what is due, and say whether the one before is still needed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.mint import CERTIFICATE_LIFE, SECRET_METHODS
from watchword.lifecycle.operations.authorities import Authorities
from watchword.lifecycle.operations.root_key import RootKey
from watchword.lifecycle.signing import KeySchedule
from watchword.lifecycle.verbs import Issued, Lifecycle
from watchword.model.credential import Credential, Kind, State
from watchword.model.ports import Clock, Records
from watchword.model.usage import Origin, UsageRecords

__all__ = ["ROOT_KEY_KIND", "Due", "Outcome", "Retirement", "Rotated", "Rotation", "RotationRules"]

ROOT_KEY_KIND: Final = "root-key"
"""What the root key is called among the kinds; it is no record."""

_PAGE: Final = 500
_LATE: Final = 15  # seconds until a last use is known for sure that came soon after another one
_KINDS: Final = (Kind.API_KEY, Kind.HMAC, Kind.OAUTH_CLIENT, Kind.CLIENT_CERT, Kind.PASSWORD, Kind.CA)
_OF_THEMSELVES: Final = ("registered", "document")  # such clients look after their own secrets


@dataclass(frozen=True, slots=True)
class RotationRules:
    """Say when a credential is due, in seconds.

    ``ages`` has, by kind, how old one may become (0: any age); ``expiring`` is how long before its end one is due, a
    third of its life at most; ``overlap`` is how long the old one stays valid.
    """

    ages: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    expiring: int = 14 * 86400
    overlap: int = 7 * 86400


@dataclass(frozen=True, slots=True)
class Due:
    """Say that a credential should be replaced since ``at`` (Unix seconds), and why.

    Not ``automatic`` is what a person has to do: their own password, or the root key.
    """

    id: str
    kind: str
    subject: str
    at: int
    why: str
    automatic: bool
    last_used_at: int | None = None


@dataclass(frozen=True, slots=True)
class Rotated:
    """Hold a successor, what proves it (shown once), and the old one, which is valid until ``ends_at``."""

    issued: Issued
    old: Credential
    ends_at: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """Say what became of one that was due: ``rotated``, or why not."""

    due: Due
    rotated: Rotated | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Retirement:
    """Say whether a replaced credential is still needed.

    ``safe``: nobody used it since its successor was there, and somebody used that. ``origins`` is where it was used
    from, latest first; for a CA, ``holding`` counts the certificates that it vouches for.
    """

    id: str
    state: str
    successor: str | None
    last_used_at: int | None
    retire_at: int | None
    safe: bool
    says: str
    origins: Sequence[Origin] = ()
    holding: int = 0


class Rotation:
    """Rotate by kind: each has its own way, and all leave the old one valid for a while."""

    def __init__(
        self,
        records: Records,
        lifecycle: Lifecycle,
        signing: KeySchedule,
        authorities: Authorities,
        root_key: RootKey,
        usage: UsageRecords,
        clock: Clock,
    ) -> None:
        self._records = records
        self._lifecycle = lifecycle
        self._signing = signing
        self._authorities = authorities
        self._root_key = root_key
        self._usage = usage
        self._clock = clock
        self.rules: RotationRules = RotationRules()

    async def rotate(
        self,
        id: str,
        *,
        overlap: int | None,
        by: str,
        options: Mapping[str, Any] | None = None,
        version: int | None = None,
    ) -> Rotated:
        """Replace one credential, whatever its kind. ``overlap`` is in seconds; None: as long as the rules say.

        ``version``: of a caller's credential that one alone, which somebody may have judged.
        For a CA, None means until the last certificate that it issued has ended. Raise LifecycleError.
        """
        old = await self._lifecycle.show(id)
        if old.kind is Kind.CA:
            issuing = await self._authorities.issuing()
            if issuing.id != id:
                raise LifecycleError(f"{id} is not the CA that issues", f"that is {issuing.id}")
            return await self.rotate_ca(by=by, overlap=overlap)
        seconds = self.rules.overlap if overlap is None else overlap
        if old.kind is Kind.SIGNING_KEY:
            return await self._turned(old, seconds, by)
        issued = await self._lifecycle.rotate(id, overlap=seconds, by=by, options=options, version=version)
        return Rotated(issued, await self._lifecycle.show(id), issued.credential.created_at + seconds)

    async def _turned(self, key: Credential, overlap: int, by: str) -> Rotated:
        """Replace the key in use of an algorithm: the one before verifies as long as a token may live, at least."""
        algorithm = str(key.detail["algorithm"])
        used = await self._signing.in_use(algorithm)
        if used.id != key.id:
            raise LifecycleError(f"{key.id} is not the key in use", f"that is {used.id}")
        new, old = await self._signing.rotate(by=by, overlap=overlap, algorithm=algorithm)
        return Rotated(Issued(new, {}), old, old.retire_at or 0)

    async def rotate_ca(self, *, by: str, overlap: int | None = None) -> Rotated:
        """Replace the CA that issues. Without ``overlap`` what it issued holds until its own end."""
        new, old = await self._authorities.rotate(by=by, overlap=overlap)
        return Rotated(Issued(new, {"certificate": new.detail["certificate"]}), old, old.retire_at or 0)

    async def due(self, *, horizon: int = 0) -> list[Due]:
        """Return what is due now or within ``horizon`` seconds, the longest overdue first."""
        until = int(self._clock()) + horizon
        found = [due async for due in self._each(until)]
        state = await self._root_key.state()
        age = self.rules.ages.get(ROOT_KEY_KIND, 0)
        since = state.since or await self._root_key.made_at()
        if age and since + age <= until:
            why = f"older than {_span(age)}: `watchword rotate root-key`"
            found.append(Due(state.id, ROOT_KEY_KIND, "service:watchword", since + age, why, automatic=False))
        return sorted(found, key=lambda each: (each.at, each.id))

    async def rotate_due(self, *, by: str, overlap: int | None = None, horizon: int = 0) -> AsyncIterator[Outcome]:
        """Replace what is due, one after the other; each outcome says whether it went well. Stop at any time."""
        for due in await self.due(horizon=horizon):
            if not due.automatic:
                yield Outcome(due, problem="a person has to do it")
                continue
            try:
                yield Outcome(due, await self.replace(due, overlap=overlap, by=by))
            except LifecycleError as error:
                yield Outcome(due, problem=f"{error}" + (f" ({error.hint})" if error.hint else ""))

    async def replace(self, due: Due, *, overlap: int | None, by: str, version: int | None = None) -> Rotated:
        """Replace one that is due, as ``rotate`` does. ``overlap`` is not for a CA: it would take along what it issued.

        Raise LifecycleError.
        """
        return await self.rotate(due.id, overlap=None if due.kind == Kind.CA else overlap, by=by, version=version)

    async def _each(self, until: int) -> AsyncIterator[Due]:
        now = self._clock()
        for kind in _KINDS:
            after = ""
            while page := await self._records.credentials(kind=kind, after=after, limit=_PAGE):
                after = page[-1].id
                for record in page:
                    if record.state(now) is State.ACTIVE and record.replaced_by is None and _rotates(record):
                        due = self._judged(record, until)
                        if due is not None:
                            yield due

    def _judged(self, record: Credential, until: int) -> Due | None:
        age, ends = self.rules.ages.get(record.kind, 0), _end(record)
        reasons = []
        if ends is not None:
            reasons.append((int(ends) - self._ahead(record, ends), f"ends {_day(ends)}"))
        if age:
            reasons.append((record.created_at + age, f"older than {_span(age)}"))
        passed = [reason for reason in reasons if reason[0] <= until]
        if not passed:
            return None
        at, why = min(passed)
        automatic = not (record.kind is Kind.PASSWORD and record.subject.startswith("user:"))
        return Due(record.id, record.kind, record.subject, at, why, automatic, record.last_used_at)

    def _ahead(self, record: Credential, ends: float) -> int:
        """Return how long before its end one is due: of what lives for a few days alone, the last third."""
        if record.kind is Kind.CA:
            return max(self.rules.expiring, CERTIFICATE_LIFE)
        return min(self.rules.expiring, int(ends - record.created_at) // 3)

    async def retire_safe(self, id: str) -> Retirement:
        """Say whether a replaced credential is still needed, by what is known of its use."""
        old, now = await self._lifecycle.show(id), self._clock()
        new = await self._records.credential(old.replaced_by) if old.replaced_by else None
        origins = await self._usage.origins(id, limit=20)
        holding = await self._authorities.holding(old) if old.kind is Kind.CA else 0
        safe, says = _judgement(old, new, holding, now)
        state = old.state(now).value
        return Retirement(
            id, state, old.replaced_by, old.last_used_at, old.retire_at, safe, says, tuple(origins), holding
        )


def _judgement(old: Credential, new: Credential | None, holding: int, now: float) -> tuple[bool, str]:
    if old.refusal(now) is not None:
        return True, f"it is {old.state(now).value} already"
    if new is None:
        return False, "it was not replaced: rotate it first"
    if old.kind is Kind.CA:
        says = f"of what it issued still hold: {holding}" if holding else "nothing that it issued still holds"
        return not holding, says
    if old.kind is Kind.SIGNING_KEY:
        return False, f"tokens that it signed may live until {_moment(old.ends_at() or 0)}"
    if old.last_used_at is None:
        return True, "it was never used"
    if old.last_used_at < new.created_at:
        if now < new.created_at + _LATE and old.last_used_at + _LATE > new.created_at:
            return False, "it was used just before its successor was there: look again in a few seconds"
        unused = "" if new.last_used_at is not None else "nobody used its successor yet, and "
        says = f"{unused}it was last used {_moment(old.last_used_at)}, before its successor was there"
        return not unused, says  # whoever used it has not changed over
    return False, f"it was last used {_moment(old.last_used_at)}, after its successor was there: somebody still has it"


def _rotates(record: Credential) -> bool:
    """Return whether there is anything to replace, and it is ours to replace."""
    if record.kind is not Kind.OAUTH_CLIENT:
        return True
    detail = record.detail
    secret = not detail.get("public") and detail.get("auth_method", "client_secret_basic") in SECRET_METHODS
    return secret and detail.get("source") not in _OF_THEMSELVES


def _end(record: Credential) -> float | None:
    if record.kind is not Kind.CA:
        return record.ends_at()
    from watchword.codec.x509 import ChainVerifier

    return min(
        each.not_valid_after_utc.timestamp()
        for each in ChainVerifier(record.detail["certificate"].encode()).authorities
    )


def _span(seconds: int) -> str:
    return f"{seconds // 86400}d" if seconds % 86400 == 0 else f"{seconds}s"


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at).astimezone():%Y-%m-%d}"


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at).astimezone():%Y-%m-%d %H:%M}"

"""Decide, one way for every scheme, whether a stored credential may be used now."""

from __future__ import annotations

from watchword.model.credential import Credential, Kind
from watchword.model.ports import Records
from watchword.model.reason import SUBJECT_DISABLED, UNKNOWN_CREDENTIAL
from watchword.model.verdict import Principal, Rejection

__all__ = ["VERDICT_TTL", "principal_of", "standing", "until"]

VERDICT_TTL = 60.0
"""Seconds that a verified credential is believed without reading its record again; the feed evicts sooner."""


async def standing(records: Records, record: Credential | None, kind: Kind, now: float) -> Rejection | None:
    """Return why ``record`` may not be used at ``now``, or None when it may: state, kind and subject are looked at."""
    if record is None or record.kind is not kind:
        return Rejection(UNKNOWN_CREDENTIAL)
    refusal = record.refusal(now)
    if refusal is not None:
        return Rejection(refusal, credential=record.id)
    subject = await records.subject(record.subject)
    if subject is None or subject.disabled_at is not None:
        return Rejection(SUBJECT_DISABLED, credential=record.id)
    return None


def principal_of(
    record: Credential, scheme: str, authenticated_at: float, factors: tuple[str, ...] = (), actor: str | None = None
) -> Principal:
    """Return the principal that a usable record proves."""
    return Principal(
        subject=record.subject,
        scheme=scheme,
        credential=record.id,
        scopes=record.scopes,
        factors=factors,
        authenticated_at=int(authenticated_at),
        actor=actor,
        constraints=record.constraints(),
    )


def until(record: Credential, now: float, ttl: float = VERDICT_TTL) -> float:
    """Return how long a verdict on the record may be believed: its own end, or ``ttl`` seconds."""
    end = record.ends_at()
    return now + ttl if end is None else min(end, now + ttl)

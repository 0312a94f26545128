"""Say who may administer what: one pair of scopes an area, and nobody gives or takes over what they do not hold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from watchword.model.credential import Credential, Kind
from watchword.model.ports import Clock, Records

__all__ = [
    "ADMIN",
    "ALL_RIGHTS",
    "AREAS",
    "area_of",
    "lacking",
    "may",
    "rights_behind",
    "rights_of",
    "rights_to_touch",
    "to_read",
    "to_write",
]

ADMIN: Final = "admin:"
"""How scopes begin that let administer: only who holds one gives it to others."""

AREAS: Final = (
    "clients",
    "credentials",
    "subjects",
    "usage",
    "audit",
    "alerts",
    "keys",
    "leaks",
    "configuration",
)
"""What there is to administer. ``keys`` are the server's own: those that sign, the authority, the root key."""

_AREA_OF_KIND: Final = {
    Kind.API_KEY: "credentials",
    Kind.HMAC: "credentials",
    Kind.PASSWORD: "credentials",
    Kind.CLIENT_CERT: "credentials",
    Kind.OAUTH_CLIENT: "clients",
    Kind.SIGNING_KEY: "keys",
    Kind.CA: "keys",
}
_LOGS_IN_BY: Final = frozenset({Kind.PASSWORD, Kind.TOTP, Kind.PASSKEY, Kind.RECOVERY, Kind.EMAIL, Kind.IDENTITY})
_PAGE: Final = 500
_CHAIN: Final = 1_000  # replacements of a client's secret that are followed


def to_read(area: str) -> str:
    """Return the scope that lets look at an area."""
    return f"{ADMIN}{area}:read"


def to_write(area: str) -> str:
    """Return the scope that lets act in an area."""
    return f"{ADMIN}{area}:write"


ALL_RIGHTS: Final = frozenset(right(area) for area in AREAS for right in (to_read, to_write))
"""Every scope of an operator who may do everything."""


def area_of(kind: Kind) -> str:
    """Return the area that credentials of a kind belong to: what people have by logging in goes with the people."""
    return _AREA_OF_KIND.get(kind, "subjects")


def lacking(held: Iterable[str], wanted: Iterable[str]) -> frozenset[str]:
    """Return which rights to administer are among ``wanted`` and not among ``held``."""
    return frozenset(scope for scope in wanted if scope.startswith(ADMIN)) - frozenset(held)


def may(held: Iterable[str]) -> frozenset[str]:
    """Return the rights to administer among scopes."""
    return frozenset(scope for scope in held if scope.startswith(ADMIN))


async def rights_of(records: Records, subject: str, clock: Clock) -> frozenset[str]:
    """Return every right to administer that some credential of a subject has that can be used, now or later.

    Who disables the subject, resets what it proves itself by or logs it out has power over all of them.
    """
    found: set[str] = set()
    after, now = "", clock()
    while page := await records.credentials(subject=subject, after=after, limit=_PAGE):
        for each in page:
            ends = each.ends_at()
            if each.revoked_at is None and not each.leaked and (ends is None or ends > now):
                found.update(may(each.scopes))
        if len(page) < _PAGE:
            break
        after = page[-1].id
    return frozenset(found)


async def rights_behind(records: Records, kind: Kind, subject: str, clock: Clock) -> frozenset[str]:
    """Return the rights of a subject where it logs in by credentials of this kind, none for other kinds.

    Who has power over what somebody logs in by has it over their account, and over what that may do.
    """
    return await rights_of(records, subject, clock) if kind in _LOGS_IN_BY else frozenset()


async def rights_to_touch(records: Records, record: Credential, clock: Clock) -> frozenset[str]:
    """Return what who rotates, changes or revokes a credential has to hold: its area's, its own, those behind it.

    An OAuth client goes by its first record, and what is done with that is done with the newest: all of them count.
    """
    behind = await rights_behind(records, record.kind, record.subject, clock)
    own, after = set(may(record.scopes)), record.replaced_by if record.kind is Kind.OAUTH_CLIENT else None
    for _ in range(_CHAIN):
        following = await records.credential(after) if after else None
        if following is None:
            break
        own |= may(following.scopes)
        after = following.replaced_by
    return behind | own | {to_write(area_of(record.kind))}

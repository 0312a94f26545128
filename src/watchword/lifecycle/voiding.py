"""Take back what was given up to a moment: one entry in the feed voids every token of a subject or of a client.

The feed counts in seconds, and so does a token's ``iat``. Who logs in within the second of such an act gets a token
that says the next one; where tokens are taken back once more within that second, the moment moves on with them. The
record remembers it, so that no order of acts and no clock lets a token of before hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from watchword.lifecycle.signing import LONGEST_LIFE
from watchword.model.credential import Credential
from watchword.model.records import Change, Publish, Subject, Swap, Topic

__all__ = ["ALWAYS", "DISABLED", "VOID", "client_taken_back", "client_void", "taken_back", "void_up_to"]

ALWAYS: Final = 253_402_300_799
"""The last second of the year 9999: a disabled subject's tokens are void whenever they were or will be issued."""

VOID: Final = "tokens_void_up_to"
"""The name in a record's detail of the second up to which its tokens are void."""

DISABLED: Final = "disabled_at"
"""The name in an OAuth client's detail of when it was disabled (Unix seconds)."""


def void_up_to(record: Subject | Credential, now: float) -> int:
    """Return the second up to which tokens are void when they are taken back now."""
    before = int(record.detail.get(VOID, 0))
    return before + 1 if before >= int(now) else int(now)


def taken_back(owner: Subject, now: float) -> list[Change]:
    """Return what voids every access token that the subject was given before now.

    It writes the subject, so that it is never beside a disabling, which voids more: a disabled subject's stays so.
    """
    at = void_up_to(owner, now)
    changes: list[Change] = [Swap(owner.changed(detail={**owner.detail, VOID: at}))]
    if owner.disabled_at is None:
        changes.append(Publish(Topic.SUBJECT, owner.name, at, int(now) + LONGEST_LIFE))
    return changes


def client_taken_back(first: Credential, now: float, owner: Subject | None = None) -> list[Change]:
    """Return what voids every access token that an OAuth client was given; ``first`` is the record of its client id.

    ``owner`` is whose client it is: while they are disabled it stays void whenever it was or will be signed.
    """
    detail, void = client_void(first, now, owner)
    return [Swap(first.changed(detail=detail)), void]


def client_void(first: Credential, now: float, owner: Subject | None = None) -> tuple[Mapping[str, Any], Publish]:
    """Return the detail of the client id's record, the moment noted, and what voids its tokens up to then.

    A disabled client's, and those of a disabled ``owner``, are void whenever they were or will be signed.
    """
    at = void_up_to(first, now)
    disabled = DISABLED in first.detail or (owner is not None and owner.disabled_at is not None)
    until = ALWAYS if disabled else int(now) + LONGEST_LIFE
    void = Publish(Topic.SUBJECT, f"client:{first.id}", ALWAYS if disabled else at, until)
    return {**first.detail, VOID: at}, void

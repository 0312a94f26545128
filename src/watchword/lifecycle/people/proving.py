"""Hold what every second factor needs: who may have one, what is usable, how often it may be guessed."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any, Final

from watchword.codec.secrets import Sealer, SealingError, digest, new_id, new_secret, well_formed
from watchword.codec.strict import from_base64url, to_base64url
from watchword.codec.webauthn import Site
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.people.holdings import act, held
from watchword.lifecycle.room import make_room
from watchword.lifecycle.values import subject_of
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Clock, Ephemeral, Meter, Records
from watchword.model.reason import RATE_LIMITED, UNKNOWN_CREDENTIAL
from watchword.model.records import Add, Change, Event, Subject
from watchword.model.verdict import Rate, Rejection

__all__ = ["FACTORS", "TRIES", "Proving", "factor_name"]

FACTORS: Final[Mapping[Kind, str]] = {Kind.TOTP: "otp", Kind.PASSKEY: "webauthn", Kind.RECOVERY: "recovery"}
"""The kinds that are second factors, and the name of each in ``Principal.factors`` (RFC 8176 where it has one)."""

TRIES: Final = 8
"""Attempts at a compare-and-swap before somebody else is held to have won."""

_TRIED: Final = Rate(10, 60)  # whatever the outcome, so that it holds under any race
_WRONG: Final = (Rate(30, 3600), Rate(100, 86400))  # NIST SP 800-63B-4 section 3.2.2: at most 100 in a row
_LONGEST_NAME: Final = 64
_DRAFT: Final = "wd_"
_TICKET: Final = "wt_"
_LONGEST_TICKET: Final = 1024


@dataclass(frozen=True, slots=True)
class Proving:
    """Give the kinds of second factor one place to read, write, keep drafts and count guesses."""

    records: Records
    ephemeral: Ephemeral
    sealer: Sealer = field(repr=False)
    meter: Meter
    site: Site
    told: Callable[[], None] = lambda: None
    clock: Clock = time.time

    async def write(self, *changes: Change) -> bool:
        """Apply all changes in one transaction, or none: False when another act came first."""
        done = await self.records.write(*changes)
        self.told()
        return done

    async def owner(self, name: str) -> Subject:
        """Return an enabled user. Raise LifecycleError."""
        if not subject_of(name).startswith("user:"):
            raise LifecycleError(f"{name[:80]} is no person", "machines prove themselves by keys and certificates")
        found = await self.records.subject(subject_of(name))
        if found is None:
            raise LifecycleError(f"there is no {subject_of(name)}", "`watchword user list` shows who there is")
        if found.disabled_at is not None:
            raise LifecycleError(f"{found.name} is disabled", "enable it first")
        return found

    async def usable(self, subject: str, kind: Kind) -> list[Credential]:
        """Return what an enabled subject may use now of one kind."""
        owner = await self.records.subject(subject)
        if owner is None or owner.disabled_at is not None:
            return []
        now = self.clock()
        return [each for each in await held(self.records, subject, kind) if each.refusal(now) is None]

    async def enrol(self, record: Credential, by: str, *beside: Change) -> bool:
        """Add a factor, with its audit event; False when its look-up is taken or a change ``beside`` it is lost."""
        now = self.clock()
        done = await self.write(*beside, Add(record), act(now, "issue", by, record.subject, record, "enrolled"))
        await make_room(self.records, record.subject, record.kind, now, keep=record.id)
        return done

    async def room(self, subject: str, kind: Kind, most: int) -> None:
        """Raise LifecycleError when a subject has ``most`` of a kind."""
        if len(await self.usable(subject, kind)) >= most:
            raise LifecycleError(f"{subject} has {most} of kind {kind}", "remove one first")

    def proved(self, record: Credential, detail: str = "") -> Event:
        """Return the audit event of a factor that was proven."""
        return act(self.clock(), "prove", record.subject, record.subject, record, detail)

    # --- drafts ---------------------------------------------------------------------------------------------------

    async def keep(self, purpose: str, value: Mapping[str, Any], seconds: int) -> str:
        """Keep a draft, sealed, and return the handle that finds it: for one purpose alone, for so many seconds."""
        handle = new_secret(_DRAFT)
        place = _place(purpose, handle)
        sealed = self.sealer.seal(json.dumps(value).encode(), place)
        await self.ephemeral.put(place, sealed, self.clock() + seconds)
        return handle

    async def look(self, purpose: str, handle: str) -> dict[str, Any] | None:
        """Return a draft, to be looked at again."""
        if not well_formed(handle, _DRAFT):
            return None
        place = _place(purpose, handle)
        return self._opened(await self.ephemeral.get(place), place)

    async def take(self, purpose: str, handle: str) -> dict[str, Any] | None:
        """Return a draft to exactly one caller."""
        if not well_formed(handle, _DRAFT):
            return None
        place = _place(purpose, handle)
        return self._opened(await self.ephemeral.take(place), place)

    # --- tickets --------------------------------------------------------------------------------------------------

    def ticket(self, purpose: str, value: Mapping[str, Any], seconds: int) -> str:
        """Return a value sealed for one purpose and so many seconds; nothing is kept, so anybody may ask for it."""
        text = json.dumps({**value, "id": new_id(""), "until": int(self.clock()) + seconds})
        return _TICKET + to_base64url(self.sealer.seal(text.encode(), purpose)).decode()

    async def spend(self, purpose: str, ticket: str) -> dict[str, Any] | None:
        """Return what a ticket holds to exactly one caller, on any node; None when it is spent, too old or none."""
        if not ticket.startswith(_TICKET) or len(ticket) > _LONGEST_TICKET:
            return None
        try:
            sealed = from_base64url(ticket[len(_TICKET) :].encode())
        except ValueError:
            return None
        held = self._opened(sealed, purpose)
        if held is None or self.clock() >= held["until"]:
            return None
        # By what is within: the same ticket may be spelled, but not sealed, in another way.
        first = self.ephemeral.claim(digest(f"{purpose}:{held['id']}"), held["until"])
        return held if (await first if isawaitable(first) else first) else None

    def _opened(self, sealed: bytes | None, place: str) -> dict[str, Any] | None:
        if sealed is None:
            return None
        try:
            opened: dict[str, Any] = json.loads(self.sealer.open(sealed, place))
        except SealingError:
            return None
        return opened

    # --- guesses --------------------------------------------------------------------------------------------------

    async def tried(self, name: str, subject: str) -> Rejection | None:
        """Spend one try of a subject, and return why there is none left, if so.

        Ten a minute, of which 30 an hour and 100 a day may be wrong: six digits, of which three codes count at once,
        are guessed in a year with a chance of one in nine, by who knows the password already.
        """
        for cost, rate in ((0, _WRONG[0]), (0, _WRONG[1]), (1, _TRIED)):
            answer = self.meter.hit(_counted(name, subject, rate), cost, rate)
            left = await answer if isawaitable(answer) else answer
            if not left.admitted or (not cost and left.remaining < 1):
                wait = max(1, math.ceil(left.retry_after))
                return Rejection(RATE_LIMITED, f"{name} codes", ((b"retry-after", b"%d" % wait),))
        return None

    async def missed(self, name: str, subject: str) -> None:
        """Count a wrong code."""
        for rate in _WRONG:
            answer = self.meter.hit(_counted(name, subject, rate), 1, rate)
            if isawaitable(answer):
                await answer


def factor_name(text: str) -> str:
    """Return what a person calls a factor, trimmed. Raise LifecycleError."""
    name = " ".join(text.split())
    if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
        raise LifecycleError("that is no name for a factor", f"write 1 to {_LONGEST_NAME} characters, such as Phone")
    return name


def gone() -> Rejection:
    """Refuse a handle that was used, has expired or never was."""
    return Rejection(UNKNOWN_CREDENTIAL, "no such draft: used, expired or unknown")


def _place(purpose: str, handle: str) -> str:
    return f"{purpose}:{digest(handle).hex()}"


def _counted(name: str, subject: str, rate: Rate) -> str:
    return f"factor|{name}|{rate.seconds}|{subject}"

"""Keep people's email addresses: one each, confirmed, found by one spelling."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from watchword.codec.names import EmailAddress, normal_address
from watchword.codec.secrets import new_id
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.people.account.desk import Desk
from watchword.lifecycle.people.account.replacement import Fault, usable_passwords
from watchword.lifecycle.people.account.resets import SPENT
from watchword.lifecycle.people.holdings import act, address_lookup, address_of, ending, held
from watchword.lifecycle.voiding import VOID
from watchword.model.credential import Credential, Kind
from watchword.model.records import Add, Change, Swap

__all__ = ["ADDRESS_LIFETIME", "Addresses", "Moved", "Moving", "email_record"]

ADDRESS_LIFETIME: Final = 24 * 3600
"""Seconds that the link works which confirms a new address."""

_PURPOSE: Final = "address"


@dataclass(frozen=True, slots=True)
class Moving:
    """Say which letter goes to the new address: "new-address" with a link, or "account-exists"."""

    letter: str
    address: str
    token: str = field(repr=False)


class Moved(NamedTuple):
    """Say whose address changed; ``before`` is told of it, "" where there was none."""

    subject: str
    before: str
    address: str
    locale: str


class Addresses:
    """Add, look up and change addresses."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def holder(self, address: EmailAddress) -> Credential | None:
        """Return the usable record of an address."""
        record = await self._desk.records.credential_by(address_lookup(address))
        if record is None or record.kind is not Kind.EMAIL or record.refusal(self._desk.clock()) is not None:
            return None
        return record

    async def free(self, address: EmailAddress) -> None:
        """Let an address be used again that only a revoked record names."""
        record = await self._desk.records.credential_by(address_lookup(address))
        if record is not None and record.refusal(self._desk.clock()) is not None:
            await self._desk.write(Swap(record.changed(lookup=None)))

    async def add(self, subject: str, text: str, *, by: str) -> Credential:
        """Give a subject an address that an operator vouches for, instead of what it had. Raise LifecycleError."""
        owner = await self._desk.enabled(subject)
        address = normal_address(text)
        if address is None:
            raise LifecycleError(f"{text[:80]!r} is not an email address", "such as alice@example.com")
        made = await self._set(owner.name, address, by=by)
        if made is None:
            raise LifecycleError(f"{address.text} belongs to somebody", "each address is one person's")
        return made

    async def request(self, subject: str, text: str) -> Moving | tuple[Fault, ...]:
        """Return the letter for a new address; whether somebody has it already only its owner is told."""
        address = normal_address(text)
        if address is None:
            return (Fault("email", "not_an_address", "This is not an email address."),)
        about = {"subject": subject, "address": address.text, "given": await self._given(subject)}
        # Made for a taken address, too, where nobody gets it: less work would tell that it is taken.
        token = await self._desk.links.make(_PURPOSE, about, ADDRESS_LIFETIME, only=subject)
        holder = await self.holder(address)
        if holder is None:
            return Moving("new-address", address.text, token)
        return Moving("account-exists", str(holder.detail["address"]), "")

    async def drop(self, subject: str) -> None:
        """Void the link that waits for a new address of the subject."""
        await self._desk.links.void(_PURPOSE, subject)

    async def _given(self, subject: str) -> list[object]:
        """Return what the link holds for: who takes a session back from a thief takes back what the thief asked for."""
        desk = self._desk
        owner = await desk.records.subject(subject)
        passwords = await usable_passwords(desk.records, subject, desk.clock())
        return [None if owner is None else owner.detail.get(VOID), *(each.id for each in passwords)]

    async def look(self, token: str) -> tuple[str, str] | None:
        """Return whose address the link would change and to what, without spending it."""
        link = await self._desk.links.look(_PURPOSE, token)
        if link is None or await self._given(link.about["subject"]) != link.about.get("given"):
            return None
        return str(link.about["subject"]), str(link.about["address"])

    async def confirm(self, token: str) -> Moved | tuple[Fault, ...]:
        """Change the address: exactly one of any number of concurrent uses does."""
        desk = self._desk
        link = await desk.links.take(_PURPOSE, token)
        address = None if link is None else normal_address(link.about["address"])
        if link is None or address is None:
            return (SPENT,)
        name = str(link.about["subject"])
        if await self._given(name) != link.about.get("given"):
            return (SPENT,)
        owner = await desk.records.subject(name)
        if owner is None or owner.disabled_at is not None:
            return (SPENT,)
        before = await address_of(desk.records, name, desk.clock())
        if await self._set(name, address, by=name) is None:
            return (SPENT,)
        told = "" if before is None else str(before.detail["address"])
        return Moved(name, told, address.text, str(owner.detail.get("locale", "")))

    async def _set(self, subject: str, address: EmailAddress, *, by: str) -> Credential | None:
        """Put the address in the place of what the subject had; None when somebody has it."""
        desk = self._desk
        now = desk.clock()
        holder = await self.holder(address)
        if holder is not None and holder.subject != subject:
            return None
        if holder is not None and holder.detail["address"] == address.text:
            return holder
        if holder is None:
            await self.free(address)
        else:  # another spelling of its own: the record lets go of the digest first
            await desk.write(Swap(holder.changed(lookup=None)))
        owner = await desk.records.subject(subject)
        if owner is None or owner.disabled_at is not None:  # deleted meanwhile
            return None
        new = email_record(subject, address, now)
        changes: list[Change] = [Swap(owner.changed()), Add(new), act(now, "issue", by, subject, new)]
        for each in await held(desk.records, subject, Kind.EMAIL):
            if each.refusal(now) is None:
                changes += ending(each, now=now, by=by, why="another address", lookup=None, replaced_by=new.id)
        return new if await desk.write(*changes) else None


def email_record(subject: str, address: EmailAddress, now: float) -> Credential:
    """Return the record of a confirmed address."""
    return Credential(
        id=new_id("eml_"),
        kind=Kind.EMAIL,
        subject=subject,
        created_at=int(now),
        lookup=address_lookup(address),
        detail={"address": address.text, "confirmed_at": int(now)},
    )

"""Reset a forgotten password by a link in a mail."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from watchword.codec.names import normal_address
from watchword.lifecycle.people.account.desk import Desk
from watchword.lifecycle.people.account.links import Link
from watchword.lifecycle.people.account.replacement import Fault, Replacement, encoded, usable_passwords
from watchword.lifecycle.people.holdings import address_of, second_factor

__all__ = ["RESET_LIFETIME", "SPENT", "Reset", "Resets"]

RESET_LIFETIME: Final = 30 * 60
"""Seconds that a reset link works."""

SPENT: Final = Fault("token", "spent", "The link was used already, or is too old. Ask for a new one.")
_PURPOSE: Final = "reset"
_NOBODY: Final = "user:"  # no subject's name: looking for what it holds costs what looking for somebody's costs


@dataclass(frozen=True, slots=True)
class Reset:
    """Hold a reset link's secret and whom it is for."""

    subject: str
    address: str
    token: str = field(repr=False)
    locale: str


class Resets:
    """Make and redeem reset links. None is valid once the password changed, so each voids those beside it when used.

    A newer one does not: else a stranger who keeps asking would void what its owner is about to open.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def request(self, subject: str | None) -> Reset:
        """Return a link for who has a confirmed address and may log in; for others one that works nowhere.

        That one has no address to go to. It is made all the same, since less work would tell who is who.
        """
        desk = self._desk
        now, name = desk.clock(), subject or _NOBODY
        owner = await desk.records.subject(name)
        address = await address_of(desk.records, name, now)
        reset = await self._make(name, str(address.detail["address"]) if address is not None else "")
        if owner is None or owner.disabled_at is not None or address is None:
            await desk.links.take(_PURPOSE, reset.token)
            return Reset("", "", reset.token, "")
        return Reset(name, reset.address, reset.token, str(owner.detail.get("locale", "")))

    async def by_operator(self, subject: str, *, by: str) -> Reset:
        """Return a link for an enabled subject, whether or not it has an address. Raise LifecycleError."""
        desk = self._desk
        owner = await desk.enabled(subject)
        address = await address_of(desk.records, owner.name, desk.clock())
        reset = await self._make(owner.name, str(address.detail["address"]) if address is not None else "")
        await desk.write(desk.act("reset-link", by, owner.name))
        return replace(reset, locale=str(owner.detail.get("locale", "")))

    async def _make(self, name: str, address: str) -> Reset:
        desk = self._desk
        passwords = [each.id for each in await usable_passwords(desk.records, name, desk.clock())]
        about = {"subject": name, "address": address, "passwords": passwords}
        return Reset(name, address, await desk.links.make(_PURPOSE, about, RESET_LIFETIME), "")

    async def look(self, token: str) -> str | None:
        """Return whose password the link resets, without spending it."""
        link = await self._desk.links.look(_PURPOSE, token)
        return link.about["subject"] if link is not None and await self._fits(link) else None

    async def redeem(self, token: str, password: str) -> Reset | tuple[Fault, ...]:
        """Set the password: exactly one of any number of concurrent uses does. Return whom to tell, or what is wrong.

        The link confirms the address that it was sent to. Sessions and refresh tokens of before end.
        """
        desk = self._desk
        link = await desk.links.look(_PURPOSE, token)
        if link is None or not await self._fits(link):
            return (SPENT,)
        name, address = link.about["subject"], link.about["address"]
        second = await second_factor(desk.records, name, desk.clock())
        faults = desk.password_faults(password, second_factor=second, about=(name.partition(":")[2], address))
        if faults:
            return faults
        taken = await desk.links.take(_PURPOSE, token)
        if taken is None:
            return (SPENT,)
        try:
            secret = await encoded(desk.passwords, password)
        except BaseException:  # too many hashes wait: the link did nothing, so it stays
            await desk.links.give_back(token, taken)
            raise
        return await self._set(taken, secret)

    async def _set(self, link: Link, secret: str) -> Reset | tuple[Fault, ...]:
        desk = self._desk
        name, now = link.about["subject"], desk.clock()
        owner = await desk.records.subject(name)
        if owner is None or owner.disabled_at is not None or not await self._fits(link):
            return (SPENT,)
        replacement = Replacement(desk.records, owner, now)
        event = desk.act("reset", name, name)
        if not await replacement.made(desk, secret, event, by=name, why="reset by mail"):
            return (SPENT,)
        return Reset(name, link.about["address"], "", str(owner.detail.get("locale", "")))

    async def _fits(self, link: Link) -> bool:
        """Return whether the password and the address are still those that the link was made for."""
        desk = self._desk
        name, now = link.about["subject"], desk.clock()
        owner = await desk.records.subject(name)
        if owner is None or owner.disabled_at is not None:
            return False
        if [each.id for each in await usable_passwords(desk.records, name, now)] != link.about["passwords"]:
            return False
        if not link.about["address"]:
            return True
        address = await address_of(desk.records, name, now)
        sent_to = normal_address(link.about["address"])
        return address is not None and sent_to == normal_address(str(address.detail["address"]))

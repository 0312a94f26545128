"""Send people the letters that are due, after the answer, so that it cannot tell who they are."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial
from typing import Final

from watchword.app import Watchword
from watchword.codec.names import normal_address
from watchword.codec.secrets import digest
from watchword.lifecycle.people.account.addresses import Moved, Moving
from watchword.lifecycle.people.account.resets import Reset
from watchword.lifecycle.people.account.sign_ups import Invited, Wanted
from watchword.lifecycle.values import rate_of
from watchword.model.ports import Allowance
from watchword.server.account import CONFIRM, INVITATION, NEW_PASSWORD, link
from watchword.server.account.letters import Letters
from watchword.server.account.mail import Letter, Outbox, Send, sender_of
from watchword.server.config.settings import Settings

__all__ = ["Post"]

logger: logging.Logger = logging.getLogger("watchword")

_NOBODY: Final = "nobody@example.com"  # whose mailbox is looked at where there is none to send to


class Post:
    """Choose, write and queue letters. Each method of the queue returns False when too many wait."""

    def __init__(self, watchword: Watchword, settings: Settings, send: Send | None = None) -> None:
        self._accounts = watchword.accounts
        self._meter = watchword.meter
        self._rate = rate_of(settings.accounts.mails) if settings.accounts.mails else None
        self._issuer = watchword.issuer
        self._letters = Letters(watchword.issuer)
        self._send = send or sender_of(settings.mail, settings.place, settings.secret("mail.password"))
        self.outbox: Outbox = Outbox(self._send, queue=settings.mail.queue)

    def sign_up(self, wanted: Wanted) -> bool:
        """Begin a sign-up, and tell the address what comes of it."""
        return self.outbox.post(partial(self._signing_up, wanted))

    def reset(self, login: str) -> bool:
        """Send a reset link to who has this name or address, if anybody."""
        return self.outbox.post(partial(self._resetting, login))

    def password_changed(self, subject: str) -> bool:
        """Tell a person that their password was changed."""
        return self.outbox.post(partial(self._telling, "password-changed", subject))

    def moving(self, moving: Moving, locale: str) -> bool:
        """Send what a new address is told."""
        where = link(self._issuer, CONFIRM, moving.token)
        letter = self._letters.write(moving.letter, moving.address, locale, link=where)
        return self.outbox.post(partial(self._bounded, "address", [letter]))

    def moved(self, moved: Moved) -> bool:
        """Tell the address of before that it is no longer used."""
        return not moved.before or self._warn(self._letters.write("address-changed", moved.before, moved.locale))

    def deleted(self, address: str, locale: str) -> bool:
        """Tell who left that they did."""
        return self._warn(self._letters.write("account-deleted", address, locale))

    def invitation(self, invited: Invited, locale: str = "") -> Letter:
        """Return the letter of an invitation."""
        where = link(self._issuer, INVITATION, invited.token)
        return self._letters.write("invitation", invited.address, locale, link=where)

    def new_password(self, reset: Reset) -> Letter:
        """Return the letter with which a password is set."""
        where = link(self._issuer, NEW_PASSWORD, reset.token)
        return self._letters.write("reset", reset.address, reset.locale, link=where)

    async def deliver(self, letter: Letter) -> None:
        """Send a letter now. Raise Undeliverable."""
        await self._send(letter)

    def _warn(self, letter: Letter) -> bool:
        """Send what an owner has to know, however many letters a stranger has had them sent before."""

        async def due() -> Iterable[Letter]:
            return [letter]

        return self.outbox.post(due)

    async def _signing_up(self, wanted: Wanted) -> Iterable[Letter]:
        notice = await self._accounts.begin_sign_up(wanted)
        where = link(self._issuer, CONFIRM, notice.token)
        letter = self._letters.write(notice.letter, notice.address, notice.locale, link=where)
        return await self._bounded("sign-up", [letter])

    async def _resetting(self, login: str) -> Iterable[Letter]:
        reset = await self._accounts.reset_or_decoy(login)
        letters = await self._bounded("reset", [self.new_password(reset)])  # written for nobody, too: it takes time
        return letters if reset.address else []

    async def _telling(self, letter: str, subject: str) -> Iterable[Letter]:
        profile = await self._accounts.profile(subject)
        return [self._letters.write(letter, profile["email"], profile["locale"])] if profile["email"] else []

    async def _bounded(self, occasion: str, letters: list[Letter]) -> list[Letter]:
        """Leave out what would be too much for one mailbox: nobody is told, least of all who causes it.

        Each occasion counts for itself: who signs others up must not use up their reset links.
        """
        return [each for each in letters if await self._within(occasion, each.to)]

    async def _within(self, occasion: str, to: str) -> bool:
        if self._rate is None:
            return True
        address = normal_address(to or _NOBODY)
        local, _, domain = (to if address is None else address.key).rpartition("@")
        key = digest(f"{local.partition('+')[0]}@{domain}").hex()  # tags lead to one mailbox (RFC 5233)
        answer = self._meter.hit(f"mail|{occasion}|{key}", 1 if to else 0, self._rate)
        allowance = answer if isinstance(answer, Allowance) else await answer
        if not allowance.admitted:
            logger.warning("a mailbox has had enough letters for now: one was not sent")
        return allowance.admitted

"""Sign people up: by themselves, or by invitation. Nothing is kept of who does not confirm an address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from inspect import isawaitable
from typing import Any, Final, NamedTuple

from watchword.codec.names import EmailAddress, chosen_name, normal_address
from watchword.codec.secrets import new_id
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.people.account.addresses import Addresses, email_record
from watchword.lifecycle.people.account.desk import Desk
from watchword.lifecycle.people.account.links import Link
from watchword.lifecycle.people.account.replacement import Fault, encoded
from watchword.lifecycle.people.account.resets import SPENT
from watchword.lifecycle.people.holdings import act
from watchword.lifecycle.values import scopes_of
from watchword.model.credential import Credential, Kind
from watchword.model.records import Add, Change, Subject

__all__ = ["CONFIRM_LIFETIME", "INVITATION_LIFETIME", "Invited", "Notice", "Pending", "SignUps", "Wanted"]

CONFIRM_LIFETIME: Final = 24 * 3600
INVITATION_LIFETIME: Final = 7 * 86400
"""Seconds that such a link works."""

_SIGN_UP: Final = "sign-up"
_INVITATION: Final = "invitation"
_NAME: Final = Fault("username", "not_a_name", "Use letters, digits and . _ - for the user name.")
_TAKEN: Final = Fault("username", "taken", "This user name is taken. Choose another.")
_HELD: Final = Fault("email", "held", "This address has an account already. Sign in, or choose a new password.")
_PASSWORD: Final = Fault("password", "wrong", "Enter the password that you chose when you signed up.")
_ADDRESS: Final = Fault("email", "not_an_address", "This is not an email address.")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Hold what somebody signs up with, normal and ready to be kept; ``browser`` is a digest that knows it again."""

    name: str
    address: EmailAddress
    secret: str = field(repr=False)
    locale: str = ""
    scopes: tuple[str, ...] = ()
    browser: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """Say which letter goes where: "confirm", "name-taken" or "account-exists"; ``token`` is for the first."""

    letter: str
    address: str
    token: str = field(repr=False)
    locale: str


class Pending(NamedTuple):
    """Say which name an account would get, and whether the password has to be given again."""

    name: str
    asks_password: bool


@dataclass(frozen=True, slots=True)
class Invited:
    """Hold an invitation: for which address, and the link's secret."""

    address: str
    token: str = field(repr=False)


class SignUps:
    """Begin and end sign-ups."""

    def __init__(self, desk: Desk, addresses: Addresses) -> None:
        self._desk = desk
        self._addresses = addresses

    def faults(self, name: str, address: str, password: str) -> tuple[Fault, ...]:
        """Return what is wrong with the fields themselves; whether they are taken is not looked at."""
        faults = [] if chosen_name(name) else [_NAME]
        faults += [] if normal_address(address) else [_ADDRESS]
        return (*faults, *self._desk.password_faults(password, second_factor=False, about=(name, address)))

    async def prepare(
        self,
        name: str,
        address: str,
        password: str,
        *,
        locale: str = "",
        scopes: Iterable[str] = (),
        browser: str = "",
    ) -> Wanted | tuple[Fault, ...]:
        """Hash the password of who signs up, or say what is wrong: the same for names known and unknown."""
        faults = self.faults(name, address, password)
        normal, mail = chosen_name(name), normal_address(address)
        if faults or normal is None or mail is None:
            return faults
        secret = await encoded(self._desk.passwords, password)
        return Wanted(normal, mail, secret, locale, tuple(sorted(scopes_of(scopes))), browser)

    async def begin(self, wanted: Wanted) -> Notice:
        """Return the letter that goes to the address; what it says is for its owner alone."""
        desk = self._desk
        about = _about(wanted)
        token = await desk.links.make(_SIGN_UP, about, CONFIRM_LIFETIME)
        taken = await self._name_taken(wanted.name)
        holder = await self._addresses.holder(wanted.address)
        if holder is None and not taken:
            return Notice("confirm", wanted.address.text, token, wanted.locale)
        await desk.links.take(_SIGN_UP, token)
        if holder is not None:
            return Notice("account-exists", str(holder.detail["address"]), "", wanted.locale)
        return Notice("name-taken", wanted.address.text, "", wanted.locale)

    async def look(self, token: str, *, browser: str = "") -> Pending | None:
        """Return what a confirmation would make, without spending it."""
        link = await self._desk.links.look(_SIGN_UP, token)
        if link is None:
            return None
        return Pending(str(link.about["name"]), not browser or browser != link.about["browser"])

    async def confirm(
        self, token: str, *, browser: str = "", password: str | None = None
    ) -> Subject | tuple[Fault, ...]:
        """Make the account: exactly one of any number of concurrent uses does.

        In another browser than that of the sign-up, the password is asked for: else a stranger could sign up with an
        address and a password, and its owner's click would make that their account (pre-hijacking).
        """
        link = await self._desk.links.look(_SIGN_UP, token)
        address = normal_address(link.about["address"]) if link is not None else None
        if link is None or address is None:
            return (SPENT,)
        wanted = _wanted_of(link.about, address)
        if not browser or browser != wanted.browser:
            fits = password is not None and self._desk.passwords.verify(wanted.secret, password)
            if not (await fits if isawaitable(fits) else fits):
                return (_PASSWORD,)
        if await self._desk.links.take(_SIGN_UP, token) is None:
            return (SPENT,)
        return await self._make(wanted, by=f"user:{wanted.name}", why="signed up") or await self._why_not(wanted)

    async def invite(self, address: str, *, scopes: Iterable[str] = (), by: str) -> Invited:
        """Invite who reads the mail of an address. Raise LifecycleError where that is none or has an account."""
        desk = self._desk
        found = normal_address(address)
        if found is None:
            raise LifecycleError(f"{address[:80]!r} is not an email address", "such as alice@example.com")
        holder = await self._addresses.holder(found)
        if holder is not None:
            raise LifecycleError(f"{found.text} is the address of {holder.subject}", "they have an account already")
        about = {"address": found.text, "scopes": sorted(scopes_of(scopes)), "by": by}
        token = await desk.links.make(_INVITATION, about, INVITATION_LIFETIME, only=found.key)
        await desk.write(desk.act("invite", by, ""))
        return Invited(found.text, token)

    async def invitation(self, token: str) -> str | None:
        """Return which address an invitation is for, without spending it."""
        link = await self._desk.links.look(_INVITATION, token)
        return None if link is None else str(link.about["address"])

    async def accept(self, token: str, name: str, password: str, *, locale: str = "") -> Subject | tuple[Fault, ...]:
        """Make the account of who was invited: exactly one of any number of concurrent uses does."""
        address = normal_address(await self.invitation(token) or "")
        if address is None:
            return (SPENT,)
        faults = self.faults(name, address.text, password)
        normal = chosen_name(name)
        if faults or normal is None:
            return faults
        if await self._name_taken(normal):
            return (_TAKEN,)
        link = await self._desk.links.take(_INVITATION, token)
        if link is None:
            return (SPENT,)
        return await self._accepted(token, link, Wanted(normal, address, "", locale), password)

    async def _accepted(self, token: str, link: Link, wanted: Wanted, password: str) -> Subject | tuple[Fault, ...]:
        made = None
        try:
            secret = await encoded(self._desk.passwords, password)
            wanted = replace(wanted, secret=secret, scopes=tuple(link.about["scopes"]))
            made = await self._make(wanted, by=f"user:{wanted.name}", why=f"invited by {link.about['by']}")
        finally:
            if made is None:  # nobody came of it: the link stays
                await self._desk.links.give_back(token, link)
        return made or await self._why_not(wanted)

    async def _why_not(self, wanted: Wanted) -> tuple[Fault, ...]:
        """Return why no account was made, to who reads the mail of the address."""
        return (_TAKEN,) if await self._addresses.holder(wanted.address) is None else (_HELD,)

    async def _name_taken(self, name: str) -> bool:
        user = await self._desk.records.subject(f"user:{name}")
        service = await self._desk.records.subject(f"service:{name}")  # a password is looked for under both
        return user is not None or service is not None

    async def _make(self, wanted: Wanted, *, by: str, why: str) -> Subject | None:
        """Add subject, address and password in one write; None when another came first."""
        desk = self._desk
        now = desk.clock()
        if await self._name_taken(wanted.name):
            return None
        detail: dict[str, Any] = {"locale": wanted.locale} if wanted.locale else {}
        subject = Subject(f"user:{wanted.name}", int(now), detail=detail)
        await self._addresses.free(wanted.address)
        email = email_record(subject.name, wanted.address, now)
        password = Credential(
            id=new_id("pwd_"),
            kind=Kind.PASSWORD,
            subject=subject.name,
            created_at=int(now),
            secret=wanted.secret.encode(),
            scopes=frozenset(wanted.scopes),
        )
        changes: list[Change] = [Add(subject), act(now, "add", by, subject.name, detail=why)]
        for each in (email, password):
            changes += [Add(each), act(now, "issue", by, subject.name, each, why)]
        return subject if await desk.write(*changes) else None


def _about(wanted: Wanted) -> dict[str, Any]:
    """Return what is kept until the address is confirmed."""
    return {
        "name": wanted.name,
        "address": wanted.address.text,
        "secret": wanted.secret,
        "locale": wanted.locale,
        "scopes": list(wanted.scopes),
        "browser": wanted.browser,
    }


def _wanted_of(about: Mapping[str, Any], address: EmailAddress) -> Wanted:
    kept = {name: about[name] for name in ("name", "secret", "locale", "browser")}
    return Wanted(address=address, scopes=tuple(about["scopes"]), **kept)

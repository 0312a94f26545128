"""Hold what people can do with accounts: find them, sign up, reset and change what they have, leave."""

from __future__ import annotations

from collections.abc import Iterable
from inspect import isawaitable
from typing import Any, Final

from watchword.codec.names import normal_address, normal_name
from watchword.codec.secrets import digest
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.people.account.addresses import Addresses, Moved, Moving
from watchword.lifecycle.people.account.desk import Desk
from watchword.lifecycle.people.account.replacement import Fault, Replacement, encoded, usable_passwords
from watchword.lifecycle.people.account.resets import Reset, Resets
from watchword.lifecycle.people.account.sign_ups import Invited, Notice, Pending, SignUps, Wanted
from watchword.lifecycle.people.account.takeout import Takeout
from watchword.lifecycle.people.holdings import address_lookup, address_of, second_factor
from watchword.model.credential import Credential
from watchword.model.records import Subject, Swap

__all__ = ["LOCALES", "Accounts"]

LOCALES: Final = ("en", "de")
"""The languages of letters and pages."""

_DISPLAY: Final = 100  # characters
_NO_ADDRESS: Final = digest("email:")
_TRIES: Final = 8
_WRONG: Final = Fault("password", "wrong", "The current password is wrong.")
_MEANWHILE: Final = Fault("password", "meanwhile", "The password was changed meanwhile. Log in again.")


class Accounts:
    """Act on accounts. What a person did wrong is a tuple of faults; who operates gets a LifecycleError."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._addresses = Addresses(desk)
        self._sign_ups = SignUps(desk, self._addresses)
        self._resets = Resets(desk)
        self._takeout = Takeout(desk)

    # --- finding ------------------------------------------------------------------------------------------------------

    async def resolve(self, login: str) -> str | None:
        """Return the subject that a user name or a confirmed address names, "user:…"; None for nobody.

        Spellings of one name or address give one subject. Both are looked for whatever is given, and a name wins.
        """
        name = normal_name(login)
        found = await self._desk.records.subject(f"user:{name or ''}")
        address = normal_address(login) if "@" in login else None
        lookup = _NO_ADDRESS if address is None else address_lookup(address)
        record = await self._desk.records.credential_by(lookup)
        if found is not None:
            return found.name
        return None if record is None or record.refusal(self._desk.clock()) is not None else record.subject

    async def address(self, subject: str) -> str | None:
        """Return the confirmed address of a subject."""
        record = await address_of(self._desk.records, subject, self._desk.clock())
        return None if record is None else str(record.detail["address"])

    async def profile(self, subject: str) -> dict[str, Any]:
        """Return ``subject``, ``display``, ``locale``, ``email`` of a person. Raise LifecycleError for nobody."""
        owner = await self._desk.enabled(subject)
        return {
            "subject": owner.name,
            "display": str(owner.detail.get("display", "")),
            "locale": str(owner.detail.get("locale", "")),
            "email": await self.address(owner.name),
        }

    # --- signing up ---------------------------------------------------------------------------------------------------

    async def sign_up(
        self,
        name: str,
        address: str,
        password: str,
        *,
        locale: str = "",
        scopes: Iterable[str] = (),
        browser: str = "",
    ) -> Wanted | tuple[Fault, ...]:
        """Check what somebody signs up with and hash the password; then ``begin_sign_up``. Raise Unavailable."""
        prepare = self._sign_ups.prepare
        return await prepare(name, address, password, locale=_locale(locale), scopes=scopes, browser=browser)

    async def begin_sign_up(self, wanted: Wanted) -> Notice:
        """Return the letter to send, which alone tells whether name and address were free."""
        return await self._sign_ups.begin(wanted)

    async def pending_sign_up(self, token: str, *, browser: str = "") -> Pending | None:
        """Return what confirming would make, without spending the link."""
        return await self._sign_ups.look(token, browser=browser)

    async def confirm(
        self, token: str, *, browser: str = "", password: str | None = None
    ) -> Subject | tuple[Fault, ...]:
        """Spend the link of a sign-up and make the account."""
        return await self._sign_ups.confirm(token, browser=browser, password=password)

    async def invite(self, address: str, *, scopes: Iterable[str] = (), by: str) -> Invited:
        """Make an invitation for an address. Raise LifecycleError."""
        return await self._sign_ups.invite(address, scopes=scopes, by=by)

    async def invitation(self, token: str) -> str | None:
        """Return which address an invitation is for, without spending it."""
        return await self._sign_ups.invitation(token)

    async def accept(self, token: str, name: str, password: str, *, locale: str = "") -> Subject | tuple[Fault, ...]:
        """Spend an invitation and make the account."""
        return await self._sign_ups.accept(token, name, password, locale=_locale(locale))

    # --- passwords ----------------------------------------------------------------------------------------------------

    async def request_reset(self, login: str) -> Reset | None:
        """Return a reset link for a name or an address, None for who has no confirmed address."""
        reset = await self.reset_or_decoy(login)
        return reset if reset.address else None

    async def reset_or_decoy(self, login: str) -> Reset:
        """Return a reset link, after as much work one without an address for who has none: it must not be sent."""
        return await self._resets.request(await self.resolve(login))

    async def reset_for(self, subject: str, *, by: str) -> Reset:
        """Return a reset link that an operator hands over. Raise LifecycleError."""
        return await self._resets.by_operator(subject, by=by)

    async def pending_reset(self, token: str) -> str | None:
        """Return whose password a link resets, without spending it."""
        return await self._resets.look(token)

    async def redeem_reset(self, token: str, password: str) -> Reset | tuple[Fault, ...]:
        """Spend a reset link and set the password."""
        return await self._resets.redeem(token, password)

    async def has_password(self, subject: str) -> bool:
        """Return whether there is a password that may be used now."""
        return bool(await usable_passwords(self._desk.records, subject, self._desk.clock()))

    async def change_password(
        self, subject: str, old: str | None, new: str, *, keep: str = "", by: str | None = None
    ) -> tuple[Fault, ...]:
        """Set another password; other sessions and refresh tokens end, ``keep`` (``ses_…``) goes on.

        ``old`` is the current one; None where the caller has just proved themselves otherwise.
        """
        desk = self._desk
        owner = await desk.enabled(subject)
        now = desk.clock()
        if old is not None and not await self._knows(owner.name, old):
            return (_WRONG,)
        address = await self.address(owner.name) or ""
        second = await second_factor(desk.records, owner.name, now)
        about = (owner.name.partition(":")[2], address, str(owner.detail.get("display", "")))
        faults = desk.password_faults(new, second_factor=second, about=about)
        if faults:
            return faults
        secret, actor = await encoded(desk.passwords, new), by or owner.name
        replacement = Replacement(desk.records, owner, now)
        done = await replacement.made(desk, secret, by=actor, why="changed", keep=keep)
        return () if done else (_MEANWHILE,)

    async def _knows(self, subject: str, password: str) -> bool:
        desk = self._desk
        for each in await usable_passwords(desk.records, subject, desk.clock()):
            fits = desk.passwords.verify(each.secret.decode(), password)
            if await fits if isawaitable(fits) else fits:
                return True
        return False

    # --- profile and address ------------------------------------------------------------------------------------------

    async def set_profile(
        self, subject: str, *, display: str | None = None, locale: str | None = None
    ) -> Subject | tuple[Fault, ...]:
        """Change the display name and the language; None leaves one as it is, "" removes it."""
        faults = [] if display is None or _displayable(display) else [_DISPLAY_FAULT]
        faults += [] if not locale or _locale(locale) else [_LOCALE_FAULT]
        if faults:
            return tuple(faults)
        given = {"display": display, "locale": None if locale is None else _locale(locale)}
        for _ in range(_TRIES):
            owner = await self._desk.enabled(subject)
            told = {name: value for name, value in given.items() if value is not None}
            detail = {**owner.detail, **told, "updated_at": int(self._desk.clock())}
            changed = owner.changed(detail={name: value for name, value in detail.items() if value != ""})
            if await self._desk.write(Swap(changed), self._desk.act("profile", owner.name, owner.name)):
                return changed
        raise LifecycleError(f"{subject} keeps changing", "try again")

    async def add_address(self, subject: str, address: str, *, by: str) -> Credential:
        """Give a subject a confirmed address that an operator vouches for. Raise LifecycleError."""
        return await self._addresses.add(subject, address, by=by)

    async def request_address(self, subject: str, address: str) -> Moving | tuple[Fault, ...]:
        """Return the letter for a new address of a person."""
        return await self._addresses.request(subject, address)

    async def pending_address(self, token: str) -> tuple[str, str] | None:
        """Return whose address a link would change and to what, without spending it."""
        return await self._addresses.look(token)

    async def drop_address(self, subject: str) -> None:
        """Void the link that waits for a new address of a person."""
        await self._addresses.drop(subject)

    async def confirm_address(self, token: str) -> Moved | tuple[Fault, ...]:
        """Spend the link and change the address."""
        return await self._addresses.confirm(token)

    # --- leaving ------------------------------------------------------------------------------------------------------

    async def export(self, subject: str, *, events: bool = False) -> dict[str, Any]:
        """Return everything held about a person, without secrets."""
        return await self._takeout.export(subject, events=events)

    async def delete(self, subject: str, *, by: str) -> Subject:
        """Delete a person for good; the name stays taken."""
        return await self._takeout.delete(subject, by=by)


_DISPLAY_FAULT: Final = Fault("display", "not_a_name", f"Use at most {_DISPLAY} characters that can be seen.")
_LOCALE_FAULT: Final = Fault("locale", "unknown", f"Known are: {', '.join(LOCALES)}.")


def _displayable(text: str) -> bool:
    return len(text) <= _DISPLAY and text.isprintable() and text == text.strip()


def _locale(text: str) -> str:
    """Return the language that we have of "de", "de-CH" or "en_GB", "" for another."""
    language = text.replace("_", "-").partition("-")[0].lower()
    return language if language in LOCALES else ""

"""Replace a person's password: by one who knows it, or by one who can read their mail."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from inspect import isawaitable
from typing import NamedTuple, Protocol

from watchword.codec.secrets import new_id
from watchword.lifecycle.outlasting import Outlasting
from watchword.lifecycle.people.holdings import LOGINS, act, ended, ending, held, newest
from watchword.lifecycle.room import make_room
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Clock, Passwords, Records
from watchword.model.records import Add, Change, Subject, Swap

__all__ = ["Fault", "PasswordJudge", "Replacement", "encoded", "usable_passwords"]


class Fault(NamedTuple):
    """Say what is wrong with one field of a form: a code for programs, a text for people."""

    field: str
    code: str
    text: str


class _Desk(Protocol):
    @property
    def told(self) -> Callable[[], None]: ...
    @property
    def clock(self) -> Clock: ...
    async def write(self, *changes: Change) -> bool: ...


class _Complaint(Protocol):
    @property
    def code(self) -> str: ...
    @property
    def text(self) -> str: ...


class PasswordJudge(Protocol):
    """Say what speaks against a password."""

    def check(self, password: str, *, second_factor: bool = False, about: Iterable[str] = ()) -> Sequence[_Complaint]:
        """Return the complaints; none is fine."""
        ...


@dataclass(frozen=True, slots=True)
class Replacement:
    """Give ``subject`` another password and end what the old one began, in one write where nothing changes meanwhile.

    Where something does, refresh families end after it: an application that refreshes without a pause keeps nobody from
    another password.

    The subject's own record is swapped with them, so that of two replacements at once exactly one takes place.
    """

    records: Records
    subject: Subject
    now: float

    async def made(self, desk: _Desk, secret: str, *events: Change, by: str, why: str, keep: str = "") -> bool:
        """Replace it; False where another act came first. ``secret`` is the new hash, ``keep`` a session that goes on.

        ``events`` are written with it.
        """
        for together in (True, False):
            if not await desk.write(*await self._changes(secret, by, why, keep, together=together), *events):
                continue
            if not together:
                await Outlasting(self.records, desk.told, desk.clock).end(self.subject.name, by=by, why=why, keep=keep)
            await make_room(self.records, self.subject.name, Kind.PASSWORD, self.now, keep="")
            return True
        return False

    async def _changes(self, secret: str, by: str, why: str, keep: str, *, together: bool) -> list[Change]:
        """Return the changes, those that end families among them where all goes ``together``.

        What the password allows, where it may be used and until when, it takes over from the one before.
        """
        now, name = self.now, self.subject.name
        passwords = await held(self.records, name, Kind.PASSWORD)
        old = newest([each for each in passwords if each.refusal(now) is None]) or newest(passwords)
        new = Credential(
            id=new_id("pwd_"),
            kind=Kind.PASSWORD,
            subject=name,
            created_at=int(now),
            secret=secret.encode(),
            scopes=old.scopes if old else frozenset(),
            networks=old.networks if old else (),
            limit=old.limit if old else None,
            expires_at=old.expires_at if old else None,
            replaces=old.id if old else None,
        )
        changes: list[Change] = [Swap(self.subject.changed()), Add(new), act(now, "issue", by, name, new, why)]
        for each in passwords:
            if each.revoked_at is None and each.refusal(now) is None:
                changes += ending(each, now=now, by=by, why=why, replaced_by=new.id)
        kinds = LOGINS if together else (Kind.SESSION,)
        changes += await ended(self.records, name, kinds, now=now, by=by, why=why, keep=keep)
        kept = await self.records.credential(keep) if keep else None
        if kept is not None and kept.detail.get("login") in {each.id for each in passwords}:
            changes.append(Swap(kept.changed(detail={**kept.detail, "login": new.id})))  # it ends with the new one
        return changes


async def usable_passwords(records: Records, subject: str, now: float) -> list[Credential]:
    """Return the passwords that may be used now."""
    return [each for each in await held(records, subject, Kind.PASSWORD) if each.refusal(now) is None]


async def encoded(passwords: Passwords, password: str) -> str:
    """Return the hash. Raise Unavailable when too many wait to be hashed."""
    hashed = passwords.hash(password)
    return await hashed if isawaitable(hashed) else hashed

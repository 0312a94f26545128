"""Take people over from another system, with the password hashes that it made."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from typing import Final

from watchword.codec.names import EmailAddress, normal_address
from watchword.codec.passwords import adopted, work
from watchword.codec.secrets import new_id
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.people.account.addresses import email_record
from watchword.lifecycle.people.hash_work import note_work
from watchword.lifecycle.people.holdings import act, address_lookup
from watchword.lifecycle.values import scopes_of, subject_of
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Clock, Records
from watchword.model.records import Add, Change, Subject, Swap

__all__ = ["FIELDS", "Importing", "Newcomer", "Outcome", "State", "newcomer_of"]

FIELDS: Final = ("username", "password_hash", "email", "display")
"""What is known of a newcomer; the first two must be there."""
_LONGEST: Final = 200  # characters of a name that is shown
_UNUSABLE: Final = ("!", "*")  # what Django and others write where there is no password


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Hold one person: the subject's name, their hash ("" where they have no password), address and shown name."""

    subject: str
    password_hash: str = field(default="", repr=False)
    email: EmailAddress | None = None
    display: str = ""


class State(StrEnum):
    """Name what became of a newcomer."""

    ADDED = "added"
    THERE = "there already"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Say what became of a newcomer, and why."""

    state: State
    why: str = ""


def newcomer_of(row: Mapping[str, object]) -> Newcomer:
    """Read one person. Raise LifecycleError that names the field and never quotes the hash."""
    for name in row:
        if name not in FIELDS:
            near = get_close_matches(str(name), FIELDS, 1)
            hint = f"did you mean {near[0]}?" if near else f"known are: {', '.join(FIELDS)}"
            raise LifecycleError(f"there is no field {str(name)[:40]!r}", hint)
    texts = {name: _text(row, name) for name in FIELDS}
    for name in FIELDS[:2]:
        if name not in row:
            raise LifecycleError(f"{name} is missing", "an empty password_hash is for who has no password")
    email = normal_address(texts["email"]) if texts["email"] else None
    if texts["email"] and email is None:
        raise LifecycleError(f"email: {texts['email'][:80]!r} is not an address", "such as alice@example.com")
    display = texts["display"]
    if len(display) > _LONGEST or not display.isprintable():
        raise LifecycleError(f"display: at most {_LONGEST} printable characters", "it is what people are shown")
    return Newcomer(_subject(texts["username"]), _hash(texts["password_hash"]), email, display)


def _text(row: Mapping[str, object], name: str) -> str:
    value = row.get(name)
    if value is not None and not isinstance(value, str):
        raise LifecycleError(f"{name}: not a text", "write it between quotation marks")
    return (value or "").strip()


def _subject(username: str) -> str:
    try:
        return subject_of(f"user:{username}")
    except LifecycleError as error:
        raise LifecycleError(f"username: {error}", error.hint) from None


def _hash(text: str) -> str:
    if text.startswith(_UNUSABLE):
        return ""
    try:
        return adopted(text) if text else ""
    except ValueError as error:
        raise LifecycleError(f"password_hash: {error}", "the person can be added without a password") from None


class Importing:
    """Add newcomers, a batch a transaction. Who is there already stays as they are, so an import can be repeated."""

    def __init__(self, records: Records, *, told: Callable[[], None] = lambda: None, clock: Clock = time.time) -> None:
        self._records = records
        self._told = told
        self._clock = clock

    async def add(
        self, batch: Sequence[Newcomer], *, by: str, scopes: Iterable[str] = (), dry: bool = False
    ) -> list[Outcome]:
        """Add the newcomers and return what became of each; with ``dry`` only tell what would.

        ``scopes`` is what their passwords allow. What they cost to check is noted before they are on record.
        """
        allowed = scopes_of(scopes)
        outcomes = await self._judged(batch)
        chosen = [each for each, outcome in zip(batch, outcomes, strict=True) if outcome.state is State.ADDED]
        if dry or not chosen:
            return outcomes
        for each in chosen:
            if each.password_hash:
                await note_work(self._records, (work(each.password_hash),))
        if not await self._write(chosen, by, allowed):
            for place, outcome in enumerate(outcomes):  # somebody was faster with one of them
                if outcome.state is State.ADDED and not await self._write([batch[place]], by, allowed):
                    outcomes[place] = Outcome(State.REFUSED, "the name or the address was taken meanwhile")
        self._told()
        return outcomes

    async def _judged(self, batch: Sequence[Newcomer]) -> list[Outcome]:
        names: set[str] = set()
        addresses: set[str] = set()
        outcomes = []
        for each in batch:
            outcome = await self._outcome(each, names, addresses)
            if outcome.state is State.ADDED:
                names.add(each.subject)
                addresses |= {each.email.key} if each.email else set()
            outcomes.append(outcome)
        return outcomes

    async def _outcome(self, each: Newcomer, names: set[str], addresses: set[str]) -> Outcome:
        if each.subject in names or await self._records.subject(each.subject) is not None:
            return Outcome(State.THERE)
        if each.email is None:
            return Outcome(State.ADDED)
        holder = await self._records.credential_by(address_lookup(each.email))
        taken = holder is not None and holder.refusal(self._clock()) is None
        if taken or each.email.key in addresses:
            return Outcome(State.REFUSED, f"email: {each.email.text} belongs to somebody else")
        return Outcome(State.ADDED)

    async def _write(self, newcomers: Sequence[Newcomer], by: str, scopes: frozenset[str]) -> bool:
        changes: list[Change] = []
        for each in newcomers:
            changes += await self._changes(each, by, scopes)
        return await self._records.write(*changes)

    async def _changes(self, each: Newcomer, by: str, scopes: frozenset[str]) -> list[Change]:
        now = self._clock()
        detail = {"display": each.display} if each.display else {}
        changes: list[Change] = [Add(Subject(each.subject, int(now), detail=detail))]
        password = None
        if each.password_hash:
            secret = each.password_hash.encode()
            password = Credential(
                new_id("pwd_"), Kind.PASSWORD, each.subject, int(now), scopes=scopes, secret=secret,
                detail={"imported": work(each.password_hash).kind.split()[0]},
            )  # fmt: skip
            changes.append(Add(password))
        if each.email is not None:
            before = await self._records.credential_by(address_lookup(each.email))
            if before is not None:  # only a revoked record names it
                changes.append(Swap(before.changed(lookup=None)))
            changes.append(Add(email_record(each.subject, each.email, now)))
        return [*changes, act(now, "import", by, each.subject, password)]

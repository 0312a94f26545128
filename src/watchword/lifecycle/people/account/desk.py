"""Hold what acts on accounts need: where records are, how they are written, who judges passwords."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.people.account.links import Links
from watchword.lifecycle.people.account.replacement import Fault, PasswordJudge
from watchword.lifecycle.people.holdings import act
from watchword.lifecycle.values import subject_of
from watchword.model.ports import Clock, Passwords, Records
from watchword.model.records import Change, Event, Subject

__all__ = ["Desk"]


@dataclass(frozen=True, slots=True)
class Desk:
    """Give acts on accounts one place to read and write; ``told`` makes this process read its feed."""

    records: Records
    links: Links
    passwords: Passwords
    rules: PasswordJudge
    told: Callable[[], None] = lambda: None
    clock: Clock = time.time

    async def write(self, *changes: Change) -> bool:
        """Apply all changes in one transaction, or none: False when another act came first."""
        done = await self.records.write(*changes)
        self.told()
        return done

    def act(self, action: str, by: str, subject: str, detail: str = "") -> Event:
        """Return the audit event of an act of now."""
        return act(self.clock(), action, by, subject, detail=detail)

    async def enabled(self, name: str) -> Subject:
        """Return an enabled subject. Raise LifecycleError."""
        found = await self.records.subject(subject_of(name))
        if found is None:
            raise LifecycleError(f"there is no {subject_of(name)}", "`watchword user list` shows who there is")
        if found.disabled_at is not None:
            raise LifecycleError(f"{found.name} is disabled", "enable it first")
        return found

    def password_faults(self, password: str, *, second_factor: bool, about: Iterable[str]) -> tuple[Fault, ...]:
        """Return what speaks against a new password."""
        found = self.rules.check(password, second_factor=second_factor, about=tuple(filter(None, about)))
        return tuple(Fault("password", each.code, each.text) for each in found)

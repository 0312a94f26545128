"""A house with people in it, on a store of one's own, for tests of the lifecycle of accounts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from watchword.app import Watchword
from watchword.codec.passwords import Cost
from watchword.codec.secrets import new_root_key
from watchword.model.credential import Credential, Kind
from watchword.model.records import Subject

T = TypeVar("T")

PASSWORD = "correct horse battery staple"
OTHER = "quite another horse in the stable"


class Clock:
    """Stand still until told otherwise."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def within(
    work: Callable[[Watchword], Awaitable[T]], store: str = "memory:", clock: Callable[[], float] | None = None
) -> T:
    """Run ``work`` with a started Watchword."""
    more = {} if clock is None else {"clock": clock}

    async def run() -> T:
        watchword = Watchword(store, root_key=new_root_key(), password_cost=Cost(memory=64, passes=1), **more)
        await watchword.start()
        try:
            return await work(watchword)
        finally:
            await watchword.stop()

    return asyncio.run(run())


async def person(watchword: Watchword, name: str = "alice", address: str = "", scopes: tuple[str, ...] = ()) -> str:
    """Add somebody with a password, and an address if one is given; return the subject's name."""
    subject = (await watchword.lifecycle.add_subject(f"user:{name}", by="test")).name
    await watchword.lifecycle.issue(Kind.PASSWORD, subject, by="test", scopes=scopes, options={"password": PASSWORD})
    if address:
        await watchword.accounts.add_address(subject, address, by="test")
    return subject


async def usable(watchword: Watchword, subject: str, kind: Kind) -> list[Credential]:
    """Return what of a kind the subject may use now."""
    found = await watchword.store.credentials(kind=kind, subject=subject, limit=1000)
    return [each for each in found if each.refusal(watchword.clock()) is None]


async def knows(watchword: Watchword, name: str, password: str) -> bool:
    """Return whether name and password prove somebody."""
    verdict = await watchword.parts.password_check().check(name, password, "test")
    return hasattr(verdict, "subject")


async def signed_up(watchword: Watchword, name: str = "alice", address: str = "alice@example.com") -> Subject:
    """Sign somebody up and confirm it, in one browser."""
    accounts = watchword.accounts
    wanted = await accounts.sign_up(name, address, PASSWORD, browser="b")
    assert hasattr(wanted, "secret"), wanted
    notice = await accounts.begin_sign_up(wanted)
    made = await accounts.confirm(notice.token, browser="b")
    assert isinstance(made, Subject), made
    return made


def store_in(folder: Path) -> str:
    """Return the URL of a SQLite store in a folder."""
    return f"sqlite:///{folder}/people.db"

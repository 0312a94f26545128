"""People with accounts, for tests: with a password, with an address, signed up."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from tests.house import House
from tests.lifecycle.people.factors import play
from watchword.app import Watchword
from watchword.lifecycle.people.account.resets import Reset
from watchword.lifecycle.people.account.sign_ups import Wanted
from watchword.model.credential import Credential, Kind
from watchword.model.records import Subject
from watchword.model.verdict import Principal

__all__ = ["OTHER", "PASSWORD", "held", "knows", "live_in", "person", "reset_token", "signed_up", "usable"]

PASSWORD = "correct horse battery staple"
OTHER = "quite another horse in the stable"


def live_in(url: str, test: Callable[[House], Coroutine[Any, Any, None]], **options: Any) -> None:
    """Run a test on a store; where threads race, hashes are made in them."""
    play(test, url, inline=not url.startswith("postgresql"), **options)


async def person(opened: House, name: str = "carol", address: str = "", scopes: tuple[str, ...] = ()) -> str:
    """Add somebody with a password, and an address if one is given; return the subject's name."""
    watchword = opened.watchword
    subject = (await watchword.lifecycle.add_subject(f"user:{name}", by="test")).name
    options = {"password": PASSWORD}
    await watchword.lifecycle.issue(Kind.PASSWORD, subject, by="test", scopes=scopes, options=options)
    if address:
        await watchword.accounts.add_address(subject, address, by="test")
    return subject


async def held(opened: House, subject: str, kind: Kind) -> list[Credential]:
    """Return everything of a kind that the subject ever had."""
    return await opened.watchword.store.credentials(kind=kind, subject=subject, limit=1000)


async def usable(opened: House, subject: str, kind: Kind) -> list[Credential]:
    """Return what of a kind the subject may use now."""
    return [each for each in await held(opened, subject, kind) if each.refusal(opened.clock.now) is None]


async def knows(watchword: Watchword, name: str, password: str) -> bool:
    """Return whether name and password prove somebody."""
    return isinstance(await watchword.parts.password_check().check(name, password, "test"), Principal)


async def signed_up(opened: House, name: str = "carol", address: str = "carol@example.com") -> Subject:
    """Sign somebody up and confirm it, in one browser."""
    accounts = opened.watchword.accounts
    wanted = await accounts.sign_up(name, address, PASSWORD, browser="b")
    assert isinstance(wanted, Wanted), wanted
    notice = await accounts.begin_sign_up(wanted)
    made = await accounts.confirm(notice.token, browser="b")
    assert isinstance(made, Subject), made
    return made


async def reset_token(opened: House, login: str) -> str:
    """Return the token of the link that somebody is sent."""
    reset = await opened.watchword.accounts.request_reset(login)
    assert isinstance(reset, Reset)
    return reset.token

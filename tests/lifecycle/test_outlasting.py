"""Whatever applications do meanwhile, what ends their families takes place: they refresh without a pause."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.house import House, house
from watchword import Principal
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.families import Refreshed
from watchword.lifecycle.outlasting import Outlasting
from watchword.model.credential import Credential, Kind
from watchword.model.records import Add

FAMILIES = 5
PASSWORD = "correct horse battery staple"


def _slow(page: Callable[..., Awaitable[list[Credential]]]) -> Callable[..., Awaitable[list[Credential]]]:
    """Return what reads pages as slowly as over a network: families change between reading and writing."""

    async def slowly(*where: Any, **which: Any) -> list[Credential]:
        found = await page(*where, **which)
        await asyncio.sleep(0.002)
        return found

    return slowly


Act = Callable[[House], Awaitable[Any]]

ACTS: dict[str, Act] = {
    "withdraw": lambda house: house.watchword.lifecycle.revoke("con_x", reason="x", by="user:alice"),
    "disable": lambda house: house.watchword.lifecycle.set_enabled("user:alice", False, by="user:root"),
    "everywhere": lambda house: house.watchword.sessions.end_everything("user:alice", by="user:alice"),
    "others": lambda house: house.watchword.sessions.end_others("user:alice", keep="ses_x", by="user:alice"),
    "password": lambda house: house.watchword.accounts.change_password("user:alice", None, "another " + PASSWORD),
    "factors": lambda house: house.watchword.factors.reset("user:alice", by="user:root", reason="lost"),
    "delete": lambda house: house.watchword.accounts.delete("user:alice", by="user:alice"),
}


async def _begun(opened: House) -> list[Refreshed]:
    await opened.issue(Kind.PASSWORD, "user:alice", options={"password": PASSWORD})
    consent = Credential("con_x", Kind.CONSENT, "user:alice", 1, lookup=b"x", detail={"client": "cli_a"})
    assert await opened.watchword.store.write(Add(consent))
    who = Principal("user:alice", "session", "", frozenset({"openid"}), ("pwd",), 1)
    more = {"client": "cli_a", "consent": "con_x"}
    return [await opened.watchword.families.start(who, by="x", more=more) for _ in range(FAMILIES)]


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_an_application_that_refreshes_without_a_pause_keeps_nobody_from_an_act(
    monkeypatch: pytest.MonkeyPatch, act: Act
) -> None:
    async def play() -> None:
        async with house() as opened:
            families, store = opened.watchword.families, opened.watchword.store
            begun = await _begun(opened)

            async def hammer(token: str) -> None:
                while isinstance(found := await families.redeem(token, client="cli_a"), Refreshed):
                    token = found.token
                    await asyncio.sleep(0)

            hammering = [asyncio.create_task(hammer(each.token)) for each in begun]
            await asyncio.sleep(0)
            monkeypatch.setattr(type(store), "credentials", _slow(type(store).credentials))
            await act(opened)
            await asyncio.wait_for(asyncio.gather(*hammering), 10)
            records = [await store.credential(each.family.id) for each in begun]
            assert [each is not None and each.revoked_at is not None for each in records] == [True] * FAMILIES

    asyncio.run(play())


def test_what_never_stops_changing_is_said() -> None:
    class Lost:
        async def credential(self, id: str) -> Credential:
            return Credential(id, Kind.REFRESH, "user:alice", 1)

        async def write(self, *changes: object) -> bool:
            return False

    outlasting = Outlasting(Lost(), lambda: None, lambda: 1.0)  # type: ignore[arg-type]
    with pytest.raises(LifecycleError, match="keeps changing"):
        asyncio.run(outlasting.end_one(Credential("fam_x", Kind.REFRESH, "user:alice", 1), by="x", why="y"))

"""Ending a session ends what applications got in it, whatever these do meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.house import House, played
from watchword import Principal
from watchword.lifecycle.families import Refreshed
from watchword.lifecycle.oauth.openid.signing_out import SigningOut
from watchword.model.credential import Credential, Kind
from watchword.model.records import Swap


class Slow:
    """A store whose pages take their time, as they do over a network."""

    def __init__(self, records: Any) -> None:
        self._records = records

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    async def credentials(self, **which: Any) -> list[Credential]:
        found: list[Credential] = await self._records.credentials(**which)
        await asyncio.sleep(0.005)
        return found


async def session(opened: House, **detail: str) -> Credential:
    record = (await opened.issue(Kind.SESSION, "user:alice", options={"idle": 900})).credential
    changed = record.changed(detail={**record.detail, **detail})
    await opened.watchword.store.write(Swap(changed))
    return changed


async def family(opened: House, session: str, *scopes: str) -> str:
    who = Principal("user:alice", "session", "", frozenset(scopes), ("pwd",), 1)
    more = {"client": "cli_a", "session": session}
    return (await opened.watchword.families.start(who, by="x", more=more)).family.id


async def over(opened: House, id: str) -> bool:
    return (await opened.watchword.lifecycle.show(id)).revoked_at is not None


@played
async def test_session_and_families_end_together_but_for_what_is_to_last(opened: House) -> None:
    signing_out = SigningOut(opened.watchword.store, clock=opened.clock)
    mine, other = await session(opened), await session(opened)
    short, lasting = await family(opened, mine.id, "openid"), await family(opened, mine.id, "openid", "offline_access")
    elsewhere = await family(opened, other.id, "openid")
    assert await signing_out.end(mine.id, by="user:alice", why="logged out")
    assert [await over(opened, id) for id in (mine.id, short)] == [True, True]
    assert [await over(opened, id) for id in (other.id, lasting, elsewhere)] == [False, False, False]
    assert not await signing_out.end(mine.id, by="user:alice", why="logged out")
    assert not await signing_out.end(short, by="user:alice", why="no session")
    assert not await signing_out.end("ses_none", by="user:alice", why="none")


@played
async def test_a_session_that_goes_on_from_another_has_that_ones_families(opened: House) -> None:
    first = await session(opened)
    second = await session(opened, origin=first.id)
    begun = await family(opened, first.id, "openid")
    signing_out = SigningOut(opened.watchword.store, clock=opened.clock)
    assert [each.id for each in await signing_out.families(second)] == [begun]
    await signing_out.end(second.id, by="x", why="y")
    assert await over(opened, begun)


@played
async def test_of_many_at_once_one_ends_it(opened: House) -> None:
    mine = await session(opened)
    await family(opened, mine.id)
    signing_out = SigningOut(opened.watchword.store, clock=opened.clock)
    done = await asyncio.gather(*(signing_out.end(mine.id, by="x", why="y") for _ in range(100)))
    assert sum(done) == 1
    events = [event for event in await opened.events() if event.action == "revoke"]
    assert len(events) == 2


@played
async def test_an_application_that_keeps_refreshing_keeps_nobody_signed_in(opened: House) -> None:
    """Every refresh changes a family that is to be ended: twenty of them leave no moment without a change."""
    mine, families = await session(opened), opened.watchword.families
    who = Principal("user:alice", "session", "", frozenset({"openid"}), ("pwd",), 1)
    begun = [await families.start(who, by="x", more={"client": "cli_a", "session": mine.id}) for _ in range(20)]
    over_at: list[bool] = []

    async def hammer(token: str) -> None:
        while isinstance(found := await families.redeem(token, client="cli_a"), Refreshed):
            token = found.token
            await asyncio.sleep(0)
        over_at.append(True)

    hammering = [asyncio.create_task(hammer(each.token)) for each in begun]
    await asyncio.sleep(0)
    signing_out = SigningOut(Slow(opened.watchword.store), clock=opened.clock)
    assert await signing_out.end(mine.id, by="user:alice", why="logged out")
    await asyncio.wait_for(asyncio.gather(*hammering), 10)
    assert len(over_at) == 20
    assert all([await over(opened, each.family.id) for each in begun])

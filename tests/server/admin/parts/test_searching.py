"""Of many searches each credential comes once, and no page looks at more than it says."""

from __future__ import annotations

import asyncio

from watchword.app import Watchword
from watchword.model.credential import Credential, Kind, State
from watchword.model.records import Add
from watchword.server.admin.parts.searching import Place, Searching, Wanted


async def house(count: int = 0) -> Watchword:
    watchword = Watchword("memory:")
    for id, subject, name in (
        ("key_bill", "service:bill", "bill"),
        ("key_b", "user:billie", ""),
        ("bill_c", "service:other", "billing"),
        ("key_d", "service:other", "none"),
    ):
        record = Credential(id, Kind.API_KEY, subject, 1, detail={"name": name} if name else {})
        assert await watchword.store.write(Add(record))
    for number in range(count):
        record = Credential(f"hk_{number:05}", Kind.HMAC, "service:many", 1, revoked_at=5 if number == 1200 else None)
        assert await watchword.store.write(Add(record))
    return watchword


def test_each_comes_once_whatever_finds_it() -> None:
    async def test() -> None:
        searching = Searching(await house())
        found, after = await searching.page(Wanted(text="bill"))
        assert [each.id for each in found] == ["bill_c", "key_bill", "key_b"]
        assert after is None
        one_by_one, place = [], None
        while True:
            found, after = await searching.page(Wanted(text="bill"), after=place or (0, "", ""), limit=1)
            one_by_one += [each.id for each in found]
            if after is None:
                break
            place = after
        assert one_by_one == ["bill_c", "key_bill", "key_b"]

    asyncio.run(test())


def test_what_is_rare_takes_some_pages_and_none_of_them_long() -> None:
    async def test() -> None:
        searching = Searching(await house(1500))
        wanted = Wanted(kind=Kind.HMAC, state=State.REVOKED)
        found, after = await searching.page(wanted)
        assert found == []
        assert after == (0, "hk_00999", "hk_00999")
        found, after = await searching.page(wanted, after=after)
        assert ([each.id for each in found], after) == (["hk_01200"], None)

    asyncio.run(test())


def test_what_may_not_be_seen_costs_no_page() -> None:
    """Thousands of sessions lie between the few credentials that somebody may read."""

    async def test() -> None:
        searching = Searching(await house(1500))
        wanted = Wanted(kinds=frozenset({Kind.API_KEY, Kind.CLIENT_CERT}))
        found, after = await searching.page(wanted)
        assert ([each.id for each in found], after) == (["bill_c", "key_b", "key_bill", "key_d"], None)
        first, after = await searching.page(wanted, limit=3)
        assert after is not None
        rest, after = await searching.page(wanted, after=after, limit=3)
        assert ([each.id for each in first + rest], after) == ([each.id for each in found], None)

    asyncio.run(test())


def test_a_place_that_never_was_ends_soon() -> None:
    async def test() -> None:
        searching = Searching(await house())
        places: tuple[Place, ...] = ((99, "", ""), (1, "\U0010ffff", ""), (0, "zzz", "zzz"))
        for place in places:
            found, after = await searching.page(Wanted(text="bill"), after=place)
            assert after is None
            assert len(found) <= 3

    asyncio.run(test())

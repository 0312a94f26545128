"""Drafts are found by who holds their handle, for one purpose; guesses of one subject are counted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.house import House
from tests.lifecycle.people.factors import ALICE, BOB, play, proving_of, raced
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.people.proving import factor_name
from watchword.model.ports import Allowance
from watchword.model.verdict import Rate


def test_a_draft_is_taken_once(url: str) -> None:
    async def test(opened: House) -> None:
        proving = proving_of(opened)
        handle = await proving.keep("a", {"n": 1}, 60)
        assert await proving.look("a", handle) == {"n": 1}
        outcomes = await raced(opened, lambda: proving.take("a", handle))
        assert [each for each in outcomes if each is not None] == [{"n": 1}]
        assert await proving.look("a", handle) is None

    play(test, url)


def test_a_draft_is_for_one_purpose() -> None:
    async def test(opened: House) -> None:
        proving = proving_of(opened)
        handle = await proving.keep("a", {"n": 1}, 60)
        assert await proving.look("b", handle) is None
        assert await proving.take("b", handle) is None
        assert await proving.take("a", handle) == {"n": 1}

    play(test)


def test_a_draft_ends() -> None:
    async def test(opened: House) -> None:
        proving = proving_of(opened)
        handle = await proving.keep("a", {"n": 1}, 60)
        opened.clock.now += 59
        assert await proving.look("a", handle) is not None
        opened.clock.now += 1
        assert await proving.take("a", handle) is None

    play(test)


def test_a_kept_value_does_not_open_in_another_place() -> None:
    """Who can write to the store cannot make one person's draft another's."""

    async def test(opened: House) -> None:
        proving, store = proving_of(opened), opened.watchword.store
        from watchword.codec.secrets import digest

        first, second = await proving.keep("a", {"n": 1}, 60), await proving.keep("a", {"n": 2}, 60)
        places = [f"a:{digest(each).hex()}" for each in (first, second)]
        sealed = await store.get(places[0])
        assert sealed is not None
        await store.put(places[1], sealed, opened.clock.now + 60)
        assert await proving.look("a", second) is None
        assert await proving.look("a", first) == {"n": 1}

    play(test)


def test_a_ticket_is_spent_once(url: str) -> None:
    async def test(opened: House) -> None:
        proving = proving_of(opened)
        ticket = proving.ticket("a", {"n": 1}, 60)
        outcomes = await raced(opened, lambda: proving.spend("a", ticket))
        assert [each["n"] for each in outcomes if each is not None] == [1]

    play(test, url)


def test_a_ticket_is_for_one_purpose_and_ends() -> None:
    async def test(opened: House) -> None:
        proving = proving_of(opened)
        ticket, late = proving.ticket("a", {"n": 1}, 60), proving.ticket("a", {"n": 2}, 60)
        assert await proving.spend("b", ticket) is None
        opened.clock.now += 59
        assert (await proving.spend("a", ticket) or {})["n"] == 1
        opened.clock.now += 1
        assert await proving.spend("a", late) is None

    play(test)


def test_asking_for_tickets_keeps_nothing() -> None:
    async def test(opened: House) -> None:
        proving = proving_of(opened)
        before = repr(vars(opened.watchword.store))
        for _ in range(100):
            proving.ticket("a", {"n": 1}, 60)
        assert repr(vars(opened.watchword.store)) == before

    play(test)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_an_altered_ticket_is_none(data: st.DataObject) -> None:
    async def test(opened: House) -> None:
        proving = proving_of(opened)
        ticket = proving.ticket("a", {"n": 1}, 60)
        place = data.draw(st.integers(0, len(ticket) - 1))
        how = data.draw(st.sampled_from(["cut", "change", "insert"]))
        char = data.draw(st.characters(codec="utf-8"))
        altered = ticket[:place] + ("" if how == "cut" else char) + ticket[place + (how == "change") :]
        altered = ticket[:place] if how == "cut" else altered
        assert altered == ticket or await proving.spend("a", altered) is None
        assert await proving.spend("a", ticket) is not None

    play(test)


@pytest.mark.parametrize("ticket", ["", "wt_", "wt_AAAA", "wd_AAAA", "wt_" + "A" * 100_000, "wt_é", "wt_A==="])
def test_what_is_no_ticket(ticket: str) -> None:
    async def test(opened: House) -> None:
        assert await proving_of(opened).spend("a", ticket) is None

    play(test)


def test_a_meter_that_has_to_be_awaited() -> None:
    seen: list[tuple[str, int]] = []

    class Far:
        async def hit(self, key: str, cost: int, rate: Rate) -> Allowance:
            seen.append((key, cost))
            return Allowance(len(seen) < 6, 5, 2.5, 3.0)

    async def test(opened: House) -> None:
        proving = proving_of(opened, Far())
        assert await proving.tried("otp", ALICE) is None
        await proving.missed("otp", ALICE)
        refused = await proving.tried("otp", BOB)
        assert refused is not None
        assert refused.headers == ((b"retry-after", b"3"),)
        assert seen[:5] == [
            (f"factor|otp|3600|{ALICE}", 0),
            (f"factor|otp|86400|{ALICE}", 0),
            (f"factor|otp|60|{ALICE}", 1),
            (f"factor|otp|3600|{ALICE}", 1),
            (f"factor|otp|86400|{ALICE}", 1),
        ]
        assert seen[5] == (f"factor|otp|3600|{BOB}", 0)  # refused by the first that is spent

    play(test)


@pytest.mark.parametrize(
    ("text", "name"), [("Phone", "Phone"), ("  My \t new\nkey ", "My new key"), ("Ключ 🔑", "Ключ 🔑")]
)
def test_names(text: str, name: str) -> None:
    assert factor_name(text) == name


@pytest.mark.parametrize("text", ["", " ", "\x00", "a\u200bb", "a" * 65])
def test_no_names(text: Any) -> None:
    with pytest.raises(LifecycleError):
        factor_name(text)


def test_owners() -> None:
    async def test(opened: House) -> None:
        proving = proving_of(opened)
        assert (await proving.owner("user:Alice")).name == ALICE
        with pytest.raises(LifecycleError):
            await proving.owner("user:nobody")
        await opened.watchword.lifecycle.add_subject("service:billing", by="x")
        with pytest.raises(LifecycleError, match="no person"):
            await proving.owner("service:billing")

    play(test)

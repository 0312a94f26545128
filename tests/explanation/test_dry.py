"""Copies that judge as the live schemes do and write nothing."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.explanation.house import BILLING, issued, playing
from watchword.app import Watchword
from watchword.explanation.dry import DryMeter, DryStore, Twins
from watchword.model.credential import Kind
from watchword.model.records import Event
from watchword.model.verdict import Rate
from watchword.stores.memory import MemoryStore
from watchword.stores.meter import MemoryMeter

LATER = time.time() + 3600
RATE = Rate(3, 60)


def _reached(thing: Any, seen: dict[int, Any]) -> dict[int, Any]:
    """Return everything of ours that a scheme holds, itself or through what it is made of."""
    if id(thing) in seen or not type(thing).__module__.startswith("watchword."):
        return seen
    seen[id(thing)] = thing
    names = [*getattr(thing, "__dict__", ())]
    names += [name for kind in type(thing).__mro__ for name in kind.__dict__.get("__slots__", ())]
    for name in names:
        value = getattr(thing, name, None)
        _reached(getattr(value, "__self__", value), seen)
    return seen


def test_no_copy_reaches_what_can_be_written() -> None:
    """Whatever a scheme is made of one day: a copy must not lead to the live store, meter or verdicts."""

    async def work(house: Watchword) -> None:
        twins = Twins(house)
        live = {id(house.store), id(house.meter), *map(id, house.verdicts._parts)}
        for name, scheme in house.schemes.items():
            reached = _reached(twins.of(scheme), {})
            stand_ins = {id(each) for each in reached.values() if type(each).__name__ in ("DryStore", "Remembered")}
            # What stands in for a store or for verdicts holds the live one: that is where a copy ends.
            held = {key for each in reached.values() if id(each) not in stand_ins for key in _held(each)}
            assert not held & live, name

    playing((), work)


def _held(thing: Any) -> set[int]:
    if type(thing).__name__ in ("_GuessMeter", "OwnKeys"):  # the latter only reads
        return set()
    names = [*getattr(thing, "__dict__", ())]
    names += [name for kind in type(thing).__mro__ for name in kind.__dict__.get("__slots__", ())]
    found = [getattr(thing, name, None) for name in names]
    return {id(getattr(value, "__self__", value)) for value in found}


def test_a_copy_is_made_once() -> None:
    async def work(house: Watchword) -> None:
        twins = Twins(house)
        assert twins.of(house.schemes["hmac"]) is twins.of(house.schemes["hmac"])
        assert twins.of(house.schemes["hmac"]) is not house.schemes["hmac"]

    playing((), work)


def test_a_store_is_read_and_not_written() -> None:
    async def play() -> None:
        store, notes = MemoryStore(), []
        dry = DryStore(store, time.time, notes)
        await store.put("a", b"b", LATER)
        assert store.claim(b"taken", LATER)
        await dry.put("c", b"d", LATER)
        await dry.append([Event(0.0, "a", "b")])
        await dry.used({"x": 1})
        assert await dry.write() is True
        assert await dry.get("a") == await dry.take("a") == await dry.take("a") == b"b"
        assert await dry.get("c") is None
        assert dry.claim(b"taken", LATER) is False
        assert dry.claim(b"free", LATER) is dry.claim(b"free", LATER) is True
        assert dry.claim(b"free", time.time() - 1) is False
        assert store.claim(b"free", LATER)
        assert await store.events() == notes == []

    asyncio.run(play())


def test_a_store_that_cannot_look_is_named() -> None:
    class Blind:
        pass

    notes: list[str] = []
    assert DryStore(Blind(), time.time, notes).claim(b"a", LATER) is True
    assert "was not looked at" in notes[0]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(["look", "hit"]), max_size=12))
def test_looking_tells_what_a_hit_would_and_spends_nothing(acts: list[str]) -> None:
    meter = MemoryMeter(lambda: 100.0)
    dry = DryMeter(meter)
    for act in acts:
        seen = dry.hit("key", 1, RATE)
        if act == "hit":
            assert meter.hit("key", 1, RATE).admitted == seen.admitted  # type: ignore[union-attr]
            assert dry.left == (meter.hit("key", 0, RATE).remaining if seen.admitted else 0)  # type: ignore[union-attr]


def test_an_opened_key_of_the_live_scheme_is_used_and_none_is_added() -> None:
    async def work(house: Watchword) -> None:
        await issued(house, Kind.HMAC, BILLING)
        live: Any = house.schemes["hmac"]
        twin = Twins(house).of(live)
        assert twin._keys == live._keys
        twin._keys[b"x"] = None
        assert b"x" not in live._keys

    playing((), work)

"""Hold what ``UsageRecords`` promise, and the log that counts come with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import pytest

from watchword.model.records import Event
from watchword.model.usage import Grain, Observed, Origin, Part, Point, Share, Tally
from watchword.testing.suite import HOSTILE, StoreSuite, scenario

__all__ = ["UsageSuite"]

_MINUTE, _HOUR, _DAY = Grain.MINUTE.value, Grain.HOUR.value, Grain.DAY.value
_NOON: Final = 20_000 * _DAY + 12 * _HOUR
_KINDS: Final = ("route", "network", "reason", "credential", "subject")
_EVENT: Final = Event(float(_NOON), "decide", "accepted")


def _tally(start: int, decisions: int = 1, **fields: str) -> Tally:
    given = {
        "credential": "key_1",
        "subject": "service:billing",
        "scheme": "api-key",
        "route": "GET /orders/{id}",
        "network": "192.0.2.0/24",
        "verdict": "accepted",
        "reason": "",
        **fields,
    }
    return Tally(start, **given, decisions=decisions)


def _observed(*tallies: Tally, origins: Iterable[Origin] = ()) -> Observed:
    points = [Point(each.start, each.scheme, each.verdict, each.decisions) for each in tallies]
    return Observed(tallies, tuple(origins), points, _parts(tallies))


def _parts(tallies: Iterable[Tally]) -> list[Part]:
    """Return what the counts are by each name alone."""
    return [
        Part(each.start, kind, getattr(each, kind), each.verdict, each.decisions)
        for each in tallies
        for kind in _KINDS
        if kind != "reason" or each.reason
    ]


async def _rolled(store: Any, now: int, at_most: int = 1000) -> int:
    done = 0
    while found := await store.usage.roll_up(now, at_most):
        done += found
    return done


class UsageSuite(StoreSuite):
    """Hold what ``UsageRecords`` promise: the store keeps them in ``usage``, and takes them with an audit batch."""

    @scenario
    async def test_nothing_was_counted_at_first(self, store: Any) -> None:
        assert await store.usage.tallies(grain=60, since=0, until=2**40) == []
        assert await store.usage.traffic(grain=60, since=0, until=2**40) == []
        assert await store.usage.origins("key_1") == []
        assert await store.usage.busiest(0, 2**40, "route") == []
        assert await store.usage.roll_up(2**40) == 0

    @scenario
    async def test_counts_come_with_the_batch_and_add_up(self, store: Any) -> None:
        await store.append([_EVENT], _observed(_tally(_NOON, 2)))
        await store.append([_EVENT], _observed(_tally(_NOON, 3), _tally(_NOON, 4, verdict="refused", reason="expired")))
        found = await store.usage.tallies(grain=60, since=_NOON, until=_NOON + 60)
        assert found == [_tally(_NOON, 5), _tally(_NOON, 4, verdict="refused", reason="expired")]
        points = await store.usage.traffic(grain=60, since=_NOON, until=_NOON + 60)
        assert points == [Point(_NOON, "api-key", "accepted", 5), Point(_NOON, "api-key", "refused", 4)]
        assert len(await store.events()) == 2

    @scenario
    async def test_counts_come_without_a_batch_where_no_event_is_kept(self, store: Any) -> None:
        await store.append((), _observed(_tally(_NOON, 2)))
        assert await store.usage.tallies(grain=60, since=0, until=2**40) == [_tally(_NOON, 2)]
        assert await store.events() == []
        assert await store.verify_audit() == []

    @scenario
    async def test_questions_keep_to_time_credential_and_subject(self, store: Any) -> None:
        ours, theirs = _tally(_NOON), _tally(_NOON + 60, 7, credential="key_2", subject="user:alice", scheme="jwt")
        await store.append([_EVENT], _observed(ours, theirs))

        async def found(**asked: Any) -> list[Tally]:
            return list(await store.usage.tallies(**{"grain": 60, "since": _NOON, "until": _NOON + 120, **asked}))

        assert await found() == [ours, theirs]
        assert await found(limit=1) == [ours]
        for limit, whole in ((1, False), (2, True)):
            for whose in ({}, {"subject": "service:billing"}):
                stretch = {"grain": 60, "since": _NOON, "until": _NOON + 120, "limit": limit, **whose}
                assert (await store.usage.tallies(**stretch)).whole is (whole or bool(whose)), (limit, whose)
        assert await found(since=_NOON + 1) == [ours, theirs], "the minute has begun by then"
        assert await found(since=_NOON + 60) == await found(credential="key_2") == [theirs]
        assert await found(until=_NOON + 60) == await found(subject="service:billing") == [ours]
        assert await found(credential="key_2", subject="service:billing") == []

        async def points(**asked: Any) -> list[int]:
            traffic = await store.usage.traffic(**{"grain": 60, "since": _NOON, "until": _NOON + 120, **asked})
            return [each.decisions for each in traffic]

        assert await points() == [1, 7]
        assert await points(credential="key_2") == await points(subject="user:alice") == [7]
        assert await points(credential="key_3") == []

    @scenario
    async def test_coarser_questions_add_finer_counts_up(self, store: Any) -> None:
        tallies = [_tally(_NOON + minute * 60) for minute in range(70)]
        await store.append([_EVENT], _observed(*tallies))
        hours = await store.usage.tallies(grain=3600, since=_NOON + 1800, until=_NOON + _DAY)
        assert hours == [_tally(_NOON, 60), _tally(_NOON + 3600, 10)]
        (day,) = await store.usage.tallies(grain=_DAY, since=_NOON, until=_NOON + _DAY)
        assert day == _tally(_NOON // _DAY * _DAY, 70)
        assert [each.decisions for each in await store.usage.traffic(grain=_DAY, since=_NOON, until=2**40)] == [70]
        with pytest.raises(ValueError, match="Grain"):
            await store.usage.tallies(grain=61, since=0, until=1)

    @scenario
    async def test_two_credentials_of_one_decision_are_one_decision(self, store: Any) -> None:
        together = {"scheme": "jwt via api-key", "subject": "user:alice"}
        pair = _tally(_NOON, 3, credential="fam_1", **together), _tally(_NOON, 3, credential="key_1", **together)
        parts = [each for each in _parts(pair) if each.kind == "credential"] + [
            each for each in _parts(pair[:1]) if each.kind != "credential"
        ]
        observed = Observed(pair, (), [Point(_NOON, "jwt via api-key", "accepted", 3)], parts)
        await store.append([_EVENT], observed)
        bounds = {"grain": 60, "since": _NOON, "until": _NOON + 60}
        for whose in ({}, {"credential": "key_1"}, {"subject": "user:alice"}):
            assert await store.usage.traffic(**bounds, **whose) == list(observed.points), whose
        for whose in ({}, {"subject": "user:alice"}, {"credential": "key_1"}):
            for by in ("route", "network", "subject", "scheme", "verdict"):
                (share,) = await store.usage.busiest(_NOON, _NOON + 60, by, **whose)
                assert share.decisions == 3, (by, whose)
        found = await store.usage.busiest(_NOON, _NOON + 60, "credential")
        assert found == [Share("fam_1", "accepted", 3), Share("key_1", "accepted", 3)]

    @scenario
    async def test_the_busiest_come_first(self, store: Any) -> None:
        tallies = [_tally(_NOON + n * 60, n + 1, route=f"GET /{n % 3}") for n in range(6)]
        refused = _tally(_NOON, 50, route="GET /0", verdict="refused", reason="expired", credential="key_2")
        await store.append([_EVENT], _observed(*tallies, refused))
        found = await store.usage.busiest(_NOON, _NOON + _DAY, "route", 3)
        assert [tuple(each) for each in found] == [
            ("GET /0", "refused", 50),
            ("GET /2", "accepted", 9),
            ("GET /1", "accepted", 7),
        ]
        (share,) = await store.usage.busiest(_NOON, _NOON + _DAY, "reason", credential="key_2")
        assert share == Share("expired", "refused", 50)
        assert await store.usage.busiest(_NOON + _DAY, _NOON + 2 * _DAY, "route") == []
        (accepted, _) = sorted(await store.usage.busiest(_NOON, _NOON + _DAY, "scheme"))
        assert accepted == Share("api-key", "accepted", 21)
        with pytest.raises(ValueError, match="told apart"):
            await store.usage.busiest(0, 1, "decisions")

    @scenario
    async def test_origins_know_the_first_and_the_last_use(self, store: Any) -> None:
        await store.append([_EVENT], _observed(origins=[Origin("key_1", "192.0.2.0/24", 20, 30)]))
        await store.append([_EVENT], _observed(origins=[Origin("key_1", "198.51.100.0/24", 25, 25)]))
        await store.append([_EVENT], _observed(origins=[Origin("key_1", "192.0.2.0/24", 10, 40)]))
        await store.append([_EVENT], _observed(origins=[Origin("key_1", "192.0.2.0/24", 35, 35)]))
        home, other = Origin("key_1", "192.0.2.0/24", 10, 40), Origin("key_1", "198.51.100.0/24", 25, 25)
        assert await store.usage.origins("key_1") == [home, other]
        assert await store.usage.origins("key_1", limit=1) == [home]
        assert await store.usage.origins("key_2") == []

    @scenario
    async def test_old_counts_are_rolled_up_and_none_is_lost(self, store: Any) -> None:
        tallies = [_tally(_NOON + n * 600, n + 1, route=f"GET /{n % 4}") for n in range(90)]
        await store.append([_EVENT], _observed(*tallies))
        total = sum(each.decisions for each in tallies)
        for days in (0, 1, 8, 30):
            now = _NOON + 90 * 600 + days * _DAY
            await _rolled(store, now, at_most=37)
            sums: Counter[str] = Counter()
            for each in await store.usage.tallies(grain=_DAY, since=0, until=2**40):
                sums[each.route] += each.decisions
            assert sum(sums.values()) == total, days
            points = await store.usage.traffic(grain=_DAY, since=0, until=2**40)
            assert sum(each.decisions for each in points) == total, days
            shares = await store.usage.busiest(0, 2**40, "route")
            assert {each.name: each.decisions for each in shares} == sums, days
        assert await store.usage.tallies(grain=3600, since=0, until=2**40) == [], "all are days by now"
        assert await _rolled(store, _NOON + 95 * _DAY) > 0
        assert await store.usage.tallies(grain=_DAY, since=0, until=2**40) == []
        assert await store.usage.traffic(grain=_DAY, since=0, until=2**40) == []
        assert await store.usage.busiest(0, 2**40, "route") == []

    @scenario
    async def test_what_is_recent_stays_as_fine_as_it_was(self, store: Any) -> None:
        await store.append([_EVENT], _observed(*(_tally(_NOON - n * 300) for n in range(24 * 12))))
        await _rolled(store, _NOON)
        minutes = await store.usage.tallies(grain=60, since=_NOON - 2 * _HOUR, until=2**40, limit=10_000)
        assert len(minutes) == 25
        hours = await store.usage.tallies(grain=3600, since=0, until=2**40)
        assert [each.decisions for each in hours] == [11, *[12] * 23, 1]

    @scenario
    async def test_many_names_become_few_and_the_sum_stays(self, store: Any) -> None:
        crowd = [_tally(_NOON + n % 60 * 60, 1, network=f"10.{n // 250}.{n % 250}.0/24") for n in range(700)]
        await store.append([_EVENT], _observed(*crowd))
        await _rolled(store, _NOON + _DAY, at_most=300)
        hours = await store.usage.tallies(grain=3600, since=_NOON, until=_NOON + 3600, limit=10_000)
        assert sum(each.decisions for each in hours) == 700
        assert len(hours) <= 201
        assert any(each.network == "…" for each in hours)
        shares = await store.usage.busiest(0, 2**40, "network", 10_000)
        assert (len(shares), sum(each.decisions for each in shares)) == (301, 700)

    @scenario
    async def test_everybodys_counts_are_told_without_a_name_to_look_for(self, store: Any) -> None:
        await store.append([_EVENT], _observed(*(_tally(_NOON + n * 60, credential=f"key_{n % 7}") for n in range(90))))
        hours = await store.usage.tallies(grain=3600, since=_NOON, until=2**40)
        assert sum(each.decisions for each in hours) == 90
        assert len(hours) == 14
        assert [each.start for each in hours] == [_NOON] * 7 + [_NOON + 3600] * 7

    @scenario
    async def test_networks_from_which_nothing_came_for_long_are_forgotten(self, store: Any) -> None:
        old, new = Origin("key_1", "192.0.2.0/24", 1, 2), Origin("key_1", "198.51.100.0/24", 1, _NOON)
        await store.append([_EVENT], _observed(origins=[old, new]))
        await _rolled(store, _NOON + 10)
        assert await store.usage.origins("key_1") == [new]

    @scenario
    async def test_what_cannot_be_stored_is_not_found(self, store: Any) -> None:
        await store.append([_EVENT], _observed(_tally(_NOON), origins=[Origin("key_1", "192.0.2.0/24", 1, 2)]))
        for text in HOSTILE:
            for whose in ({"credential": text}, {"subject": text}):
                assert await store.usage.tallies(grain=60, since=0, until=2**40, **whose) == []
                assert await store.usage.traffic(grain=60, since=0, until=2**40, **whose) == []
                assert await store.usage.busiest(0, 2**40, "route", **whose) == []
            assert await store.usage.origins(text) == []

    @scenario
    async def test_race_of_appends_and_roll_ups_counts_each_once(self, store: Any) -> None:
        old = [_tally(_NOON - _DAY + n * 60, 1, credential=f"key_{n % 5}") for n in range(200)]
        await store.append([_EVENT], _observed(*old))
        calls: list[Any] = []
        for n in range(10):
            calls.append(lambda: store.usage.roll_up(_NOON, 30))
            calls.append(lambda n=n: store.append([_EVENT], _observed(_tally(_NOON - _DAY + n * 60), _tally(_NOON))))
        await self.race(calls)
        await _rolled(store, _NOON)
        found = await store.usage.tallies(grain=_DAY, since=0, until=2**40)
        assert sum(each.decisions for each in found) == 220
        points = await store.usage.traffic(grain=_DAY, since=0, until=2**40)
        assert sum(each.decisions for each in points) == 220
        for by in ("route", "credential"):
            assert sum(each.decisions for each in await store.usage.busiest(0, 2**40, by, 100)) == 220

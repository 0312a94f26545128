"""Delivery: at least once each, by one worker, again after a failure and after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import pairwise

import pytest

from tests.house import House, house, played
from watchword.lifecycle.operations.alerts import AlertRules
from watchword.lifecycle.operations.alerts.delivery import Delivery, Tell
from watchword.model.alerts import Alert
from watchword.model.ports import Unavailable


class Receiver:
    def __init__(self) -> None:
        self.got: list[str] = []
        self.failing = 0

    async def tell(self, alert: Alert) -> None:
        await asyncio.sleep(0)
        if self.failing:
            self.failing -= 1
            raise Unavailable("away")
        self.got.append(alert.id)


def told_by(made: House, receivers: Mapping[str, Tell]) -> Delivery:
    made.watchword.operations.alerts.rules = AlertRules.of((), receivers)
    return Delivery(made.watchword.store.alerts, receivers, made.clock)


@played
async def test_each_is_told_once_by_one_of_many_workers(made: House) -> None:
    hook = Receiver()
    delivery = told_by(made, {"webhook": hook.tell})
    others = [Delivery(made.watchword.store.alerts, {"webhook": hook.tell}, made.clock) for _ in range(4)]
    for n in range(5):
        await made.watchword.operations.alerts.say("test", str(n))
    await asyncio.gather(delivery.turn(), *(each.turn() for each in others))
    assert len(hook.got) == len(set(hook.got)) == 5
    assert all(each.told_at == int(made.clock()) for each in await made.watchword.store.alerts.page())


@played
async def test_who_failed_is_told_again_and_who_did_not_is_not(made: House) -> None:
    hook, mail = Receiver(), Receiver()
    hook.failing = 3
    delivery = told_by(made, {"webhook": hook.tell, "email": mail.tell})
    await made.watchword.operations.alerts.say("test", "one")
    pauses = []
    for _ in range(200):
        before = hook.failing
        await delivery.turn()
        if hook.failing < before:
            pauses.append(made.clock())
        made.clock.now += 5
    assert (len(hook.got), len(mail.got)) == (1, 1)
    assert [round(b - a) for a, b in pairwise(pauses)] == [15, 30]
    (alert,) = await made.watchword.store.alerts.page()
    assert (alert.tries, alert.detail["told_to"]) == (4, ["email", "webhook"])


def test_a_receiver_that_breaks_keeps_no_other_from_being_told(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(alert: Alert) -> None:
        raise KeyError("ak_live_secret")

    async def play() -> None:
        async with house() as made:
            mail = Receiver()
            delivery = told_by(made, {"webhook": broken, "email": mail.tell})
            await made.watchword.operations.alerts.say("test", "one")
            assert await delivery.turn() == 0
            assert len(mail.got) == 1

    asyncio.run(play())
    assert "webhook cannot be told" in caplog.text
    assert "ak_live_secret" not in caplog.text


@played
async def test_who_waited_long_for_one_has_a_whole_pause_for_the_next(made: House) -> None:
    """Another worker must not take what this one has just taken."""
    taken: list[float] = []

    async def slow(alert: Alert) -> None:
        taken.append(alert.next_try - made.clock.now)
        made.clock.now += 60

    delivery = told_by(made, {"webhook": slow})
    for n in range(3):
        await made.watchword.operations.alerts.say("test", str(n))
    assert await delivery.turn() == 3
    assert taken == [15, 15, 15]


@played
async def test_a_worker_that_died_while_telling_leaves_it_to_the_next(made: House) -> None:
    hook = Receiver()
    delivery = told_by(made, {"webhook": hook.tell})
    await made.watchword.operations.alerts.say("test", "one")
    (alert,) = await made.watchword.store.alerts.waiting(int(made.clock()))
    assert await made.watchword.store.alerts.swap(alert.changed(tries=1, next_try=int(made.clock()) + 15))
    assert await delivery.turn() == 0
    made.clock.now += 16
    assert await delivery.turn() == 1


@played
async def test_an_alert_that_was_acknowledged_meanwhile_is_noted_as_told(made: House) -> None:
    desk, hook = made.watchword.operations.alerts, Receiver()
    delivery = told_by(made, {"webhook": hook.tell})
    await desk.say("test", "one")
    (alert,) = await desk.page()

    async def tell(alert: Alert) -> None:
        await desk.acknowledge(alert.id, by="user:ada")
        await hook.tell(alert)

    delivery._receivers = {"webhook": tell}
    assert await delivery.turn() == 1
    found = await desk.alert(alert.id)
    assert (found.acknowledged_by, found.told_at) == ("user:ada", int(made.clock()))


@played
async def test_after_a_day_of_tries_nobody_tries_again(made: House) -> None:
    hook = Receiver()
    hook.failing = 1000
    delivery = told_by(made, {"webhook": hook.tell})
    await made.watchword.operations.alerts.say("test", "one")
    for _ in range(40):
        await delivery.turn()
        made.clock.now += 3600
    assert hook.failing == 1000 - 30
    assert await made.watchword.store.alerts.waiting(int(made.clock())) == []


@played
async def test_less_grave_ones_are_kept_but_not_told(made: House) -> None:
    hook = Receiver()
    delivery = told_by(made, {"webhook": hook.tell})
    made.watchword.operations.alerts.rules = AlertRules.of((), ["webhook"], "high")
    await made.watchword.operations.alerts.say("still-used", "one")
    await made.watchword.operations.alerts.say("leaked", "two")
    assert await delivery.turn() == 1
    assert len(await made.watchword.operations.alerts.page()) == 2

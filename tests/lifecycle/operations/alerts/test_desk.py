"""Alerts: each rule is set off by what it is for, once, and not by what is usual."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.house import SUBJECT, House, asking, bearing, house, played, reason
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.operations.alerts import AlertRules, Alerts
from watchword.model.alerts import Alert
from watchword.model.credential import Kind
from watchword.model.ports import Unavailable
from watchword.model.reason import RETIRED, REVOKED, WRONG_SECRET
from watchword.model.verdict import Principal, Rejection

DAY, HOUR = 86400, 3600


async def alerts(made: House) -> list[Alert]:
    """Write what waits, look into it, and return what was raised, the oldest first."""
    audit, desk = made.watchword.audit, made.watchword.operations.alerts
    while await audit.flush():
        pass
    desk.listen_every = 0.0
    for _ in range(50):
        await desk.run()
    return list(reversed(await desk.page()))


def names(found: list[Alert]) -> list[str]:
    return [each.rule for each in found]


def note(made: House, verdict: Any, *, times: int = 1, address: str = "192.0.2.1", path: bytes = b"/orders") -> None:
    for _ in range(times):
        made.watchword.audit.note(made.clock(), asking(path=path, address=address), verdict, "r")


def accepted(made: House, credential: str, *, subject: str = SUBJECT, **more: Any) -> None:
    who = Principal(subject, "api-key", credential)
    times = more.pop("times", 1)
    for _ in range(times):
        address, path = more.get("address", "192.0.2.1"), more.get("path", b"/orders")
        made.watchword.audit.note(made.clock(), asking(path=path, address=address), who)


def test_a_leaked_list_is_alerts_and_few_lines(caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        async with house() as made:
            texts = [(await made.issue()).material["secret"] for _ in range(25)]
            await made.watchword.operations.leaks.report_all(texts, by="cli:ada")
            assert names(await alerts(made)) == ["leaked"] * 25

    asyncio.run(play())
    lines = [each.getMessage() for each in caplog.records if each.getMessage().startswith("alert leaked")]
    assert (len(lines), lines[-1][:20]) == (21, "alert leaked: 5 more")


@played
async def test_a_leaked_credential_is_an_alert_at_once(made: House) -> None:
    issued = await made.issue()
    await made.watchword.lifecycle.revoke(issued.credential.id, reason="found in a log", by="cli:ada", leaked=True)
    (alert,) = await alerts(made)
    assert (alert.rule, alert.severity, alert.credential) == ("leaked", "high", issued.credential.id)
    assert alert.subject == SUBJECT
    assert alert.detail["reason"] == "found in a log"
    assert "issue another" in alert.detail["advice"]


@played
async def test_what_was_burnt_in_a_url_is_an_alert(made: House) -> None:
    _, issued = await made.key()
    request = asking(query=b"key=" + issued.material["secret"].encode())
    assert reason(await made.decide("api-key", request)) == "credential_in_url"
    (alert,) = await alerts(made)
    assert (alert.rule, alert.credential) == ("leaked", issued.credential.id)
    assert alert.detail["reason"] == "it was sent in a URL"


@played
async def test_a_plain_revocation_is_no_alert_but_its_use_is_one(made: House) -> None:
    value, issued = await made.key()
    await made.watchword.lifecycle.revoke(issued.credential.id, reason="left", by="cli:ada")
    assert await alerts(made) == []
    for _ in range(3):
        assert reason(await made.decide("api-key", bearing(value))) == "revoked"
    (alert,) = await alerts(made)
    assert (alert.rule, alert.severity, alert.credential, alert.subject) == (
        "revoked-used",
        "high",
        issued.credential.id,
        SUBJECT,
    )
    assert alert.detail["networks"] == ["192.0.2.0/24"]
    await made.decide("api-key", bearing(value))
    assert len(await alerts(made)) == 1, "once a day is enough"
    made.clock.now += DAY
    await made.decide("api-key", bearing(value))
    assert names(await alerts(made)) == ["revoked-used", "revoked-used"]


@played
async def test_what_was_retired_and_what_soon_will_be(made: House) -> None:
    value, issued = await made.key()
    await made.watchword.lifecycle.rotate(issued.credential.id, overlap=3 * DAY, by="cli:ada")
    await made.decide("api-key", bearing(value))
    assert await alerts(made) == [], "there is time"
    made.clock.now += 2 * DAY + HOUR
    await made.decide("api-key", bearing(value))
    (alert,) = await alerts(made)
    assert (alert.rule, alert.severity) == ("still-used", "low")
    assert alert.detail["successor"].startswith("key_")
    made.clock.now += DAY
    assert reason(await made.decide("api-key", bearing(value))) == "retired"
    assert names(await alerts(made)) == ["still-used", "retired-used"]


@played
async def test_a_new_network_of_a_machine_is_an_alert_once_it_is_known(made: House) -> None:
    issued = await made.issue()
    id = issued.credential.id
    accepted(made, id)
    accepted(made, id, address="198.51.100.7")
    assert await alerts(made) == [], "on the first day it is only becoming known"
    made.clock.now += 2 * DAY
    accepted(made, id)
    assert await alerts(made) == []
    accepted(made, id, address="203.0.113.9", times=5)
    (alert,) = await alerts(made)
    assert (alert.rule, alert.credential, alert.address) == ("new-network", id, "203.0.113.0/24")
    assert alert.detail["known"] == ["192.0.2.0/24", "198.51.100.0/24"]
    accepted(made, id, address="203.0.113.10")
    assert len(await alerts(made)) == 1


@played
async def test_people_who_travel_are_no_alert(made: House) -> None:
    accepted(made, "ses_1", subject="user:alice")
    made.clock.now += 2 * DAY
    accepted(made, "ses_1", subject="user:alice", address="203.0.113.9")
    assert await alerts(made) == []


@played
async def test_an_operator_from_a_new_network_is_an_alert(made: House) -> None:
    accepted(made, "ses_1", subject="user:ada", path=b"/admin/v1/clients")
    made.clock.now += 2 * DAY
    accepted(made, "ses_2", subject="user:ada", path=b"/admin/v1/clients")
    assert await alerts(made) == []
    accepted(made, "ses_3", subject="user:ada", path=b"/admin/v1/clients", address="203.0.113.9")
    (alert,) = await alerts(made)
    assert (alert.rule, alert.severity, alert.subject) == ("operator-new-network", "high", "user:ada")


@played
async def test_a_sudden_rate_is_measured_against_its_own_past(made: House) -> None:
    id = (await made.issue()).credential.id
    for _ in range(30):
        accepted(made, id, times=60)
        made.clock.now += HOUR
        await made.watchword.audit.flush()
    accepted(made, id, times=599)
    assert await alerts(made) == []
    accepted(made, id)
    (alert,) = await alerts(made)
    assert (alert.rule, alert.credential) == ("sudden-rate", id)
    assert (alert.detail["count"], alert.detail["usual"]) == (600, 60)


@played
async def test_a_busy_credential_that_is_always_busy_is_no_alert(made: House) -> None:
    id = (await made.issue()).credential.id
    for _ in range(30):
        accepted(made, id, times=6000)
        made.clock.now += HOUR
        await made.watchword.audit.flush()
    accepted(made, id, times=9000)
    assert await alerts(made) == []


@played
async def test_many_refusals_of_one_credential_and_of_one_network(made: House) -> None:
    id = (await made.issue()).credential.id
    note(made, Rejection(WRONG_SECRET, scheme="basic"), times=29)
    note(made, Rejection(RETIRED, credential="key_unknown"), times=0)
    assert await alerts(made) == []
    note(made, Rejection(WRONG_SECRET, scheme="basic"))
    (alert,) = await alerts(made)
    assert (alert.rule, alert.address) == ("guessing", "192.0.2.0/24")
    from watchword.model.reason import INSUFFICIENT_SCOPE

    made.clock.now += 600
    note(made, Rejection(INSUFFICIENT_SCOPE, credential=id), times=100, address="198.51.100.7")
    found = (await alerts(made))[1:]
    assert sorted((each.rule, each.credential, each.address) for each in found) == [
        ("refusals", "", "198.51.100.0/24"),
        ("refusals", id, ""),
    ]


@played
async def test_replays_are_told(made: House) -> None:
    from watchword.model.reason import REPLAYED

    id = (await made.issue(Kind.HMAC)).credential.id
    note(made, Rejection(REPLAYED, credential=id), times=4)
    assert await alerts(made) == []
    note(made, Rejection(REPLAYED, credential=id))
    assert names(await alerts(made)) == ["replays"]


def test_of_many_workers_one_raises() -> None:
    async def play() -> None:
        async with house() as made:
            value, issued = await made.key()
            await made.watchword.lifecycle.revoke(issued.credential.id, reason="left", by="cli:ada")
            others = [Alerts(made.watchword.store, made.clock) for _ in range(3)]
            made.watchword.audit.observers += [each.observe for each in others]
            await made.decide("api-key", bearing(value))
            await made.watchword.audit.flush()
            await asyncio.gather(*(each.run() for each in others))
            assert len(await alerts(made)) == 1

    asyncio.run(play())


@played
async def test_who_guesses_is_named_however_many_others_are_let_in(made: House) -> None:
    """A site that the public reads: its networks are too many to be named."""
    for n in range(400):
        note(made, None, times=2, address=f"10.{n // 200}.{n % 200}.1")
    await made.watchword.audit.flush()
    note(made, Rejection(WRONG_SECRET, scheme="basic"), times=30, address="203.0.113.9")
    (alert,) = await alerts(made)
    assert (alert.rule, alert.address, alert.detail["count"]) == ("guessing", "203.0.113.0/24", 30)


@played
async def test_guessing_from_very_many_networks_is_told_once(made: House) -> None:
    for n in range(140):
        note(made, Rejection(WRONG_SECRET, scheme="basic"), times=2, address=f"10.0.{n}.1")
    assert await alerts(made) == [], "so many people mistype"
    for n in range(100):
        note(made, Rejection(WRONG_SECRET, scheme="basic"), times=2, address=f"10.1.{n}.1")
    (alert,) = await alerts(made)
    assert (alert.rule, alert.address, alert.detail["count"]) == ("guessing", "…", 480)


@played
async def test_a_worker_that_died_before_it_had_looked_leaves_it_to_the_next(made: House) -> None:
    made.watchword.audit.observers.clear()
    id = (await made.issue()).credential.id
    note(made, Rejection(REVOKED, credential=id))
    await made.watchword.audit.flush()
    await Alerts(made.watchword.store, made.clock).run()
    (alert,) = await made.watchword.operations.alerts.page()
    assert (alert.rule, alert.credential) == ("revoked-used", id)


@played
async def test_what_a_store_could_not_answer_is_asked_again(made: House) -> None:
    desk = Alerts(made.watchword.store, made.clock)
    await desk.run()
    made.watchword.audit.observers[:] = [desk.observe]
    for n in range(3):
        note(made, Rejection(REVOKED, credential=f"key_{n}"))
    await made.watchword.audit.flush()
    ask = desk._inquiry.find
    for error in (Unavailable("away"), Unavailable("away")):
        desk._inquiry.find = _failing(error)  # type: ignore[method-assign]
        with pytest.raises(Unavailable):
            await desk.run()
    desk._inquiry.find = ask  # type: ignore[method-assign]
    await desk.run()
    assert len(await desk.page()) == 3


def _failing(error: Exception) -> Any:
    async def find(*asked: Any) -> None:
        raise error

    return find


@played
async def test_rules_can_be_changed_and_put_off(made: House) -> None:
    desk = made.watchword.operations.alerts
    desk.rules = AlertRules.of([{"rule": "revoked-used", "on": False}, {"rule": "guessing", "count": 3}])
    note(made, Rejection(REVOKED, credential="key_1"))
    note(made, Rejection(WRONG_SECRET, scheme="basic"), times=3, address="203.0.113.9")
    assert names(await alerts(made)) == ["guessing"]


@played
async def test_an_alert_is_acknowledged_once_and_the_audit_has_it(made: House) -> None:
    desk = made.watchword.operations.alerts
    assert await desk.say("test", "one")
    assert not await desk.say("test", "one")
    (alert,) = await desk.page(open_only=True)
    done = await desk.acknowledge(alert.id, by="user:ada")
    assert done.acknowledged_by == "user:ada"
    assert await desk.acknowledge(alert.id, by="user:bob") == done
    assert await desk.page(open_only=True) == []
    (event,) = [each for each in await made.events() if each.action == "acknowledge"]
    assert (event.actor, event.outcome) == ("user:ada", "done")
    assert alert.id in event.detail
    with pytest.raises(LifecycleError, match="there is no alert"):
        await desk.acknowledge("alr_none", by="user:ada")


@played
async def test_very_many_networks_cannot_bury_what_matters(made: House) -> None:
    for n in range(60):
        note(made, Rejection(WRONG_SECRET, scheme="basic"), times=30, address=f"10.0.{n}.1")
    found = names(await alerts(made))
    assert found.count("guessing") == 21
    told = [each.detail["told"] for each in await made.watchword.operations.alerts.page()]
    assert sum("there are many more" in each for each in told) == 1
    for n in range(30):
        assert await made.watchword.operations.alerts.say("leaked", f"key_{n}")
    made.clock.now += 3600
    note(made, Rejection(WRONG_SECRET, scheme="basic"), times=30, address="10.0.99.1")
    assert (await alerts(made))[-1].address == "10.0.99.0/24"


@played
async def test_what_somebody_typed_keeps_no_secret(made: House) -> None:
    _, issued = await made.key()
    secret = issued.material["secret"]
    await made.watchword.lifecycle.revoke(issued.credential.id, reason=f"saw {secret}", by="cli:ada", leaked=True)
    (alert,) = await alerts(made)
    assert alert.detail["reason"] == "saw [redacted]"


@played
async def test_pages_go_from_the_newest(made: House) -> None:
    desk = made.watchword.operations.alerts
    for n in range(7):
        made.clock.now += n % 2
        await desk.say("test", str(n))
    found: list[Alert] = []
    while page := await desk.page(after=found[-1].id if found else "", limit=3):
        found += page
    assert len({each.id for each in found}) == 7
    assert [each.at for each in found] == sorted((each.at for each in found), reverse=True)

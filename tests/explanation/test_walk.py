"""Walking: the real gate over copies, every step noted once, in order."""

from __future__ import annotations

from tests.explanation.house import BILLING, URL, issued, playing
from watchword.adapters.asgi import request_of
from watchword.app import Watchword
from watchword.explanation.asking import Question
from watchword.explanation.walk import walk
from watchword.model.credential import Kind
from watchword.model.request import Request
from watchword.model.verdict import Allow
from watchword.routes import Rule


def _request(secret: str, *more: tuple[bytes, bytes]) -> Request:
    fields = ((b"authorization", f"Bearer {secret}".encode()), *more)
    return request_of(Question("GET", URL, fields).scope())


def test_every_step_is_noted_once_and_nothing_is_kept() -> None:
    async def work(house: Watchword) -> None:
        key = await issued(house, Kind.API_KEY)
        before = await house.store.events()
        rule = Rule("/orders/{id}", "api-key", scopes=("a",))
        walked = await walk(house, rule, house.compile(rule), _request(key.material["secret"]))
        assert not isinstance(walked.decision, Allow)
        assert [step.stage for step in walked.steps] == ["before", "before", "policy", "after", "after"]
        assert [step.name for step in walked.steps if step.outcome == "refused"] == ["scopes"]
        assert {name: leaf.presence for name, leaf in walked.leaves.items()} == {"api-key": "presented"}
        assert await house.store.events() == before

    playing((), work)


def test_the_live_route_stays_as_it_is() -> None:
    async def work(house: Watchword) -> None:
        key = await issued(house, Kind.API_KEY)
        rule = Rule("/orders/{id}", "api-key | hmac")
        live = house.compile(rule)
        held = (live.policy, live.before, live.after, live.evaluate, live.recall, dict(live.policy._schemes))
        await walk(house, rule, live, _request(key.material["secret"]))
        after = (live.policy, live.before, live.after, live.evaluate, live.recall, dict(live.policy._schemes))
        assert held == after
        assert live.policy._schemes["hmac"] is house.schemes["hmac"]

    playing((), work)


def test_a_repeated_field_is_the_first_step() -> None:
    async def work(house: Watchword) -> None:
        rule = Rule("/orders/{id}", "api-key")
        request = _request("ak_live_x", (b"host", b"a"), (b"host", b"b"))
        walked = await walk(house, rule, house.compile(rule), request)
        assert (walked.steps[0].name, walked.steps[0].reason) == ("fields that may come once", "duplicate_field")
        assert {step.outcome for step in walked.steps[1:]} == {"not reached"}

    playing((), work)


def test_a_bound_of_the_credential_is_a_step_where_there_is_one() -> None:
    async def work(house: Watchword) -> None:
        key = await issued(house, Kind.API_KEY, BILLING, networks=["203.0.113.0/24"])
        rule = Rule("/orders/{id}", "api-key")
        walked = await walk(house, rule, house.compile(rule), _request(key.material["secret"]))
        found = [(step.name, step.reason) for step in walked.steps if step.outcome == "refused"]
        assert found == [("network of this credential", "network_not_allowed")]

    playing((), work)


def test_no_decision_leaves_a_part_of_the_verdicts_behind() -> None:
    async def work(house: Watchword) -> None:
        key = await issued(house, Kind.API_KEY)
        rule = Rule("/orders/{id}", "api-key | oauth2", resource="https://api.test/orders")
        live, parts = house.compile(rule), len(house.verdicts._parts)
        for _ in range(3):
            await walk(house, rule, live, _request(key.material["secret"]))
        assert len(house.verdicts._parts) == parts

    playing((), work)

"""Rehearsing a decision: the gate's own answer, every step noted, nothing kept."""

from __future__ import annotations

import asyncio

from watchword.app import Watchword
from watchword.cli.plumbing.rehearsal import rehearse, rule_for, signing_of
from watchword.model.credential import Kind
from watchword.model.request import Peer, Request
from watchword.routes import Rule

RULES = [Rule("/a/{id}", "api-key", ("GET",)), Rule("/a/b", "public"), Rule("/{rest:path}", "basic")]


def _request(*headers: tuple[bytes, bytes]) -> Request:
    return Request("GET", b"/a", b"", [(b"host", b"api.test"), *headers], Peer("127.0.0.1"), b"")


def test_the_rule_is_found_as_the_server_finds_it() -> None:
    house = Watchword("memory:", rules=RULES)
    for method, path, rule in (
        ("GET", "/a/b", RULES[1]),
        ("GET", "/a/7", RULES[0]),
        ("HEAD", "/a/7", RULES[0]),
        ("POST", "/a/7", RULES[2]),
    ):
        assert rule_for(RULES, method, path) is rule, (method, path)
        assert house.route_for(method, path) is not None
    assert rule_for(RULES[:2], "GET", "/c") is None


def test_every_step_is_noted_and_nothing_is_kept() -> None:
    async def work() -> None:
        async with Watchword("memory:").store as store:
            house = Watchword(store, root_key=None)
            await house.lifecycle.add_subject("service:x", by="test")
            issued = await house.lifecycle.issue(Kind.API_KEY, "service:x", by="test")
            before = await store.events()
            request = _request((b"authorization", b"Bearer " + issued.material["secret"].encode()))
            found = await rehearse(house, house.route("api-key", scopes=["a"]), request)
            assert not found.accepted
            assert [step.stage for step in found.steps][-1] == "after"
            assert [step.name for step in found.steps if step.refused] == ["scopes"]
            assert found.presence == {"api-key": "presented"}
            del store.append, store.write
            assert await store.events() == before

    asyncio.run(work())


def test_a_request_that_names_no_key_on_record_has_no_string_to_sign() -> None:
    async def work() -> None:
        house = Watchword("memory:")
        await house.store.open()
        assert await signing_of(house, _request()) is None
        assert await signing_of(house, _request((b"x-api-key", b"hk_live_nobody"))) is None

    asyncio.run(work())

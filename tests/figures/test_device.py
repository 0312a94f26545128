"""A device's code over two workers: of a hundred decisions one counts, of a hundred questions one gets the tokens."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.figures.house import House, Line, lines
from tests.postgres import PostgresServer
from watchword import Watchword
from watchword.lifecycle.oauth.grants.device import DEVICE_GRANT
from watchword.model.credential import Kind

USES = 100
FORM = [("content-type", "application/x-www-form-urlencoded")]


class Scene:
    """Hold a device, and a person at a browser, at a server in processes of its own."""

    def __init__(self, watchword: Watchword, opened: list[Line]) -> None:
        self._watchword = watchword
        self._opened = opened

    async def play(self) -> Scene:
        watchword, by = self._watchword, "test"
        for name in ("user:alice", "service:tv"):
            if await watchword.store.subject(name) is None:
                await watchword.lifecycle.add_subject(name, by=by)
        options = {"grants": [DEVICE_GRANT], "public": True}
        client = await watchword.lifecycle.issue(Kind.OAUTH_CLIENT, "service:tv", by=by, scopes=("a",), options=options)
        self._client = client.credential.id
        session = await watchword.lifecycle.issue(Kind.SESSION, "user:alice", by=by, scopes=("a",))
        self._cookie = [*FORM, ("cookie", f"session={session.material['cookie']}")]
        self._csrf = watchword.csrf.token_for(session.credential.id)
        return self

    async def begun(self) -> dict[str, str]:
        status, _, content = await self._opened[0].send("/oauth/device", FORM, "POST", self._form({}))
        assert status == 200, content
        given: dict[str, str] = json.loads(content)
        return given

    async def decide(self, line: Line, user_code: str, decision: str = "") -> tuple[int, bytes]:
        fields = {"csrf_token": self._csrf, "user_code": user_code, "decision": decision, "scope:a": "on"}
        status, _, content = await line.send("/device", self._cookie, "POST", urlencode(fields).encode())
        return status, content

    async def poll(self, line: Line, device_code: str) -> str:
        form = self._form({"grant_type": DEVICE_GRANT, "device_code": device_code})
        status, _, content = await line.send("/oauth/token", FORM, "POST", form)
        answer: dict[str, Any] = json.loads(content)
        assert (status == 200) is ("access_token" in answer)
        return "given" if status == 200 else str(answer["error"])

    def _form(self, fields: dict[str, str]) -> bytes:
        return urlencode({"client_id": self._client, **fields}).encode()


async def _round(scene: Scene, opened: list[Line], decisions: list[str]) -> Counter[str]:
    begun = await scene.begun()
    status, page = await scene.decide(opened[0], begun["user_code"])
    assert status == 200, page
    pairs = zip(opened, decisions, strict=True)
    decided = await asyncio.gather(*(scene.decide(line, begun["user_code"], each) for line, each in pairs))
    assert Counter(status for status, _ in decided) == {200: 1, 422: USES - 1}
    (page,) = [content for status, content in decided if status == 200]
    polled = Counter(await asyncio.gather(*(scene.poll(line, begun["device_code"]) for line in opened)))
    assert polled["given" if b"is connected" in page else "access_denied"] == 1
    assert polled.keys() <= {"given", "access_denied", "slow_down", "invalid_grant"}
    return polled


async def _rounds(house: House, count: int) -> Counter[str]:
    counts: Counter[str] = Counter()
    async with house.operator() as watchword:
        with lines(USES, house.port) as opened:
            scene = await Scene(watchword, opened).play()
            for n in range(count):
                mixed = ["allow", "deny"] if n % 2 else ["allow", "allow"]
                counts += await _round(scene, opened, mixed * (USES // 2))
    print(f"\n{count} rounds of {USES} decisions and {USES} questions: {dict(counts)}")
    assert counts["given"] >= count // 2
    return counts


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("house")) as running:
        yield running


@pytest.fixture(scope="module")
def house_on_postgres(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("house"), store=postgres.create_database()) as running:
        yield running


@pytest.mark.processes
def test_one_decision_counts_and_one_question_is_answered(house: House) -> None:
    """The short form of the figure."""
    asyncio.run(_rounds(house, 2))


@pytest.mark.processes
@pytest.mark.postgres
def test_one_decision_counts_and_one_question_is_answered_on_postgresql(house_on_postgres: House) -> None:
    """The short form of the figure."""
    asyncio.run(_rounds(house_on_postgres, 2))


@pytest.mark.soak
def test_fifty_rounds(house: House) -> None:
    """Figure: one winner each of 50 rounds, SQLite."""
    asyncio.run(_rounds(house, 50))


@pytest.mark.soak
@pytest.mark.postgres
def test_fifty_rounds_on_postgresql(house_on_postgres: House) -> None:
    """Figure: one winner each of 50 rounds, PostgreSQL."""
    asyncio.run(_rounds(house_on_postgres, 50))

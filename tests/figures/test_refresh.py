"""A hundred concurrent uses of one refresh token over two workers: one winner each, and replay ends the family."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.figures.house import House, Line, lines
from tests.postgres import PostgresServer
from watchword import Watchword
from watchword.model.credential import Kind

USES = 100
CONNECTIONS = USES  # one each, over both workers
GRACE = 6  # seconds
JSON = [("content-type", "application/json")]
LOGIN = json.dumps({"username": "alice", "password": "correct horse battery staple"}).encode()
MORE = f'[passwords]\nplaintext = true\n[tokens]\nrefresh_grace = "{GRACE}s"'


async def _person(watchword: Watchword) -> None:
    if await watchword.store.subject("user:alice") is None:
        await watchword.lifecycle.add_subject("user:alice", by="test")
        options = {"password": "correct horse battery staple"}
        await watchword.lifecycle.issue(Kind.PASSWORD, "user:alice", by="test", options=options)


async def _refresh(line: Line, token: str) -> tuple[int, bytes, dict[str, Any]]:
    status, head, content = await line.send("/refresh", JSON, "POST", json.dumps({"refresh_token": token}).encode())
    return status, head.lower(), json.loads(content)


async def _login(line: Line) -> str:
    status, _, content = await line.send("/login", JSON, "POST", LOGIN)
    assert status == 200, content
    return str(json.loads(content)["refresh_token"])


async def _share(line: Line, token: str, times: int) -> list[tuple[int, bytes, dict[str, Any]]]:
    return [await _refresh(line, token) for _ in range(times)]


async def _race(opened: list[Line], token: str) -> tuple[str, Counter[int], float]:
    """Use the token a hundred times at once; return the one successor, what was answered, and how long it took."""
    began = time.monotonic()
    shares = await asyncio.gather(*(_share(line, token, USES // len(opened)) for line in opened))
    took = time.monotonic() - began
    answers = [each for share in shares for each in share]
    assert len(answers) == USES
    successors = {answer["refresh_token"] for status, _, answer in answers if status == 200}
    assert len(successors) == 1, "there is one successor, whoever asks"
    for status, head, _ in answers:
        assert status in (200, 401)
        assert status == 200 or b"retry-after: 2\r\n" in head
    return successors.pop(), Counter(status for status, _, _ in answers), took


async def _round(opened: list[Line]) -> Counter[int]:
    first = await _login(opened[0])
    second, statuses, took = await _race(opened, first)
    if took < 2.0:  # whoever comes within two seconds of the winner gets nothing yet
        assert statuses == {200: 1, 401: USES - 1}
    status, _, answer = await _refresh(opened[1], second)  # the race did no harm
    assert status == 200
    third = answer["refresh_token"]
    replayed = await asyncio.gather(*(_refresh(line, first) for line in opened[:4]))
    assert {status for status, _, _ in replayed} == {401}
    for token in (third, second, first):
        assert (await _refresh(opened[2], token))[0] == 401  # the family has ended
    return statuses


async def _rounds(house: House, count: int) -> Counter[int]:
    counts: Counter[int] = Counter()
    async with house.operator() as watchword:
        await _person(watchword)
        with lines(CONNECTIONS, house.port) as opened:
            for _ in range(count):
                counts += await _round(opened)
    print(f"\n{count} rounds of {USES}: {counts[200]} answered, {counts[401]} told to come again")
    return counts


async def _lost_answers(house: House) -> None:
    """A client whose network lost the answer asks again, any worker, and goes on; after the grace it is a theft."""
    async with house.operator() as watchword:
        await _person(watchword)
    with lines(CONNECTIONS, house.port) as opened:
        first = await _login(opened[0])
        _, _, won = await _refresh(opened[0], first)
        while True:
            status, head, answer = await _refresh(opened[1], first)
            if status == 200:
                break
            assert b"retry-after: 2\r\n" in head
            await asyncio.sleep(0.2)
        assert answer["refresh_token"] == won["refresh_token"]
        others = await asyncio.gather(*(_refresh(line, first) for line in opened))
        assert {answer["refresh_token"] for status, _, answer in others if status == 200} == {won["refresh_token"]}
        status, _, onward = await _refresh(opened[3], won["refresh_token"])
        assert status == 200
        assert (await _refresh(opened[4], first))[0] == 401  # now that the successor is used, the old one is a theft
        assert (await _refresh(opened[5], onward["refresh_token"]))[0] == 401


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("house"), more=MORE) as running:
        yield running


@pytest.fixture(scope="module")
def house_on_postgres(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("house"), store=postgres.create_database(), more=MORE) as running:
        yield running


@pytest.mark.processes
def test_a_hundred_uses_have_one_winner(house: House) -> None:
    """The short form of the figure."""
    asyncio.run(_rounds(house, 3))


@pytest.mark.processes
def test_a_lost_answer_is_given_again(house: House) -> None:
    asyncio.run(_lost_answers(house))


@pytest.mark.soak  # in the suite test_grants.py does this on PostgreSQL
@pytest.mark.processes
@pytest.mark.postgres
def test_a_hundred_uses_have_one_winner_on_postgresql(house_on_postgres: House) -> None:
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

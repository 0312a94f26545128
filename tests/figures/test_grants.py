"""A code and a refresh token, each used a hundred times at once over two workers: one winner, and replay ends all."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.figures.apps import App, Sending, given, status_of
from tests.figures.house import House, Line, lines
from watchword.model.credential import Kind, State

USES = 100
ROUNDS = 2
HEARD_WITHIN = 2.0  # seconds

pytestmark = pytest.mark.processes


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest) -> str:
    return "" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))


async def _race(opened: list[Line], sending: Sending) -> tuple[Counter[int], list[dict[str, Any]]]:
    """Send the same by every connection at once; return the statuses, and what was given."""
    answers = await asyncio.gather(*(line.send(*sending) for line in opened))
    statuses = Counter(status for status, _, _ in answers)
    return statuses, [json.loads(content) for status, _, content in answers if status == 200]


async def _ended(opened: list[Line], app: App, *members: dict[str, Any]) -> None:
    """Fail unless neither worker takes any of the tokens any more."""
    async with asyncio.timeout(HEARD_WITHIN):
        for each in members:
            while {await status_of(line, each["access_token"]) for line in opened[:8]} != {401}:
                await asyncio.sleep(0.02)
    for each in members:
        assert (await opened[0].send(*app.refreshing(each["refresh_token"])))[0] == 400


def test_one_code_has_one_winner_and_its_replay_revokes_what_it_gave(tmp_path: Path, store: str) -> None:
    async def work(house: House) -> None:
        async with house.operator() as operator:
            app = await App.of(operator)
            for _ in range(ROUNDS):
                with lines(USES, house.port) as opened:
                    statuses, winners = await _race(opened, app.redeeming(await app.code(opened[0])))
                    assert statuses == {200: 1, 400: USES - 1}
                    await _ended(opened, app, *winners)
            families = await operator.store.credentials(kind=Kind.REFRESH)
            states = [family.state(operator.clock()) for family in families]
            assert states == [State.REVOKED] * ROUNDS

    with House(tmp_path, store=store) as house:
        asyncio.run(work(house))


def test_one_refresh_token_has_one_successor_and_its_replay_ends_the_family(tmp_path: Path, store: str) -> None:
    async def work(house: House) -> None:
        async with house.operator() as operator:
            app = await App.of(operator)
            for _ in range(ROUNDS):
                with lines(USES, house.port) as opened:
                    first = await given(opened[0], app.redeeming(await app.code(opened[0])))
                    statuses, winners = await _race(opened, app.refreshing(first["refresh_token"]))
                    assert statuses.keys() <= {200, 400}
                    assert len({each["refresh_token"] for each in winners}) == 1, "whoever asks has the same one"
                    third = await given(opened[1], app.refreshing(winners[0]["refresh_token"]))  # no harm was done
                    assert await status_of(opened[2], third["access_token"]) == 200
                    statuses, winners = await _race(opened, app.refreshing(first["refresh_token"]))
                    assert statuses == {400: USES}
                    await _ended(opened, app, first, third)

    with House(tmp_path, store=store) as house:
        asyncio.run(work(house))

"""The same promises on PostgreSQL: two workers, one database, and nothing shared in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.figures.house import House, api_key, lines
from tests.figures.test_limit import LIMIT, _overrun
from tests.figures.test_replay import COPIES, SIGNED, _replay
from tests.figures.test_revocation import KINDS, _judge, _trials
from tests.postgres import PostgresServer

pytestmark = [pytest.mark.processes, pytest.mark.postgres]


@pytest.fixture(scope="module")
def house(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Run one server over a database of its own."""
    folder, more = tmp_path_factory.mktemp("house"), "[passwords]\nplaintext = true"
    with House(folder, store=postgres.create_database(), more=more) as running:
        yield running


@pytest.mark.parametrize("kind", KINDS)
def test_a_revoked_credential_is_refused_by_both_workers(house: House, kind: str) -> None:
    _judge(kind, asyncio.run(_trials(house, KINDS[kind], 5)))


def test_each_signature_is_accepted_once(house: House) -> None:
    counts = asyncio.run(_replay(house))
    assert counts["status 200"] == SIGNED, counts
    assert counts["status 401"] == SIGNED * (COPIES - 1)


def test_one_limit_holds_for_both(house: House) -> None:
    counts, seconds, _ = asyncio.run(_overrun(house))
    assert set(counts) == {200, 429}
    assert LIMIT * 0.9 <= counts[200] <= LIMIT * (1 + seconds / 60) * 1.05, counts


async def _asked(house: House) -> list[int]:
    """Return the statuses of /check for keys that no worker has seen, then seen, then revoked."""
    statuses: list[int] = []
    async with house.operator() as watchword:
        for _ in range(5):
            id, secret = await api_key(watchword)
            headers = [("authorization", f"Bearer {secret}")]
            with lines(4, house.port) as opened:
                for line in opened * 2:
                    statuses.append((await line.send("/check", headers))[0])
                await watchword.lifecycle.revoke(id, reason="test", by="test")
                await asyncio.sleep(0.2)
                for line in opened:
                    statuses.append((await line.send("/check", headers))[0])
    return statuses


def test_a_key_that_must_be_looked_up_is_judged_by_check(house: House) -> None:
    """The short cut of /check must not wait for a database outside a task."""
    assert asyncio.run(_asked(house)) == ([200] * 8 + [401] * 4) * 5

"""``/metrics``: what it says, whom it answers, and that workers add up."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.figures.house import House, api_key, lines, workers_of
from tests.server.live import Live, live
from tests.server.metrics.test_exposition import values

from watchword.model.credential import Kind

TRUSTING = '[server]\ntrusted_proxies = ["127.0.0.1/32"]\n'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("metrics")) as opened:
        opened.service("billing")
        yield opened


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    toml = '[metrics]\naccept = "api-key"\n' + TRUSTING
    with live(tmp_path_factory.mktemp("guarded"), toml) as opened:
        opened.service("prometheus")
        yield opened


def told(server: Live, **more: str) -> dict[tuple[str, ...], float]:
    with server.client() as client:
        answer = client.get("/metrics", headers=more)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["cache-control"] == "no-store"
    return values(answer.text)


def test_decisions_are_counted_by_scheme_verdict_and_reason(server: Live) -> None:
    issued = server.issue(Kind.API_KEY, "service:billing", expires_at=int(time.time()) + 86400)
    before = told(server)
    with server.client() as client:
        for _ in range(3):
            client.get("/whoami", headers={"authorization": f"Bearer {issued.material['secret']}"})
        client.get("/whoami", headers={"authorization": "Bearer nonsense"})
    server.events()
    after = told(server)
    key = "watchword_decisions_total", "api-key", "accepted", ""
    assert after[key] - before.get(key, 0) == 3
    refused = "watchword_verdicts_total", "refused"
    assert after[refused] - before[refused] == 1
    assert after["watchword_store_up",] == 1
    assert after["watchword_feed_age_seconds",] < 5
    server.app.metrics._expiring = (0.0, {})
    assert told(server)["watchword_credentials_expiring", "api-key", "7d"] == 1


@pytest.mark.parametrize("field", ["x-forwarded-for", "forwarded", "x-real-ip", "via"])
def test_who_asks_through_a_proxy_that_is_not_trusted_is_refused(server: Live, field: str) -> None:
    with server.client() as client:
        answer = client.get("/metrics", headers={field: "127.0.0.1"})
    assert answer.status_code == 403
    assert server.by_reference(answer.json()["reference"]).reason == "network_not_allowed"


def test_who_asks_from_elsewhere_through_a_trusted_proxy_is_refused(tmp_path: Path) -> None:
    with live(tmp_path, TRUSTING) as opened, opened.client() as client:
        assert client.get("/metrics", headers={"x-forwarded-for": "203.0.113.7"}).status_code == 403
        assert client.get("/metrics").status_code == 200


def test_a_policy_may_stand_before_it(guarded: Live) -> None:
    plain = guarded.issue(Kind.API_KEY, "service:prometheus").material["secret"]
    good = guarded.issue(Kind.API_KEY, "service:prometheus", scopes=("admin:usage:read",)).material["secret"]
    with guarded.client() as client:
        assert client.get("/metrics").status_code == 401
        for secret, status in ((plain, 403), (good, 200)):
            headers = {"authorization": f"Bearer {secret}", "x-forwarded-for": "203.0.113.7"}
            assert client.get("/metrics", headers=headers).status_code == status


@pytest.mark.processes
def test_two_workers_add_up_also_when_one_was_killed(tmp_path: Path) -> None:
    async def play(house: House) -> None:
        async with house.operator() as watchword:
            _, secret = await api_key(watchword)
        with lines(8, house.port) as opened:
            for _ in range(5):
                for line in opened:
                    status, _, _ = await line.send("/whoami", [("authorization", f"Bearer {secret}")])
                    assert status == 200
            await until(house, 40, workers=2)
        victim = workers_of(house.pid)[0]
        os.kill(victim.pid, signal.SIGKILL)
        await until(house, 40, workers=2, not_among=victim.pid)

    async def until(house: House, count: int, workers: int, not_among: int = 0) -> None:
        """Wait until either worker tells the sum: each hears of the other within a second."""
        seen: tuple[float, float] = (0, 0)
        async with asyncio.timeout(40):
            while seen != (count, workers) or (not_among and psutil.pid_exists(not_among)):
                with lines(1, house.port) as (line,):
                    try:
                        _, _, body = await line.send("/metrics")
                    except (OSError, asyncio.IncompleteReadError):
                        continue
                found = values(body.decode())
                seen = (
                    found.get(("watchword_decisions_total", "api-key", "accepted", ""), 0),
                    found["watchword_workers",],
                )
                assert seen[0] <= count
                await asyncio.sleep(0.2)

    with House(tmp_path, workers=2) as house:
        asyncio.run(play(house))


def test_a_folder_that_is_gone_breaks_the_question_and_not_the_end(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    with live(tmp_path) as opened, opened.client() as client:
        metrics = opened.app.metrics
        metrics.share(folder)
        metrics._shared.open()
        assert client.get("/metrics").status_code == 200
        shutil.rmtree(folder)
        assert client.get("/metrics").status_code == 503
        asyncio.run(metrics.stop())
        assert metrics._shared._alive is None

"""Figures: a hundred sessions end, two workers tell each application once, and after ``kill -9`` nothing is lost."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.figures.house import House
from tests.server.oauth.openid.test_backchannel import Listener
from watchword import Watchword
from watchword.lifecycle.people.holdings import APPS
from watchword.model.credential import Kind
from watchword.model.records import Swap

SESSIONS = 40
MORE = '[oauth]\nprivate_hosts = ["127.0.0.1"]'

pytestmark = pytest.mark.processes


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=[pytest.mark.postgres, pytest.mark.soak])])
def store(request: pytest.FixtureRequest) -> str:
    return "" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))


async def _signed_in(operator: Watchword, uri: str) -> list[str]:
    """Return sessions through which an application was let in."""
    for name in ("user:alice", "service:app"):
        if await operator.store.subject(name) is None:
            await operator.lifecycle.add_subject(name, by="test")
    options = {"grants": ["authorization_code"], "backchannel_logout_uri": uri}
    app = (await operator.lifecycle.issue(Kind.OAUTH_CLIENT, "service:app", by="test", options=options)).credential
    ids = []
    for _ in range(SESSIONS):
        issued = await operator.lifecycle.issue(Kind.SESSION, "user:alice", by="test", options={"idle": 900})
        record = issued.credential
        assert await operator.store.write(Swap(record.changed(detail={**record.detail, APPS: {app.id: True}})))
        ids.append(record.id)
    return ids


def _sids(listener: Listener) -> Counter[str]:
    bodies = [token.split(".")[1] for token in listener.heard]
    return Counter(json.loads(base64.urlsafe_b64decode(body + "=="))["sid"] for body in bodies)


def _await(listener: Listener, count: int) -> None:
    deadline = time.monotonic() + 20
    while len(listener.heard) < count and time.monotonic() < deadline:
        time.sleep(0.05)


def test_each_session_is_told_of_once(tmp_path: Path, store: str) -> None:
    with Listener().running() as listener, House(tmp_path, store=store, more=MORE) as house:

        async def work() -> None:
            async with house.operator() as operator:
                await _signed_in(operator, listener.uri)
                await operator.sessions.end_everything("user:alice", by="user:alice")

        asyncio.run(work())
        _await(listener, SESSIONS)
        time.sleep(0.3)
        sids = _sids(listener)
        assert len(sids) == SESSIONS
        assert set(sids.values()) == {1}, sids


def test_after_kill_9_nothing_is_lost(tmp_path: Path, store: str) -> None:
    with Listener().running() as listener, House(tmp_path, store=store, more=MORE) as house:

        async def work() -> None:
            async with house.operator() as operator:
                await _signed_in(operator, listener.uri)
                os.killpg(house.pid, signal.SIGKILL)
                await operator.lifecycle.set_enabled("user:alice", False, by="user:root")

        asyncio.run(work())
        assert house._process is not None
        house._process.wait()
        assert listener.heard == []
        house.begin()
        _await(listener, SESSIONS)
        sids = _sids(listener)
        assert len(sids) == SESSIONS
        assert set(sids.values()) == {1}

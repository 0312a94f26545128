"""Sign-up and reset for known and unknown names: no difference in time that a test finds, nor in what comes after."""

from __future__ import annotations

import asyncio
import gc
import time

import pytest

from tests.figures.test_one_answer import CHEAP, SAMPLES, _send, mann_whitney
from watchword import Watchword
from watchword.server.account.mail import Letter, Outbox
from watchword.server.app import ServerApp, create_app
from watchword.server.config.people import AccountsTable
from watchword.server.config.settings import Settings

_JSON = [(b"content-type", b"application/json")]
_NAMES = 200


async def _reset(app: ServerApp, name: str) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    return await _send(app, "POST", "/reset", _JSON, b'{"login": "%s"}' % name.encode())


async def _sign_up(app: ServerApp, name: str) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    body = b'{"username": "%s", "email": "%s@example.com", "password": "correct horse battery staple"}'
    return await _send(app, "POST", "/sign-up", _JSON, body % (name.encode(), name.encode()))


WAYS = {"reset": _reset, "sign-up": _sign_up}


async def _measured(way: str, after: bool, samples: int) -> tuple[list[float], list[float]]:
    """Return timings for known and unknown names; with ``after``, of the request that follows on theirs."""

    async def drop(letter: Letter) -> None:
        pass

    settings = Settings(accounts=AccountsTable(sign_up="open", limit="100000000/min", mails="100000000/min"))
    watchword = Watchword(password_cost=CHEAP, address_limit=None)
    app = create_app(watchword, settings, send_mail=drop)
    app.post.outbox = Outbox(drop, spread=0.01)  # a tenth of the real one, or it would take ten times as long
    await watchword.start()
    for number in range(_NAMES):
        await watchword.lifecycle.add_subject(f"user:known{number:03}", by="test")
        await watchword.accounts.add_address(f"user:known{number:03}", f"known{number:03}@example.com", by="test")
    took: tuple[list[float], list[float]] = ([], [])
    gc.disable()
    try:
        warm = samples // 20
        for number in range(samples + warm):
            pair = [(0, f"known{number % _NAMES:03}"), (1, f"ghost{number % _NAMES:03}")]
            for side, name in pair if number % 2 else reversed(pair):
                begun = time.perf_counter()
                status, _, _ = await WAYS[way](app, name)
                assert status == 202
                if after:
                    begun = time.perf_counter()
                    await WAYS[way](app, f"third{number % _NAMES:03}")
                if number >= warm:
                    took[side].append(time.perf_counter() - begun)
            if number % 50 == 0:  # elsewhere the letters wait while the next ask, as they do in life
                await app.post.outbox.drained()
    finally:
        gc.enable()
        await app.post.outbox.close()
        await watchword.stop()
    return took


@pytest.mark.soak
@pytest.mark.parametrize("after", [False, True], ids=["answer", "after"])
@pytest.mark.parametrize("way", WAYS)
def test_no_difference_in_time_is_found(way: str, after: bool) -> None:
    """Figure: 2,000 timings each. One chance finding in a hundred is due, so it must repeat to count."""
    found = []
    for _ in range(2):
        known, unknown = asyncio.run(_measured(way, after, SAMPLES))
        p = mann_whitney(known, unknown)
        medians = [sorted(sample)[SAMPLES // 2] * 1e6 for sample in (known, unknown)]
        print(f"\n{way}: medians {medians[0]:.1f} and {medians[1]:.1f} µs, p = {p:.3f}")
        found.append(p < 0.01)
        assert abs(medians[0] / medians[1] - 1) < 0.05
        if not found[-1]:
            break
    assert not all(found)


@pytest.mark.parametrize("way", WAYS)
def test_the_loop_measures_both_sides(way: str) -> None:
    """The instrument works: a few samples of each, all answered alike."""
    known, unknown = asyncio.run(_measured(way, False, 20))
    assert (len(known), len(unknown)) == (20, 20)
    assert min(*known, *unknown) > 0

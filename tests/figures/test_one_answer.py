"""Unknown user and wrong password: the same bytes, and no difference in time that a test finds."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import math
import time
from collections.abc import Sequence

import pytest

from watchword import Watchword
from watchword.codec.passwords import Cost
from watchword.codec.secrets import new_id, new_secret
from watchword.lifecycle.people.importing import Importing, newcomer_of
from watchword.model.credential import Kind
from watchword.model.verdict import Principal
from watchword.server.app import ServerApp, create_app
from watchword.server.config.settings import Limits, Settings

SAMPLES = 2_000
CHEAP = Cost(memory=64, passes=1)
"""Hash parameters scaled down: 2,000 pairs at full cost would take minutes, and hide other differences."""


def _server() -> tuple[Watchword, ServerApp]:
    settings = Settings(limits=Limits(address="100000000/min", account="100000000/min"))
    plenty = "100000000/min"  # or what is compared would soon be refusals
    watchword = Watchword(password_cost=CHEAP, address_limit=None, account_limit=plenty, logins_limit=None)
    return watchword, create_app(watchword, settings)


async def _send(
    app: ServerApp, method: str, path: str, headers: list[tuple[bytes, bytes]], body: bytes
) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    answer: dict[str, object] = {"body": b""}
    scope = {
        "type": "http",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1"), *headers],
        "client": ("127.0.0.1", 1),
        "http_version": "1.1",
        "server": ("127.0.0.1", 80),
    }

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            answer.update(status=message["status"], headers=message["headers"])
        else:
            answer["body"] = answer["body"] + message.get("body", b"")  # type: ignore[operator]

    await app(scope, receive, send)  # type: ignore[arg-type]
    return answer["status"], list(answer["headers"]), answer["body"]  # type: ignore[return-value, call-overload]


async def _login(app: ServerApp, name: str) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    body = json.dumps({"username": name, "password": "wrong horse battery staple"}).encode()
    return await _send(app, "POST", "/login", [(b"content-type", b"application/json")], body)


async def _basic(app: ServerApp, name: str) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    pair = base64.b64encode(f"{name}:wrong horse battery staple".encode())
    return await _send(app, "GET", "/whoami", [(b"authorization", b"Basic " + pair)], b"")


async def _refresh(app: ServerApp, name: str) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Send a token that has the form of one of this person's family; of nobody's for who is unknown."""
    family = _families.get(name) or _families.setdefault(name, new_id("fam_"))
    token = f"rt_{family.removeprefix('fam_')}.{new_secret('')}.0.{new_secret('')}"
    body = json.dumps({"refresh_token": token}).encode()
    return await _send(app, "POST", "/refresh", [(b"content-type", b"application/json")], body)


_families: dict[str, str] = {}
WAYS = {"login": _login, "basic": _basic, "refresh": _refresh}


async def _add(watchword: Watchword, names: Sequence[str]) -> None:
    for name in names:
        await watchword.lifecycle.add_subject(f"user:{name}", by="test")
        options = {"password": "correct horse battery staple"}
        await watchword.lifecycle.issue(Kind.PASSWORD, f"user:{name}", by="test", options=options)


async def _begin(watchword: Watchword, names: Sequence[str]) -> None:
    """Add people who have logged in."""
    _families.clear()
    await _add(watchword, names)
    for name in names:
        who = Principal(f"user:{name}", "login", "", factors=("pwd",))
        _families[name] = (await watchword.families.start(who, by="test")).family.id


def _without_reference(answer: tuple[int, list[tuple[bytes, bytes]], bytes]) -> tuple[object, ...]:
    status, headers, body = answer
    shown = json.loads(body)
    assert len(shown.pop("reference")) == 16
    return status, headers, shown, len(body)


@pytest.mark.parametrize("way", WAYS)
def test_the_bytes_are_the_same(way: str) -> None:
    """But for the random reference, which has one length."""

    async def run() -> None:
        watchword, app = _server()
        await watchword.start()
        try:
            await _begin(watchword, ["alice", "gone"])
            await watchword.lifecycle.set_enabled("user:gone", False, by="test")
            wrong, unknown, disabled = [await WAYS[way](app, name) for name in ("alice", "ghost", "gone")]
            assert wrong[0] == 401
            assert _without_reference(wrong) == _without_reference(unknown) == _without_reference(disabled)
        finally:
            await watchword.stop()

    asyncio.run(run())


def mann_whitney(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the two-sided p of the rank-sum test, by its normal approximation (Mann and Whitney 1947)."""
    ranked = sorted([(value, 0) for value in first] + [(value, 1) for value in second])
    ranks = sum(rank for rank, (_, sample) in enumerate(ranked, 1) if sample == 0)
    n, m = len(first), len(second)
    u = ranks - n * (n + 1) / 2
    z = (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
    return math.erfc(abs(z) / math.sqrt(2))


def test_the_rank_sum_test_finds_a_difference_and_invents_none() -> None:
    """The instrument works."""
    import random

    chance = random.Random(3)
    first, second = ([chance.gauss(0, 1) for _ in range(SAMPLES)] for _ in range(2))
    assert mann_whitney(first, second) > 0.01
    assert mann_whitney(first, [value + 0.15 for value in second]) < 0.001


async def _take_over(watchword: Watchword, names: Sequence[str]) -> None:
    """Add people with hashes of other systems, of several costs."""
    hashes = [
        "$2b$04$QthvFew2Lxf/dch9WHBA1OJ047BIhTXfI8OUHk7P7DIYaARbIuCEm",
        "$2b$05$QthvFew2Lxf/dch9WHBA1OJ047BIhTXfI8OUHk7P7DIYaARbIuCEm",
        "pbkdf2_sha256$1000$Zbk1yRf0qDXp$0vFtH4LxHV2srroU0LZlwdKuuvO5zQLkALqrN9rLP5Y=",
        "pbkdf2_sha256$4000$Zbk1yRf0qDXp$0vFtH4LxHV2srroU0LZlwdKuuvO5zQLkALqrN9rLP5Y=",
    ]
    rows = [{"username": name, "password_hash": hashes[number % 4]} for number, name in enumerate(names)]
    await Importing(watchword.store, clock=watchword.clock).add([newcomer_of(row) for row in rows], by="test")


PEOPLE = {
    "login": _add,
    "basic": _add,
    "refresh": _begin,
    "login after an import": _take_over,
    "basic after an import": _take_over,
}


async def _timings(way: str) -> tuple[list[float], list[float]]:
    watchword, app = _server()
    await watchword.start()
    known = [f"known{number}" for number in range(SAMPLES // 10)]
    await PEOPLE[way](watchword, known)
    took: tuple[list[float], list[float]] = ([], [])
    gc.disable()
    try:
        for number in range(SAMPLES + 100):
            pair = [(0, known[number % len(known)]), (1, f"ghost{number % len(known)}")]
            for side, name in pair if number % 2 else reversed(pair):
                begun = time.perf_counter()
                await WAYS[way.partition(" ")[0]](app, name)
                if number >= 100:
                    took[side].append(time.perf_counter() - begun)
    finally:
        gc.enable()
        await watchword.stop()
    return took


@pytest.mark.soak
@pytest.mark.parametrize("way", PEOPLE)
def test_no_difference_in_time_is_found(way: str) -> None:
    """Figure: 2,000 timings each. One chance finding in a hundred is due, so it must repeat to count."""
    found = []
    for _ in range(2):
        wrong, unknown = asyncio.run(_timings(way))
        p = mann_whitney(wrong, unknown)
        medians = [sorted(sample)[SAMPLES // 2] * 1e6 for sample in (wrong, unknown)]
        print(f"\n{way}: medians {medians[0]:.1f} and {medians[1]:.1f} µs, p = {p:.3f}")
        found.append(p < 0.01)
        assert abs(medians[0] / medians[1] - 1) < 0.05
        if not found[-1]:
            break
    assert not all(found)

"""200,000 distinct false credentials of all kinds: no 5xx, and memory grows by less than 30 MiB."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.figures.house import House, Line, lines
from watchword.codec.secrets import new_id, new_secret

CONNECTIONS = 16
GROWTH = 30 * 1024 * 1024


def _b64(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bearer(text: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {text}")]


def _token(typ: str, alg: str) -> str:
    header = {"alg": alg, "typ": typ, "kid": new_id("sig_")}
    return f"{_b64(header)}.{_b64({'sub': new_id('user:'), 'exp': 9e9})}.{_b64(secrets.token_bytes(64))}"


def _signature() -> list[tuple[str, str]]:
    import time

    return [
        ("x-api-key", new_id("hk_live_")),
        ("x-timestamp", str(int(time.time()))),
        ("x-nonce", secrets.token_hex(8)),
        ("x-signature", secrets.token_hex(32)),
    ]


def false_credentials() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield targets and headers without end, no two alike."""
    while True:
        yield "/whoami", _bearer(new_secret("ak_live_"))  # right checksum, so it is looked up
        yield "/whoami", _bearer(f"ak_live_{secrets.token_hex(18)}")
        yield "/whoami", _bearer(_token("JWT", "EdDSA"))
        yield "/whoami", _bearer(_token("at+jwt", "ES256"))
        yield "/whoami", _bearer(_token("JWT", "none"))
        yield "/whoami", _bearer(secrets.token_urlsafe(24))
        yield "/whoami", _signature()
        yield "/whoami", [("cookie", f"session={new_secret('ws_')}")]
        yield "/whoami", [("cookie", f"session={secrets.token_hex(8)}; session={secrets.token_hex(8)}")]
        yield "/whoami", [("authorization", f"Basic {base64.b64encode(secrets.token_bytes(20)).decode()}")]
        yield f"/whoami?api_key={new_secret('ak_live_')}", []
        yield (
            f"/check?{secrets.token_hex(4)}",
            [*_bearer(new_secret("ak_test_")), ("x-forwarded-uri", f"/{new_id('')}")],
        )


async def _flood(port: int, count: int) -> Counter[int]:
    statuses: Counter[int] = Counter()
    supply = false_credentials()
    left = iter(range(count))

    async def drain(line: Line) -> None:
        for _ in left:
            target, headers = next(supply)
            status, _, _ = await line.send(target, headers)
            statuses[status] += 1

    with lines(CONNECTIONS, port) as opened:
        await asyncio.gather(*(drain(line) for line in opened))
    return statuses


def _memory(house: House) -> int:
    family = [psutil.Process(house.pid), *psutil.Process(house.pid).children(recursive=True)]
    return sum(process.memory_info().rss for process in family)


def _judge(tmp_path: Path, warm: int, count: int, growth: int, address_limit: str) -> None:
    with House(tmp_path, workers=1, address_limit=address_limit) as house:
        asyncio.run(_flood(house.port, warm))
        before = _memory(house)
        statuses = asyncio.run(_flood(house.port, count))
        grown = _memory(house) - before
    print(f"\n{dict(statuses)}, memory grew by {grown / 2**20:.1f} MiB")
    assert set(statuses) <= {400, 401, 403, 429}, statuses
    assert sum(statuses.values()) == count
    assert grown < growth


@pytest.mark.processes
def test_false_credentials_of_all_kinds_are_refused(tmp_path: Path) -> None:
    """The short form: everything is judged, since no address is limited."""
    _judge(tmp_path, 600, 3_000, GROWTH, "100000000/min")


@pytest.mark.soak
@pytest.mark.parametrize("address_limit", ["100000000/min", "300/min"])
def test_two_hundred_thousand_false_credentials(tmp_path: Path, address_limit: str) -> None:
    """Figure: no 5xx, < 30 MiB; once with each of them judged, once with the address limited as by default."""
    _judge(tmp_path, 5_000, 200_000, GROWTH, address_limit)

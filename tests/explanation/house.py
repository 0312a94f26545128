"""A house with a caller of some kinds, for tests that explain."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from watchword.app import Watchword
from watchword.codec.message import Parts, body_digest, canonical, sign
from watchword.codec.passwords import Cost
from watchword.lifecycle.verbs import Issued
from watchword.model.credential import Kind
from watchword.routes import Rule

__all__ = ["BILLING", "PASSWORD", "URL", "issued", "playing", "signed"]

BILLING = "service:billing"
PASSWORD = "correct horse battery staple"
URL = "http://127.0.0.1:8000/orders/7"


def playing(rules: Sequence[Rule], work: Callable[[Watchword], Awaitable[None]], **more: Any) -> None:
    """Open a house in memory with these rules, with a service and a person, and do the work."""

    async def play() -> None:
        house = Watchword("memory:", rules=rules, password_cost=Cost(8, 1, 1), inline=True, **more)
        await house.start()
        try:
            await house.lifecycle.add_subject(BILLING, by="test")
            await house.lifecycle.add_subject("user:alice", by="test")
            await work(house)
        finally:
            await house.stop()

    asyncio.run(play())


async def issued(house: Watchword, kind: Kind, subject: str = BILLING, **more: Any) -> Issued:
    return await house.lifecycle.issue(kind, subject, by="test", **more)


def signed(
    house: Watchword, key: Issued, method: str = "GET", path: str = "/orders/7", body: bytes = b"", **other: Any
) -> list[tuple[str, str]]:
    """Return the fields of a request that is signed right but for ``other``: parts that the signer took otherwise."""
    key_id, stamp = key.material["key_id"], str(int(house.clock()))
    target, _, query = path.partition("?")
    parts = Parts(
        key_id.encode(), stamp.encode(), b"", method, b"127.0.0.1:8000", target.encode(), query.encode(),
        b"application/json" if body else b"", body_digest(body), body,
    )  # fmt: skip
    message = canonical(other.pop("profile", "v1"), parts._replace(**other))
    assert message is not None
    fields = [("X-API-Key", key_id), ("X-Timestamp", stamp), ("X-Signature", sign(key.material["secret"], message))]
    return [*fields, ("Content-Type", "application/json")] if body else fields

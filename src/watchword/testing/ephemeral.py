"""Hold what ``Ephemeral`` promises."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any

from watchword.testing.suite import HOSTILE, LATER, StoreSuite, scenario, settled

__all__ = ["EphemeralSuite"]


class EphemeralSuite(StoreSuite):
    """Hold what ``Ephemeral`` promises."""

    @scenario
    async def test_put_get_take(self, store: Any) -> None:
        assert await store.get("code") is None
        assert await store.take("code") is None
        for value in (b"", b"\0\xff", b"x" * 65536):
            await store.put("code", value, LATER)
            assert await store.get("code") == value
        assert await store.get("Code") is None
        assert await store.take("code") == value
        assert await store.take("code") is None
        assert await store.get("code") is None

    @scenario
    async def test_what_has_expired_is_absent(self, store: Any) -> None:
        await store.put("code", b"v", time.time() - 1)
        assert await store.get("code") is None
        assert await store.take("code") is None
        await store.put("code", b"v", time.time() + 0.05)
        assert await store.get("code") == b"v"
        await asyncio.sleep(0.06)
        assert await store.get("code") is None

    @scenario
    async def test_a_claim_ends(self, store: Any) -> None:
        soon = time.time() + 0.05
        assert await settled(store.claim(b"nonce", soon)) is True
        assert await settled(store.claim(b"nonce", soon)) is False
        assert await settled(store.claim(b"other", LATER)) is True
        await asyncio.sleep(0.06)
        assert await settled(store.claim(b"nonce", LATER)) is True
        assert await settled(store.claim(b"nonce", LATER)) is False

    @scenario
    async def test_looking_at_a_claim_does_not_make_it(self, store: Any) -> None:
        look = getattr(store, "claimed", None)
        if look is None:  # a store need not have it: then nobody is told whether a proof was used before
            return
        ends = time.time() + 0.05
        assert await settled(look(b"seen")) is False
        assert await settled(store.claim(b"seen", LATER)) is True
        await settled(store.claim(b"soon over", ends))
        assert await settled(look(b"seen")) is True
        assert await settled(look(b"unseen")) is False
        await asyncio.sleep(0.06)
        assert await settled(look(b"soon over")) is False

    @scenario
    async def test_a_time_that_is_over_cannot_be_claimed(self, store: Any) -> None:
        assert await settled(store.claim(b"nonce", time.time() - 1)) is False
        assert await settled(store.claim(b"nonce", LATER)) is True

    @scenario
    async def test_any_text_is_a_key(self, store: Any) -> None:
        for text in HOSTILE:
            await store.put(text, text.encode("utf-8", "surrogatepass"), LATER)
            assert await settled(store.claim(text.encode("utf-8", "surrogatepass"), LATER))
        for text in HOSTILE:
            assert await store.take(text) == text.encode("utf-8", "surrogatepass")
            assert not await settled(store.claim(text.encode("utf-8", "surrogatepass"), LATER))

    @scenario
    async def test_what_has_expired_does_not_pile_up_or_take_others_along(self, store: Any) -> None:
        await store.put("kept", b"kept", LATER)
        past = time.time() - 1
        for n in range(600):
            await store.put(f"code-{n}", b"v", past)
        assert await store.get("kept") == b"kept"

    @scenario
    async def test_race_of_takes_has_one_winner(self, store: Any) -> None:
        await store.put("code", b"v", LATER)
        results = await self.race([lambda: store.take("code")] * 100)
        assert results.count(b"v") == 1
        assert results.count(None) == 99

    @scenario
    async def test_race_of_claims_has_one_winner(self, store: Any) -> None:
        assert await settled(store.claim(b"expired", time.time() + 0.05))
        await asyncio.sleep(0.06)
        for key in (b"fresh", b"expired"):
            results = await self.race([partial(store.claim, key, LATER)] * 100)
            assert results.count(True) == 1

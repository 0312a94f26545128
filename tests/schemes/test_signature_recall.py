"""What is recalled of a signed request is what reading and verifying it says: two houses, one that recalls."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.schemes.signed_requests import (
    BODY,
    CONCAT_ID,
    KEY_ID,
    NOW,
    BrokenClaims,
    Claims,
    House,
    LaterClaims,
    concat,
    request,
    signed,
)
from watchword import Principal, Rejection
from watchword.model.ports import Unavailable
from watchword.model.reason import REPLAYED
from watchword.model.request import Request

MORE = [
    (b"x-content-sha256", b"0" * 64),
    (b"x-signature", b"0" * 64),
    (b"x-nonce", b"n1"),
    (b"x-timestamp", b"1"),
    (b"host", b"h"),
]
CHANGES: list[dict[str, Any]] = [
    {},
    {"nonce": b""},
    {"nonce": b"n 1"},
    {"nonce": b"n\t1"},
    {"nonce": b"n" * 64},
    {"nonce": b"n" * 65},
    {"nonce": "ñ".encode()},
    {"timestamp": b"+1700000000"},
    {"timestamp": b" 1700000000"},
    {"timestamp": b"01700000000"},
    {"timestamp": b"0001700000000"},
    {"timestamp": b"1_700_000_00"},
    {"timestamp": b"-1700000000"},
    {"timestamp": b""},
    {"timestamp": b"17000000000000000000000000000000"},
    {"timestamp": "١٧٠٠٠٠٠٠٠٠".encode()},
    {"timestamp": str(NOW - 301).encode()},
    {"timestamp": str(NOW - 300).encode()},
    {"timestamp": str(NOW + 301).encode()},
    {"path": b"/a\nb"},
    {"path": b"/a\rb"},
    {"query": b"a\0b"},
    {"host": b"API.Example.COM"},
    {"content_type": b""},
    {"method": "GET", "body": b""},
    {"key_id": b"hk_live_nobody"},
    {"key_id": b"ak_live_4fA"},
    {"body": None},
]
SPOILT: list[dict[str, Any]] = [
    {"signature": b""},
    {"signature": b"0" * 64},
    {"signature": b"0" * 63 + b"\xb9"},
    {"body": b"other"},
    {"body": None},
    {"path": b"/other"},
    {"nonce": b"n2"},
]


def _warm(house: House) -> House:
    """Open both keys, so that they may be recalled."""
    stamp = str(NOW).encode()
    message = b"POST/orders/%7e1?a=1&b=%20" + BODY + stamp
    assert isinstance(house.judge(request(signed(nonce=b"warm"))), Principal)
    assert isinstance(house.judge(request(concat(message))), Principal)
    house.claims.until.clear()
    return house


def _pair() -> tuple[House, House]:
    return _warm(House()), _warm(House())


def _judged_by_reading(house: House, asked: Request) -> Principal | Rejection | None:
    house.recalls = False  # type: ignore[misc]
    return house.judge(asked)


@given(
    change=st.sampled_from(CHANGES),
    spoilt=st.none() | st.sampled_from(SPOILT),
    more=st.none() | st.sampled_from(MORE),
    without=st.sampled_from([b"", b"x-signature", b"x-timestamp", b"x-api-key", b"x-nonce", b"host"]),
    times=st.integers(1, 2),
)
@settings(deadline=None, max_examples=300)
def test_recalling_says_what_reading_says(
    change: dict[str, Any],
    spoilt: dict[str, Any] | None,
    more: tuple[bytes, bytes] | None,
    without: bytes,
    times: int,
) -> None:
    recalling, reading = _pair()
    whole = {**signed(**change), **(spoilt or {})}
    for _ in range(times):
        asked = request(whole, *([more] if more else []), without=without)
        known = recalling.scheme.recall(asked)
        said = _judged_by_reading(reading, asked)
        assert known is None or (isinstance(said, Principal) and known == said)
        if isinstance(said, Principal):
            assert known is not None, "what is plain is recalled"
    assert recalling.claims.until == reading.claims.until, "and it claims what reading claims, and nothing else"


def test_concat_is_recalled_too() -> None:
    house = _warm(House())
    message = b"POST/orders/%7e1?a=1&b=%20" + BODY + str(NOW + 1).encode()
    asked = request(concat(message, timestamp=str(NOW + 1).encode()))
    known = house.scheme.recall(asked)
    assert isinstance(known, Principal)
    assert known.credential == CONCAT_ID
    assert house.scheme.recall(asked) is None


def test_nobody_is_recalled_whose_key_is_not_believed_any_more() -> None:
    house = _warm(House())
    assert isinstance(house.scheme.recall(request(signed())), Principal)
    house.now += 61
    late = signed(timestamp=str(NOW + 61).encode())
    assert house.scheme.recall(request(late)) is None, "what is remembered of a key ends"
    house = _warm(House())
    house.verdicts.evict(f"credential:{KEY_ID}")
    assert house.scheme.recall(request(signed())) is None, "revoked"
    assert not house.claims.until


def test_a_replay_is_not_recalled_and_is_refused_as_one() -> None:
    house = _warm(House())
    asked = request(signed())
    assert isinstance(house.judge(asked), Principal)
    outcome = house.judge(asked)
    assert isinstance(outcome, Rejection)
    assert outcome.reason is REPLAYED


def test_claims_that_must_be_awaited_are_not_made_by_recalling() -> None:
    async def play() -> None:
        house = House(LaterClaims())
        assert isinstance(await house.decide(request(signed(nonce=b"warm"))), Principal)
        house.claims.until.clear()
        assert house.scheme.recall(request(signed())) is None
        assert not house.claims.until
        assert isinstance(await house.decide(request(signed())), Principal)

    asyncio.run(play())


def test_broken_claims_break_what_recalls() -> None:
    class Breaking(Claims):
        broken = False

        def claim(self, key: bytes, until: float) -> bool:
            return BrokenClaims.claim(self, key, until) if self.broken else super().claim(key, until)  # type: ignore[arg-type]

    house = _warm(House(claims := Breaking()))
    claims.broken = True
    with pytest.raises(Unavailable):
        house.scheme.recall(request(signed()))

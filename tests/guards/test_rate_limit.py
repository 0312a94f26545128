"""Limits hold for each credential, each subject and each guessing address, and tell when to come back."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.guards.rate_limit import AddressLimit, CredentialLimit, SubjectLimit
from watchword.model.ports import Allowance, Unavailable
from watchword.model.reason import ADDRESS_LIMITED, RATE_LIMITED
from watchword.model.request import Peer, Request
from watchword.model.verdict import Constraints, Principal, Rate, Rejection
from watchword.stores.meter import MemoryMeter
from watchword.testing.meters import FixedClock

MINUTE = Rate(3, 60)


def request(address: str = "192.0.2.1", **fields: str) -> Request:
    headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    return Request("GET", b"/", b"", headers, Peer(address))


def principal(credential: str = "key_1", subject: str = "service:billing", limit: Rate | None = None) -> Principal:
    return Principal(subject, "api-key", credential, constraints=Constraints(limit=limit))


def admitted(guard: Any, times: int, who: Principal | None, asked: Request | None = None) -> int:
    return sum(guard.check(asked or request(), who) == () for _ in range(times))


class Later:
    """Answer like a meter behind a network: with an awaitable, and without ``admit``."""

    def __init__(self, clock: FixedClock) -> None:
        self.inner = MemoryMeter(clock)

    async def hit(self, key: str, cost: int, rate: Rate) -> Allowance:
        await asyncio.sleep(0)
        return self.inner.hit(key, cost, rate)


class Plain(Later):
    """Offer ``hit`` alone."""

    def hit(self, key: str, cost: int, rate: Rate) -> Allowance:  # type: ignore[override]
        return self.inner.hit(key, cost, rate)


class Broken:
    def hit(self, key: str, cost: int, rate: Rate) -> Allowance:
        raise Unavailable("broken")


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def meter(clock: FixedClock) -> MemoryMeter:
    return MemoryMeter(clock)


def test_credential_is_limited_and_comes_back(meter: MemoryMeter, clock: FixedClock) -> None:
    guard = CredentialLimit(meter, MINUTE, "orders")
    assert admitted(guard, 10, principal()) == 3
    clock.now += 20.001
    assert admitted(guard, 10, principal()) == 1


def test_credentials_routes_and_subjects_do_not_share(meter: MemoryMeter) -> None:
    orders, users = CredentialLimit(meter, MINUTE, "orders"), CredentialLimit(meter, MINUTE, "users")
    assert admitted(orders, 10, principal("key_1")) == 3
    assert admitted(orders, 10, principal("key_2")) == 3
    assert admitted(users, 10, principal("key_1")) == 3
    assert admitted(SubjectLimit(meter, MINUTE), 10, principal("key_1")) == 3


def test_routes_of_one_name_share(meter: MemoryMeter) -> None:
    assert admitted(CredentialLimit(meter, MINUTE, "api"), 2, principal()) == 2
    assert admitted(CredentialLimit(meter, MINUTE, "api"), 2, principal()) == 1


def test_own_limit_of_a_credential_holds_over_all_routes(meter: MemoryMeter) -> None:
    orders, users = CredentialLimit(meter, Rate(100, 60), "orders"), CredentialLimit(meter, None, "users")
    who = principal(limit=Rate(5, 60))
    assert admitted(orders, 3, who) == 3
    assert admitted(users, 10, who) == 2
    refused = orders.check(request(), who)
    assert isinstance(refused, Rejection)
    assert dict(refused.headers)[b"ratelimit-policy"] == b'"credential";q=5;w=60'
    assert admitted(users, 10, principal("key_2")) == 10


def test_own_limit_above_the_routes_does_not_lift_it(meter: MemoryMeter) -> None:
    assert admitted(CredentialLimit(meter, MINUTE, "orders"), 10, principal(limit=Rate(100, 60))) == 3


def test_subject_is_limited_whatever_credential_it_takes(meter: MemoryMeter) -> None:
    guard = SubjectLimit(meter, MINUTE)
    assert sum(admitted(guard, 1, principal(f"key_{number}")) for number in range(10)) == 3
    assert admitted(guard, 10, principal("key_1", "user:alice")) == 3


def test_proof_without_a_public_id_counts_by_its_subject(meter: MemoryMeter) -> None:
    guard = CredentialLimit(meter, MINUTE, "orders")
    assert admitted(guard, 10, principal("", "user:alice")) == 3
    assert admitted(guard, 10, principal("", "user:bob")) == 3


def test_nobody_is_not_counted(meter: MemoryMeter) -> None:
    assert admitted(CredentialLimit(meter, MINUTE, "orders"), 10, None) == 10
    assert admitted(SubjectLimit(meter, MINUTE), 10, None) == 10


def test_refusal_tells_when_to_come_back(meter: MemoryMeter, clock: FixedClock) -> None:
    guard = CredentialLimit(meter, Rate(600, 60), "orders")
    assert admitted(guard, 600, principal()) == 600
    refused = guard.check(request(), principal())
    assert isinstance(refused, Rejection)
    assert refused.reason is RATE_LIMITED
    assert refused.reason.status == 429
    assert dict(refused.headers) == {
        b"retry-after": b"1",
        b"ratelimit-policy": b'"orders";q=600;w=60',
        b"ratelimit": b'"orders";r=0;t=1',
    }


@given(st.integers(1, 50), st.integers(1, 4000), st.floats(0, 1))
def test_after_retry_after_a_request_is_admitted(count: int, seconds: int, part: float) -> None:
    clock = FixedClock()
    guard = CredentialLimit(MemoryMeter(clock), Rate(count, seconds), "x")
    assert admitted(guard, count, principal()) == count
    clock.now += part * seconds / count * 0.99
    refused = guard.check(request(), principal())
    assert isinstance(refused, Rejection)
    wait = dict(refused.headers)[b"retry-after"]
    assert wait.isdigit()
    assert 1 <= int(wait) <= seconds
    clock.now += int(wait)
    assert guard.check(request(), principal()) == ()


@given(st.text(max_size=30))
def test_any_name_makes_a_structured_string(name: str) -> None:
    """RFC 9651 section 3.3.3; a name never splits a header."""
    guard = CredentialLimit(MemoryMeter(FixedClock()), Rate(1, 60), name)
    guard.check(request(), principal())
    refused = guard.check(request(), principal())
    assert isinstance(refused, Rejection)
    policy = dict(refused.headers)[b"ratelimit-policy"].decode("ascii")
    assert re.fullmatch(r'"(?:[ !#-\[\]-~]|\\["\\])*";q=1;w=60', policy)


def test_only_failures_of_an_address_count(meter: MemoryMeter) -> None:
    guard = AddressLimit(meter, MINUTE)
    assert admitted(guard, 100, None) == 100
    for _ in range(3):
        assert guard.check(request(), None) == ()
        guard.failed(request())
    refused = guard.check(request(), None)
    assert isinstance(refused, Rejection)
    assert refused.reason is ADDRESS_LIMITED
    assert dict(refused.headers)[b"retry-after"] == b"20"
    assert guard.check(request("192.0.2.2"), None) == ()


def test_looking_does_not_spend(meter: MemoryMeter) -> None:
    guard = AddressLimit(meter, MINUTE)
    guard.failed(request())
    assert admitted(guard, 100, None) == 100


def test_address_recovers(meter: MemoryMeter, clock: FixedClock) -> None:
    guard = AddressLimit(meter, MINUTE)
    for _ in range(50):
        guard.failed(request())
    clock.now += 20.001
    assert guard.check(request(), None) == ()
    guard.failed(request())
    assert guard.check(request(), None) != ()


def test_cve_2025_59152_rotating_forwarded_for_is_still_limited(meter: MemoryMeter) -> None:
    """Litestar keyed its limits by a header that the caller writes."""
    guard = AddressLimit(meter, MINUTE)
    outcomes = []
    for number in range(50):
        forged = f"198.51.100.{number}"
        asked = request(
            x_forwarded_for=forged, forwarded=f"for={forged}", x_real_ip=forged, cf_connecting_ip=forged, host=forged
        )
        outcomes.append(guard.check(asked, None) == ())
        guard.failed(asked)
    assert outcomes == [True] * 3 + [False] * 47


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:0DB8:0:0:ffff:ffff:ffff:ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "::ffff:c000:201", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("192.0.2.1", "192.0.2.2", False),
    ],
)
def test_addresses_of_one_caller_count_together(meter: MemoryMeter, first: str, second: str, same: bool) -> None:
    guard = AddressLimit(meter, MINUTE)
    for _ in range(3):
        guard.failed(request(first))
    assert guard.check(request(first), None) != ()
    assert (guard.check(request(second), None) != ()) is same


def test_unknown_address_locks_nobody_out(meter: MemoryMeter) -> None:
    guard = AddressLimit(meter, MINUTE)
    for _ in range(10):
        assert guard.failed(request("")) is None
    assert guard.check(request(""), None) == ()


def test_flood_of_addresses_is_bounded_and_washes_out_nobody(meter: MemoryMeter) -> None:
    guard = AddressLimit(meter, MINUTE)
    for _ in range(3):
        guard.failed(request())
    for number in range(60_000):
        guard.failed(request(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"))
    assert len(guard._young) + len(guard._old) <= 2 * 16_384
    guard.failed(request())
    assert guard.check(request(), None) != ()


async def finished(answer: Any) -> Any:
    assert isinstance(answer, Awaitable)
    return await answer


def test_meter_that_answers_later_is_awaited(clock: FixedClock) -> None:
    credential = CredentialLimit(Later(clock), MINUTE, "orders")
    subject = SubjectLimit(Later(clock), MINUTE)
    own = CredentialLimit(Later(clock), None, "users")
    address = AddressLimit(Later(clock), MINUTE)

    async def run() -> None:
        for guard, who in ((credential, principal()), (subject, principal()), (own, principal(limit=MINUTE))):
            answers = [await finished(guard.check(request(), who)) for _ in range(5)]
            assert [answer == () for answer in answers] == [True] * 3 + [False] * 2
            assert answers[4].reason is RATE_LIMITED
        both = CredentialLimit(Later(clock), Rate(100, 60), "both")
        answers = [await finished(both.check(request(), principal(limit=MINUTE))) for _ in range(5)]
        assert [answer == () for answer in answers] == [True] * 3 + [False] * 2
        for _ in range(3):
            await finished(address.failed(request()))
        assert (await finished(address.check(request(), None))).reason is ADDRESS_LIMITED

    asyncio.run(run())


def test_meter_with_hit_alone_stays_synchronous(clock: FixedClock) -> None:
    assert admitted(CredentialLimit(Plain(clock), MINUTE, "orders"), 10, principal(limit=Rate(2, 60))) == 2
    guard = AddressLimit(Plain(clock), MINUTE)
    for _ in range(3):
        assert guard.failed(request()) is None
    assert guard.check(request(), None) != ()


def test_broken_meter_is_broken_and_not_unlimited() -> None:
    with pytest.raises(Unavailable):
        CredentialLimit(Broken(), MINUTE, "orders").check(request(), principal())
    with pytest.raises(Unavailable):
        AddressLimit(Broken(), MINUTE).failed(request())


def test_a_new_token_of_an_outside_issuer_is_no_new_allowance(meter: MemoryMeter) -> None:
    guard = CredentialLimit(meter, MINUTE, "r")
    assert sum(admitted(guard, 1, principal(f"jti:{number}", "user:alice")) for number in range(9)) == 3
    assert admitted(guard, 9, principal("jti:1", "user:bob")) == 3


def test_nobody_spends_what_others_have_with_the_same_outside_client(meter: MemoryMeter) -> None:
    guard = CredentialLimit(meter, MINUTE, "r")
    mallory, alice = (
        Principal(f"user:{name}", "oauth2", "client:app", actor="app", constraints=Constraints())
        for name in ("mallory", "alice")
    )
    assert admitted(guard, 9, mallory) == 3
    assert admitted(guard, 9, alice) == 3
    assert admitted(guard, 9, alice._replace(actor="other", credential="client:other")) == 3


def test_the_limit_of_a_credential_holds_beside_any_other_proof(meter: MemoryMeter) -> None:
    guard = CredentialLimit(meter, None, "r")
    assert admitted(guard, 2, principal("key_1", limit=MINUTE)) == 2
    assert sum(admitted(guard, 1, principal(f"key_1+ses_{number}", limit=MINUTE)) for number in range(5)) == 1
    assert admitted(guard, 1, principal("ses_9+key_1", limit=MINUTE)) == 0
    assert admitted(guard, 5, principal("ses_0", limit=Rate(5, 60))) == 5  # of its own limit nothing was spent


def test_the_limit_of_a_credential_holds_beside_any_other_proof_where_the_meter_answers_later(
    clock: FixedClock,
) -> None:
    async def play() -> None:
        guard = CredentialLimit(Later(clock), None, "r")
        who = [principal(f"ses_{number}+key_1", limit=MINUTE) for number in range(5)]
        assert [await finished(guard.check(request(), each)) == () for each in who] == [True] * 3 + [False] * 2

    asyncio.run(play())

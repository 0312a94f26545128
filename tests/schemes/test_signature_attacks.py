"""Attack signed requests: every part altered, replayed, skewed, cut, injected."""

import asyncio
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.schemes.signed_requests import (
    BODY,
    CONCAT_ID,
    KEY_ID,
    NOW,
    OTHER_ID,
    House,
    LaterClaims,
    concat,
    reason,
    request,
    signed,
)
from watchword import Principal, Rejection
from watchword.codec.fields import parse_date
from watchword.model.reason import (
    BAD_SIGNATURE,
    DUPLICATE_FIELD,
    MALFORMED_CREDENTIAL,
    REPLAYED,
    SKEWED,
)
from watchword.model.request import Peer, Request
from watchword.stores.sqlite import SqliteStore

pytestmark = pytest.mark.usefixtures("judged")

ALTERED: dict[str, dict[str, Any]] = {
    "body": {"body": b'{"amount":900}'},
    "empty body": {"body": b""},
    "method": {"method": "PUT"},
    "method's case": {"method": "post"},
    "path": {"path": b"/orders/%7e2"},
    "path spelt another way": {"path": b"/orders/~1"},
    "path's escape in capitals": {"path": b"/orders/%7E1"},
    "query": {"query": b"a=2&b=%20"},
    "query's order": {"query": b"b=%20&a=1"},
    "no query": {"query": b""},
    "host": {"host": b"evil.example.com"},
    "port": {"host": b"api.example.com:444"},
    "content type": {"content_type": b"application/xml"},
    "no content type": {"content_type": b""},
    "nonce": {"nonce": b"n2"},
    "no nonce": {"nonce": b""},
    "timestamp": {"timestamp": str(NOW + 1).encode()},
    "timestamp with a zero in front": {"timestamp": b"0" + str(NOW).encode()},
    "another's key id": {"key_id": OTHER_ID.encode()},
}


@pytest.mark.parametrize("name", ALTERED)
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
def test_an_altered_request_is_refused(name: str, warm: bool) -> None:
    house = House()
    if warm:
        assert isinstance(house.judge(request(signed(nonce=b"warm"))), Principal)
    forged = {**signed(), **ALTERED[name]}
    assert reason(house.judge(request(forged))) is BAD_SIGNATURE
    assert isinstance(house.judge(request(signed())), Principal), "the forgery must not have spent the signature"


@pytest.mark.parametrize("name", ["method", "host", "path", "query", "content_type", "nonce", "timestamp", "body"])
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_any_single_byte_changed_in_any_part_is_refused(name: str, data: st.DataObject) -> None:
    house = House()
    whole = signed()
    raw = whole[name].encode() if name == "method" else whole[name]
    at = data.draw(st.integers(0, len(raw) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda b: bytes([b]).lower() != raw[at : at + 1].lower()))
    changed: Any = raw[:at] + bytes([byte]) + raw[at + 1 :]
    if name == "method":
        changed = changed.decode("latin-1")
    assert reason(house.judge(request({**whole, name: changed}))) in {BAD_SIGNATURE, MALFORMED_CREDENTIAL, SKEWED}
    assert not house.claims.until


@given(at=st.integers(0, 63), digit=st.sampled_from(b"0123456789abcdef"))
@settings(deadline=None)
def test_any_other_hex_digit_in_the_signature_is_refused(at: int, digit: int) -> None:
    whole = signed()
    right = whole["signature"]
    forged = right[:at] + bytes([digit]) + right[at + 1 :]
    outcome = House().judge(request({**whole, "signature": forged}))
    assert isinstance(outcome, Principal) if forged == right else reason(outcome) is BAD_SIGNATURE


MALFORMED: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "capitals": lambda p: {"signature": p["signature"].upper()},
    "truncated": lambda p: {"signature": p["signature"][:-2]},
    "half": lambda p: {"signature": p["signature"][:32]},
    "empty": lambda p: {"signature": b""},
    "longer": lambda p: {"signature": p["signature"] + b"00"},
    "newline": lambda p: {"signature": p["signature"][:-1] + b"\n"},
    "0x": lambda p: {"signature": b"0x" + p["signature"][2:]},
    "full-width digit": lambda p: {"signature": p["signature"][:-3] + "\uff11".encode()},
    "timestamp in Arabic-Indic digits": lambda p: {"timestamp": "١٧٠٠٠٠٠٠٠٠".encode()},
    "timestamp negative": lambda p: {"timestamp": b"-1700000000"},
    "timestamp with a sign": lambda p: {"timestamp": b"+1700000000"},
    "timestamp with a fraction": lambda p: {"timestamp": b"1700000000.0"},
    "timestamp with underscores": lambda p: {"timestamp": b"1_700_000_00"},
    "timestamp with a space": lambda p: {"timestamp": b" 1700000000"},
    "timestamp in milliseconds": lambda p: {"timestamp": b"1700000000000"},
    "timestamp huge": lambda p: {"timestamp": b"9" * 5000},
    "timestamp with an exponent": lambda p: {"timestamp": b"17e8"},
    "timestamp empty": lambda p: {"timestamp": b""},
    "timestamp with NUL": lambda p: {"timestamp": b"1700000000\0"},
    "nonce too long": lambda p: {"nonce": b"n" * 65},
    "nonce with a space": lambda p: {"nonce": b"n 1"},
    "nonce with a newline": lambda p: {"nonce": b"n1\nPOST"},
    "nonce not ASCII": lambda p: {"nonce": "ñ".encode()},
    "key id with a newline": lambda p: {"key_id": p["key_id"] + b"\n1"},
    "key id with NUL": lambda p: {"key_id": p["key_id"] + b"\0"},
    "key id too long": lambda p: {"key_id": b"hk_" + b"a" * 62},
    "an API key beside a signature": lambda p: {"key_id": b"ak_live_abc"},
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_fields_are_refused_before_any_look_up(name: str) -> None:
    house = House()
    whole = signed()
    assert reason(house.judge(request({**whole, **MALFORMED[name](whole)}))) is MALFORMED_CREDENTIAL
    assert house.records.looked_up == 0


@pytest.mark.parametrize("evil", [b"\n", b"\r\n", b"\0"])
@pytest.mark.parametrize("name", ["path", "query", "host", "content_type"])
def test_newline_and_nul_have_no_signature_even_with_the_secret(name: str, evil: bytes) -> None:
    assert reason(House().judge(request(signed(**{name: b"/a" + evil + b"b"})))) is BAD_SIGNATURE


def test_lines_cannot_be_moved_into_one_another() -> None:
    whole = signed(path=b"/a", query=b"b")
    forged = {**whole, "path": b"/a\nb", "query": b""}
    assert reason(House().judge(request(forged))) is BAD_SIGNATURE


@pytest.mark.parametrize("missing", [b"x-api-key", b"x-timestamp", b"x-signature"])
def test_some_but_not_all_is_malformed(missing: bytes) -> None:
    assert reason(House().judge(request(signed(), without=missing))) is MALFORMED_CREDENTIAL


@pytest.mark.parametrize(
    "headers",
    [[], [(b"x-api-key", b"ak_live_abc")], [(b"x-timestamp", b"1"), (b"x-nonce", b"n")], [(b"authorization", b"x")]],
)
def test_what_is_not_ours_is_absent(headers: list[tuple[bytes, bytes]]) -> None:
    assert House().scheme.read(Request("GET", b"/", b"", headers, Peer())) is None


@pytest.mark.parametrize("name", [b"x-signature", b"x-timestamp", b"x-nonce", b"x-api-key", b"host", b"content-type"])
def test_duplicate_fields_are_refused(name: bytes) -> None:
    assert reason(House().judge(request(signed(), (name, b"1")))) is DUPLICATE_FIELD


@pytest.mark.parametrize(("offset", "passes"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)])
def test_the_window_is_300_seconds_either_way(offset: int, passes: bool) -> None:
    outcome = House().judge(request(signed(timestamp=str(NOW + offset).encode())))
    assert isinstance(outcome, Principal) if passes else reason(outcome) is SKEWED


def test_a_skewed_request_is_told_the_time_and_costs_no_look_up() -> None:
    house = House()
    outcome = house.judge(request(signed(timestamp=b"999999999999")))
    assert isinstance(outcome, Rejection)
    assert dict(outcome.headers).keys() == {b"date"}
    assert parse_date(dict(outcome.headers)[b"date"]) == NOW
    assert house.records.looked_up == 0


def test_replay_is_refused() -> None:
    house = House()
    assert isinstance(house.judge(request(signed())), Principal)
    assert reason(house.judge(request(signed()))) is REPLAYED


def test_replay_after_a_restart_is_refused() -> None:
    house = House()
    house.judge(request(signed()))
    house.restart()
    assert reason(house.judge(request(signed()))) is REPLAYED


def test_replay_under_another_spelling_of_the_host_is_refused() -> None:
    house = House()
    house.judge(request(signed()))
    assert reason(house.judge(request({**signed(), "host": b"API.EXAMPLE.COM"}))) is REPLAYED


def test_a_claim_outlives_every_moment_at_which_its_timestamp_can_pass() -> None:
    house = House()
    ahead = signed(timestamp=str(NOW + 299).encode())
    assert isinstance(house.judge(request(ahead)), Principal)
    (until,) = house.claims.until.values()
    assert until >= NOW + 598 + 300
    house.now = NOW + 598
    assert reason(house.judge(request(ahead))) is REPLAYED
    house.now = until
    assert reason(house.judge(request(ahead))) is SKEWED


def test_a_forged_signature_claims_nothing() -> None:
    house = House()
    for digit in b"0123456789":
        house.judge(request({**signed(), "signature": bytes([digit]) * 64}))
    assert not house.claims.until


def test_identical_requests_in_one_second_need_a_nonce() -> None:
    house = House()
    assert isinstance(house.judge(request(signed(nonce=b""))), Principal)
    assert reason(house.judge(request(signed(nonce=b"")))) is REPLAYED
    assert isinstance(house.judge(request(signed(nonce=b"a"))), Principal)
    assert isinstance(house.judge(request(signed(nonce=b"b"))), Principal)


def test_one_of_a_hundred_concurrent_copies_passes() -> None:
    house = House(LaterClaims())

    async def race() -> list[Principal | Rejection | None]:
        return await asyncio.gather(*(house.decide(request(signed())) for _ in range(100)))

    outcomes = asyncio.run(race())
    assert sum(isinstance(outcome, Principal) for outcome in outcomes) == 1
    assert {reason(outcome) for outcome in outcomes if not isinstance(outcome, Principal)} == {REPLAYED}


def test_concat_is_the_articles_string() -> None:
    message = b"POST/orders/%7e1?a=1&b=%20" + BODY + str(NOW).encode()
    assert isinstance(House().judge(request(concat(message))), Principal)


def test_the_key_not_the_request_says_which_profile_applies() -> None:
    message = b"POST/orders/%7e1?a=1&b=%20" + BODY + str(NOW).encode()
    assert reason(House().judge(request({**concat(message), "key_id": KEY_ID.encode()}))) is BAD_SIGNATURE
    assert reason(House().judge(request(signed(key_id=CONCAT_ID.encode())))) is BAD_SIGNATURE


@pytest.mark.parametrize(
    "moved",
    [
        {"path": b'/orders/%7e1?a=1&b=%20{"amount"', "query": b"", "body": b":100}"},
        {"method": "POST/orders", "path": b"/%7e1"},
        {"method": "POS", "path": b"T/orders/%7e1"},
        {"body": BODY + b"1", "timestamp": str(NOW)[1:].encode()},
        {"path": b"/orders/%7e1?a=1&b=%20" + BODY + str(NOW).encode(), "query": b"", "body": b""},
    ],
)
def test_concat_bytes_moved_over_a_bound_boundary_are_refused(moved: dict[str, Any]) -> None:
    message = b"POST/orders/%7e1?a=1&b=%20" + BODY + str(NOW).encode()
    assert reason(House().judge(request({**concat(message), **moved}))) in {BAD_SIGNATURE, SKEWED}


def test_concat_a_bodiless_request_cannot_be_cut_short() -> None:
    message = b"DELETE/orders/12" + str(NOW).encode()
    whole = {"method": "DELETE", "query": b"", "path": b"/orders/12", "body": b""}
    assert reason(House().judge(request(concat(message, **{**whole, "path": b"/orders/1", "body": b"2"})))) is (
        BAD_SIGNATURE
    )
    assert isinstance(House().judge(request(concat(message, **whole))), Principal)


def test_concat_whose_bytes_were_moved_shares_one_claim_with_the_original() -> None:
    message = b"POST/pay?to=bob&sum=1" + str(NOW).encode()
    house = House()
    first = concat(message, path=b"/pay", query=b"to=bob", body=b"&sum=1")
    moved = concat(message, path=b"/pay", query=b"to=bob&sum", body=b"=1")
    assert isinstance(house.judge(request(first)), Principal)
    assert reason(house.judge(request(moved))) is REPLAYED


def test_concat_needs_the_body_itself() -> None:
    message = b"POST/orders/%7e1?a=1&b=%20" + BODY + str(NOW).encode()
    stated = (b"x-content-sha256", hashlib.sha256(BODY).hexdigest().encode())
    outcome = House(upstream_body=True).judge(request({**concat(message), "body": None}, stated))
    assert reason(outcome) is BAD_SIGNATURE


def test_replay_is_refused_by_a_store_that_was_closed_and_opened_again(tmp_path: Path) -> None:
    async def run() -> list[Principal | Rejection | None]:
        outcomes = []
        for _ in range(2):
            async with SqliteStore(tmp_path / "watchword.db", clock=lambda: NOW) as store:
                outcomes.append(await House(store).decide(request(signed())))
        return outcomes

    first, second = asyncio.run(run())
    assert isinstance(first, Principal)
    assert reason(second) is REPLAYED


def test_one_of_a_hundred_threads_over_two_nodes_passes(tmp_path: Path) -> None:
    async def run() -> list[Principal | Rejection | None]:
        path = tmp_path / "watchword.db"
        async with SqliteStore(path, clock=lambda: NOW) as one, SqliteStore(path, clock=lambda: NOW) as two:
            nodes = (House(one), House(two))
            with ThreadPoolExecutor(20) as pool:
                return list(pool.map(lambda i: nodes[i % 2].judge(request(signed())), range(100)))

    outcomes = asyncio.run(run())
    assert sum(isinstance(outcome, Principal) for outcome in outcomes) == 1
    assert {reason(outcome) for outcome in outcomes if not isinstance(outcome, Principal)} == {REPLAYED}

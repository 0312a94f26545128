"""The states of a credential follow from its times, in one order of gravity."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.model.credential import Credential, Kind, State


def record(**fields: Any) -> Credential:
    return Credential("key_1", Kind.API_KEY, "user:alice", 0, **fields)


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, State.ACTIVE),
        ({"not_before": 100}, State.ACTIVE),
        ({"not_before": 101}, State.PENDING),
        ({"expires_at": 101}, State.ACTIVE),
        ({"expires_at": 100}, State.EXPIRED),
        ({"retire_at": 101}, State.RETIRING),
        ({"retire_at": 100}, State.RETIRED),
        ({"revoked_at": 1}, State.REVOKED),
        ({"revoked_at": 1000}, State.REVOKED),
        ({"revoked_at": 1, "leaked": True}, State.LEAKED),
        ({"leaked": True, "expires_at": 1}, State.LEAKED),
        ({"revoked_at": 1, "expires_at": 1}, State.REVOKED),
        ({"expires_at": 50, "retire_at": 500}, State.EXPIRED),
    ],
)
def test_states(fields: dict[str, Any], state: State) -> None:
    assert record(**fields).state(100) is state


TIMES = st.one_of(st.none(), st.integers(0, 10))


@given(TIMES, TIMES, TIMES, TIMES, st.booleans(), st.integers(0, 10))
def test_only_active_and_retiring_may_be_used(
    start: int | None, end: int | None, retire: int | None, revoked: int | None, leaked: bool, now: int
) -> None:
    each = record(not_before=start, expires_at=end, retire_at=retire, revoked_at=revoked, leaked=leaked)
    usable = each.refusal(now) is None
    assert usable == (each.state(now) in (State.ACTIVE, State.RETIRING))
    if usable:
        assert not leaked
        assert revoked is None
        ends = each.ends_at()
        assert ends is None or now < ends


def test_a_retired_credential_never_waits_to_begin() -> None:
    assert record(not_before=200, retire_at=50).state(100) is State.RETIRED


def test_a_change_is_the_next_version() -> None:
    before = record()
    after = before.changed(revoked_at=5)
    assert (before.version, after.version, after.revoked_at, before.revoked_at) == (1, 2, 5, None)


def test_secrets_do_not_show() -> None:
    shown = repr(record(lookup=b"LOOKUP", secret=b"SECRET", detail={"a": "DETAIL"}))
    assert not any(word in shown for word in ("LOOKUP", "SECRET", "DETAIL"))


def test_constraints_are_parsed() -> None:
    found = record(networks=("10.0.0.0/8", "::1/128"), expires_at=50, retire_at=40).constraints()
    assert [str(network) for network in found.networks] == ["10.0.0.0/8", "::1/128"]
    assert found.expires_at == 40

"""Judge the demand for a stronger or fresher login (RFC 9470)."""

from __future__ import annotations

import pytest

from watchword.guards.step_up import StepUp
from watchword.model.request import Peer, Request
from watchword.model.verdict import Principal

REQUEST = Request("GET", b"/", b"", [], Peer())
NOW = 1_800_000_000


def ask(factors: set[str], within: float | None, held: tuple[str, ...], age: float):
    who = Principal("user:alice", "session", "ses_1", factors=held, authenticated_at=int(NOW - age))
    return StepUp(factors, within, lambda: float(NOW)).check(REQUEST, who)


@pytest.mark.parametrize(
    ("factors", "within", "held", "age"),
    [
        (set(), None, (), 10**9),
        ({"otp"}, None, ("pwd", "otp"), 10**9),
        ({"otp"}, 300, ("pwd", "otp"), 300),
        (set(), 300, (), 0),
        (set(), 300, (), -59),  # the issuer's clock is a little ahead
    ],
)
def test_strong_and_fresh_enough(factors, within, held, age):
    assert ask(factors, within, held, age) == ()


@pytest.mark.parametrize(
    ("factors", "within", "held", "age", "detail"),
    [
        ({"otp"}, None, ("pwd",), 0, "factors missing: otp"),
        ({"otp", "hwk"}, None, ("pwd",), 0, "factors missing: hwk otp"),
        ({"otp"}, None, (), 0, "otp"),
        ({"otp"}, None, ("otpx",), 0, "otp"),
        ({"otp"}, 300, ("otp",), 301, "301 s"),
        (set(), 300, ("otp",), NOW, "since the login"),  # no time of login is known
        (set(), 300, (), -3600, "since the login"),  # a login in the future proves nothing
    ],
)
def test_too_weak_or_too_old(factors, within, held, age, detail):
    answer = ask(factors, within, held, age)
    assert answer.reason.code == "insufficient_authentication"
    assert (answer.reason.status, answer.reason.error) == (401, "insufficient_user_authentication")
    assert detail in answer.detail


def test_nobody_has_no_login():
    assert StepUp({"otp"}, None, lambda: 0.0).check(REQUEST, None).reason.code == "no_credential"
    assert StepUp((), 60, lambda: 0.0).check(REQUEST, None).reason.code == "no_credential"
    assert StepUp((), None, lambda: 0.0).check(REQUEST, None) == ()

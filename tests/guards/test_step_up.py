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


def proved(factors: set[str], within: float | None, ages: dict[str, float], request: Request = REQUEST, **more):
    times = {name: int(NOW - age) for name, age in ages.items()}
    who = Principal(
        "user:alice",
        "session",
        "ses_1",
        factors=tuple(times),
        authenticated_at=max(times.values()),
        claims={"proved": times},
    )._replace(**more)
    return StepUp(factors, within, lambda: float(NOW)).check(request, who)


def test_ghsa_hp74_gm6m_2qm5_a_fresh_code_does_not_make_an_old_passkey_fresh():
    ages = {"webauthn": 3600, "otp": 5}
    assert proved({"webauthn"}, 300, ages).reason.code == "insufficient_authentication"
    assert proved({"otp"}, 300, ages) == ()
    assert proved({"otp", "webauthn"}, 300, ages).reason.code == "insufficient_authentication"
    assert proved(set(), 300, ages) == ()  # where no factor is named, any fresh proof will do


def test_mfa_is_a_factor_with_an_age_of_its_own():
    ages = {"pwd": 3600, "otp": 5, "mfa": 3600}
    assert proved({"mfa"}, None, ages) == ()
    assert proved({"mfa"}, 300, ages).reason.code == "insufficient_authentication"


@pytest.mark.parametrize(
    "more",
    [
        {"credential": "jti:abc"},  # what an outside issuer says about single factors is not believed
        {"credential": "ses_1+jti:abc"},
        {"claims": {"proved": "now"}},
        {"claims": {"proved": {"otp": "now"}}},
        {"claims": {"proved": {"otp": True}}},
        {"claims": {}},
    ],
)
def test_what_is_not_known_of_a_factor_is_as_old_as_the_login(more):
    old = {"authenticated_at": NOW - 3600, **more}
    assert proved({"otp"}, 300, {"otp": 5}, **old).reason.code == "insufficient_authentication"
    assert proved({"otp"}, 300, {"otp": 5}, **{**old, "authenticated_at": NOW}) == ()


def browsing(path: bytes = b"/orders/7", query: bytes = b"", method: str = "GET", **fields: str) -> Request:
    headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    return Request(method, path, query, headers, Peer())


def test_a_person_is_shown_where_to_prove_more():
    request = browsing(b"/orders/7", b"a=1&b=2", accept="text/html,*/*;q=0.8")
    answer = proved({"otp", "webauthn"}, 300, {"pwd": 5}, request)
    expected = b"/login/step-up?factors=otp%20webauthn&next=/orders/7%3Fa%3D1%26b%3D2"
    assert answer.headers == ((b"location", expected),)


@pytest.mark.parametrize(
    ("request_", "scheme"),
    [
        (browsing(accept="application/json"), "session"),
        (browsing(method="POST", accept="text/html"), "session"),
        (browsing(accept="text/html", sec_fetch_mode="cors"), "session"),
        (browsing(accept="text/html"), "jwt"),
    ],
)
def test_programs_are_not_led_anywhere(request_, scheme):
    assert proved({"otp"}, 300, {"pwd": 5}, request_, scheme=scheme).headers == ()


def test_where_one_is_led_stays_on_this_site():
    answer = proved({"otp"}, None, {"pwd": 5}, browsing(b"//evil.example/\r\nx", accept="text/html"))
    assert answer.headers == ((b"location", b"/login/step-up?factors=otp&next=//evil.example/%0D%0Ax"),)


@pytest.mark.parametrize(
    ("factors", "within", "demands"),
    [
        ({"otp"}, 300, (("acr_values", "aal2"), ("max_age", "300"), ("factors", "otp"))),
        ({"pwd"}, None, (("acr_values", "aal1"), ("factors", "pwd"))),
        (set(), 60, (("max_age", "60"),)),
        (set(), None, ()),
    ],
)
def test_rfc_9470_section_3_what_is_demanded_is_said(factors, within, demands):
    assert StepUp(factors, within, lambda: 0.0).demands == demands

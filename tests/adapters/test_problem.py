"""Refusals as RFC 9457 has them, and nothing more than the caller may know."""

from __future__ import annotations

import json

import pytest

from watchword.adapters.problem import PROBLEM_TYPE, problem, problem_body
from watchword.model.reason import (
    EXPIRED,
    INSUFFICIENT_AUTHENTICATION,
    MFA_REQUIRED,
    RATE_LIMITED,
    REASONS,
    UNKNOWN_CREDENTIAL,
    WRONG_SECRET,
)
from watchword.model.verdict import Challenge, Deny, Rejection


@pytest.mark.parametrize("code", sorted(REASONS))
def test_every_reason_renders(code: str) -> None:
    row = REASONS[code]
    status, headers, body = problem(Deny(Rejection(row, "a detail"), "0123456789abcdef"))
    assert status == row.status
    assert json.loads(body) == {
        "type": PROBLEM_TYPE + row.type,
        "title": row.title,
        "status": row.status,
        "reference": "0123456789abcdef",
    }
    assert (b"content-type", b"application/problem+json") in headers
    assert (b"content-length", b"%d" % len(body)) in headers
    assert (b"cache-control", b"no-store") in headers
    assert b"a detail" not in body


def test_no_such_user_and_wrong_password_are_one_body() -> None:
    bodies = {problem_body(row, "r") for row in (UNKNOWN_CREDENTIAL, WRONG_SECRET, EXPIRED)}
    assert len(bodies) == 1


def test_each_challenge_has_its_field_in_order() -> None:
    challenges = (Challenge("Bearer", (("realm", 'a "b"'),)), Challenge("Basic", (("realm", "a"),)))
    _, headers, _ = problem(Deny(Rejection(EXPIRED), "r", challenges))
    assert [value for name, value in headers if name == b"www-authenticate"] == [
        b'Bearer realm="a \\"b\\""',
        b'Basic realm="a"',
    ]


def test_fields_of_the_refusal_are_sent_but_not_its_date() -> None:
    extra = ((b"retry-after", b"7"), (b"date", b"x"))
    _, headers, _ = problem(Deny(Rejection(RATE_LIMITED), "r", (), extra))
    assert (b"retry-after", b"7") in headers
    assert b"date" not in dict(headers)


def test_a_person_gets_a_page_that_leads_on_and_the_status_stays() -> None:
    place = b'/login/step-up?next=/a%22%3E<b>"'
    deny = Deny(Rejection(INSUFFICIENT_AUTHENTICATION), "0123", (), ((b"location", place),))
    status, headers, body = problem(deny)
    assert status == 401
    assert dict(headers)[b"content-type"] == b"text/html; charset=utf-8"
    assert dict(headers)[b"location"] == place
    assert b'href="/login/step-up?next=/a%22%3E&lt;b&gt;&quot;"' in body


def test_a_problem_may_say_more() -> None:
    _, _, body = problem(Deny(Rejection(MFA_REQUIRED), "0123"), {"challenge": "wd_x"})
    assert json.loads(body)["challenge"] == "wd_x"

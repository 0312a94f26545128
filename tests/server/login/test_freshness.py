"""A fresh proof, and where to give one."""

from __future__ import annotations

import pytest

from watchword.model.verdict import Principal
from watchword.server.login.freshness import FRESH, fresh, step_up_place

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("age", "within", "expected"),
    [(0, FRESH, True), (600, FRESH, True), (601, FRESH, False), (-1, FRESH, True), (-5, FRESH, False), (61, 60, False)],
)
def test_how_old_a_proof_may_be(age: float, within: float, expected: bool) -> None:
    who = Principal("user:alice", "session", "ses_1", authenticated_at=int(NOW - age))
    assert fresh(who, NOW, within) is expected


def test_where_to_prove_more() -> None:
    assert step_up_place("/account/keys?a=1&b=2") == "/login/step-up?next=/account/keys%3Fa%3D1%26b%3D2"
    assert step_up_place("/x", ["otp", "pwd"]) == "/login/step-up?factors=otp%20pwd&next=/x"

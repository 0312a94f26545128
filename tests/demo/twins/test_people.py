"""Passwords and session cookies: the honest one in, every twin out, each for its own reason."""

from __future__ import annotations

from typing import Any

from tests.demo.verdicts import all_right, reasons
from watchword.demo.twins.people import passwords, sessions


def test_passwords(play: Any) -> None:
    verdicts = play("basic", passwords)
    all_right(verdicts)
    assert reasons(verdicts) == {
        "wrong_secret", "unknown_credential", "subject_disabled", "malformed_credential", "insufficient_scope",
    }  # fmt: skip


def test_no_such_user_and_wrong_password_look_alike(play: Any) -> None:
    told = {verdict.case.what: verdict.answer for verdict in play("basic", passwords)}
    wrong, unknown = told["wrong password"], told["unknown user"]
    same = [{**answer.json(), "reference": ""} for answer in (wrong, unknown)]
    assert same[0] == same[1]
    assert set(wrong.headers) == set(unknown.headers)


def test_sessions(play: Any) -> None:
    verdicts = play("session", sessions)
    all_right(verdicts)
    assert reasons(verdicts) >= {
        "csrf_missing", "csrf_mismatch", "cross_site", "malformed_credential", "unknown_credential", "no_credential",
        "expired", "revoked",
    }  # fmt: skip

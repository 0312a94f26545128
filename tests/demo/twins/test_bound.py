"""Tokens that belong to a key: the honest one in, every theft of it out."""

from __future__ import annotations

from typing import Any

from tests.demo.verdicts import all_right, reasons
from watchword.demo.twins.bound import bound_tokens


def test_bound_tokens(play: Any) -> None:
    verdicts = play("oauth2", bound_tokens)
    all_right(verdicts)
    assert reasons(verdicts) >= {"bad_proof", "replayed_proof", "unconfirmed", "bad_type"}

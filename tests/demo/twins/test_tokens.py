"""Our own tokens and OAuth access tokens: the honest one in, every twin out, each for its own reason."""

from __future__ import annotations

from typing import Any

from tests.demo.verdicts import all_right, reasons
from watchword.demo.twins.tokens import access_tokens, own_tokens

_ALIKE = {
    "bad_signature", "bad_algorithm", "unknown_key", "unknown_critical", "expired", "not_yet_valid", "bad_claims",
    "wrong_audience", "wrong_issuer", "bad_type", "insufficient_scope", "revoked", "no_credential",
}  # fmt: skip


def test_own_tokens(play: Any) -> None:
    verdicts = play("jwt", own_tokens)
    all_right(verdicts)
    assert reasons(verdicts) >= {*_ALIKE, "replayed", "wrong_secret", "unknown_credential"}


def test_access_tokens(play: Any) -> None:
    verdicts = play("oauth2", access_tokens)
    all_right(verdicts)
    assert reasons(verdicts) >= {*_ALIKE, "refused_grant", "unknown_credential", "malformed_credential"}

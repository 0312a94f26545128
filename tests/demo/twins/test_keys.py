"""API keys and signed requests: the honest one in, every twin out, each for its own reason."""

from __future__ import annotations

from typing import Any

import pytest

from tests.demo.verdicts import all_right, reasons
from watchword.demo.script import Cast
from watchword.demo.twins.keys import api_keys, signatures
from watchword.schemes.signature import Signature


def test_api_keys(play: Any) -> None:
    verdicts = play("api-key", api_keys)
    all_right(verdicts)
    assert reasons(verdicts) >= {
        "malformed_credential", "unknown_credential", "expired", "revoked", "retired", "subject_disabled",
        "network_not_allowed", "insufficient_scope", "duplicate_field", "credential_in_url", "rate_limited",
    }  # fmt: skip
    limited = [verdict for verdict in verdicts if verdict.reason == "rate_limited"]
    assert [int(verdict.answer.headers["retry-after"]) > 0 for verdict in limited] == [True, True]


def test_signatures(play: Any) -> None:
    verdicts = play("hmac", signatures)
    all_right(verdicts)
    assert reasons(verdicts) >= {
        "bad_signature", "replayed", "skewed", "unknown_credential", "malformed_credential", "duplicate_field",
        "expired", "revoked", "subject_disabled", "insufficient_scope",
    }  # fmt: skip


def test_a_server_that_forgets_signatures_is_found_out(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = Signature._judge

    def forgetful(self: Signature, *judged: Any) -> Any:
        self._ephemeral = type("Forgetful", (), {"claim": lambda *_: True})()
        return judge(self, *judged)

    monkeypatch.setattr(Signature, "_judge", forgetful)

    def beginning(cast: Cast) -> Any:
        script = signatures(cast)
        answer = yield next(script)
        answer = yield script.send(answer)
        yield script.send(answer)

    wrong = [verdict.case.what for verdict in play("hmac", beginning) if not verdict.right]
    assert wrong == ["replayed, every byte the same"]

"""Client certificates: the honest one in, every twin out, by TLS or by us."""

from __future__ import annotations

from typing import Any

from tests.demo.verdicts import all_right, reasons
from watchword.demo.courier import Courier, Sent
from watchword.demo.stage import Stage
from watchword.demo.twins.certificates import certificates


def test_certificates(play: Any) -> None:
    verdicts = play("mtls", certificates)
    all_right(verdicts)
    assert reasons(verdicts) >= {
        "handshake", "unknown_credential", "revoked", "subject_disabled", "no_credential", "insufficient_scope",
        "subject_mismatch", "bad_signature",
    }  # fmt: skip
    assert sum(verdict.answer.status == 0 for verdict in verdicts) == 4


def test_a_handshake_that_stands_is_not_taken_for_a_refusal(stage: Stage, courier: Courier) -> None:
    assert courier.send(Sent("GET", "/catalogue", certificate="billing")).status == 200

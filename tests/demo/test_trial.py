"""A verdict is right only if everything that was asked is as it must be."""

from __future__ import annotations

import json
from typing import Any

import pytest

from watchword.demo.courier import Answer, Courier, Sent
from watchword.demo.script import Case, accepted, handshake, refused
from watchword.demo.stage import Stage
from watchword.demo.trial import Verdict, examples, judged
from watchword.demo.twins import SCRIPTS
from watchword.model.reason import RATE_LIMITED, REPLAYED, REVOKED

ORDERS = Sent("GET", "/orders")
LATER = {"retry-after": "1"}


def _verdict(case: Case, status: int, reason: str = "", **answer: Any) -> Verdict:
    return Verdict("hmac", case, Answer(status, ORDERS, **answer), reason)


@pytest.mark.parametrize(
    "verdict",
    [
        _verdict(refused("x", ORDERS, REPLAYED), 401, "replayed"),
        _verdict(accepted("x", ORDERS, "hmac"), 200, body=b'{"by":"hmac"}'),
        _verdict(refused("x", ORDERS, RATE_LIMITED, field="retry-after"), 429, "rate_limited", headers=LATER),
        _verdict(handshake("x", ORDERS), 0, "handshake"),
    ],
)
def test_right(verdict: Verdict) -> None:
    assert verdict.right
    assert verdict.value()["right"] is True


@pytest.mark.parametrize(
    "verdict",
    [
        _verdict(refused("x", ORDERS, REPLAYED), 200),
        _verdict(refused("x", ORDERS, REPLAYED), 401, "revoked"),
        _verdict(refused("x", ORDERS, REPLAYED), 403, "replayed"),
        _verdict(refused("x", ORDERS, REPLAYED), 503, "broken"),
        _verdict(accepted("x", ORDERS), 401, "replayed"),
        _verdict(accepted("x", ORDERS, "hmac"), 200, body=b'{"by":"api-key"}'),
        _verdict(refused("x", ORDERS, RATE_LIMITED, field="retry-after"), 429, "rate_limited"),
        _verdict(handshake("x", ORDERS), 401, "untrusted_certificate"),
        _verdict(refused("x", ORDERS, REVOKED), 0, "handshake"),
    ],
)
def test_wrong(verdict: Verdict) -> None:
    assert not verdict.right
    json.dumps(verdict.value())


def test_examples_are_one_honest_request_and_one_twin_of_each_scheme(stage: Stage, courier: Courier) -> None:
    seen = list(examples(stage, courier))
    assert [pair[0].scheme for pair in seen] == list(SCRIPTS)
    assert [[each.outcome for each in pair] for pair in seen] == [["accepted", "refused"]] * 7
    assert all(each.right for pair in seen for each in pair)


def test_a_refusal_that_the_audit_does_not_know_is_wrong(
    stage: Stage, courier: Courier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("watchword.demo.trial._PATIENCE", 0.1)
    monkeypatch.setattr("watchword.audit.Audit.note", lambda *_: None)

    def script(_: object) -> Any:
        yield refused("unseen", ORDERS, REPLAYED)

    (verdict,) = next(judged(stage, courier, {"hmac": script}))
    assert (verdict.right, verdict.reason) == (False, "not in the audit")

"""The demo reads well, also where it is not a terminal, and says when it is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from watchword.demo import show
from watchword.demo.courier import Answer, Sent
from watchword.demo.script import refused
from watchword.demo.trial import Verdict
from watchword.gate import Gate
from watchword.model.reason import REPLAYED
from watchword.model.verdict import Allow, Principal

ORDERS = Sent("GET", "/orders")


def test_a_row_fits_into_80_columns() -> None:
    text = show.row("accepted", "session", "200", "network_not_allowed", "x" * 33)
    assert len(text) == 80
    assert "\x1b" not in text


def test_a_wrong_verdict_says_what_was_expected(capsys: pytest.CaptureFixture[str]) -> None:
    show._print(Verdict("hmac", refused("replayed", ORDERS, REPLAYED), Answer(200, ORDERS), ""), False)
    said = capsys.readouterr().out
    assert said.startswith("accepted  hmac      200")
    assert "WRONG: expected refused 401 replayed" in said


def test_nothing_tried_is_not_everything_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert show._close([], False) is False


@pytest.mark.parametrize("as_json", [False, True])
def test_a_gate_that_lets_everybody_in_is_found_out(
    as_json: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def generous(*_: Any) -> Allow:
        return Allow(Principal("user:mallory", "session", "ses_0", frozenset()))

    monkeypatch.setattr(Gate, "decide", generous)
    monkeypatch.setattr(Gate, "judge", generous)
    monkeypatch.setattr("watchword.demo.trial._PATIENCE", 0.3)
    assert show.check("127.0.0.1:0", as_json) is False
    said = capsys.readouterr()
    if as_json:
        values = [json.loads(line) for line in said.out.splitlines()]
        assert sum(not value["right"] for value in values) > 100
        assert "wrong" in said.err
    else:
        assert said.out.count("WRONG") > 100

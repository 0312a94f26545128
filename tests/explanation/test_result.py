"""An explanation as JSON: every key always there, no secret in it."""

from __future__ import annotations

import json

from watchword.explanation.result import Explanation, Node, Outcome, Response, Step
from watchword.explanation.routing import Candidate
from watchword.routes import Rule

SECRET = "ak_live_Example00000000000000000000000000001"


def _explanation(outcome: Outcome) -> Explanation:
    return Explanation(
        "GET",
        f"http://a.test/?key={SECRET}",
        "127.0.0.1",
        False,
        False,
        (Candidate(Rule("/", "basic"), True), Candidate(Rule("/b", "basic"), False, "it begins with /b")),
        outcome,
        Response(401, (("www-authenticate", "Basic"),), f'{{"x":"{SECRET}"}}'),
        (Step("policy", "basic", "refused", "wrong_secret", SECRET, 1.26),),
        Node("either", parts=(Node("scheme", "basic", detail=SECRET), Node("public"))),
    )


def test_it_is_json_and_says_no_secret() -> None:
    value = json.loads(json.dumps(_explanation(Outcome("refused", 401, "wrong_secret", SECRET)).value()))
    assert SECRET not in str(value)
    assert value["steps"][0] == {
        "stage": "policy", "name": "basic", "outcome": "refused", "reason": "wrong_secret", "detail": "[redacted]",
        "cost": 1.3,
    }  # fmt: skip
    assert [each["matched"] for each in value["routes"]] == [True, False]
    assert value["policy"]["parts"][1] == {"kind": "public", "decided": False, "parts": []}


def test_who_was_let_in_is_told_and_who_was_not_is_not() -> None:
    accepted = _explanation(Outcome("accepted", 200, subject="user:a", scopes=("x",)))
    assert accepted.accepted
    assert accepted.value()["subject"] == "user:a"
    assert "subject" not in _explanation(Outcome("refused", 401)).value()

"""The ranking: all seven, the best first, each with its reasons, and JSON all through."""

from __future__ import annotations

import json

from watchword.advise import Answers, Place, advise, ranking
from watchword.advise.rules import RULED_OUT, SCHEMES


def test_all_seven_are_ranked_with_their_reasons() -> None:
    for answers in (Answers(), Answers(callers="people", through="browser"), Answers(through="agent")):
        found = advise(answers)
        assert sorted(each.scheme for each in found) == sorted(SCHEMES)
        assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
        assert [(each.scheme, each.score) for each in found] == ranking(answers)
        for each in found:
            assert sum(reason.points for reason in each.reasons) == each.score
            assert [abs(reason.points) for reason in each.reasons] == sorted(
                (abs(reason.points) for reason in each.reasons), reverse=True
            )


def test_verdicts_follow_the_points() -> None:
    found = advise(Answers(callers="people", through="browser"))
    verdicts = {each.scheme: each.verdict for each in found}
    assert verdicts["session"] == "advised"
    assert verdicts["hmac"] == "ruled out"
    assert verdicts["api-key"] == "rather not"
    for each in found:
        assert (each.verdict == "ruled out") == (each.score <= RULED_OUT // 2)
        assert (each.verdict == "rather not") == (RULED_OUT // 2 < each.score <= 0)


def test_where_nothing_fits_none_is_advised() -> None:
    """Something old, on a network that nobody trusts, with much at stake: the honest answer is that nothing does."""
    worst = Answers(
        through="legacy",
        sensitivity="high",
        network="untrusted",
        complexity="little",
        revocation="at-once",
        offline="yes",
    )
    found = advise(worst)
    assert found[0].score <= 0
    assert {each.verdict for each in found} <= {"rather not", "ruled out"}
    assert found[0].route_block


def test_of_two_with_the_same_points_the_simpler_one_is_first() -> None:
    order = [SCHEMES.index(scheme) for scheme, points in ranking(Answers(through="agent")) if points == -3]
    assert len(order) == len(set(order))
    assert order == sorted(order)


def test_an_advice_is_json() -> None:
    for each in advise(Answers(), Place("https://api.test/v1/", "/orders/{id}", "POST", ())):
        value = json.loads(json.dumps(each.value()))
        assert set(value) == {
            "scheme", "title", "score", "verdict", "reasons", "trade_offs", "layers", "route_block", "steps", "snippet",
        }  # fmt: skip
        assert value["trade_offs"]["pros"]
        assert value["trade_offs"]["cons"]


def test_the_same_answers_give_the_same_advice() -> None:
    assert [each.value() for each in advise(Answers())] == [each.value() for each in advise(Answers())]

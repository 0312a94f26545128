"""The article's judgments come out, and more at stake never lets a weaker scheme overtake a stronger one."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchword.advise import QUESTIONS, Answers, NoAnswer, advise, ranking
from watchword.advise.rules import RULED_OUT, SCHEMES, STRENGTH, TABLE, weigh

LEVELS = ("low", "medium", "high")
MACHINES: dict[str, str] = {"callers": "machines", "through": "server"}
INTERNAL: dict[str, str] = {**MACHINES, "ends": "ours", "certificates": "yes"}
PAGES: dict[str, str] = {"callers": "people", "through": "browser"}
APP: dict[str, str] = {"callers": "people", "through": "app"}

# What the article says of who calls and what is at stake, and what follows from it.
SCENARIOS: list[tuple[dict[str, str], str]] = [
    # Server to server, low to medium: API keys. Most public APIs.
    (MACHINES, "api-key"),
    ({**MACHINES, "sensitivity": "low"}, "api-key"),
    ({**MACHINES, "complexity": "little"}, "api-key"),
    ({**MACHINES, "complexity": "much"}, "api-key"),
    ({**MACHINES, "ends": "ours"}, "api-key"),
    ({**MACHINES, "revocation": "at-once"}, "api-key"),
    ({**MACHINES, "certificates": "yes"}, "api-key"),
    ({**MACHINES, "callers": "both"}, "api-key"),
    ({"callers": "people", "through": "server"}, "api-key"),
    ({"callers": "people", "through": "server", "complexity": "little"}, "api-key"),
    # Internal tools, legacy systems, nothing else available: Basic.
    ({"callers": "machines", "through": "legacy"}, "basic"),
    ({"callers": "people", "through": "legacy", "sensitivity": "low"}, "basic"),
    ({"callers": "machines", "through": "legacy", "ends": "ours", "complexity": "little"}, "basic"),
    # User-facing APIs where stateless scales better; sessions of people over distributed services: JWT.
    (APP, "jwt"),
    ({**APP, "offline": "yes"}, "jwt"),
    ({**APP, "sensitivity": "high"}, "jwt"),
    ({**APP, "callers": "both"}, "jwt"),
    ({**APP, "revocation": "at-once"}, "jwt"),
    ({**PAGES, "offline": "yes"}, "jwt"),
    ({"callers": "people", "through": "server", "offline": "yes"}, "jwt"),
    # Third-party apps access user data, or identity is outsourced: OAuth 2.0.
    ({"callers": "people", "through": "third-party"}, "oauth2"),
    ({"callers": "people", "through": "third-party", "sensitivity": "high"}, "oauth2"),
    ({"callers": "both", "through": "third-party", "complexity": "little"}, "oauth2"),
    ({"callers": "machines", "through": "third-party"}, "oauth2"),
    ({**APP, "provider": "outside"}, "oauth2"),
    ({"callers": "people", "through": "server", "provider": "outside"}, "oauth2"),
    ({"callers": "people", "through": "agent"}, "oauth2"),
    ({"callers": "machines", "through": "agent", "sensitivity": "high"}, "oauth2"),
    # High value, server to server, a network that cannot be trusted: HMAC.
    ({**MACHINES, "sensitivity": "high"}, "hmac"),
    ({**MACHINES, "sensitivity": "high", "network": "untrusted"}, "hmac"),
    ({**MACHINES, "network": "untrusted"}, "hmac"),
    ({**MACHINES, "sensitivity": "high", "revocation": "at-once"}, "hmac"),
    ({**MACHINES, "sensitivity": "high", "network": "untrusted", "certificates": "yes"}, "hmac"),
    # Internal microservices, financial integrations, sensitive B2B: mutual TLS.
    (INTERNAL, "mtls"),
    ({**INTERNAL, "complexity": "much"}, "mtls"),
    ({**INTERNAL, "sensitivity": "high"}, "mtls"),
    ({**INTERNAL, "offline": "yes"}, "mtls"),
    ({**MACHINES, "sensitivity": "high", "certificates": "yes"}, "mtls"),
    ({**MACHINES, "sensitivity": "high", "certificates": "yes", "complexity": "much"}, "mtls"),
    # Traditional web apps where the browser is the primary client: session cookies.
    (PAGES, "session"),
    ({**PAGES, "sensitivity": "low"}, "session"),
    ({**PAGES, "sensitivity": "high", "revocation": "at-once"}, "session"),
    ({**PAGES, "callers": "both"}, "session"),
    ({**PAGES, "provider": "outside"}, "session"),
    ({**PAGES, "network": "untrusted"}, "session"),
]


@pytest.mark.parametrize(("given_answers", "scheme"), SCENARIOS)
def test_the_articles_judgments(given_answers: dict[str, str], scheme: str) -> None:
    found = advise(Answers(**given_answers))
    assert found[0].scheme == scheme, [(each.scheme, each.score) for each in found]
    assert found[0].verdict == "advised"


def test_there_are_scenarios_for_all_seven() -> None:
    assert {scheme for _, scheme in SCENARIOS} == set(SCHEMES)
    assert len(SCENARIOS) >= 30


def _every() -> list[Answers]:
    words = [[option.word for option in question.options] for question in QUESTIONS]
    found = []
    for choice in product(*words):
        try:
            found.append(Answers(*choice))
        except NoAnswer:
            continue
    return found


@st.composite
def _answers(draw: Any) -> Answers:
    chosen: dict[str, str] = {}
    for question in QUESTIONS:
        callers = chosen.get("callers", "both")
        chosen[question.name] = draw(
            st.sampled_from([option.word for option in question.options if callers in option.callers])
        )
    return Answers(**chosen)


@settings(max_examples=100, deadline=None)
@given(_answers())
def test_more_at_stake_never_lets_a_weaker_scheme_rise_above_a_stronger_one(answers: Answers) -> None:
    orders = [[scheme for scheme, _ in ranking(replace(answers, sensitivity=level))] for level in LEVELS]
    for before, after in pairwise(orders):
        for weak, strong in product(SCHEMES, SCHEMES):
            if STRENGTH[weak] < STRENGTH[strong] and before.index(strong) < before.index(weak):
                assert after.index(strong) < after.index(weak), (weak, strong)


@settings(max_examples=100, deadline=None)
@given(_answers(), st.sampled_from(SCHEMES))
def test_a_network_that_is_not_trusted_never_helps_what_travels_as_it_is(answers: Answers, scheme: str) -> None:
    trusted, untrusted = (dict(ranking(replace(answers, network=each))) for each in ("trusted", "untrusted"))
    if STRENGTH[scheme] < STRENGTH["hmac"]:
        assert untrusted[scheme] < trusted[scheme] or untrusted[scheme] <= RULED_OUT // 2
    else:
        assert untrusted[scheme] >= trusted[scheme]


@settings(max_examples=100, deadline=None)
@given(_answers())
def test_certificates_that_can_be_handled_only_help_mutual_tls(answers: Answers) -> None:
    without, with_them = (dict(ranking(replace(answers, certificates=each))) for each in ("no", "yes"))
    assert with_them["mtls"] > without["mtls"]
    assert {key: value for key, value in with_them.items() if key != "mtls"} == {
        key: value for key, value in without.items() if key != "mtls"
    }


@settings(max_examples=100, deadline=None)
@given(_answers())
def test_a_password_is_advised_to_nothing_but_what_knows_no_more(answers: Answers) -> None:
    best = ranking(answers)[0][0]
    assert best != "basic" or answers.through == "legacy"
    assert best != "session" or answers.through == "browser"


def test_what_the_sensitivity_gives_grows_with_strength_and_depends_on_nothing_else() -> None:
    """The reason why the property above holds for every answer there is, not for those that were drawn alone."""
    gained: dict[str, list[int]] = {scheme: [0, 0, 0] for scheme in SCHEMES}
    for row in TABLE:
        if "sensitivity" in row.when:
            assert set(row.when) == {"sensitivity"}, row
            for word in row.when["sensitivity"]:
                gained[row.scheme][LEVELS.index(word)] += row.points
    for step in (1, 2):
        rises = [(STRENGTH[scheme], gained[scheme][step] - gained[scheme][step - 1]) for scheme in SCHEMES]
        for strength, rise in rises:
            assert all(other <= rise for weaker, other in rises if weaker < strength)


def test_every_row_can_hold_and_says_why() -> None:
    every = _every()
    assert len(every) > 5000
    for row in TABLE:
        assert row.why.endswith(".")
        assert any(row.holds(answers) for answers in every[:: max(1, len(every) // 700)]) or any(map(row.holds, every))


def test_no_row_is_there_twice_and_none_counts_twice() -> None:
    seen = [(row.scheme, tuple(sorted(row.when.items()))) for row in TABLE]
    assert len(set(seen)) == len(seen)
    for answers in (Answers(), Answers(callers="both"), Answers(callers="people", through="browser")):
        for scheme, rows in weigh(answers).items():
            callers = [row for row in rows if "through" in row.when]
            assert len(callers) == 1, (scheme, callers)

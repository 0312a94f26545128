"""What is put on top of a scheme, as real systems combine them."""

from __future__ import annotations

import pytest

from watchword.advise import Answers
from watchword.advise.layers import LAYERS, LIMITS, layers_of
from watchword.advise.rules import SCHEMES


@pytest.mark.parametrize(
    ("scheme", "answers", "setting"),
    [
        ("session", Answers(callers="both", through="browser"), 'accept = "session | api-key"'),
        ("api-key", Answers(callers="both"), 'accept = "api-key | jwt"'),
        ("jwt", Answers(callers="people", through="server"), 'accept = "jwt via api-key"'),
        (
            "jwt",
            Answers(callers="people", through="app", certificates="yes", sensitivity="high"),
            'accept = "jwt via mtls"',
        ),
        ("hmac", Answers(certificates="yes", sensitivity="high"), 'accept = "mtls & hmac"'),
        ("mtls", Answers(certificates="yes"), 'accept = "mtls & hmac"'),
        ("api-key", Answers(certificates="yes"), 'accept = "mtls & api-key"'),
        ("api-key", Answers(), 'accept = "hmac | api-key"'),
        ("basic", Answers(through="legacy"), 'accept = "api-key | basic"'),
        ("api-key", Answers(ends="ours"), 'networks = ["10.0.0.0/8"]'),
        ("session", Answers(callers="people", through="browser", sensitivity="high"), 'within = "10m"'),
    ],
)
def test_the_layer_is_there(scheme: str, answers: Answers, setting: str) -> None:
    assert setting in [line for layer in layers_of(scheme, answers) for line in layer.settings]


@pytest.mark.parametrize(
    ("scheme", "answers", "setting"),
    [
        ("hmac", Answers(), 'accept = "mtls & hmac"'),
        ("api-key", Answers(), 'networks = ["10.0.0.0/8"]'),
        ("session", Answers(callers="people", through="browser"), 'within = "10m"'),
        ("api-key", Answers(sensitivity="high"), 'within = "10m"'),
    ],
)
def test_the_layer_is_not_there(scheme: str, answers: Answers, setting: str) -> None:
    assert setting not in [line for layer in layers_of(scheme, answers) for line in layer.settings]


def test_the_limit_is_tighter_the_more_is_at_stake() -> None:
    counts = [int(LIMITS[level].partition("/")[0]) for level in ("low", "medium", "high")]
    assert counts == sorted(counts, reverse=True)


def test_every_layer_is_for_schemes_that_there_are_and_says_why() -> None:
    for layer in LAYERS:
        assert set(layer.schemes) <= set(SCHEMES)
        assert layer.why.endswith((".", ")"))
        assert layer.value()["why"] == layer.why

"""What decisions are made of."""

from __future__ import annotations

import pytest

from watchword.model.reason import EXPIRED
from watchword.model.verdict import Allow, Challenge, Deny, Principal, Rate, Rejection


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (Rate(600, 60), "600/min"),
        (Rate(1, 1), "1/s"),
        (Rate(5, 3600), "5/h"),
        (Rate(7, 86400), "7/d"),
        (Rate(3, 10), "3/10s"),
    ],
)
def test_rates_are_written_as_they_are_typed(rate: Rate, text: str) -> None:
    assert str(rate) == text


def test_the_kind_of_a_principal_is_its_subjects() -> None:
    assert Principal("user:alice", "jwt", "fam_1").kind == "user"
    assert Principal("service:billing", "jwt", "fam_1").kind == "service"


def test_principals_do_not_share_what_can_change() -> None:
    one, other = Principal("user:a", "jwt", "1"), Principal("user:b", "jwt", "2")
    with pytest.raises(TypeError):
        one.claims["x"] = 1  # type: ignore[index]
    assert dict(other.claims) == {}


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (Principal("user:a", "jwt", "1"), "subject"),
        (Rejection(EXPIRED), "reason"),
        (Challenge("Bearer"), "scheme"),
        (Allow(None), "principal"),
        (Deny(Rejection(EXPIRED), "r"), "reference"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_verdicts_cannot_be_changed(value: object, name: str) -> None:
    with pytest.raises((AttributeError, TypeError)):
        setattr(value, name, "x")

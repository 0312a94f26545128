"""What the operator of the authorization server decides."""

from __future__ import annotations

from watchword.codec.oauth.dpop import ALGORITHMS
from watchword.lifecycle.oauth.authorization.profile import ALGORITHMS as STRONG
from watchword.lifecycle.oauth.rules import OAuthRules


def test_without_a_word_nothing_special_is_demanded() -> None:
    rules = OAuthRules()
    assert (rules.require_par, rules.require_dpop, rules.dpop_nonces, rules.profile) == (False, False, False, "")
    assert rules.algorithms == ALGORITHMS


def test_fapi_2_0_section_5_4_1_the_algorithms() -> None:
    strong = OAuthRules(profile="fapi2").algorithms
    assert set(strong) == set(ALGORITHMS) & STRONG
    assert "RS256" not in strong

"""The settings of the authorization server, and the rules that they make."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from watchword.lifecycle.oauth.rules import OAuthRules
from watchword.server.config.oauth import OAuthTable, ResourceEntry, rules_of


def test_the_defaults_are_those_of_the_rules() -> None:
    made, bare = rules_of(OAuthTable(), ()), OAuthRules()
    for name in ("resources", "profile", "require_par", "require_dpop", "dpop_nonces", "scopes", "details"):
        assert getattr(made, name) == getattr(bare, name), name


def test_each_setting_gets_through() -> None:
    table = OAuthTable(profile="fapi2", require_par=True, require_dpop=True, dpop_nonces=True)
    made = rules_of(table, (ResourceEntry(uri="https://api.example"),))
    assert (made.profile, made.require_par, made.require_dpop, made.dpop_nonces) == ("fapi2", True, True, True)
    assert [each.uri for each in made.resources] == ["https://api.example"]


@pytest.mark.parametrize("given", [{"profile": "fapi1"}, {"require_dpop": "perhaps"}, {"dpop_nonce": True}])
def test_what_is_no_setting_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        OAuthTable.model_validate(given)

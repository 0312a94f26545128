"""The settings of the authorization server, and the rules that they make."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from watchword.lifecycle.oauth.rules import OAuthRules
from watchword.server.config.load import ConfigError, load
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


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[oauth]\nregistraton = "open"', "line 2: oauth.registraton: unknown setting (did you mean registration?)"),
        (
            '[oauth.scopes]\n\n"orders:read" = { en = "See", fr = "Voir" }',
            "line 3: oauth.scopes.orders:read.fr: unknown setting (known are de, en)",
        ),
        (
            '[oauth.scopes]\n"a.b" = 3',
            "line 2: oauth.scopes.a.b: it must be a text "
            '("See your orders", or { en = "…", de = "…" } for each language)',
        ),
        (
            '[oauth.scopes]\n"orders read" = "See"',
            "line 2: oauth.scopes.orders read: 'orders read' is not one scope (such as orders:read)",
        ),
        (
            '[oauth.authorization_details]\n"pay:once" = { en = 3 }',
            "line 2: oauth.authorization_details.pay:once.en: input should be a valid string",
        ),
        ('[[resource]]\nname = "x"', "line 1: resource.1.uri: field required"),
        (
            '[resource]\nuri = "https://a.example"',
            "line 1: resource: it must be a list (write [[resource]], once for each)",
        ),
        (
            '[[resource]]\nuri = "https://a.example"\n\n[[resource]]\nuri = "https://a.example"',
            "line 1: resource: an API is named twice (one table for each)",
        ),
        (
            '[[resource]]\nuri = "https://a.example"\nscope = ["a"]',
            "line 3: resource.1.scope: unknown setting (did you mean scopes?)",
        ),
    ],
)
def test_a_mistake_is_told_by_its_line_its_key_and_a_way_out(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "watchword.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert str(caught.value) == f"{file}, {problem}"


def test_scopes_in_one_text_are_several(tmp_path: Path) -> None:
    file = tmp_path / "watchword.toml"
    file.write_text('[[resource]]\nuri = "https://a.example"\nscopes = ["orders:read orders:write"]')
    assert load(file).resource[0].scopes == ("orders:read", "orders:write")

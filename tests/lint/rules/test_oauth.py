"""Rules about the authorization server: each is broken by one configuration, and not by another."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.example import Example
from watchword.lint import Severity

USED = '[[route]]\npath = "/"\naccept = "oauth2"\n'

EXAMPLES = [
    Example("WW401", '[oauth]\nregistration = "open" #!\n', '[oauth]\nregistration = "token"\n'),
    Example(
        "WW402",
        '[oauth]\nregistration = "open"\nregistration_grants = ["client_credentials"] #!\n',
        '[oauth]\nregistration = "open"\nregistration_grants = ["authorization_code"]\n',
    ),
    Example(
        "WW402",
        '[oauth]\nregistration = "token"\nregistration_grants = ["client_credentials"] #!\n',
        '[oauth]\nregistration_grants = ["client_credentials"]\n',
    ),
    Example(
        "WW403",
        '[oauth]\nregistration_scopes = ["orders:read", "admin:keys:write"] #!\n',
        '[oauth]\nregistration_scopes = ["orders:read"]\n',
    ),
    Example("WW404", '[oauth]\nregistration_access = "2h" #!\n', '[oauth]\nregistration_access = "5m"\n'),
    Example("WW404", '[oauth]\nregistration_refresh = "180d" #!\n', '[oauth]\nregistration_refresh = "7d"\n'),
    Example("WW405", USED + "[oauth] #!\n", USED + "[oauth]\nrequire_dpop = true\n"),
    Example("WW405", USED + "[oauth] #!\n", USED + "[tokens]\nbind_to_certificate = true\n"),
    Example("WW405", USED + "[oauth] #!\n", '[oauth]\nregistration = "off"\n'),
    Example("WW406", "[oauth] #!\nrequire_dpop = true\n", "[oauth]\nrequire_dpop = true\ndpop_nonces = true\n"),
    Example("WW407", '[oauth]\nprivate_hosts = ["apps.inside.example"] #!\n', "[oauth]\nprivate_hosts = []\n"),
    Example("WW407", '[oauth]\nprivate_hosts = ["169.254.169.254"] #!\n', "", Severity.ERROR),
    Example(
        "WW408",
        USED + 'resource = "http://api.example/a" #!\n',
        USED + 'resource = "https://api.example/a"\n',
    ),
    Example(
        "WW409",
        '[oauth]\nprofile = "fapi2"\nregistration = "open" #!\n',
        '[oauth]\nprofile = "fapi2"\nregistration = "token"\n',
    ),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_configuration_breaks_the_rule_and_another_does_not(example: Example, tmp_path: Path) -> None:
    example.check(tmp_path)


def test_the_fix_is_the_same_url_by_https(tmp_path: Path) -> None:
    [found] = Example("WW408", USED + 'resource = "http://api.example/a"\n').found(tmp_path, bad=True)
    assert found.fix == 'resource = "https://api.example/a"'

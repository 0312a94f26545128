"""Rules about people: each is broken by one configuration, and not by another."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.example import Example
from watchword.lint import Severity

PUBLIC = 'issuer = "https://auth.example.com"\n'
GOOGLE = '[[provider]]\npreset = "google"\nclient_id = "ww"\nsign_up = true\n'

EXAMPLES = [
    Example("WW601", "[passwords]\nminimum = 8 #!\n", "[passwords]\nminimum = 15\n"),
    Example("WW601", "[passwords]\nminimum = 14 #!\n", '[passwords]\nminimum = 8\n[mfa]\nrequired = "required"\n'),
    Example("WW602", "[passwords]\nstrength = 2 #!\n", "[passwords]\nstrength = 3\n"),
    Example("WW603", '[mfa]\nrequired = "off" #!\n', '[mfa]\nrequired = "optional"\n'),
    Example("WW604", '[limits]\naccount = "" #!\n', '[limits]\naccount = "10/min"\n'),
    Example("WW604", '[limits]\naccount = "" #!\naddress = ""\n', '[limits]\naddress = ""\n', Severity.ERROR),
    Example("WW605", '[limits]\naddress = "" #!\n', '[limits]\naddress = "300/min"\n'),
    Example("WW606", '[accounts]\nsign_up = "open" #!\n', '[accounts]\nsign_up = "invitation"\n', Severity.NOTE),
    Example(
        "WW606",
        PUBLIC + '[accounts]\nsign_up = "open" #!\n',
        PUBLIC + '[accounts]\nsign_up = "open"\n[mail]\nserver = "smtp.example.com:587"\nsender = "a@example.com"\n',
    ),
    Example("WW607", '[accounts]\nlimit = "" #!\n', '[accounts]\nlimit = "20/h"\n'),
    Example("WW607", '[accounts]\nmails = "" #!\n', '[accounts]\nmails = "5/h"\n'),
    Example(
        "WW608",
        '[accounts]\nsign_up = "open"\nscopes = ["admin:keys:write"] #!\n',
        '[accounts]\nsign_up = "open"\nscopes = ["orders:read"]\n',
    ),
    Example(
        "WW608",
        '[accounts]\nsign_up = "invitation"\nscopes = ["admin:keys:write"] #!\n',
        '[accounts]\nsign_up = "off"\nscopes = ["admin:keys:write"]\n',
        Severity.WARNING,
    ),
    Example("WW608", GOOGLE + 'grants = ["admin:keys:write"] #!\n', GOOGLE + 'grants = ["orders:read"]\n'),
    Example("WW609", '[admin]\naccept = "basic | mtls" #!\n', '[admin]\naccept = "jwt | mtls"\n'),
    Example(
        "WW610",
        '[[route]]\npath = "/"\naccept = "session | basic" #!\n[mfa]\nrequired = "required"\n',
        '[[route]]\npath = "/"\naccept = "session | basic"\n',
    ),
    Example(
        "WW610",
        '[[route]]\npath = "/"\naccept = "basic" #!\n[mfa]\nrequired = "required"\n',
        '[[route]]\npath = "/"\naccept = "session & basic"\n[mfa]\nrequired = "required"\n',
    ),
    Example("WW611", PUBLIC + '[mfa]\nrp_id = "example.com" #!\n', PUBLIC + '[mfa]\nrp_id = "auth.example.com"\n'),
    Example("WW612", PUBLIC + '[mfa]\nrequired = "optional" #!\n', PUBLIC + '[mfa]\nrequired = "required"\n'),
    Example("WW612", PUBLIC + "[mfa] #!\n", PUBLIC + '[admin]\naccept = "mtls | api-key"\n'),
    Example("WW613", PUBLIC + "[admin] #!\n", PUBLIC + '[admin]\nnetworks = ["10.0.0.0/8"]\n'),
    Example("WW613", PUBLIC + "[admin] #!\n", "[admin]\n"),
    Example("WW614", '[admin]\nlimit = "" #!\n', '[admin]\nlimit = "60/min"\n'),
    Example("WW615", '[admin]\nwithin = "12h" #!\n', '[admin]\nwithin = "1h"\n'),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_configuration_breaks_the_rule_and_another_does_not(example: Example, tmp_path: Path) -> None:
    example.check(tmp_path)

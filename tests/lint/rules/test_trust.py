"""Rules about others who are believed: each is broken by one configuration, and not by another."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.example import Example
from watchword.lint import Severity


def issuer(*more: str, name: str = "a", url: str = "") -> str:
    lines = [
        "[[trusted_issuer]]",
        f'url = "{url or f"https://{name}.example"}"',
        f'jwks_uri = "https://{name}.example/keys"',
        'audience = "orders"',
        *more,
    ]
    return "\n".join(lines) + "\n"


def asked(*more: str, name: str = "a") -> str:
    lines = [
        "[[introspection]]",
        f'endpoint = "https://{name}.example/introspect"',
        'client_id = "ww"',
        'client_secret_env = "ASKED_SECRET"',
        *more,
    ]
    return "\n".join(lines) + "\n"


TYPED = 'types = ["at+jwt"]'
WHOLE = ('audience = "orders"', 'prefix = "a_"')
MICROSOFT = '[[provider]] #!\npreset = "microsoft"\nclient_id = "ww"\nsign_up = true\n'

EXAMPLES = [
    Example("WW701", issuer('types = ["", "at+jwt"] #!'), issuer(TYPED)),
    Example("WW701", issuer('types = ["jwt"] #!'), issuer(TYPED), Severity.NOTE),
    Example("WW702", issuer('subject = "user:{email}" #!'), issuer('subject = "user:{sub}"')),
    Example("WW702", asked('subject = "user:{username}" #!'), asked('subject = "user:{sub}"')),
    Example(
        "WW703",
        issuer() + issuer('subject = "user:{sub}" #!', name="b"),
        issuer() + issuer('subject = "user:b-{sub}"', name="b"),
    ),
    Example("WW703", issuer() + asked('subject = "user:{id}" #!'), issuer() + asked('subject = "service:{id}"')),
    Example("WW704", issuer('use = ["reusable-assertion"] #!'), issuer('use = ["assertion"]')),
    Example("WW705", asked().replace("]]", "]] #!"), asked(*WHOLE)),
    Example(
        "WW706",
        asked(*WHOLE) + asked('audience = "orders"', name="b").replace("]]", "]] #!"),
        asked(*WHOLE) + asked('audience = "orders"', 'prefix = "b_"', name="b"),
    ),
    Example("WW706", asked().replace("]]", "]] #!") + asked(*WHOLE, name="b"), asked()),
    Example("WW707", asked().replace('SECRET"', 'SECRET" #!'), asked(), mended={"ASKED_SECRET": "x"}),
    Example("WW708", MICROSOFT, MICROSOFT + 'tenants = ["6babcaad-604b-40ac-a9d7-9fd97c0b779f"]\n'),
    Example("WW708", MICROSOFT, MICROSOFT.replace("true", "false")),
    Example("WW709", issuer(url="http://a.example").replace('a.example"\nj', 'a.example" #!\nj'), issuer()),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_configuration_breaks_the_rule_and_another_does_not(example: Example, tmp_path: Path) -> None:
    example.check(tmp_path)


def test_a_secret_in_the_env_file_counts(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ASKED_SECRET=x\n")
    assert Example("WW707", asked()).found(tmp_path, bad=True) == []

"""Rules about who can listen on the way: each is broken by one configuration, and not by another."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.example import Example, certificate_pem
from watchword.lint import Severity

PUBLIC = 'issuer = "https://auth.example.com"\n'
OPEN = '[server]\nlisten = "0.0.0.0:8000"'
PROXIED = PUBLIC + '[server]\nlisten = "0.0.0.0:8000"\ntrusted_proxies = ["10.0.0.7/32"]\n'
SQL = "postgresql://ww@db.example.com/ww"


def certified(folder: Path, bad: bool) -> None:
    for name in ("server.pem", "server.key", "partner.pem"):
        (folder / name).write_bytes(certificate_pem())


TLS = '[server.tls]\ncertificate = "server.pem"\nprivate_key = "server.key"\n'

EXAMPLES = [
    Example("WW201", PROXIED + "[passwords]\nplaintext = true #!\n", PROXIED),
    Example("WW201", "[passwords]\nplaintext = true #!\n", "", Severity.NOTE),
    Example("WW202", OPEN + " #!\n", '[server]\nlisten = "127.0.0.1:8000"\n'),
    Example("WW202", '[server]\nlisten = ":8000" #!\n', '[server]\nlisten = "[::1]:8000"\n'),
    Example("WW202", OPEN + " #!\n" + TLS[:0], OPEN + "\n" + TLS, before=certified),
    Example("WW202", OPEN + " #!\n", PROXIED),
    Example("WW203", 'issuer = "http://auth.example.com" #!\n', PUBLIC),
    Example("WW203", 'issuer = "http://auth.example.com" #!\n', 'issuer = "http://127.0.0.1:8000"\n'),
    Example("WW204", OPEN + '\ntrusted_proxies = ["0.0.0.0/0"] #!\n', PROXIED),
    Example("WW204", OPEN + '\ntrusted_proxies = ["10.0.0.0/8", "::/0"] #!\n', PROXIED),
    Example("WW204", '[server]\ntrusted_proxies = ["0.0.0.0/0"] #!\n', PROXIED, Severity.WARNING),
    Example("WW205", OPEN + '\ntrusted_proxies = ["52.0.0.0/8"] #!\n', OPEN + '\ntrusted_proxies = ["10.0.0.0/8"]\n'),
    Example("WW205", OPEN + '\ntrusted_proxies = ["0.0.0.0/1"] #!\n', OPEN + '\ntrusted_proxies = ["127.0.0.0/8"]\n'),
    Example("WW205", OPEN + '\ntrusted_proxies = ["192.0.0.0/2"] #!\n', OPEN + '\ntrusted_proxies = ["fd00::/8"]\n'),
    Example("WW205", OPEN + '\ntrusted_proxies = ["2600::/12"] #!\n', OPEN + '\ntrusted_proxies = ["2001:db8::/32"]\n'),
    Example("WW206", PUBLIC, PROXIED),
    Example("WW206", PUBLIC, PUBLIC + TLS, before=certified),
    Example("WW207", OPEN + "\n[passwords]\nplaintext = true #!\n", OPEN + "\n" + TLS, before=certified),
    Example("WW207", OPEN + "\n[passwords]\nplaintext = true #!\n", "[passwords]\nplaintext = true\n"),
    Example(
        "WW212",
        '[mail]\nserver = "smtp.example.com:25"\nsender = "a@example.com"\nencryption = "none" #!\n',
        '[mail]\nserver = "smtp.example.com:25"\nsender = "a@example.com"\n',
    ),
    Example(
        "WW212",
        '[mail]\nserver = "127.0.0.1:25"\nsender = "a@example.com"\nencryption = "none" #!\n',
        '[mail]\nserver = "127.0.0.1:465"\nsender = "a@example.com"\nencryption = "tls"\n',
        Severity.NOTE,
    ),
    Example("WW213", f'[store]\nurl = "{SQL}" #!\n', f'[store]\nurl = "{SQL}?sslmode=verify-full"\n'),
    Example("WW213", f'[store]\nurl = "{SQL}?sslmode=disable" #!\n', '[store]\nurl = "postgresql://ww@localhost/ww"\n'),
    Example(
        "WW213",
        f'[store]\nurl = "{SQL}?sslmode=require" #!\n',
        '[store]\nurl = "postgresql:///ww?host=/run/postgresql"\n',
        Severity.NOTE,
    ),
    Example(
        "WW214",
        TLS + 'client_ca = "partner.pem" #!\n',
        TLS + 'client_ca = "partner.pem"\n[mtls]\nsubject = "dns:service"\n',
        before=certified,
    ),
    Example("WW214", TLS + 'client_ca = "partner.pem" #!\n', TLS + 'client_ca = "watchword"\n', before=certified),
    Example("WW215", '[mtls]\nsubject = "dns:service | cn:service" #!\n', '[mtls]\nsubject = "dns:service"\n'),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_configuration_breaks_the_rule_and_another_does_not(example: Example, tmp_path: Path) -> None:
    example.check(tmp_path)


def test_a_password_in_the_stores_url_is_not_told(tmp_path: Path) -> None:
    [found] = Example("WW213", '[store]\nurl = "postgresql://ww:geheim@db.example.com/ww"\n').found(tmp_path, bad=True)
    assert "geheim" not in f"{found} {found.fix}"

"""Rules about what each route demands: each is broken by one configuration, and not by another."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.example import Example
from watchword.lint import Severity


def route(path: str, accept: str, *more: str) -> str:
    return "\n".join(["[[route]]", f'path = "{path}"', f'accept = "{accept}"', *more]) + "\n"


PLAIN = '[[route]]\npath = "/orders"\naccept = "api-key"\n'
SCOPED = 'scopes = ["orders:read"]\nlimit = "600/min"\n'
SESSION = '[[route]]\npath = "/orders/{id}"\naccept = "session | jwt"\n'

EXAMPLES = [
    Example("WW101", '[[route]] #!\npath = "/orders"\naccept = "api-key"\n', PLAIN + 'limit = "600/min"\n'),
    Example("WW101", '[[route]] #!\npath = "/x"\naccept = "hmac"\n', PLAIN + '[limits]\nsubject = "600/min"\n'),
    Example("WW101", '[[route]] #!\npath = "/x"\naccept = "jwt"\n', '[[route]]\npath = "/x"\naccept = "public"\n'),
    Example("WW102", '[[route]] #!\npath = "/orders"\naccept = "api-key"\n', PLAIN + SCOPED),
    Example(
        "WW102",
        '[[route]] #!\npath = "/orders"\naccept = "api-key"\nmethods = ["GET"]\n',
        PLAIN + SCOPED,
        Severity.NOTE,
    ),
    Example(
        "WW103",
        '[[route]]\npath = "/news"\naccept = "public" #!\n',
        '[[route]]\npath = "/news"\naccept = "public"\nmethods = ["GET", "HEAD"]\n',
    ),
    Example(
        "WW103",
        '[[route]]\npath = "/news"\naccept = "jwt | public" #!\nmethods = ["GET", "POST"]\n',
        '[[route]]\npath = "/news"\naccept = "jwt"\nmethods = ["GET", "POST"]\n',
    ),
    Example(
        "WW104",
        '[[route]]\npath = "/{rest:path}" #!\nmethods = ["GET"]\naccept = "public"\n',
        '[[route]]\npath = "/site/{rest:path}"\nmethods = ["GET"]\naccept = "public"\n',
    ),
    Example("WW107", PLAIN + 'networks = ["10.0.0.0/8", "0.0.0.0/0"] #!\n', PLAIN + 'networks = ["10.0.0.0/8"]\n'),
    Example("WW107", PLAIN + 'networks = ["::/0"] #!\n', PLAIN + 'networks = ["2001:db8::/32"]\n'),
    Example(
        "WW108",
        'issuer = "https://auth.example.com"\n' + PLAIN + 'networks = ["10.0.0.0/8"] #!\n',
        'issuer = "https://auth.example.com"\n[server]\ntrusted_proxies = ["192.0.2.7"]\n'
        + PLAIN
        + 'networks = ["10.0.0.0/8"]\n',
    ),
    Example("WW109", PLAIN + 'factors = ["otp"] #!\n', SESSION + 'factors = ["otp"]\n'),
    Example(
        "WW109",
        '[[route]]\npath = "/"\naccept = "basic"\nfactors = ["pwd", "otp"] #!\n',
        '[[route]]\npath = "/"\naccept = "basic"\nfactors = ["pwd"]\n',
    ),
    Example(
        "WW110",
        SESSION + 'methods = ["GET", "DELETE"] #!\n',
        SESSION + 'methods = ["GET", "DELETE"]\nfactors = ["mfa"]\nwithin = "5m"\n',
    ),
    Example("WW110", SESSION + 'methods = ["DELETE"] #!\n', PLAIN + 'methods = ["DELETE"]\n'),
    Example("WW111", '[[route]]\npath = "/"\naccept = "basic | jwt" #!\n', SESSION),
    Example(
        "WW112",
        '[[route]]\npath = "/"\naccept = "mtls & hmac" #!\n',
        '[[route]]\npath = "/"\naccept = "hmac"\n',
    ),
    Example(
        "WW112",
        '[[route]]\npath = "/"\naccept = "mtls | hmac" #!\n',
        '[[route]]\npath = "/"\naccept = "hmac"\n',
        Severity.NOTE,
    ),
    Example("WW113", PLAIN + 'body = "upstream" #!\n', PLAIN),
    Example("WW114", "", PLAIN, Severity.NOTE),
    Example("WW114", 'issuer = "https://auth.example.com"\n', 'issuer = "https://auth.example.com"\n' + PLAIN),
    Example(
        "WW115",
        '[[route]] #!\npath = "/"\naccept = "oauth2"\n[[resource]]\nuri = "https://api.example/a"\n',
        '[[route]]\npath = "/"\naccept = "oauth2"\nresource = "https://api.example/a"\n'
        '[[resource]]\nuri = "https://api.example/a"\n',
    ),
    Example("WW116", '[[route]]\npath = "/orders/:id" #!\naccept = "jwt"\n', SESSION),
    Example("WW116", '[[route]]\npath = "/files/*" #!\naccept = "jwt"\n', SESSION),
    Example("WW116", '[[route]]\npath = "/orders/<int:id>" #!\naccept = "jwt"\n', SESSION),
    Example("WW116", '[[route]]\npath = "/orders?all" #!\naccept = "jwt"\n', SESSION),
    Example("WW117", PLAIN + 'methods = ["GET", "PSOT"] #!\n', PLAIN + 'methods = ["GET", "PROPFIND", "query"]\n'),
    Example("WW118", PLAIN + 'scopes = ["*"] #!\n', PLAIN + 'scopes = ["orders:read"]\n'),
    Example("WW118", '[accounts]\nscopes = ["orders:*"] #!\n', '[accounts]\nscopes = ["orders:read"]\n'),
    Example("WW118", '[oauth.scopes] #!\nall = "Everything"\n', '[oauth.scopes]\n"orders:read" = "See orders"\n'),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_configuration_breaks_the_rule_and_another_does_not(example: Example, tmp_path: Path) -> None:
    example.check(tmp_path)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("/orders/:id", 'path = "/orders/{id}"'),
        ("/files/*", 'path = "/files/{rest:path}"'),
        ("/a/<int:number>/b", 'path = "/a/{number}/b"'),
        ("/orders?x=1", 'path = "/orders"'),
    ],
)
def test_paths_of_other_tables_are_translated(written: str, meant: str, tmp_path: Path) -> None:
    [found] = Example("WW116", route(written, "jwt") + "").found(tmp_path, bad=True)
    assert found.fix == meant


def test_the_fix_names_a_scope_of_the_place(tmp_path: Path) -> None:
    [found] = Example("WW102", route("/invoices/{id}", "jwt")).found(tmp_path, bad=True)
    assert found.fix == 'scopes = ["invoices:write"]'

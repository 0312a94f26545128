"""The judge: every rule is asked, has its examples, and nothing is found in what is right."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tests.lint.rules as families
from tests.house import CHEAP, house
from tests.lint import test_exceptions
from tests.lint.example import Example, Shelf, record
from watchword.lint import RULES, Severity, examine, lint, unusable
from watchword.model.credential import Kind
from watchword.server.config.file import ConfigError, known_keys
from watchword.server.config.load import load
from watchword.server.config.settings import Settings

SOURCES = re.compile(
    r"mistake: .+|RFC \d{4}( [\d.]+)?|ASVS 5\.0 \d+\.\d+\.\d+|NIST SP 800-\d+\w*(-\d)?( [\w.()-]+)?|CWE-\d+"
    r"|OpenID Connect Core [\d.]+|FAPI 2\.0 Security Profile [\d.]+|WebAuthn Level 3 [\d.]+"
)


def examples() -> list[Example]:
    modules = [
        importlib.import_module(f"{families.__name__}.{each.name}") for each in pkgutil.iter_modules(families.__path__)
    ]
    return [example for module in (*modules, test_exceptions) for example in module.EXAMPLES]


def judged(folder: Path, text: str, **more: Any) -> list[str]:
    path = folder / "watchword.toml"
    path.write_text(text)
    return [each.rule for each in examine(load(path), text, environment={}, **more).findings]


def test_every_rule_has_an_example_that_breaks_it_and_one_that_does_not() -> None:
    counted = Counter(example.rule for example in examples())
    assert sorted(RULES.keys() - counted.keys()) == ["WW001"]  # see below
    assert len(RULES) >= 80


def test_every_rule_says_what_why_and_how() -> None:
    for name, each in RULES.items():
        assert re.fullmatch(r"WW\d{3}", name)
        assert each.title[0].isupper(), name
        assert not each.title.endswith("."), name
        assert each.why.endswith("."), name
        assert each.fix, name
        assert each.sources, name
        assert [source for source in each.sources if not SOURCES.fullmatch(source)] == [], name


def test_families_have_numbers_of_their_own() -> None:
    assert {name[:3] for name in RULES} == {"WW0", "WW1", "WW2", "WW3", "WW4", "WW5", "WW6", "WW7", "WW8", "WW9"}
    assert {name[:3] for name, each in RULES.items() if each.issued} == {"WW8"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        '[[route]]\npath = "/orders/{id}"\nmethods = ["GET"]\naccept = "api-key | jwt"\n'
        'scopes = ["orders:read"]\nlimit = "600/min"\n',
    ],
)
def test_what_is_right_is_left_alone(text: str, tmp_path: Path) -> None:
    path = tmp_path / "watchword.toml"
    path.write_text(text)
    report = examine(load(path), text, environment={"WATCHWORD_ROOT_KEY": "x"})
    assert report.of(Severity.ERROR, Severity.WARNING) == ()


def test_a_server_in_production_can_be_without_any_finding(tmp_path: Path) -> None:
    text = """
issuer = "https://auth.example.com"
[server]
listen = "0.0.0.0:8000"
trusted_proxies = ["10.0.0.7/32"]
[store]
url = "postgresql://ww@db.example.com/ww?sslmode=verify-full"
[root_key]
command = ["vault", "kv", "get", "-field=root_key", "secret/watchword"]
[mfa]
required = "required"
[admin]
networks = ["10.0.0.0/8"]
[alerts]
email = ["ops@example.com"]
[audit.syslog]
address = "tls://logs.example.com:6514"
[[route]]
path = "/orders/{id}"
methods = ["GET"]
accept = "api-key | jwt"
scopes = ["orders:read"]
limit = "600/min"
"""
    assert judged(tmp_path, text) == []


def test_findings_name_the_file_that_the_settings_were_read_from(tmp_path: Path) -> None:
    path = tmp_path / "watchword.toml"
    path.write_text(text := '[tokens]\naccess = "2h"\n')
    found = next(each for each in lint(load(path), text) if each.rule == "WW301")
    assert (found.file, found.line, found.key) == (str(path), 2, "tokens.access")


def test_without_a_file_the_settings_are_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHWORD_TOKENS__ACCESS", "2h")
    monkeypatch.setenv("WATCHWORD_STORE__URL", "memory:")
    places = {each.rule: each.file for each in lint(load(None), "")}
    assert places["WW301"] == "WATCHWORD_TOKENS__ACCESS"
    assert places["WW114"] == "the settings"


def test_with_a_store_what_is_issued_is_judged_too(tmp_path: Path) -> None:
    (tmp_path / "watchword.toml").write_text("")

    async def judge() -> list[str]:
        async with house(password_cost=CHEAP) as opened:
            await opened.issue(Kind.API_KEY)
            settings = load(tmp_path / "watchword.toml")
            return [each.rule for each in await lint(settings, "", store=opened.watchword.store)]

    found = asyncio.run(judge())
    assert "WW801" in found
    assert "WW114" in found


def test_what_is_issued_can_be_allowed(tmp_path: Path) -> None:
    (tmp_path / "watchword.toml").write_text(text := '[lint]\nallow = ["WW801"]\n')
    shelf = Shelf((record(expires_at=None),))
    found = asyncio.run(_awaited(lint(load(tmp_path / "watchword.toml"), text, store=shelf)))
    assert "WW801" not in found
    assert "WW004" not in found
    found = asyncio.run(_awaited(lint(load(tmp_path / "watchword.toml"), text, store=Shelf(()))))
    assert "WW004" in found


async def _awaited(findings: Any) -> list[str]:
    return [each.rule for each in await findings]


def test_ww001_a_configuration_that_cannot_be_used_is_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "watchword.toml"
    path.write_text('[tokens]\nacess = "5m"\n[sessions]\nidle = "never"\n')
    with pytest.raises(ConfigError) as refused:
        load(path)
    first, second = unusable(refused.value).findings
    assert (first.rule, first.severity, first.file, first.line) == ("WW001", Severity.ERROR, str(path), 2)
    assert (first.message, first.fix) == ("tokens.acess: unknown setting", "did you mean access?")
    assert second.line == 4


def test_ww001_where_there_is_no_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path / "nothing.toml")
    [found] = unusable(refused.value).findings
    assert (found.file, found.line) == (str(tmp_path / "nothing.toml"), None)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[server]\nlisten = ""\n', "server.listen"),
        ('[root_key]\nenv = ""\n', "root_key"),
        ('[admin]\naccept = ""\n', "admin.accept"),
        ('[[route]]\npath = "/a"\naccept = ""\n', "route.1.accept"),
    ],
)
def test_ww001_what_only_the_start_would_tell_is_told(text: str, key: str, tmp_path: Path) -> None:
    path = tmp_path / "watchword.toml"
    path.write_text(text)
    [found] = [each for each in examine(load(path), text, environment={}).findings if each.rule == "WW001"]
    assert (found.key, found.line) == (key, text.count("\n") if key != "root_key" else 1)


NEEDED = {
    "route": 'path = "/a"\naccept = "jwt"\n',
    "trusted_issuer": 'url = "https://a"\naudience = "a"\njwks_uri = "https://a/k"\n',
    "introspection": 'endpoint = "https://a/i"\nclient_id = "a"\nclient_secret_env = "S"\n',
    "provider": 'preset = "google"\nclient_id = "a"\n',
    "resource": 'uri = "https://a/b"\n',
}
SOAK = pytest.mark.soak
ODD = ['"http://["', *(pytest.param(odd, marks=SOAK) for odd in ('""', '"\\u0000"', '["["]', "0", "{}", '"*"'))]


@pytest.mark.parametrize("odd", ODD)
def test_no_value_that_can_be_read_breaks_a_rule(odd: str, tmp_path: Path) -> None:
    """Write an odd value for every setting: what the settings take, the rules take."""
    path = tmp_path / "watchword.toml"
    for key in known_keys(Settings):
        path.write_text(text := _table(key) + f"{key[-1]} = {odd}\n")
        try:
            settings = load(path)
        except ValueError:
            continue
        examine(settings, text, environment={})


def _table(key: tuple[str | int, ...]) -> str:
    """Return the header of the table that a key is in, with what must stand there besides."""
    table = ".".join(map(str, key[:-1]))
    needed = NEEDED.get(str(key[0]), "").splitlines() if len(key) > 1 else []
    lines = [line for line in needed if not line.startswith(f"{key[-1]} ")]
    head = f"[[{key[0]}]]" if needed else f"[{table}]" if table else ""
    return "\n".join([head, *lines, f"[{table}]" if needed and len(key) > 2 else ""]) + "\n"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["/", "/a", "/a/{id}", "/a/{id}/b", "/{x}", "/{rest:path}", "/a/{rest:path}"]),
            st.sampled_from(["public", "jwt", "api-key | public", "session & mtls", "jwt via api-key", "basic"]),
            st.lists(st.sampled_from(["GET", "POST", "DELETE", "get", "X"]), max_size=3, unique=True),
        ),
        max_size=6,
    )
)
def test_any_routes_can_be_judged_and_ww105_is_right(routes: list[tuple[str, str, list[str]]]) -> None:
    """Whatever the rule says is public is let in by the table; what it says of others cannot break."""
    from watchword.lint.case import Case

    settings = Settings(
        route=[{"path": path, "accept": accept, "methods": methods} for path, accept, methods in routes]
    )
    case = Case(settings, "", file="f", environment={}, now=0.0)
    for name, each in RULES.items():
        if name[:3] == "WW1":
            for spot in each.check(case):
                assert spot.message
                if name == "WW105":
                    number = spot.key[1]
                    assert isinstance(number, int)
                    assert not case.routes[number].public

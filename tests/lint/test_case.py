"""What rules look at: places, policies, and what the settings come to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from watchword.lint.case import Case, loopback
from watchword.server.config.load import load


def case_of(folder: Path, text: str, environment: Mapping[str, str] | None = None) -> Case:
    path = folder / "watchword.toml"
    path.write_text(text)
    return Case(load(path), text, file="watchword.toml", environment=environment or {}, now=0.0)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost", "LocalHost.", "x.localhost"])
def test_this_machine(host: str) -> None:
    assert loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "10.0.0.1", "localhost.example", "example.com", "127.0.0.1.nip"])  # noqa: S104
def test_other_machines(host: str) -> None:
    assert not loopback(host)


def test_keys_are_found_in_the_text(tmp_path: Path) -> None:
    case = case_of(tmp_path, '[tokens]\naccess = "5m"\n\n[[route]]\npath = "/a"\naccept = "jwt"\n')
    assert case.place_of(("tokens", "access")) == ("watchword.toml", 2)
    assert case.place_of(("tokens", "refresh")) == ("watchword.toml", 1)  # not written: where its table is
    assert case.place_of(("route", 0, "limit")) == ("watchword.toml", 4)
    assert case.place_of(("sessions", "idle")) == ("watchword.toml", None)


@pytest.mark.parametrize(
    ("variable", "key"),
    [
        ("WATCHWORD_TOKENS__ACCESS", ("tokens", "access")),
        ("watchword_tokens__access", ("tokens", "access")),
        ("WATCHWORD_TOKENS", ("tokens", "access")),
        ("WATCHWORD_ROUTE", ("route", 3, "accept")),
    ],
)
def test_a_variable_is_the_place_of_what_it_holds(variable: str, key: tuple[str | int, ...], tmp_path: Path) -> None:
    case = case_of(tmp_path, '[tokens]\naccess = "5m"\n', {variable: "1h"})
    assert case.place_of(key) == (variable, None)
    assert not case.written(key)


def test_the_root_key_is_no_setting(tmp_path: Path) -> None:
    case = case_of(tmp_path, '[root_key]\nenv = "WATCHWORD_ROOT_KEY"\n', {"WATCHWORD_ROOT_KEY": "x"})
    assert case.place_of(("root_key", "env")) == ("watchword.toml", 2)


@pytest.mark.parametrize(
    ("text", "development"),
    [
        ("", True),
        ('issuer = "http://localhost:8000"\n', True),
        ('issuer = "https://auth.example.com"\n', False),
        ('[server]\nlisten = "0.0.0.0:8000"\n', False),
        ('[server]\ntrusted_proxies = ["127.0.0.1/32"]\n', False),
    ],
)
def test_development_stays_on_one_machine(text: str, development: bool, tmp_path: Path) -> None:
    assert case_of(tmp_path, text).development is development


def test_the_database_is_a_file_or_none(tmp_path: Path) -> None:
    assert case_of(tmp_path, "").database == tmp_path / "watchword.db"
    assert case_of(tmp_path, '[store]\nurl = "memory:"\n').database is None
    assert case_of(tmp_path, '[store]\nurl = "sqlite:///:memory:"\n').database is None
    assert case_of(tmp_path, '[store]\nurl = "postgresql://db/ww"\n').database is None


def test_a_command_for_the_stores_url_is_not_run(tmp_path: Path) -> None:
    case = case_of(tmp_path, '[store]\nurl = { command = ["touch", "asked"] }\n')
    assert (case.store_url, case.database) == ("", None)
    assert not (tmp_path / "asked").exists()


def test_a_route_says_what_it_accepts(tmp_path: Path) -> None:
    [place] = case_of(
        tmp_path, '[[route]]\npath = "/a"\nmethods = ["get", "POST"]\naccept = "(jwt | basic) & mtls | public"\n'
    ).routes
    assert place.schemes == {"jwt", "basic", "mtls"}
    assert place.ways == ({"jwt", "mtls"}, {"basic", "mtls"})
    assert (place.public, place.writes, place.methods) == (True, True, {"GET", "POST"})
    assert str(place) == "get POST /a"

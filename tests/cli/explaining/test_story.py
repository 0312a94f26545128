"""Telling an explanation: every part of it has its line, and nothing moves the terminal."""

from __future__ import annotations

from typing import Any

import pytest

from tests.explanation.house import URL, issued, playing, signed
from watchword.app import Watchword
from watchword.cli.explaining.story import story
from watchword.explanation import explain
from watchword.model.credential import Kind
from watchword.model.verdict import Rate
from watchword.routes import Rule

RULES = [
    Rule("/orders/{id}", "hmac | jwt via api-key", ("GET",), ("a",), "9/min", ("127.0.0.0/8",), (), 60.0),
    *(Rule(f"/{name}", "basic") for name in "bcdefg"),
    Rule("/open", "api-key | public"),
]


@pytest.fixture(scope="module")
def told() -> dict[str, str]:
    found: dict[str, str] = {}

    async def work(house: Watchword) -> None:
        key = await issued(house, Kind.HMAC, scopes=("a",))
        limited = await issued(house, Kind.API_KEY, limit=Rate(5, 60))
        cases: dict[str, tuple[str, str, list[tuple[str, str]]]] = {
            "right": ("GET", URL, signed(house, key)),
            "wrong": ("GET", f"{URL}?b=2&a=1", signed(house, key, path="/orders/7?b=2&a=1", query=b"a=1&b=2")),
            "stranger": ("GET", URL, [*signed(house, key)[:2], ("X-Signature", "0" * 64)]),
            "nowhere": ("GET", "http://a.test/none", []),
            "post": ("POST", URL, []),
            "open": ("GET", "http://a.test/open", []),
            "key": ("GET", "http://a.test/open", [("X-API-Key", limited.material["secret"])]),
        }
        for name, (method, url, fields) in cases.items():
            value = (await explain(house, method, url, fields)).value()
            found[name] = "\n".join(story(value))

    playing(RULES, work)
    return found


def test_the_route_and_those_that_are_not_it(told: dict[str, str]) -> None:
    assert "route     ok GET /orders/{id}" in told["right"]
    assert "accepts hmac | jwt via api-key; scopes a; limit 9/min; networks 127.0.0.0/8; within 60 s" in told["right"]
    assert "-- any method /b: it begins with /b" in told["right"]
    assert "3 more that are for other places" in told["right"]
    assert "route     NO none" in told["nowhere"]
    assert "-- GET /orders/{id}: it is for GET" in told["post"]


def test_the_tree_marks_what_decided(told: dict[str, str]) -> None:
    lines = told["right"].splitlines()
    assert "            > either of" in lines
    assert any(
        line.startswith("            >   hmac") and "proved service:billing by hk_live_" in line for line in lines
    )
    assert any(line.strip() == "through an application" for line in lines)


def test_each_step_has_its_cost(told: dict[str, str]) -> None:
    assert told["right"].count(" µs") == 3 + 1 + 3 + 1  # before, policy, after (scopes, freshness, limit), whole
    assert "limit of this credential: 4 left after this one" in told["key"]


def test_a_signature_is_compared(told: dict[str, str]) -> None:
    assert "X-Signature is the signature of exactly that." in told["right"]
    assert "X-Signature fits if the query's parameters are sorted." in told["wrong"]
    lines = told["wrong"].splitlines()
    at = next(number for number, line in enumerate(lines) if "differ first in line 8 (query), column 1" in line)
    assert lines[at + 1].endswith("b=2&a=1⏎⏎" + lines[at + 1].rpartition("⏎")[2])
    assert lines[at + 3].index("^") == lines[at + 1].index("b=2")
    assert "is it the right secret?" in told["stranger"]


def test_what_the_caller_sees_and_what_the_audit_has(told: dict[str, str]) -> None:
    assert 'WWW-Authenticate: Watchword-HMAC-SHA256 realm="api"' in told["stranger"]
    assert '"reference":"0000000000000000"' in told["stranger"]
    assert "the audit has bad_signature" in told["stranger"]
    assert "accepted: anybody: the route is public" in told["open"]


def test_nothing_moves_the_terminal() -> None:
    value: dict[str, Any] = {
        "method": "GET", "url": "http://a/\x1b[2J", "address": "\x1b", "tls": True, "certificate": True, "route": None,
        "routes": [{"path": "/\x1b", "methods": [], "matched": False, "why": "\x1b"}], "decision": "refused",
        "status": 403, "reason": "no_route", "credential": None, "cost": 0.0, "notes": [],
        "response": {"status": 403, "headers": [["a\x1b", "\x1b"]], "body": "\x1b"},
    }  # fmt: skip
    assert "\x1b" not in "\n".join(story(value))

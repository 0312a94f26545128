"""Which rule decides, and why each other one does not: found as the server finds it."""

from __future__ import annotations

import pytest

from watchword.app import Watchword
from watchword.explanation import routing
from watchword.explanation.routing import candidates, rule_of
from watchword.routes import Rule

RULES = [Rule("/a/{id}", "api-key", ("GET",)), Rule("/a/b", "public"), Rule("/{rest:path}", "basic")]


def test_the_rule_is_found_as_the_server_finds_it() -> None:
    house = Watchword("memory:", rules=RULES)
    for method, path, rule in (
        ("GET", "/a/b", RULES[1]),
        ("GET", "/a/7", RULES[0]),
        ("HEAD", "/a/7", RULES[0]),
        ("POST", "/a/7", RULES[2]),
    ):
        assert rule_of(RULES, method, path) is rule, (method, path)
        assert house.route_for(method, path) is not None
        found = candidates(RULES, method, path)
        assert (found[0].rule, found[0].matched) == (rule, True)
        assert [each.matched for each in found[1:]] == [False, False]
        assert all(each.why for each in found[1:])
    assert rule_of(RULES[:2], "GET", "/c") is None
    assert not any(each.matched for each in candidates(RULES[:2], "GET", "/c"))


@pytest.mark.parametrize(
    ("rules", "method", "path", "why"),
    [
        ([Rule("/a/{id}", "basic"), Rule("/a/7", "basic")], "GET", "/a/7", "an exact path goes before it"),
        ([Rule("/a/{x}", "basic"), Rule("/a/{id}", "basic")], "GET", "/a/7", "/a/{x} stands before it"),
        ([Rule("/a", "basic", ("GET", "PUT"))], "POST", "/a", "it is for GET, PUT"),
        ([Rule("/a", "basic", ("GET",))], "get", "/a", "it is for GET; methods are written in capitals"),
        ([Rule("/a", "basic")], "get", "/a", "methods are written in capitals"),
        ([Rule("/a", "basic")], "GET", "/a/", "one of the two ends with /"),
        ([Rule("/a", "basic")], "GET", "/A", "upper and lower case differ"),
        ([Rule("/orders/{id}", "basic")], "GET", "/order/7", "it begins with /orders"),
        ([Rule("/a/x/c", "basic")], "GET", "/a/b/c", "it has 'x' where the request has 'b'"),
        ([Rule("/a/{id}", "basic")], "GET", "/a/b/c", "it has 2 segments, the request 3 segments"),
        ([Rule("/a/{id}", "basic")], "GET", "/a/..", "a path that others tidy up is taken by no parameter"),
        ([Rule("/f/{p:path}", "basic")], "GET", "/f/a//b", "a path that others tidy up is taken by no parameter"),
    ],
)
def test_why_another_rule_does_not_decide(rules: list[Rule], method: str, path: str, why: str) -> None:
    assert why in [each.why for each in candidates(rules, method, path)]


def test_what_fits_but_for_the_method_comes_first() -> None:
    found = candidates([Rule("/b", "basic"), Rule("/a", "basic", ("GET",))], "POST", "/a")
    assert [(each.rule.path, each.near) for each in found] == [("/a", True), ("/b", False)]


def test_head_is_said_to_be_judged_as_get() -> None:
    assert candidates([Rule("/a", "basic", ("GET",))], "HEAD", "/a")[0].why == "HEAD is judged as GET"


def test_a_long_list_of_routes_is_told_without_compiling_each(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = [Rule(f"/place-{number}/{{id}}", "basic") for number in range(300)]
    built: list[int] = []
    real = routing.RouteTable
    monkeypatch.setattr(routing, "RouteTable", lambda found: built.append(1) or real(found))
    assert candidates(rules, "GET", "/place-7/x")[0].matched
    assert len(built) < 10

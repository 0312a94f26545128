"""The table of places: which rule judges a request, and that none is judged by a laxer one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.routes import RouteTable, Rule


def table(*rules: Rule) -> RouteTable:
    """Make a table whose routes are just the policies' texts."""
    routes: list[Any] = [(rule, rule.accept) for rule in rules]
    return RouteTable(routes)


def test_exact_paths_come_before_templates_and_templates_in_order() -> None:
    found = table(
        Rule("/a/{id}", "template"),
        Rule("/a/me", "exact"),
        Rule("/a/{rest:path}", "rest"),
        Rule("/{rest:path}", "all"),
    ).find
    assert found("GET", "/a/me") == "exact"
    assert found("GET", "/a/1") == "template"
    assert found("GET", "/a/1/2") == "rest"
    assert found("GET", "/b") == "all"


def test_a_place_is_named_by_the_rule_that_judges_it() -> None:
    template = table(Rule("/a/{id}", "t"), Rule("/a/me", "exact", methods=("GET",))).template
    assert template("GET", "/a/me") == template("HEAD", "/a/me") == "/a/me"
    assert template("POST", "/a/me") == template("GET", "/a/1") == "/a/{id}"
    assert template("GET", "/b") is None


def test_what_no_rule_names_has_no_route() -> None:
    found = table(Rule("/a", "a", methods=("GET",)), Rule("/b/{id}", "b")).find
    for method, path in (
        ("POST", "/a"),
        ("GET", "/a/"),
        ("GET", "/A"),
        ("GET", "//a"),
        ("GET", "/b/"),
        ("GET", "/b/1/2"),
    ):
        assert found(method, path) is None, path
    for path in ("", "*", "/", "/a?", "/a\n", "/b/1\n/2", "/a%00"):
        assert found("GET", path) is None, path


def test_a_parameter_is_one_segment_that_is_not_empty() -> None:
    found = table(Rule("/a/{x}/c", "r"), Rule("/f.{ext}", "dot")).find
    assert found("GET", "/a/1/c") == "r"
    assert found("GET", "/a//c") is None
    assert found("GET", "/a/1/2/c") is None
    assert found("GET", "/f.txt") == "dot"
    assert found("GET", "/fxtxt") is None


def test_methods_are_told_apart_and_written_in_any_case() -> None:
    found = table(Rule("/a", "read", methods=("get",)), Rule("/a", "write", methods=("POST", "PUT"))).find
    assert (found("GET", "/a"), found("POST", "/a"), found("PUT", "/a")) == ("read", "write", "write")
    assert found("DELETE", "/a") is None
    assert found("get", "/a") is None  # a method's name is case-sensitive (RFC 9110 section 9.1)


def test_the_first_of_two_rules_for_one_place_counts() -> None:
    assert table(Rule("/a", "one"), Rule("/a", "two")).find("GET", "/a") == "one"
    assert table(Rule("/a", "one", methods=("GET",)), Rule("/a", "two", methods=("GET",))).find("GET", "/a") == "one"


def test_head_is_judged_as_get() -> None:
    found = table(Rule("/a", "a", methods=("GET",)), Rule("/b/{id}", "b", methods=("GET",)), Rule("/c", "c")).find
    assert (found("HEAD", "/a"), found("HEAD", "/b/1"), found("HEAD", "/c")) == ("a", "b", "c")
    assert found("HEAD", "/d") is None


@pytest.mark.parametrize("lax", [Rule("/{rest:path}", "public"), Rule("/a", "public")])
def test_head_does_not_slip_past_get_into_a_rule_for_all_methods(lax: Rule) -> None:
    found = table(Rule("/a", "jwt", methods=("GET",)), lax).find
    assert found("GET", "/a") == "jwt"
    assert found("HEAD", "/a") == "jwt"


def test_head_that_is_named_is_judged_by_its_own_rule() -> None:
    found = table(
        Rule("/a", "get", methods=("GET",)),
        Rule("/a", "head", methods=("HEAD",)),
        Rule("/{x}", "t", methods=("HEAD", "GET")),
    ).find
    assert (found("HEAD", "/a"), found("HEAD", "/b")) == ("head", "t")


@given(st.text(st.characters(codec="utf-8"), max_size=30), st.sampled_from(["GET", "HEAD", "POST"]))
def test_any_path_is_found_or_not_but_never_breaks(path: str, method: str) -> None:
    found = table(Rule("/a/{b}/c", "1"), Rule("/{rest:path}", "2", methods=("GET",))).find
    assert found(method, path) in (None, "1", "2")
    assert found("HEAD", path) == found("GET", path)


def test_what_looks_like_a_pattern_is_taken_literally() -> None:
    found = table(Rule("/a.b", "x"), Rule("/(c|d)/{e}", "y"), Rule("/{not a name}", "z")).find
    assert found("GET", "/a.b") == "x"
    assert found("GET", "/aXb") is None
    assert found("GET", "/c/1") is None
    assert found("GET", "/(c|d)/1") == "y"
    assert found("GET", "/anything") is None
    assert found("GET", "/{not a name}") == "z"


@pytest.mark.parametrize(
    "path",
    [
        "/s/x/../private/a",
        "/s/./private/a",
        "/s//private/a",
        "//s/private/a",
        "/s/private/..",
        "/s/\\private/a",
        "/s/a\0b",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_path_that_others_tidy_up_into_another_place_has_no_route(path: str, method: str) -> None:
    found = table(Rule("/s/private/{rest:path}", "api-key"), Rule("/{rest:path}", "public")).find
    assert found(method, "/s/private/a") == "api-key"
    assert found(method, path) is None


@pytest.mark.parametrize("path", ["/s/", "/s/.well-known", "/s/a..b", "/s/...", "/s/a.", "/s/a b;c=1"])
def test_dots_and_slashes_that_mean_themselves_are_no_matter(path: str) -> None:
    assert table(Rule("/{rest:path}", "public")).find("GET", path) == "public"


@pytest.mark.parametrize("method", ["post", "Post", "get", "head", ""])
def test_a_method_in_small_letters_is_not_judged_by_the_rule_for_the_rest(method: str) -> None:
    rules = Rule("/a", "public"), Rule("/a", "api-key", methods=("POST",)), Rule("/b/{id}", "public")
    assert table(*rules).find(method, "/a") is None
    assert table(*rules).find(method, "/b/1") is None
    assert table(*rules).find("M-SEARCH", "/a") == "public"

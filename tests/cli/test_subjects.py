"""``watchword user`` and ``watchword service``."""

from __future__ import annotations

import pytest

from tests.cli.desk import Desk
from watchword.lifecycle.operations.rights import ALL_RIGHTS


def test_users_are_added_listed_disabled_and_enabled(desk: Desk) -> None:
    value = desk.done("user", "add", "Bob", "--json").json
    assert (value["subject"], value["state"], value["credential"]) == ("user:bob", "enabled", None)
    assert [each["subject"] for each in desk.done("user", "list", "--json").lines] == ["user:alice", "user:bob"]
    assert desk.done("user", "disable", "bob", "--json").json["disabled_at"] > 0
    assert desk.done("user", "list", "--json").lines[1]["state"] == "disabled"
    assert desk.done("user", "enable", "user:bob", "--json").json["state"] == "enabled"


def test_services_are_added_listed_disabled_and_enabled(desk: Desk) -> None:
    assert "service:mail" in desk.done("service", "add", "mail").out
    assert "service:mail" in desk.done("service", "list").out
    assert "disabled" in desk.done("service", "disable", "mail").out
    assert "enabled" in desk.done("service", "enable", "mail").out


def test_password_from_stdin_makes_a_password_with_scopes(desk: Desk) -> None:
    words = ("user", "add", "bob", "--password-stdin", "--scope", "orders:read", "--json")
    said = desk.done(*words, stdin="correct horse battery\n")
    assert "correct horse" not in said.out + said.err
    shown = desk.done("show", said.json["credential"], "--json").json
    assert (shown["kind"], shown["subject"], shown["scopes"]) == ("password", "user:bob", ["orders:read"])


@pytest.mark.parametrize(
    ("words", "what", "hint"),
    [
        (("user", "add", "alice"), "user:alice exists already", "choose another"),
        (("user", "add", "service:x"), "service:x is no user", "watchword service"),
        (("user", "add", "a b"), "at position 6 is not a name", "letters"),
        (("user", "add", "bob", "--scope", "a"), "--scope is what a password allows", "--password-stdin"),
        (("user", "disable", "alcie"), "there is no user:alcie", "did you mean user:alice?"),
        (("service", "enable", "biling"), "there is no service:biling", "did you mean service:billing?"),
        (("user", "ad", "bob"), "there is no verb 'ad'", "did you mean `watchword user add`?"),
        (("user",), "say what to do", "add, list, disable, enable"),
        (("user", "add"), "NAME is missing", "such as: watchword user add alice"),
        (("user", "add", "bob", "--password-stdin"), "no password came", "printf"),
        (("user", "add", "bob", "--password"), "no terminal", "standard input"),
    ],
)
def test_mistakes_say_how_to_mend_them(desk: Desk, words: tuple[str, ...], what: str, hint: str) -> None:
    said = desk.wrong(*words)
    assert what in said
    assert hint in said


def test_a_bad_scope_adds_nobody(desk: Desk) -> None:
    desk.wrong("user", "add", "bob", "--password-stdin", "--scope", 'a"', stdin="correct horse\n")
    assert "user:bob" not in desk.done("user", "list").out


def test_an_empty_list_says_what_to_do(desk: Desk) -> None:
    assert desk.done("list", "--kind", "session").err.startswith("no credentials")


def test_an_operator_may_administer_everything_and_then_no_more(desk: Desk) -> None:
    words = ("user", "add", "root", "--password-stdin", "--scope", "orders:read", "--admin", "--json")
    added = desk.done(*words, stdin="gray lamps on a hill\n").json
    held = desk.done("user", "scopes", "root", "--json").json
    assert (held["subject"], held["credential"]) == ("user:root", added["credential"])
    assert set(held["scopes"]) == ALL_RIGHTS | {"orders:read"}
    fewer = desk.done("user", "scopes", "root", "--no-admin", "--add", "orders:write", "--json").json
    assert fewer["scopes"] == ["orders:read", "orders:write"]
    assert "orders:write" in desk.done("user", "scopes", "root", "--remove", "orders:read").out
    assert set(desk.done("user", "scopes", "root", "--admin", "--json").json["scopes"]) == ALL_RIGHTS | {"orders:write"}


@pytest.mark.parametrize(
    ("words", "what", "hint"),
    [
        (("user", "add", "root", "--admin"), "--admin is what a password allows", "--password-stdin"),
        (("user", "scopes", "alice"), "user:alice has no password", "watchword issue password"),
        (("user", "scopes", "alcie"), "there is no user:alcie", "did you mean user:alice?"),
        (("user", "scopes", "alice", "--add", 'a"'), "--add: bad character", "orders:read"),
    ],
)
def test_mistakes_about_scopes_say_how_to_mend_them(desk: Desk, words: tuple[str, ...], what: str, hint: str) -> None:
    said = desk.wrong(*words)
    assert what in said
    assert hint in said

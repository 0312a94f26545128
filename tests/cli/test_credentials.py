"""``watchword list``, ``show``, ``rotate`` and ``revoke``: the same for every kind."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable

import pytest

from tests.cli.desk import Desk
from tests.house import bearing
from watchword import Deny, Principal, Watchword
from watchword.cli.plumbing.house import run
from watchword.cli.plumbing.shell import Asked
from watchword.lifecycle.tokens import Terms


def test_list_filters_by_kind_subject_and_state(desk: Desk) -> None:
    key = desk.issued("api-key", "service:billing")["id"]
    desk.issued("hmac", "user:alice")
    desk.done("revoke", key, "--reason", "test")
    ids = [each["id"] for each in desk.done("list", "--kind", "api-key", "--json").lines]
    assert ids == [key]
    assert [each["id"] for each in desk.done("list", "--state", "revoked", "--json").lines] == [key]
    assert {each["subject"] for each in desk.done("list", "--subject", "user:alice", "--json").lines} == {"user:alice"}


def test_list_stops_at_its_limit_and_says_so(desk: Desk) -> None:
    for _ in range(3):
        desk.issued("api-key", "service:billing")
    said = desk.done("list", "--kind", "api-key", "--limit", "2")
    assert said.out.count("key_") == 2
    assert "more than 2" in said.err
    assert "more" not in desk.done("list", "--kind", "api-key", "--limit", "3").err


def test_show_spells_times_and_leaves_out_what_is_empty(desk: Desk) -> None:
    id = desk.issued("api-key", "service:billing", "--expires", "1d")["id"]
    out = desk.done("show", id).out
    assert "expires at" in out
    assert "T" in out
    assert "revoked" not in out
    assert isinstance(desk.done("show", id, "--json").json["expires_at"], int)


def test_rotate_prints_the_new_material_and_keeps_both_valid(desk: Desk) -> None:
    old = desk.issued("api-key", "service:billing", "--scope", "a")
    new = desk.done("rotate", old["id"], "--overlap", "1h", "--json").json
    assert new["secret"].startswith("ak_live_")
    assert new["secret"] != old["secret"]
    assert (new["replaces"], new["scopes"]) == (old["id"], ["a"])
    assert desk.done("show", old["id"], "--json").json["state"] == "retiring"
    assert desk.done("show", old["id"], "--json").json["retire_at"] == new["overlap_ends_at"]
    assert "its successor is" in desk.wrong("rotate", old["id"])


def test_rotate_without_overlap_ends_the_old_one_at_once(desk: Desk) -> None:
    old = desk.issued("hmac", "service:billing")
    desk.done("rotate", old["id"], "--overlap", "0")
    assert desk.done("show", old["id"], "--json").json["state"] == "retired"


def test_rotate_a_certificate_into_files(desk: Desk) -> None:
    old = desk.issued("client-cert", "service:billing")
    desk.done("rotate", old["id"], "--out", "new")
    assert (desk.folder / "new" / "key.pem").stat().st_mode & 0o777 == 0o600
    key = desk.issued("api-key", "service:billing")["id"]
    assert "--out is for client-cert" in desk.wrong("rotate", key, "--out", "more")


def test_rotate_a_password_from_stdin(desk: Desk) -> None:
    old = desk.issued("password", "user:alice")
    said = desk.done("rotate", old["id"], "--password-stdin", "--json", stdin="another horse entirely\n")
    assert "another horse" not in said.out
    assert said.json["replaces"] == old["id"]


def test_rotate_signing_key_leaves_one_active(desk: Desk) -> None:
    new = desk.done("rotate", "signing-key", "--json").json
    assert new["kind"] == "signing-key"
    states = {each["id"]: each["state"] for each in desk.done("list", "--kind", "signing-key", "--json").lines}
    assert states[new["id"]] == "active"
    assert states[new["replaces"]] == "retiring"
    assert desk.done("rotate", "signing-key", "--json").json["replaces"] == new["id"]


def test_revoke_keeps_who_and_why_and_may_be_said_twice(desk: Desk) -> None:
    id = desk.issued("api-key", "service:billing")["id"]
    value = desk.done("revoke", id, "--reason", "left the team", "--json").json
    assert (value["state"], value["revoke_reason"]) == ("revoked", "left the team")
    assert value["revoked_by"].startswith("cli:")
    again = desk.done("revoke", id, "--reason", "other", "--json").json
    assert again["revoke_reason"] == "left the team"
    assert "issue a new one" in desk.wrong("rotate", id)


@pytest.mark.parametrize(
    ("words", "what", "hint"),
    [
        (("list", "--kind", "sesion"), "no kind 'sesion'", "did you mean session?"),
        (("list", "--state", "activ"), "no state 'activ'", "did you mean active?"),
        (("list", "--subject", "user:alcie"), "there is no user:alcie", "did you mean user:alice?"),
        (("list", "--limit", "0"), "--limit: it should be greater than or equal to 1", ""),
        (("list", "--limit", "x"), "--limit: a whole number is needed", ""),
        (("show", "key_nothing"), "there is no credential 'key_nothing'", ""),
        (("rotate", "signing-kye"), "there is no credential 'signing-kye'", "did you mean signing-key?"),
        (("revoke", "key_x"), "--reason is missing", "such as: watchword revoke"),
        (("revoke", "key_x", "--reason", " "), "--reason is empty", "say why"),
        (("rotate", "signing-key", "--overlap", "1y"), "--overlap", "units are"),
        (("revoke", "signing-key", "--reason", "x"), "is a kind, not an id", "--kind signing-key"),
        (("list", "more"), "no kind 'more'", "one of: api-key"),
        (("list", "ca", "more"), "unexpected extra argument", "--help"),
        (("list", "ca", "--kind", "ca"), "named twice", "watchword list ca"),
        (("revoke", "--reason", "x"), "say one thing to revoke", "--subject"),
        (("revoke", "key_x", "--subject", "user:alice", "--reason", "x"), "say one thing to revoke", "--subject"),
        (("revoke", "--subject", "user:alcie", "--reason", "x"), "there is no user:alcie", "did you mean user:alice?"),
        (("revoke", "--token", "abc", "--reason", "x"), "neither a token nor a jti", "jti_"),
        (
            ("revoke", "--token", "eyJhbGciOiJub25lIn0.e30.", "--reason", "x"),
            "no access token of ours",
            "nothing accepts it",
        ),
    ],
)
def test_mistakes_say_how_to_mend_them(desk: Desk, words: tuple[str, ...], what: str, hint: str) -> None:
    said = desk.wrong(*words)
    assert what in said
    assert hint in said


@pytest.mark.parametrize("verb", [("show",), ("rotate",), ("revoke", "--reason", "x")])
def test_a_mistyped_id_names_the_nearest(desk: Desk, verb: tuple[str, ...]) -> None:
    id = desk.issued("api-key", "service:billing")["id"]
    name, *more = verb
    assert f"did you mean {id}?" in desk.wrong(name, id[:-2], *more)


def test_a_secret_typed_for_an_id_is_not_repeated(desk: Desk) -> None:
    value = desk.issued("api-key", "service:billing")
    said = desk.wrong("revoke", value["secret"], "--reason", "x")
    assert value["secret"] not in said
    assert f"its id is {value['id']}" in said


def _given(desk: Desk, work: Callable[[Watchword], Awaitable[str]]) -> str:
    return run(Asked(desk.folder / "watchword.toml"), work)


def _refusal(desk: Desk, token: str) -> str:
    async def work(house: Watchword) -> str:
        decision = await house.gate.decide(bearing(b"Bearer " + token.encode()), house.route("jwt | oauth2"))
        return decision.rejection.reason.code if isinstance(decision, Deny) else ""

    return _given(desk, work)


def _persons_token(desk: Desk) -> str:
    async def work(house: Watchword) -> str:
        who = Principal("user:alice", "basic", "pwd_x", frozenset(), ("pwd",), 1)
        return house.tokens.for_family((await house.families.start(who, by="test")).family).text

    return _given(desk, work)


def test_revoke_one_token_and_no_other(desk: Desk) -> None:
    one, two = _persons_token(desk), _persons_token(desk)
    said = desk.done("revoke", "--token", "-", "--reason", "leaked", "--json", stdin=one + "\n")
    assert said.json["subject"] == "user:alice"
    assert (_refusal(desk, one), _refusal(desk, two)) == ("revoked", "")
    jti = json.loads(base64.urlsafe_b64decode(two.split(".")[1] + "=="))["jti"]
    desk.done("revoke", "--token", jti, "--reason", "leaked")
    assert _refusal(desk, two) == "revoked"
    assert one not in desk.done("audit").out


def test_revoke_whatever_a_person_was_given(desk: Desk) -> None:
    token = _persons_token(desk)
    said = desk.done("revoke", "--subject", "user:alice", "--reason", "lost laptop")
    assert "logged out everywhere" in said.out
    assert _refusal(desk, token) == "revoked"
    states = [each["state"] for each in desk.done("list", "refresh", "--json").lines]
    assert states == ["revoked"]
    assert _refusal(desk, _persons_token(desk)) == ""  # logged in again within the same second


def test_revoke_what_a_client_was_given(desk: Desk) -> None:
    client = desk.issued("oauth-client", "service:billing")["client_id"]

    async def work(house: Watchword) -> str:
        return (await house.tokens.for_client(await house.lifecycle.show(client), Terms(frozenset()))).text

    token = _given(desk, work)
    assert _refusal(desk, token) == ""
    assert desk.done("revoke", "--client", client, "--reason", "test", "--json").json == {"client_id": client}
    assert _refusal(desk, token) == "revoked"
    assert desk.done("show", client, "--json").json["state"] == "active"
    key = desk.issued("api-key", "service:billing")["id"]
    assert "is no OAuth client" in desk.wrong("revoke", "--client", key, "--reason", "x")


def test_a_revoked_signing_key_is_replaced_and_all_it_signed_is_void(desk: Desk) -> None:
    token = _persons_token(desk)
    used = next(each for each in desk.done("list", "signing-key", "--json").lines if each["state"] == "active")
    desk.done("revoke", used["id"], "--reason", "stolen")
    assert _refusal(desk, token) == "unknown_key"
    states = [each["state"] for each in desk.done("list", "signing-key", "--json").lines]
    assert sorted(states) == ["active", "revoked"]
    assert _refusal(desk, _persons_token(desk)) == ""
    assert "is not the key in use" in desk.wrong("rotate", used["id"])

"""``watchword leaked``: whose, what it did, revoked; and a successor, once."""

from __future__ import annotations

import json

import pytest

from tests.cli.desk import Desk
from tests.cli.test_usage import counted
from watchword.cli.leaks import leaked
from watchword.codec.secrets import new_secret


def test_a_secret_from_standard_input(desk: Desk) -> None:
    issued = desk.issued("api-key", "service:billing")
    counted(desk, issued["id"], decisions=7)
    said = desk.done("leaked", "-", stdin=issued["secret"] + "\n")
    assert f"{issued['id']} is revoked as leaked" in said.out
    assert "service:billing" in said.out
    assert "7 accepted" in said.out
    assert "192.0.2.0/24" in said.out
    assert issued["secret"] not in said.out + said.err
    assert desk.done("show", issued["id"], "--json").json["state"] == "leaked"


def test_json_with_a_successor(desk: Desk) -> None:
    issued = desk.issued("hmac", "service:billing")
    value = desk.done("leaked", issued["key_id"], "--reissue", "--where", "a gist", "--json").json
    assert (value["id"], value["before"], value["revoked"], value["kind"]) == (issued["id"], "active", True, "hmac")
    assert value["usage"]["accepted"] == 0
    assert value["successor"]["secret"].startswith("hs_live_")
    assert desk.done("show", value["successor"]["id"], "--json").json["state"] == "active"
    assert desk.done("show", issued["id"], "--json").json["revoke_reason"] == "leaked: found in a gist"
    again = desk.run("leaked", issued["secret"], "--reissue")
    assert again.code == 0
    assert "no successor" in again.err
    assert "history has it" in again.err


def test_a_successor_for_people(desk: Desk) -> None:
    issued = desk.issued("api-key", "service:billing")
    said = desk.done("leaked", issued["id"], "--reissue")
    assert "takes its place" in said.out
    assert said.out.count("ak_live_") == 1


def test_a_private_key_is_enough(desk: Desk) -> None:
    issued = desk.issued("client-cert", "service:billing")
    value = desk.done("leaked", "-", "--json", stdin=issued["private_key"]).json
    assert (value["id"], value["kind"]) == (issued["id"], "client-cert")
    assert desk.done("show", issued["id"], "--json").json["state"] == "leaked"


def test_an_oauth_clients_secret_without_its_id(desk: Desk) -> None:
    issued = desk.issued("oauth-client", "service:billing", "--grant", "client_credentials")
    value = desk.done("leaked", "-", "--json", stdin=issued["client_secret"]).json
    assert value["id"] == issued["client_id"]


def test_a_list_names_every_owner(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [desk.issued("api-key", subject) for subject in ("service:billing", "service:billing", "user:alice")]
    given = "\n".join([*(key["secret"] for key in keys), keys[0]["secret"], new_secret("ak_live_")])
    monkeypatch.setattr(leaked, "_CHUNK", 3)
    said = desk.run("leaked", "-", stdin=given)
    assert said.code == 1
    assert "3 of 4 are answered" in said.err
    assert "3 of 4 are known, 3 could be used until now; they are 2 subjects'" in said.err
    assert all(key["secret"] not in said.out for key in keys)
    lines = [json.loads(line) for line in desk.run("leaked", "-", "--json", stdin=given).out.splitlines()]
    assert [line.get("subject") for line in lines] == ["service:billing", "service:billing", "user:alice", None]
    assert {desk.done("show", key["id"], "--json").json["state"] for key in keys} == {"leaked"}


@pytest.mark.parametrize("what", [new_secret("ak_live_"), "key_nothing", "user:alice", "x"])
def test_what_is_nobodys_is_said(desk: Desk, what: str) -> None:
    said = desk.run("leaked", what)
    assert (said.code, said.out) == (1, "")
    assert "nobody's here" in said.err
    assert what not in said.err


def test_wrong_usage(desk: Desk) -> None:
    assert "nothing came" in desk.wrong("leaked", "-", stdin=" \n")
    assert "one secret at a time" in desk.wrong("leaked", "-", "--reissue", stdin="a\nb\n")


def test_the_root_key_is_said(desk: Desk) -> None:
    key = (desk.folder / ".env").read_text().partition("=")[2].strip()
    said = desk.done("leaked", "-", stdin=key)
    assert "rotate root-key" in said.err
    listed = desk.run("leaked", "-", stdin=f"{key}\nnobodys\n")
    assert "rotate root-key" in listed.err
    assert key not in said.out + said.err + listed.out + listed.err

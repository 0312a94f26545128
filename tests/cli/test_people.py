"""``watchword user invite``, ``reset-password``, ``address``, ``export``, ``delete``."""

from __future__ import annotations

import json
import re

import pytest

from tests.cli.desk import Desk

SIGN_UP = '\n[accounts]\nsign_up = "invitation"\n'


def _open(desk: Desk, more: str = "") -> None:
    config = desk.folder / "watchword.toml"
    config.write_text(config.read_text() + SIGN_UP + more)


def test_an_invitation_is_a_link_to_the_issuer(desk: Desk) -> None:
    _open(desk)
    said = desk.done("user", "invite", "Bob@Example.com", "--scope", "orders:read", "--json")
    assert said.json["address"] == "Bob@example.com"
    assert re.fullmatch(r"http://127\.0\.0\.1:8000/invitation\?token=lk_\w{36}", said.json["link"])
    shown = desk.done("user", "invite", "bob@example.com")
    assert "/invitation?token=lk_" in shown.out
    assert "once" in shown.err


def test_invitations_need_a_house_where_people_can_sign_up(desk: Desk) -> None:
    assert "sign_up" in desk.wrong("user", "invite", "bob@example.com")
    _open(desk)
    assert "not an email address" in desk.wrong("user", "invite", "bob")
    desk.done("user", "address", "alice", "alice@example.com")
    assert "user:alice" in desk.wrong("user", "invite", "ALICE@example.com")


def test_a_reset_link_is_printed_for_the_operator(desk: Desk) -> None:
    said = desk.done("user", "reset-password", "alice", "--json").json
    assert said["subject"] == "user:alice"
    assert "/reset/new?token=lk_" in said["link"]
    assert "there is no user:nobody" in desk.wrong("user", "reset-password", "nobody")
    desk.done("user", "disable", "alice")
    assert "disabled" in desk.wrong("user", "reset-password", "alice")


def test_a_mail_server_that_is_away_is_said(desk: Desk) -> None:
    mail = '[mail]\nserver = "127.0.0.1:9"\nencryption = "none"\nsender = "a@example.com"\ntimeout = "1s"\n'
    _open(desk, mail)
    said = desk.wrong("user", "invite", "bob@example.com")
    assert "could not be sent" in said
    assert "lk_" not in said
    assert "link" in desk.done("user", "invite", "bob@example.com", "--print", "--json").json


def test_everything_held_is_exported_but_no_secret(desk: Desk) -> None:
    desk.done("user", "address", "alice", "alice@example.com")
    key = desk.issued("api-key", "user:alice")
    said = desk.done("user", "export", "alice")
    value = json.loads(said.out)
    assert value["subject"] == "user:alice"
    assert {"email", "api-key"} <= {each["kind"] for each in value["credentials"]}
    assert "alice@example.com" in said.out
    assert key["secret"] not in said.out
    assert "issue" in {each["action"] for each in value["events"]}
    assert desk.done("user", "export", "alice", "--json").json["subject"] == "user:alice"


def test_deletion_asks_and_is_for_good(desk: Desk) -> None:
    key = desk.issued("api-key", "user:alice")
    assert "--yes" in desk.wrong("user", "delete", "alice")
    assert desk.done("user", "delete", "alice", "--yes", "--json").json["subject"] == "user:alice"
    assert "revoked" in desk.done("show", key["id"]).out
    assert "exists" in desk.wrong("user", "add", "alice")
    assert "alice@" not in desk.done("user", "export", "alice").out


@pytest.mark.parametrize("bad", ["a\r\nBcc: b@example.com", "a b@example.com", "<a@example.com>"])
def test_header_injection_an_address_is_one_address(desk: Desk, bad: str) -> None:
    _open(desk)
    assert "not an email address" in desk.wrong("user", "invite", bad)

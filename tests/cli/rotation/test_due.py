"""``watchword rotate --due``: lists, replaces, hands each secret over once, and leaves people their passwords."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import time
from types import SimpleNamespace

import pytest

from tests.cli.desk import Desk, desk, fresh_desk

__all__ = ["desk", "fresh_desk"]


def settled(desk: Desk, lines: str) -> None:
    config = desk.folder / "watchword.toml"
    config.write_text(config.read_text() + f"\n[rotation]\n{lines}\n")


def aged(desk: Desk) -> None:
    """Let a hundred days pass for whatever was issued."""
    with sqlite3.connect(desk.folder / "watchword.db") as database:
        database.execute("UPDATE credential SET created_at = created_at - 8640000")


def test_nothing_is_due(desk: Desk) -> None:
    desk.issued("api-key", "service:billing")
    for words in (("--due",), ("--due", "--dry-run")):
        said = desk.done("rotate", *words)
        assert (said.out, said.err.strip()) == ("", "nothing is due")


def test_what_is_due_is_listed_first(desk: Desk) -> None:
    key = desk.issued("api-key", "service:billing", "--expires", "10d")
    later = desk.issued("hmac", "service:billing", "--expires", "20d")
    aged(desk)
    said = desk.run("rotate", "--due", "--dry-run")
    assert said.code == 1
    assert key["id"] in said.out
    assert "rotate --due" in said.out
    assert later["id"] not in said.out
    found = desk.run("rotate", "--due", "--dry-run", "--within", "7d", "--json")
    assert [(each["id"], each["kind"], each["automatic"]) for each in found.lines] == [
        (key["id"], "api-key", True),
        (later["id"], "hmac", True),
    ]
    assert desk.done("show", key["id"], "--json").json["state"] == "active"


def test_each_successor_is_printed_once(desk: Desk) -> None:
    old = [desk.issued(kind, "service:billing", "--expires", "10d") for kind in ("api-key", "hmac", "client-cert")]
    aged(desk)
    said = desk.done("rotate", "--due", "--json")
    assert {each["replaces"] for each in said.lines} == {each["id"] for each in old}
    for each in said.lines:
        assert each["rotated"] is True
        assert each.get("secret") or each.get("private_key")
        assert abs(each["overlap_ends_at"] - time.time() - 7 * 86400) < 60
    assert desk.done("rotate", "--due", "--json").out == ""


def test_successors_go_into_files_for_their_owner_alone(desk: Desk) -> None:
    settled(desk, 'oauth_client = "90d"\napi_key = "90d"')
    client = desk.issued("oauth-client", "service:billing", "--grant", "client_credentials")
    key = desk.issued("api-key", "service:billing", "--scope", "orders:read")
    aged(desk)
    said = desk.done("rotate", "--due", "--out", "new", "--overlap", "1h")
    assert said.out == ""
    assert "rotated: 2" in said.err
    assert "_live_" not in said.err
    assert stat.S_IMODE((desk.folder / "new").stat().st_mode) == 0o700
    files = {
        each["replaces"]: each for path in (desk.folder / "new").iterdir() for each in [json.loads(path.read_text())]
    }
    assert {stat.S_IMODE(path.stat().st_mode) for path in (desk.folder / "new").iterdir()} == {0o600}
    assert files[client["id"]]["client_secret"].startswith("cs_live_")
    assert files[client["id"]]["client_id"] == client["client_id"]
    assert files[key["id"]]["secret"].startswith("ak_live_")
    assert files[key["id"]]["scopes"] == ["orders:read"]


def test_passwords_of_people_are_named_and_left(desk: Desk) -> None:
    settled(desk, 'password = "90d"')
    made = desk.issued("password", "user:alice")
    aged(desk)
    said = desk.run("rotate", "--due")
    assert (said.code, said.out) == (1, "")
    assert f"{made['id']} (password of user:alice): a person has to do it" in said.err
    (line,) = desk.run("rotate", "--due", "--json").lines
    assert (line["id"], line["rotated"], line["problem"]) == (made["id"], False, "a person has to do it")
    assert "a person" in desk.run("rotate", "--due", "--dry-run").out


def test_a_folder_that_cannot_be_written_stops_it_before_anything_is_rotated(desk: Desk) -> None:
    key = desk.issued("api-key", "service:billing", "--expires", "10d")
    (desk.folder / "file").write_text("")
    assert "--out" in desk.wrong("rotate", "--due", "--out", "file")
    assert desk.done("show", key["id"], "--json").json["state"] == "active"


def test_what_no_file_takes_is_printed_and_not_lost(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    settled(desk, 'api_key = "90d"')
    desk.issued("api-key", "service:billing")
    aged(desk)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("watchword.cli.rotation.due.os", SimpleNamespace(**{**vars(os), "fsync": full}))
    said = desk.done("rotate", "--due", "--out", "new", "--json")
    assert said.json["secret"].startswith("ak_live_")
    assert "cannot be written (No space left on device), so it is printed" in said.err
    assert list((desk.folder / "new").iterdir()) == []

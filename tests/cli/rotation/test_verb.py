"""``watchword rotate``: one of any kind, with what is known of the one before."""

from __future__ import annotations

import sqlite3
import time
from typing import Final

from tests.cli.desk import Desk, desk, fresh_desk

__all__ = ["desk", "fresh_desk"]


def used(desk: Desk, id: str, at: int) -> None:
    """Say that a credential was last used at ``at``, as a server does."""
    with sqlite3.connect(desk.folder / "watchword.db") as database:
        database.execute("UPDATE credential SET last_used_at = ? WHERE id = ?", (at, id))


def test_it_says_when_the_old_one_was_last_used(desk: Desk) -> None:
    old = desk.issued("api-key", "service:billing")
    said = desk.done("rotate", old["id"])
    assert "Nobody has used it yet; `watchword show" in said.err
    second = desk.issued("api-key", "service:billing")
    used(desk, second["id"], 1_700_000_000)
    said = desk.done("rotate", second["id"])
    assert "It was last used 2023-11-14T22:13:20Z" in said.err


def test_a_client_is_named_once(desk: Desk) -> None:
    client = desk.issued("oauth-client", "service:billing")
    said = desk.done("rotate", client["id"])
    assert said.out.count("client id ") == 1
    assert said.out.count(client["id"]) == 2  # its name, and what was replaced


def test_show_and_list_say_whether_it_is_safe_to_retire(desk: Desk) -> None:
    old = desk.issued("api-key", "service:billing")
    assert "retirement" not in desk.done("show", old["id"], "--json").json
    desk.done("rotate", old["id"], "--overlap", "7d")
    assert "yes: it was never used" in desk.done("show", old["id"]).out
    assert "retiring: safe" in desk.done("list").out
    used(desk, old["id"], int(time.time()) + 60)
    said = desk.done("show", old["id"]).out
    assert "no: it was last used" in said
    assert "somebody still has it" in said
    assert "retiring: needed" in desk.done("list").out
    (row,) = [each for each in desk.done("list", "--json").lines if each["id"] == old["id"]]
    assert row["retirement"]["safe"] is False
    assert desk.done("show", old["id"], "--json").json["retirement"]["networks"] == []


def test_the_ca_is_replaced_and_what_it_issued_counts(desk: Desk) -> None:
    before = desk.issued("client-cert", "service:billing")
    new = desk.done("rotate", "ca", "--json").json
    assert new["kind"] == "ca"
    assert new["certificate"].startswith("-----BEGIN CERTIFICATE-----")
    assert "private_key" not in new
    assert new["overlap_ends_at"] >= before["expires_at"]
    assert "no: of what it issued still hold: 1" in desk.done("show", new["replaces"]).out
    assert [each["state"] for each in desk.done("list", "ca", "--json").lines].count("retiring") == 1


def test_certificates_that_end_early_are_counted(desk: Desk) -> None:
    desk.issued("client-cert", "service:billing")
    said = desk.done("rotate", "ca", "--overlap", "1d")
    assert "Certificates that would have outlasted it: 1" in said.err
    assert "being replaced" in desk.wrong("issue", "client-cert", "--for", "service:billing")


MISTAKES: Final[list[tuple[tuple[str, ...], str]]] = [
    ((), "say what to rotate"),
    (("key_1", "--due"), "say what to rotate"),
    (("key_1", "--dry-run"), "--within and --dry-run are for --due"),
    (("key_1", "--within", "1d"), "--within and --dry-run are for --due"),
    (("key_1", "--drop"), "are for root-key"),
    (("--due", "--prepare"), "are for root-key"),
    (("root-key", "--overlap", "1d"), "the root key takes no --overlap"),
    (("root-key", "--out", "x"), "the root key takes no --overlap"),
    (("key_1", "--overlap", "soon"), "--overlap"),
]


def test_mistakes_say_how_to_mend_them(desk: Desk) -> None:
    for words, said in MISTAKES:
        assert said in desk.wrong("rotate", *words), words

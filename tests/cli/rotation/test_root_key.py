"""``watchword rotate root-key``: from the new key in the file to the old one taken out of it."""

from __future__ import annotations

import re
import sqlite3
import stat
import time
from pathlib import Path

import pytest

from tests.cli.desk import Desk, desk, fresh_desk
from watchword.cli.rotation import root_key as turning
from watchword.codec.secrets import Sealer, new_root_key
from watchword.server.config.sources import Source
from watchword.server.config.writing import alone_with

__all__ = ["desk", "fresh_desk"]


@pytest.fixture(autouse=True)
def _no_root_key_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHWORD_ROOT_KEY", raising=False)


def given(desk: Desk) -> list[str]:
    text = (desk.folder / ".env").read_text()
    (value,) = re.findall(r"(?m)^WATCHWORD_ROOT_KEY=(\S+)$", text)
    return str(value).split(",")


def ids(desk: Desk) -> list[str]:
    return [Sealer(each).key_id for each in given(desk)]


def sealed_by(desk: Desk) -> set[str]:
    with sqlite3.connect(desk.folder / "watchword.db") as database:
        kinds = "('hmac', 'signing-key', 'ca', 'totp')"
        rows = database.execute(f"SELECT secret FROM credential WHERE kind IN {kinds}").fetchall()  # noqa: S608
    return {row[0][1:5].hex() for row in rows}


def passed(desk: Desk) -> None:
    """Let the time pass in which links in mails need the old key."""
    with sqlite3.connect(desk.folder / "watchword.db") as database:
        database.execute(
            "UPDATE subject SET detail = replace(detail, ?, ?) WHERE name = 'service:watchword'",
            (str(_droppable(database)), str(int(time.time()) - 1)),
        )


def _droppable(database: sqlite3.Connection) -> int:
    (detail,) = database.execute("SELECT detail FROM subject WHERE name = 'service:watchword'").fetchone()
    found = re.search(r'"before":\s*\{"[0-9a-f]{8}":\s*(\d+)\}', detail)
    assert found is not None
    return int(found[1])


def test_from_the_first_to_the_last_step(desk: Desk) -> None:
    desk.issued("hmac", "service:billing")
    (old,) = ids(desk)
    said = desk.done("rotate", "root-key", "--json").json
    new, kept = ids(desk)
    assert kept == old
    assert (said["root_key"], said["state"], said["sealed_again"], said["lost"]) == (new, "done", 3, [])
    assert set(said["droppable_at"]) == {old}
    assert said["droppable_at"][old] > time.time() + 7 * 86400
    assert sealed_by(desk) == {new}
    assert stat.S_IMODE((desk.folder / ".env").stat().st_mode) == 0o600
    assert "links in mails need it until" in desk.wrong("rotate", "root-key", "--drop")
    passed(desk)
    dropped = desk.done("rotate", "root-key", "--drop", "--json").json
    assert dropped == {"root_key": new, "dropped": [old]}
    assert ids(desk) == [new]
    assert "has one root key alone" in desk.wrong("rotate", "root-key", "--drop")


def test_run_again_it_makes_no_other_key_and_seals_what_is_left(desk: Desk) -> None:
    desk.done("rotate", "root-key")
    env = (desk.folder / ".env").read_text()
    said = desk.done("rotate", "root-key")
    assert "0 of 2 secrets" in said.out
    assert "--drop" in said.err
    assert (desk.folder / ".env").read_text() == env
    assert "No other key was made" in said.err
    desk.done("rotate", "root-key", "--again")
    assert len(given(desk)) == 3
    assert sealed_by(desk) == {ids(desk)[0]}
    desk.done("rotate", "root-key")  # which is none of those that there were
    assert sealed_by(desk) == {ids(desk)[0]}


def test_prepared_first_and_taken_up_when_every_node_has_it(desk: Desk) -> None:
    (old,) = ids(desk)
    said = desk.done("rotate", "root-key", "--prepare", "--json").json
    assert said == {"root_key": ids(desk)[0], "state": "prepared"}
    desk.issued("hmac", "service:billing")
    assert sealed_by(desk) == {old}
    assert desk.done("rotate", "root-key", "--prepare", "--json").json == said
    assert "is not finished" in desk.wrong("rotate", "root-key", "--drop")
    assert desk.done("rotate", "root-key", "--json").json["root_key"] == said["root_key"]
    assert sealed_by(desk) == {said["root_key"]}


def test_where_it_cannot_be_written_it_is_printed_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    (old,) = given(desk)
    monkeypatch.setenv("WATCHWORD_ROOT_KEY", old)
    said = desk.done("rotate", "root-key", "--json")
    assert said.json["state"] == "to be given"
    assert "cannot be written to env 'WATCHWORD_ROOT_KEY'" in said.err
    assert old not in said.out + said.err
    assert given(desk) == [old]
    monkeypatch.setenv("WATCHWORD_ROOT_KEY", f"{said.json['secret']},{old}")
    done = desk.done("rotate", "root-key", "--json").json
    assert (done["root_key"], done["state"]) == (said.json["root_key"], "done")
    monkeypatch.delenv("WATCHWORD_ROOT_KEY")
    (desk.folder / "root").write_text(said.json["secret"])
    config = desk.folder / "watchword.toml"
    config.write_text(re.sub(r'(?m)^env = "WATCHWORD_ROOT_KEY".*$', 'file = "root"', config.read_text()))
    desk.done("rotate", "root-key", "--prepare")  # a file holds them, too
    assert (desk.folder / "root").read_text().split(",")[1].strip() == said.json["secret"]


def test_two_at_once_do_not_lose_each_others_keys(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    before = given(desk)
    with alone_with(Source("env", "WATCHWORD_ROOT_KEY"), desk.folder):
        assert "another process is changing env 'WATCHWORD_ROOT_KEY'" in desk.wrong("rotate", "root-key")
        assert given(desk) == before
    env = desk.folder / ".env"
    whole = env.read_text()

    def taken_away(*_: object) -> str:
        env.write_text(whole)  # as by an editor that knew nothing of the new key
        return str(Sealer(new_root_key()).key_id)

    monkeypatch.setattr(turning._Turn, "_make", taken_away)
    assert "has no root key" in desk.wrong("rotate", "root-key")
    assert sealed_by(desk) == {Sealer(before[0]).key_id}


def test_a_store_of_another_root_key_is_not_touched(desk: Desk, tmp_path: Path) -> None:
    env = desk.folder / ".env"
    env.write_text(env.read_text().replace(given(desk)[0], "A" * 43))
    before = env.read_text()
    assert "the root key does not fit this store" in desk.wrong("rotate", "root-key")
    assert env.read_text() == before

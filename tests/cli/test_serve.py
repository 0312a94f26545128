"""``watchword serve`` and ``migrate``: what is wrong is said before a socket opens."""

from __future__ import annotations

import socket
import sqlite3
from typing import Any

import pytest

from tests.cli.desk import Desk


def test_serve_hands_on_what_was_asked(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Any] = []
    monkeypatch.setattr("watchword.server.serve.serve", lambda *given: taken.extend(given))
    desk.done("serve", "--listen", "127.0.0.1:0", "--workers", "2")
    assert taken[1:] == ["127.0.0.1:0", 2]
    taken.clear()
    desk.done("serve")
    assert taken[1:] == [None, None]


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--listen", "here"), "--listen: 'here' is not HOST:PORT"),
        (("--listen", "127.0.0.1:99999"), "--listen"),
        (("--workers", "0"), "--workers"),
        (("--worker", "1"), "did you mean --workers?"),
    ],
)
def test_mistakes(desk: Desk, words: tuple[str, ...], what: str) -> None:
    assert what in desk.wrong("serve", *words)


def test_a_place_that_is_taken_is_named(desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        said = desk.wrong("serve", "--listen", place, code=3)
    assert f"{place}: Address already in use" in said
    assert "--listen" in said


def test_a_wrong_setting_stops_it_with_line_and_nearest_word(desk: Desk) -> None:
    path = desk.folder / "watchword.toml"
    path.write_text(path.read_text().replace('listen = "127.0.0.1:8000"', 'lisen = "127.0.0.1:8000"'))
    said = desk.wrong("serve")
    assert "watchword.toml, line 8: server.lisen: unknown setting" in said
    assert "did you mean listen?" in said


def test_without_a_root_key_it_does_not_start(desk: Desk) -> None:
    (desk.folder / ".env").unlink()
    assert "no root key" in desk.wrong("serve")


def test_migrate_brings_a_database_up_to_date(desk: Desk) -> None:
    from watchword.stores.schema import REVISION

    assert desk.done("migrate", "--json").json == {"revision": REVISION}
    assert REVISION in desk.done("migrate").out


def test_an_outdated_database_asks_for_migrate(desk: Desk) -> None:
    connection = sqlite3.connect(desk.folder / "watchword.db")
    connection.execute("UPDATE alembic_version SET version_num = '0000'")
    connection.commit()
    connection.close()
    assert "run `watchword migrate`" in desk.wrong("list")

"""Opening what the configuration names."""

from __future__ import annotations

import asyncio
import getpass
from pathlib import Path

import pytest

from tests.cli.desk import Desk
from watchword.app import Watchword
from watchword.cli.plumbing import house
from watchword.cli.plumbing.shell import Asked, Stop


def test_the_acting_person_is_the_systems_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "ada")
    assert house.actor() == "cli:ada"

    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert house.actor().startswith("cli:")


def test_a_database_beside_the_configuration_is_found_from_anywhere(desk: Desk, tmp_path: Path) -> None:
    async def work(opened: Watchword) -> int:
        return len(await opened.store.subjects(prefix="user:"))

    assert house.run(Asked(config=desk.folder / "watchword.toml"), work) == 1


def test_what_was_opened_is_closed_when_the_work_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Watchword("memory:")

    async def work(_: Watchword) -> None:
        raise Stop("no")

    with pytest.raises(Stop):
        asyncio.run(house.within(opened, work))
    assert not opened.running


def test_refusals_of_readers_become_stops() -> None:
    with pytest.raises(Stop, match="bad"), house.refusing():
        raise ValueError("bad")

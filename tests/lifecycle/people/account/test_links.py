"""Links: once, for a while, for one purpose."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house import House
from tests.lifecycle.people.factors import raced
from tests.lifecycle.people.residents import live_in
from watchword.lifecycle.people.account.links import Link, Links


def links_of(opened: House) -> Links:
    return Links(opened.watchword.store, opened.watchword.sealer, opened.clock)


def test_a_link_is_looked_at_often_and_taken_once(url: str) -> None:
    async def test(opened: House) -> None:
        links = links_of(opened)
        token = await links.make("reset", {"subject": "user:alice"}, 60)
        for _ in range(3):
            link = await links.look("reset", token)
            assert link is not None
            assert link.about["subject"] == "user:alice"
        assert isinstance(await links.take("reset", token), Link)
        assert await links.take("reset", token) is None
        assert await links.look("reset", token) is None

    live_in(url, test)


def test_a_hundred_takers_get_it_once(url: str) -> None:
    async def test(opened: House) -> None:
        links = links_of(opened)
        token = await links.make("reset", {"subject": "user:alice"}, 60)
        outcomes = await raced(opened, lambda: links.take("reset", token))
        assert sum(isinstance(each, Link) for each in outcomes) == 1

    live_in(url, test)


def test_a_link_ends(url: str) -> None:
    async def test(opened: House) -> None:
        links = links_of(opened)
        token = await links.make("reset", {}, 60)
        opened.clock.now += 59
        assert await links.look("reset", token) is not None
        opened.clock.now += 2
        assert await links.look("reset", token) is None
        assert await links.take("reset", token) is None

    live_in(url, test)


def test_a_link_is_for_its_purpose() -> None:
    async def test(opened: House) -> None:
        links = links_of(opened)
        token = await links.make("address", {}, 60)
        assert await links.take("reset", token) is None
        assert await links.take("address", token) is not None

    live_in("memory:", test)


def test_the_newest_voids_those_before_and_other_peoples_stay() -> None:
    async def test(opened: House) -> None:
        links = links_of(opened)
        old, other = [await links.make("reset", {}, 60, only=name) for name in ("alice", "bob")]
        new = await links.make("reset", {}, 60, only="alice")
        assert await links.look("reset", old) is None
        assert await links.look("reset", new) is not None
        assert await links.look("reset", other) is not None
        await links.void("reset", "alice")
        assert await links.take("reset", new) is None

    live_in("memory:", test)


def test_what_was_given_back_works_until_its_old_end() -> None:
    async def test(opened: House) -> None:
        links = links_of(opened)
        token = await links.make("reset", {"a": 1}, 60, only="alice")
        link = await links.take("reset", token)
        assert link is not None
        await links.give_back(token, link)
        again = await links.look("reset", token)
        assert again == link
        opened.clock.now += 61
        assert await links.look("reset", token) is None

    live_in("memory:", test)


@pytest.mark.parametrize("token", ["", "lk_", "lk_" + "a" * 36, "rt_x", "\ud800", "lk_" + "é" * 36])
def test_what_is_no_token_is_nothing(token: str) -> None:
    async def test(opened: House) -> None:
        assert await links_of(opened).look("reset", token) is None
        assert await links_of(opened).take("reset", token) is None

    live_in("memory:", test)


def test_neither_the_token_nor_what_it_stands_for_is_at_rest(tmp_path: Path) -> None:
    async def test(opened: House) -> None:
        token = await links_of(opened).make("reset", {"subject": "user:alice"}, 60)
        for path in filter(Path.is_file, tmp_path.rglob("*")):
            content = path.read_bytes()
            assert token.encode() not in content
            assert b"user:alice" not in content or "ephemeral" not in path.name

    live_in(f"sqlite:///{tmp_path}/watchword.db", test)


def test_a_link_shows_nothing_of_what_it_stands_for() -> None:
    assert "alice" not in repr(Link("reset", {"subject": "user:alice"}, 1.0))

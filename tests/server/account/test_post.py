"""Which letter goes where."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from tests.house import House
from tests.lifecycle.people.residents import PASSWORD, live_in, person

from watchword.lifecycle.people.account.addresses import Moved, Moving
from watchword.lifecycle.people.account.sign_ups import Wanted
from watchword.server.account.mail import Letter
from watchword.server.account.post import Post
from watchword.server.config.people import AccountsTable
from watchword.server.config.settings import Settings


def with_post(test: Callable[[House, Post, list[Letter]], Coroutine[Any, Any, None]], mails: str = "100/h") -> None:
    async def run(opened: House) -> None:
        letters: list[Letter] = []

        async def send(letter: Letter) -> None:
            letters.append(letter)

        post = Post(opened.watchword, Settings(accounts=AccountsTable(mails=mails)), send)
        try:
            await test(opened, post, letters)
        finally:
            await post.outbox.close()

    live_in("memory:", run)


def test_the_old_address_is_told_in_its_readers_language() -> None:
    async def test(opened: House, post: Post, letters: list[Letter]) -> None:
        assert post.moved(Moved("user:carol", "old@example.com", "new@example.com", "de"))
        assert post.moved(Moved("user:carol", "", "new@example.com", "de"))  # there was none
        await post.outbox.drained()
        assert [(each.to, each.subject[:13]) for each in letters] == [("old@example.com", "Ihre Adresse ")]

    with_post(test)


def test_a_changed_password_is_told_to_who_has_an_address() -> None:
    async def test(opened: House, post: Post, letters: list[Letter]) -> None:
        await person(opened, "carol", "carol@example.com")
        await person(opened, "dora")
        for name in ("carol", "dora"):
            assert post.password_changed(f"user:{name}")
        await post.outbox.drained()
        assert [each.to for each in letters] == ["carol@example.com"]

    with_post(test)


def test_a_mailbox_has_only_so_many_whatever_its_spelling() -> None:
    async def test(opened: House, post: Post, letters: list[Letter]) -> None:
        for text in ("a@example.com", "A@example.com", "a@EXAMPLE.com", "b@example.com"):
            assert post.moving(Moving("new-address", text, "lk_x"), "")
        await post.outbox.drained()
        to = [each.to.lower() for each in letters]
        assert (to.count("a@example.com"), to.count("b@example.com"), len(to)) == (2, 1, 3)

    with_post(test, "2/h")


def test_a_reset_is_asked_for_after_the_answer() -> None:
    async def test(opened: House, post: Post, letters: list[Letter]) -> None:
        await person(opened, "carol", "carol@example.com")
        for login in ("carol", "nobody"):
            assert post.reset(login)
        assert letters == []
        await post.outbox.drained()
        assert [each.to for each in letters] == ["carol@example.com"]
        assert f"{opened.watchword.issuer}/reset/new?token=lk_" in letters[0].text

    with_post(test)


def test_a_sign_up_is_confirmed_by_mail() -> None:
    async def test(opened: House, post: Post, letters: list[Letter]) -> None:
        wanted = await opened.watchword.accounts.sign_up("carol", "carol@example.com", PASSWORD, locale="de")
        assert isinstance(wanted, Wanted)
        assert post.sign_up(wanted)
        await asyncio.wait_for(post.outbox.drained(), 5)
        assert "bestätigen" in letters[0].subject
        assert "carol" not in letters[0].text.replace("carol@", "")  # what a stranger chose is not repeated
        assert post.deleted("carol@example.com", "en")
        await post.outbox.drained()
        assert letters[1].subject.endswith("was deleted")

    with_post(test)

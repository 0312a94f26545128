"""Owners learn by mail that something of theirs lay in the open; within a second, and nothing more than that."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.house import House, played
from tests.server.live import live

from watchword.model.alerts import Alert
from watchword.model.credential import Kind
from watchword.model.ports import Unavailable
from watchword.server.account.mail import Letter, Undeliverable
from watchword.server.watching.owners import Owners

ALERT = Alert("alr_1", 1, "leaked", "high", "leaked:key_1", "key_1", "user:alice", detail={"kind": "api-key"})


class Box:
    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.error: Undeliverable | None = None

    async def send(self, letter: Letter) -> None:
        if self.error is not None:
            raise self.error
        self.letters.append(letter)


async def alice(opened: House, locale: str = "en") -> None:
    await opened.watchword.lifecycle.add_subject("user:alice", by="x", detail={"locale": locale})
    await opened.watchword.accounts.add_address("user:alice", "alice@example.com", by="x")


@played
async def test_a_person_is_told_in_their_language(opened: House) -> None:
    box = Box()
    owners = Owners(opened.watchword, box.send)
    await owners.tell(ALERT)  # there is nobody of this name
    await alice(opened, "de")
    await owners.tell(ALERT)
    (letter,) = box.letters
    assert letter.to == "alice@example.com"
    assert "lag offen" in letter.subject
    assert "api-key key_1" in letter.text


@played
async def test_nobody_is_told_what_is_not_theirs(opened: House) -> None:
    box = Box()
    owners = Owners(opened.watchword, box.send)
    await alice(opened)
    for alert in (
        replace(ALERT, rule="guessing"),
        replace(ALERT, subject="service:billing"),
        replace(ALERT, subject=""),
    ):
        await owners.tell(alert)
    await opened.watchword.lifecycle.add_subject("user:bob", by="x")
    await owners.tell(replace(ALERT, subject="user:bob"))
    assert box.letters == []


@played
async def test_a_letter_that_was_not_taken_is_sent_again_unless_it_never_will_be(opened: House) -> None:
    box = Box()
    owners = Owners(opened.watchword, box.send)
    await alice(opened)
    box.error = Undeliverable("busy")
    with pytest.raises(Unavailable):
        await owners.tell(ALERT)
    box.error = Undeliverable("no such mailbox", lasting=True)
    await owners.tell(ALERT)
    box.error = None
    await owners.tell(ALERT)
    assert len(box.letters) == 1


def test_revoked_and_told_soon_after_it_was_found(tmp_path: Path) -> None:
    """The next request is refused, and the letter does not wait for anything but the alert."""
    box = Box()

    async def found(watchword: Any, secret: str) -> None:
        await watchword.operations.leaks.report(secret, by="x", where="a gist")

    with live(tmp_path, send_mail=box.send) as server:
        server.user("alice")
        server.do(server.watchword.accounts.add_address("user:alice", "alice@example.com", by="x"))
        issued = server.issue(Kind.API_KEY, "user:alice")
        headers = {"authorization": f"Bearer {issued.material['secret']}"}
        with server.client() as client:
            assert client.get("/whoami", headers=headers).status_code == 200
            started = time.monotonic()
            server.do(found(server.watchword, issued.material["secret"]))
            assert client.get("/whoami", headers=headers).status_code == 401
            while not box.letters and time.monotonic() < started + 10:
                time.sleep(0.01)
    (letter,) = box.letters
    assert issued.credential.id in letter.text
    assert "gist" not in letter.text  # a stranger may have chosen where it was put

"""Sending letters, to a real mail server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path

import pytest
from tests.server.account.post_office import Office, office

from watchword.server.account.mail import Letter, Outbox, Undeliverable, message_of, sender_of
from watchword.server.config.load import load

LETTER = Letter("alice@example.com", "Grüße from the house", "Öffnen Sie:\n\nhttp://example.com/reset/new?token=lk_x\n")


def deliver(folder: Path, toml: str, letter: Letter = LETTER) -> None:
    (folder / "watchword.toml").write_text(toml)
    settings = load(folder / "watchword.toml")

    async def send() -> None:
        await sender_of(settings.mail, settings.place)(letter)

    asyncio.run(send())


@pytest.mark.parametrize("encryption", ["starttls", "tls", "none"])
def test_a_letter_arrives_whole(tmp_path: Path, encryption: str) -> None:
    with office(tmp_path, tls="" if encryption == "none" else encryption) as post:
        deliver(tmp_path, post.toml(encryption))
    [(envelope, message)] = post.mails
    assert envelope.rcpt_tos == ["alice@example.com"]
    assert envelope.mail_from == "no-reply@example.com"
    assert post.secure == [encryption != "none"]
    assert message["to"] == "alice@example.com"
    assert message["subject"] == LETTER.subject
    assert message["auto-submitted"] == "auto-generated"
    assert message["message-id"].endswith("@example.com>")
    assert message["date"]
    assert message.get_content().replace("\r\n", "\n") == LETTER.text


def test_it_logs_in_where_that_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    more = 'username = "house"\npassword_env = "SMTP_PASSWORD"\n'
    with office(tmp_path, tls="starttls", login=True) as post:
        monkeypatch.setenv("SMTP_PASSWORD", "post office password")
        deliver(tmp_path, post.toml("starttls", more))
        assert (post.logins, len(post.mails)) == (["house"], 1)
        monkeypatch.setenv("SMTP_PASSWORD", "another password")
        with pytest.raises(Undeliverable) as caught:
            deliver(tmp_path, post.toml("starttls", more))
        assert caught.value.lasting
        assert "password" not in str(caught.value)


def test_a_server_without_starttls_gets_nothing(tmp_path: Path) -> None:
    """Whoever strips STARTTLS from the greeting must not get the letter in the open."""
    with office(tmp_path) as post:
        with pytest.raises(Undeliverable):
            deliver(tmp_path, post.toml("starttls"))
        assert post.mails == []


def test_a_certificate_of_another_name_or_authority_gets_nothing(tmp_path: Path) -> None:
    with office(tmp_path, tls="starttls", name="elsewhere.example") as post:
        with pytest.raises(Undeliverable):
            deliver(tmp_path, post.toml("starttls"))
        assert post.mails == []
    with office(tmp_path, tls="tls") as post:
        with pytest.raises(Undeliverable):
            deliver(tmp_path, post.toml("tls").replace(f'ca = "{post.ca}"\n', ""))
        assert post.mails == []


@pytest.mark.parametrize(("answer", "lasting"), [("550 no such person", True), ("451 later, please", False)])
def test_a_refusal_says_whether_it_lasts(tmp_path: Path, answer: str, lasting: bool) -> None:
    with office(tmp_path) as post:
        post.answer = answer
        with pytest.raises(Undeliverable) as caught:
            deliver(tmp_path, post.toml("none"))
    assert caught.value.lasting is lasting
    assert answer[4:] not in str(caught.value)


def test_nobody_there_is_undeliverable_and_not_for_good(tmp_path: Path) -> None:
    post = Office(port=9, ca=Path())
    with pytest.raises(Undeliverable) as caught:
        deliver(tmp_path, post.toml("none").replace('ca = "."\n', ""))
    assert not caught.value.lasting


def test_an_address_beyond_ascii_is_written_as_it_is(tmp_path: Path) -> None:
    with office(tmp_path) as post:
        deliver(tmp_path, post.toml("none"), Letter("jörg@example.com", "s", "t\n"))
    [(envelope, message)] = post.mails
    assert envelope.rcpt_tos == ["jörg@example.com"]
    assert message["to"] == "jörg@example.com"


@pytest.mark.parametrize("bad", ["a@example.com\r\nBcc: b@example.com", "a@example.com\nBcc: b@example.com"])
def test_header_injection_a_line_break_in_a_header_is_an_error(bad: str) -> None:
    with pytest.raises(ValueError):
        message_of(Letter(bad, "s", "t"), "no-reply@example.com")
    with pytest.raises(ValueError):
        message_of(Letter("a@example.com", bad, "t"), "no-reply@example.com")


def test_a_letter_shows_nothing_of_its_text() -> None:
    assert "lk_x" not in repr(LETTER)


# --- the outbox -------------------------------------------------------------------------------------------------------


def _job(*letters: Letter) -> object:
    async def job() -> Iterable[Letter]:
        return letters

    return job


def test_what_fails_for_a_while_is_tried_again() -> None:
    tries: list[int] = []

    async def send(letter: Letter) -> None:
        tries.append(1)
        if len(tries) < 3:
            raise Undeliverable("busy")

    async def run() -> None:
        outbox = Outbox(send, pauses=(0.0, 0.0))
        assert outbox.post(_job(LETTER))  # type: ignore[arg-type]
        await outbox.drained()
        await outbox.close()

    asyncio.run(run())
    assert len(tries) == 3


@pytest.mark.parametrize(("lasting", "expected"), [(True, 1), (False, 3)])
def test_what_cannot_be_sent_is_told_to_the_operator_once(
    lasting: bool, expected: int, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[int] = []

    async def send(letter: Letter) -> None:
        tries.append(1)
        raise Undeliverable("refused with 550", lasting=lasting)

    async def run() -> None:
        outbox = Outbox(send, pauses=(0.0, 0.0))
        outbox.post(_job(LETTER))  # type: ignore[arg-type]
        await outbox.close()

    asyncio.run(run())
    assert len(tries) == expected
    said = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(said) == 1
    assert "alice" not in caplog.text


def test_a_job_that_breaks_stops_nothing_and_quotes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    sent: list[Letter] = []

    async def send(letter: Letter) -> None:
        sent.append(letter)

    async def broken() -> Iterable[Letter]:
        raise RuntimeError("lk_secret")

    async def run() -> None:
        outbox = Outbox(send)
        for _ in range(8):
            outbox.post(broken)
        outbox.post(_job(LETTER))  # type: ignore[arg-type]
        await outbox.close()

    asyncio.run(run())
    assert sent == [LETTER]
    assert "RuntimeError" in caplog.text
    assert "lk_secret" not in caplog.text


def test_a_full_outbox_takes_nothing_more_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> list[bool]:
        gate = asyncio.Event()

        async def send(letter: Letter) -> None:
            await gate.wait()

        outbox = Outbox(send, queue=3)
        taken = [outbox.post(_job(LETTER)) for _ in range(5)]  # type: ignore[arg-type]
        gate.set()
        await outbox.close()
        return taken

    assert asyncio.run(run()) == [True, True, True, False, False]
    assert "letters wait already" in caplog.text


def test_closing_waits_only_so_long() -> None:
    async def run() -> None:
        async def send(letter: Letter) -> None:
            await asyncio.Event().wait()

        outbox = Outbox(send)
        outbox.post(_job(LETTER))  # type: ignore[arg-type]
        await outbox.close(patience=0.05)
        assert outbox.post(_job()) is True  # type: ignore[arg-type]
        await outbox.close()

    asyncio.run(asyncio.wait_for(run(), 5))

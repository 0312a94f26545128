"""Send letters by SMTP, off the answer's path: a bounded queue, a few senders, time limits everywhere."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import ssl
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import formatdate, make_msgid, parseaddr
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from watchword.server.config.people import MailTable
from watchword.server.config.sources import SourceError
from watchword.server.config.values import address_of

__all__ = ["Letter", "Outbox", "Send", "Undeliverable", "message_of", "sender_of"]

logger: logging.Logger = logging.getLogger("watchword")

_SENDERS: Final = 4
_chance: Final = random.SystemRandom()
_PAUSES: Final = (2.0, 10.0)  # seconds before the second and the third try
_SPREAD: Final = 0.1  # seconds within which a job begins: who asked cannot time it by what they ask next
_PERMANENT: Final = 500  # SMTP replies from here on will not change (RFC 5321 section 4.2.1)


@dataclass(frozen=True, slots=True)
class Letter:
    """Hold a mail in plain text. It may hold a link that logs somebody in, so it shows nothing of itself."""

    to: str
    subject: str
    text: str = field(repr=False)


Send: TypeAlias = Callable[[Letter], Awaitable[None]]
"""Hand a letter over. Raise Undeliverable."""

Job: TypeAlias = Callable[[], Awaitable[Iterable[Letter]]]
"""Find out which letters are due, after the answer that must not depend on it."""


class Undeliverable(Exception):
    """Say that a letter was not taken; ``lasting`` where trying again is no use."""

    def __init__(self, message: str, *, lasting: bool = False) -> None:
        super().__init__(message)
        self.lasting = lasting


def message_of(letter: Letter, sender: str) -> EmailMessage:
    """Return the message (RFC 5322). Raise ValueError for a line break in a header."""
    ascii_only = letter.to.isascii() and sender.isascii()
    message = EmailMessage(SMTP if ascii_only else SMTPUTF8)
    message["From"] = sender
    message["To"] = letter.to
    message["Subject"] = letter.subject
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=parseaddr(sender)[1].rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday notes, please
    message.set_content(letter.text, cte="quoted-printable")
    return message


def sender_of(table: MailTable, place: Callable[[str], Path] = Path, password: Callable[[], str] | None = None) -> Send:
    """Return what sends by the configured server, or prints for the operator where there is none.

    ``password`` returns that of the table's ``username``; without it, it is read from its source for each letter.
    """
    source = table.source
    if password is None and source is not None:
        password = partial(source.read, place(""))
    if not table.server:
        return _print
    context = ssl.create_default_context(cafile=str(place(table.ca)) if table.ca else None)

    async def send(letter: Letter) -> None:
        await _send(table, context, letter, password)

    return send


async def _print(letter: Letter) -> None:
    logger.warning("no mail server is configured. To %s: %s\n%s", letter.to, letter.subject, letter.text)


async def _send(table: MailTable, context: ssl.SSLContext, letter: Letter, password: Callable[[], str] | None) -> None:
    import aiosmtplib

    host, port = address_of(table.server)
    try:
        await aiosmtplib.send(
            message_of(letter, table.sender),
            sender=parseaddr(table.sender)[1],
            recipients=[letter.to],
            hostname=host,
            port=port,
            use_tls=table.encryption == "tls",
            start_tls=table.encryption == "starttls",  # True: refused where the server has none
            tls_context=None if table.encryption == "none" else context,
            username=table.username or None,
            password=password() if table.username and password is not None else None,
            timeout=table.timeout,
        )
    except aiosmtplib.SMTPRecipientsRefused as error:
        codes = [each.code for each in error.recipients]
        raise Undeliverable(f"refused with {codes}", lasting=min(codes, default=0) >= _PERMANENT) from None
    except aiosmtplib.SMTPResponseException as error:  # its text may quote what was sent
        raise Undeliverable(f"refused with {error.code}", lasting=error.code >= _PERMANENT) from None
    except SourceError:
        raise Undeliverable("the password of the mail server cannot be read") from None
    except (aiosmtplib.SMTPException, OSError) as error:
        raise Undeliverable(type(error).__name__) from None


class Outbox:
    """Keep letters that wait, at most ``queue``, and send them behind the answers' backs.

    What waits is lost when the process dies; who waits for a mail asks again.
    """

    def __init__(
        self, send: Send, *, queue: int = 256, pauses: Iterable[float] = _PAUSES, spread: float = _SPREAD
    ) -> None:
        self._send = send
        self._most = queue
        self._pauses = tuple(pauses)
        self._spread = spread
        self._jobs: asyncio.Queue[Job] | None = None
        self._senders: list[asyncio.Task[None]] = []

    def post(self, job: Job) -> bool:
        """Take a job in; False when too many wait."""
        if self._jobs is None:
            self._jobs = asyncio.Queue(self._most)
            self._senders = [asyncio.create_task(self._work(self._jobs)) for _ in range(_SENDERS)]
        try:
            self._jobs.put_nowait(job)
        except asyncio.QueueFull:
            logger.error("%d letters wait already: the mail server is slow, or somebody floods it", self._most)
            return False
        return True

    async def drained(self) -> None:
        """Wait until nothing waits any more."""
        if self._jobs is not None:
            await self._jobs.join()

    async def close(self, patience: float = 5.0) -> None:
        """Send what waits, for at most ``patience`` seconds, and stop."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.drained(), patience)
        for task in self._senders:
            task.cancel()
        await asyncio.gather(*self._senders, return_exceptions=True)
        self._jobs, self._senders = None, []

    async def _work(self, jobs: asyncio.Queue[Job]) -> None:
        while True:
            job = await jobs.get()
            try:
                await asyncio.sleep(_chance.uniform(0, self._spread))
                for letter in await job():
                    await self._deliver(letter)
            except Exception as error:  # its text may quote what a person entered
                logger.error("a letter was not written: %s", type(error).__name__)
            finally:
                jobs.task_done()

    async def _deliver(self, letter: Letter) -> None:
        for pause in (*self._pauses, None):
            try:
                await self._send(letter)
                return
            except Undeliverable as error:
                if error.lasting or pause is None:
                    logger.error("a letter could not be sent: %s", error)
                    return
                await asyncio.sleep(pause)

"""Say what is sent and what must come back: one case a request, one script a scheme."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Final, TypeAlias

import httpx2

from watchword.app import Watchword
from watchword.demo.courier import Answer, Courier, Sent
from watchword.demo.seed import Seeds
from watchword.demo.stage import Stage
from watchword.model.reason import Reason

__all__ = ["HANDSHAKE", "Case", "Cast", "Script", "accepted", "changed", "handshake", "refused"]

HANDSHAKE: Final = "handshake"
"""Stand for the reason where TLS itself ended the connection: no request arrived, so no decision is in the audit."""

_HEARD: Final = 0.25  # seconds; the server reads the feed every 0.1
_BY: Final = "demo"


@dataclass(frozen=True, slots=True)
class Case:
    """Expect one verdict: ``status`` 0 is a connection that TLS ends, ``reason`` "" is acceptance.

    ``by`` is the scheme that must have proved an accepted caller, as the sample API says it; "" is not asked.
    ``field`` names a header field that the answer must carry.
    """

    what: str
    sent: Sent
    status: int
    reason: str = ""
    auth: httpx2.Auth | None = None
    by: str = ""
    field: str = ""


Script: TypeAlias = Generator[Case, Answer, None]
"""Yield cases, the honest one first, and be sent their answers. Each case is sent before the next one is made."""


def accepted(what: str, sent: Sent, by: str = "", *, auth: httpx2.Auth | None = None, status: int = 200) -> Case:
    """Expect that the request is let in."""
    return Case(what, sent, status, auth=auth, by=by)


def refused(what: str, sent: Sent, reason: Reason, *, field: str = "") -> Case:
    """Expect that the request is refused for exactly this reason."""
    return Case(what, sent, reason.status, reason.code, field=field)


def handshake(what: str, sent: Sent) -> Case:
    """Expect that TLS ends the connection."""
    return Case(what, sent, 0, HANDSHAKE)


def changed(text: str, place: int = -1) -> str:
    """Return ``text`` with one letter or digit changed."""
    at = place % len(text)
    return text[:at] + ("B" if text[at] == "A" else "A") + text[at + 1 :]


class Cast:
    """Hold who calls: what they hold, the courier that carries their requests, the office that takes things back."""

    def __init__(self, stage: Stage, courier: Courier) -> None:
        self.url: str = stage.url
        self.seeds: Seeds = stage.seeds
        self.courier = courier
        self._stage = stage

    def revoke(self, *names: str) -> None:
        """Revoke credentials by what the demo calls them, as ``watchword revoke`` does, and let the server hear."""

        async def work(office: Watchword) -> None:
            for name in names:
                await office.lifecycle.revoke(self.seeds.ids[name], reason="the demo", by=_BY)

        self._stage.office(work)
        self.wait()

    def disable(self, subject: str) -> None:
        """Disable a subject, as ``watchword user disable`` does, and let the server hear."""

        async def work(office: Watchword) -> None:
            await office.lifecycle.set_enabled(subject, False, by=_BY)

        self._stage.office(work)
        self.wait()

    def wait(self) -> None:
        """Wait until every worker of the server has heard what was taken back."""
        time.sleep(_HEARD)

    def log_in(self, name: str) -> Answer:
        """Log a person in for tokens."""
        body = f'{{"username":"{name}","password":"{self.seeds.passwords[name]}"}}'.encode()
        return self.courier.send(Sent("POST", "/login", (("content-type", "application/json"),), body))

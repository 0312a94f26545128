"""Well-behaved callers of every scheme, who go on at a steady pace and take a successor when they are given one."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import ssl
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias
from urllib.parse import urlencode

from tests.figures.house import House, Line, signed
from watchword import Watchword
from watchword.lifecycle.verbs import Issued
from watchword.model.credential import Kind

Headers: TypeAlias = list[tuple[str, str]]
FORM = [("content-type", "application/x-www-form-urlencoded")]
PASSWORD = "quite a long password for a test"


class Caller:
    """Send requests over connections of its own, one to each of ``count`` lines in turn; keep what was refused."""

    def __init__(self, house: House, issued: Issued, tls: ssl.SSLContext, count: int = 2) -> None:
        self.house, self.issued, self.tls = house, issued, tls
        self.lines = [Line(house.port, tls) for _ in range(count)]
        self.sent, self.answered, self.refused = 0, 0, list[str]()
        self._turn = itertools.cycle(range(count))
        self._nonces = itertools.count()

    @property
    def material(self) -> Mapping[str, str]:
        return self.issued.material

    async def requests(self) -> Sequence[tuple[str, str, Headers, bytes]]:
        """Return method, target, headers and body of what one call is."""
        return [("GET", "/whoami", await self.proof(), b"")]

    async def proof(self) -> Headers:
        """Return the headers that prove who it is."""
        return []

    async def call(self) -> None:
        """Make one call; every so often over a new connection."""
        line = self.lines[next(self._turn)]
        if self.sent % 17 == 16:
            line.close()
        for method, target, headers, body in await self.requests():
            self.sent += 1
            try:
                status, _, content = await line.send(target, headers, method, body)
            except (OSError, asyncio.IncompleteReadError) as error:
                line.close()
                status, content = 0, repr(error).encode()
            self.answered += bool(status)
            self.heard(status, content)
            if status != 200:
                self.refused.append(f"{type(self).__name__} {self.issued.credential.id} {target}: {status} {content!r}")

    def heard(self, status: int, content: bytes) -> None:
        """Take in an answer."""

    def take(self, successor: Issued) -> None:
        """Go on with a successor."""
        self.issued = successor

    def close(self) -> None:
        """Hang up."""
        for line in self.lines:
            line.close()


class ByKey(Caller):
    async def proof(self) -> Headers:
        return [("authorization", f"Bearer {self.material['secret']}")]


class BySignature(Caller):
    async def proof(self) -> Headers:
        return signed(
            self.material["key_id"],
            self.material["secret"],
            "/whoami",
            self.lines[0].authority,
            f"{id(self)}-{next(self._nonces)}",
        )


class ByPassword(Caller):
    async def proof(self) -> Headers:
        name = self.issued.credential.subject.partition(":")[2]
        pair = base64.b64encode(f"{name}:{self.material['password']}".encode()).decode()
        return [("authorization", f"Basic {pair}")]


class ByCertificate(Caller):
    def __init__(self, house: House, issued: Issued, tls: ssl.SSLContext) -> None:
        super().__init__(house, issued, _with_certificate(house, issued))
        self.before: list[Line] = []

    def take(self, successor: Issued) -> None:
        self.issued = successor
        tls = _with_certificate(self.house, successor)
        self.before = self.lines  # what is under way on them comes to its end
        self.lines = [Line(self.house.port, tls) for _ in self.lines]

    def close(self) -> None:
        super().close()
        for line in self.before:
            line.close()


class ByClient(Caller):
    """Get a token by its secret, and show it: the last one, and the first one, too."""

    def __init__(self, house: House, issued: Issued, tls: ssl.SSLContext) -> None:
        super().__init__(house, issued, tls)
        self.tokens: list[str] = []

    async def requests(self) -> Sequence[tuple[str, str, Headers, bytes]]:
        if self.tokens and self.sent % 5:
            return [
                ("GET", "/whoami", [("authorization", f"Bearer {t}")], b"") for t in (self.tokens[0], self.tokens[-1])
            ]
        form = {"grant_type": "client_credentials", **dict(self.material)}
        return [("POST", "/oauth/token", FORM, urlencode(form).encode())]

    def heard(self, status: int, content: bytes) -> None:
        answer: Any = json.loads(content) if status == 200 else {}
        if "access_token" in answer:
            self.tokens.append(answer["access_token"])


class ByLogin(Caller):
    """Be a person's program: log in once, refresh, show the token."""

    def __init__(self, house: House, issued: Issued, tls: ssl.SSLContext) -> None:
        super().__init__(house, issued, tls, 1)
        self.answer: dict[str, Any] = {}

    async def requests(self) -> Sequence[tuple[str, str, Headers, bytes]]:
        json_type = [("content-type", "application/json")]
        if not self.answer:
            name = self.issued.credential.subject.partition(":")[2]
            body = json.dumps({"username": name, "password": self.material["password"]}).encode()
            return [("POST", "/login", json_type, body)]
        if self.sent % 3 == 0:
            body = json.dumps({"refresh_token": self.answer["refresh_token"]}).encode()
            return [("POST", "/refresh", json_type, body)]
        return [("GET", "/whoami", [("authorization", f"Bearer {self.answer['token']}")], b"")]

    def heard(self, status: int, content: bytes) -> None:
        answer = json.loads(content) if status == 200 else {}
        if "refresh_token" in answer:
            self.answer = answer


def _with_certificate(house: House, issued: Issued) -> ssl.SSLContext:
    tls = ssl.create_default_context(cafile=str(house.folder / "ca.pem"))
    pem = house.folder / f"{issued.credential.id}.pem"
    pem.write_text(issued.material["certificate"] + issued.material["private_key"])
    tls.load_cert_chain(pem)
    return tls


CALLERS: Mapping[Kind, type[Caller]] = {
    Kind.API_KEY: ByKey,
    Kind.HMAC: BySignature,
    Kind.CLIENT_CERT: ByCertificate,
    Kind.OAUTH_CLIENT: ByClient,
    Kind.PASSWORD: ByPassword,
}


async def engaged(house: House, watchword: Watchword) -> list[Caller]:
    """Return two callers of each kind, who hold the same credential, and a person's program."""
    tls = ssl.create_default_context(cafile=str(house.folder / "ca.pem"))
    found: list[Caller] = []
    for kind, by in CALLERS.items():
        subject = f"service:by-{kind.value}"
        await watchword.lifecycle.add_subject(subject, by="test")
        issued = await watchword.lifecycle.issue(kind, subject, by="test")
        found += [by(house, issued, tls), by(house, issued, tls)]
    await watchword.lifecycle.add_subject("user:alice", by="test")
    login = await watchword.lifecycle.issue(Kind.PASSWORD, "user:alice", by="test", options={"password": PASSWORD})
    alice = Issued(login.credential, {"password": PASSWORD})
    return [*found, ByLogin(house, alice, tls)]


async def keep_calling(callers: Sequence[Caller], rate: float, over: asyncio.Event) -> None:
    """Have each call at its part of ``rate`` calls a second until ``over``, whatever the answers."""
    pause = len(callers) / rate

    async def one(caller: Caller, offset: float) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + offset
        while not over.is_set():
            await asyncio.sleep(max(0.0, due - loop.time()))
            due = max(due + pause, loop.time() - 1.0)  # what a busy machine held up is made up for, within a second
            await caller.call()

    await asyncio.gather(*(one(caller, pause * number / len(callers)) for number, caller in enumerate(callers)))

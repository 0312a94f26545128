"""No secret of a run is found in a log, an audit row, an answer, an error or the database, in any usual encoding."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from collections.abc import Iterable
from pathlib import Path
from threading import Thread
from urllib.parse import quote

import pytest

from tests.cli.desk import run_in
from tests.figures.house import House, Line, api_key, caller, lines, signed
from watchword import Watchword
from watchword.codec.secrets import new_secret
from watchword.model.credential import Kind

PREFIXES = ("ak_live_", "ak_test_", "hs_live_", "ws_", "cs_live_", "lk_", "ac_")
PASSWORD = "correct horse battery staple"


def _encodings(secret: str) -> Iterable[bytes]:
    raw = secret.encode()
    yield raw
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    yield quote(secret, safe="").encode()
    yield secret[::-1].encode()
    yield raw.decode().encode("utf-16-le")
    for shift in range(3):  # base64 shows a secret at one of three alignments
        text = base64.b64encode(b"\0" * shift + raw)
        whole = text[4 if shift else 0 : len(text) - (len(text) % 4) - 4]
        yield whole
        yield whole.replace(b"+", b"-").replace(b"/", b"_")


class Run:
    """Send traffic of every kind, keep every secret that took part and every answer to what was refused."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.secrets: dict[str, str] = {"password": PASSWORD}
        self.answers: list[bytes] = []

    async def send(self, line: Line, target: str, headers: list[tuple[str, str]], **more: object) -> tuple[int, bytes]:
        status, head, content = await line.send(target, headers, **more)  # type: ignore[arg-type]
        if status >= 400:
            self.answers.append(head + content)
        return status, content

    async def issue(self, watchword: Watchword) -> None:
        subject = await caller(watchword)
        _, self.secrets["api-key"] = await api_key(watchword)
        signing = await watchword.lifecycle.issue(Kind.HMAC, subject, by="test")
        self.key_id, self.secrets["hmac"] = signing.material["key_id"], signing.material["secret"]
        client = await watchword.lifecycle.issue(Kind.OAUTH_CLIENT, subject, by="test")
        self.client_id, self.secrets["client"] = client.material["client_id"], client.material["client_secret"]
        certificate = await watchword.lifecycle.issue(Kind.CLIENT_CERT, subject, by="test")
        self.secrets["private key"] = certificate.material["private_key"].splitlines()[1]
        await watchword.lifecycle.add_subject("user:alice", by="test")
        await watchword.lifecycle.issue(Kind.PASSWORD, "user:alice", by="test", options={"password": PASSWORD})
        options = {"idle": 3600, "factors": ["pwd"], "authenticated_at": 0}
        session = await watchword.lifecycle.issue(Kind.SESSION, "user:alice", by="test", options=options)
        self.secrets["session"] = session.material["cookie"]

    async def log_in(self, line: Line) -> None:
        body = json.dumps({"username": "alice", "password": PASSWORD}).encode()
        status, content = await self.send(
            line, "/login", [("content-type", "application/json")], method="POST", body=body
        )
        assert status == 200, content
        answer = json.loads(content)
        self.secrets["access token"] = answer["token"]
        self.secrets["refresh token"] = answer["refresh_token"]
        basic = base64.b64encode(f"{self.client_id}:{self.secrets['client']}".encode()).decode()
        form = [("authorization", f"Basic {basic}"), ("content-type", "application/x-www-form-urlencoded")]
        status, content = await self.send(
            line, "/oauth/token", form, method="POST", body=b"grant_type=client_credentials"
        )
        assert status == 200, content
        self.secrets["client's token"] = json.loads(content)["access_token"]

    async def traffic(self, line: Line) -> None:
        """Send each secret rightly, spoilt, misplaced and in the URL."""
        authority = line.authority
        await self.send(line, "/whoami", signed(self.key_id, self.secrets["hmac"], "/whoami", authority, "n1"))
        for name, secret in list(self.secrets.items()):
            basic = base64.b64encode(f"alice:{secret}".encode()).decode()
            for headers in (
                [("authorization", f"Bearer {secret}")],
                [("authorization", f"Bearer {secret}x")],
                [("authorization", f"Basic {basic}")],
                [("authorization", f"Bearer {secret}"), ("authorization", f"Bearer {secret}")],
                [("authorization", secret.replace(" ", "_"))],
                [("cookie", f"session={secret}; session={secret}")],
                [("cookie", f"session={secret}")],
                [("x-api-key", secret.replace(" ", "_")), ("x-signature", secret.replace(" ", "_"))],
            ):
                await self.send(line, "/whoami", headers)
                await self.send(line, "/check", headers)
            for path in ("/login", "/refresh", "/logout", "/oauth/token"):
                kind = ("content-type", "application/json" if path != "/oauth/token" else "text/plain")
                body = json.dumps({"username": name, "password": secret + "!", "refresh_token": secret + "!"}).encode()
                await self.send(line, path, [kind], method="POST", body=body)
                await self.send(line, path, [kind], method="POST", body=secret.encode())
            await self.send(line, f"/{quote(secret, safe='')}", [])
        for secret in self.secrets.values():
            await self.send(line, f"/whoami?access_token={quote(secret, safe='')}", [])
            await self.send(line, f"/whoami?x={quote(quote(secret, safe=''), safe='')}", [])

    async def canaries(self, line: Line) -> None:
        """Send two hundred more, each of a form of ours that nobody holds, in one place after another."""
        for number in range(200):
            prefix = PREFIXES[number % len(PREFIXES)]
            self.secrets[f"canary {number}"] = secret = new_secret(prefix)
            place = number % 7
            if place == 0:
                await self.send(line, f"/orders/{secret}", [])
            elif place == 1:
                await self.send(line, f"/whoami?key={secret}", [])
            elif place == 2:
                await self.send(
                    line, f"/%61/{'%'}{ord(secret[0]):02X}{secret[1:]}", [("authorization", f"Bearer {secret}")]
                )
            elif place == 3:
                basic = base64.b64encode(f"{secret}:{secret}".encode()).decode()
                await self.send(line, "/whoami", [("authorization", f"Basic {basic}")])
            elif place == 4:
                body = json.dumps({"username": secret, "password": secret}).encode()
                await self.send(line, "/login", [("content-type", "application/json")], method="POST", body=body)
            elif place == 5:
                await self.send(line, "/whoami", [("cookie", f"session={secret}"), ("user-agent", secret)])
            else:
                form = [("content-type", "application/x-www-form-urlencoded")]
                body = f"grant_type=refresh_token&refresh_token={secret}&client_id={secret}".encode()
                await self.send(line, "/oauth/token", form, method="POST", body=body)


async def _run(run: Run) -> None:
    async with run.house.operator() as watchword:
        await run.issue(watchword)
        with lines(1, run.house.port) as (line,):
            await run.log_in(line)
            await run.traffic(line)
            await run.canaries(line)
        run.answers.append(repr(vars(watchword)).encode())
        run.answers += [repr(each).encode() for each in await watchword.lifecycle.page(limit=1000)]


def _take(collector: socket.socket, file: Path) -> None:
    """Write down what comes, until the socket is shut down."""
    with file.open("wb") as written:
        while text := collector.recv(65536):
            written.write(text + b"\n")


def _printed(house: House, *verb: str) -> bytes:
    return run_in(house.folder, "--json", *verb).out.encode()


@pytest.mark.processes
def test_no_secret_is_found_anywhere_after_the_run(tmp_path: Path) -> None:
    """Figure: 0 hits, in what is sent to syslog and what raises alerts, too."""
    collector = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    collector.bind(str(tmp_path / "log"))
    taking = Thread(target=_take, args=(collector, tmp_path / "syslog.txt"))
    taking.start()
    more = f'[passwords]\nplaintext = true\n[audit.syslog]\naddress = "unix://{tmp_path}/log"\n'
    with House(tmp_path, workers=1, more=more + '[[alert]]\nrule = "refusals"\ncount = 2') as house:
        run = Run(house)
        asyncio.run(_run(run))
    collector.shutdown(socket.SHUT_RDWR)
    taking.join()
    collector.close()
    dump = _printed(house, "audit", "--limit", "100000")
    told = _printed(house, "alerts", "list", "--all")
    assert b"leaked" in told
    assert b"refused" in (tmp_path / "syslog.txt").read_bytes()
    assert dump.count(b"\n") > 100, "the audit is empty"
    haystacks = {"answers and representations": b"\n".join(run.answers), "audit": dump, "list": _printed(house, "list")}
    haystacks |= {"alerts": told, "usage": _printed(house, "usage"), "signed": _printed(house, "audit", "--checkpoint")}
    for file in sorted(tmp_path.rglob("*")):
        if file.is_file() and not file.is_socket() and file.name != ".env":
            haystacks[file.name] = file.read_bytes()
    root_key = (tmp_path / ".env").read_text().partition("=")[2].strip()
    run.secrets["root key"] = root_key
    assert b"refused" in dump
    found = [
        f"{name} in {place}"
        for name, secret in run.secrets.items()
        for place, hay in haystacks.items()
        if any(needle in hay for needle in _encodings(secret))
    ]
    assert found == []


def test_the_search_would_find_a_secret() -> None:
    """The needles are right: each encoding of a secret in a larger text is found."""
    secret = "ak_live_0123456789abcdefghij"
    for shift in range(3):
        text = base64.b64encode(b"x" * shift + secret.encode() + b"tail")
        assert any(needle in text for needle in _encodings(secret))
    assert any(needle in f"<{secret}>".encode().hex().encode() for needle in _encodings(secret))

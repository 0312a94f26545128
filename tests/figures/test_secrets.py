"""No secret of a run is found in a log, an audit row, an answer, an error or the database, in any usual encoding."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.figures.house import House, Line, api_key, caller, lines, signed
from watchword import Watchword
from watchword.model.credential import Kind

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


async def _run(run: Run) -> None:
    async with run.house.operator() as watchword:
        await run.issue(watchword)
        with lines(1, run.house.port) as (line,):
            await run.log_in(line)
            await run.traffic(line)
        run.answers.append(repr(vars(watchword)).encode())
        run.answers += [repr(each).encode() for each in await watchword.lifecycle.page(limit=1000)]


def _printed(house: House, *verb: str) -> bytes:
    command = [sys.executable, "-m", "watchword", "--config", str(house.folder / "watchword.toml"), "--json", *verb]
    return subprocess.run(command, capture_output=True, check=False).stdout


@pytest.mark.processes
def test_no_secret_is_found_anywhere_after_the_run(tmp_path: Path) -> None:
    """Figure: 0 hits."""
    with House(tmp_path, workers=1, more="[passwords]\nplaintext = true") as house:
        run = Run(house)
        asyncio.run(_run(run))
    dump = _printed(house, "audit", "--limit", "100000")
    assert dump.count(b"\n") > 100, "the audit is empty"
    haystacks = {"answers and representations": b"\n".join(run.answers), "audit": dump, "list": _printed(house, "list")}
    for file in sorted(tmp_path.rglob("*")):
        if file.is_file() and file.name != ".env":
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

"""Watching: duties run beside the requests, hold up nobody, and come again after they broke."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import pytest
from tests.server.live import live

from watchword.model.credential import Kind
from watchword.server.watching import desk as module


def test_the_server_sends_its_audit_and_its_alerts(tmp_path: Path) -> None:
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    receiver.settimeout(10)
    sent: list[str] = []

    async def send(letter: object) -> None:
        sent.append(str(getattr(letter, "subject", "")))

    toml = (
        f'[audit.syslog]\naddress = "udp://127.0.0.1:{receiver.getsockname()[1]}"\n'
        '[alerts]\nemail = ["ops@example.com"]\n'
    )
    with receiver, live(tmp_path, toml, send_mail=send) as server:
        server.service("billing")
        issued = server.issue(Kind.API_KEY, "service:billing")
        id = issued.credential.id
        server.do(server.watchword.lifecycle.revoke(id, reason="found", by="test", leaked=True))
        got: list[dict[str, object]] = []
        while not any(each["action"] == "leaked" for each in got):
            got.append(json.loads(receiver.recv(65536).partition(b" - ")[2]))
        with server.client() as client:
            assert (
                client.get("/whoami", headers={"authorization": f"Bearer {issued.material['secret']}"}).status_code
                == 401
            )
        while not any(each["outcome"] == "refused" for each in got):
            got.append(json.loads(receiver.recv(65536).partition(b" - ")[2]))

        async def told() -> None:
            async with asyncio.timeout(10):
                while len(sent) < 2:
                    await asyncio.sleep(0.02)

        asyncio.run(told())
    assert sorted(sent) == [
        "[high] a credential was found leaked, and was revoked",
        "[high] somebody presents a credential that was revoked",
    ]
    positions = [each["position"] for each in got if "position" in each]
    assert positions == sorted(set(positions))


def test_what_broke_is_said_and_done_again(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_EVERY", 0.001)
    monkeypatch.setattr(module, "_PAUSE", 0.001)
    turns = 0

    async def duty() -> None:
        nonlocal turns
        turns += 1
        if turns == 1:
            raise RuntimeError("ak_live_secret")

    async def play() -> None:
        task = asyncio.create_task(module._again("it cannot be done", duty))
        async with asyncio.timeout(5):
            while turns < 3:
                await asyncio.sleep(0.001)
        task.cancel()

    asyncio.run(play())
    assert "it cannot be done: RuntimeError" in caplog.text
    assert "ak_live" not in caplog.text

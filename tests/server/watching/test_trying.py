"""A test of who is told of alerts: one that cannot be told hinders no other, and nothing is kept."""

from __future__ import annotations

from pathlib import Path

from tests.server.live import live

from watchword.server.account.mail import Letter, Undeliverable
from watchword.server.watching.trying import tried


def test_who_cannot_be_told_hinders_no_other(tmp_path: Path) -> None:
    async def send(letter: Letter) -> None:
        raise Undeliverable("the mailbox is full")

    toml = '[alerts]\nwebhook = "https://hooks.example/x"\nwebhook_key = "hk_live_x"\nemail = ["ops@example.com"]\n'
    with live(tmp_path, toml) as server:
        said = server.do(tried(server.watchword, server.settings, send, by="service:ops"))
        assert said["webhook"] == "webhook_key names no hmac credential of profile v1"
        assert said["email"] == "the mailbox is full"
        assert server.do(server.watchword.operations.alerts.page()) == []

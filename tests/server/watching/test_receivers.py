"""Receivers of alerts: a webhook whose signature our own scheme accepts, and a letter."""

from __future__ import annotations

import asyncio
import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.house import House, accepted, house, reason

from watchword.codec.secrets import new_root_key
from watchword.model.alerts import Alert
from watchword.model.credential import Kind
from watchword.model.ports import Unavailable
from watchword.model.request import Peer, Request
from watchword.server.account.mail import Letter, Undeliverable
from watchword.server.watching.receivers import Mail, Webhook

ALERT = Alert(
    "alr_1",
    1_790_000_000,
    "leaked",
    "high",
    "leaked:key_1",
    credential="key_1",
    subject="service:billing",
    detail={"told": "a credential was found leaked", "advice": "issue another", "told_to": ["x"], "reason": "a\r\nb"},
)


class Hook:
    """Take what is posted, and say what it is told to say."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.status = 204
        hook = self

        class Answering(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                fields = [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]
                path, _, query = self.path.partition("?")
                hook.requests.append(Request("POST", path.encode(), query.encode(), fields, Peer("192.0.2.1"), body))
                self.send_response(hook.status)
                self.send_header("location", "/elsewhere")
                self.end_headers()

            def log_message(self, *arguments: Any) -> None:
                """Say nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Answering)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks/one?team=a%20b"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def hooked(test: Any) -> Any:
    def run(tmp_path: Path) -> None:
        async def play() -> None:
            hook = Hook()
            try:
                async with house(f"sqlite:///{tmp_path}/w.db", root_key=new_root_key()) as made:
                    await test(made, hook)
            finally:
                hook.close()

        asyncio.run(play())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@hooked
async def test_our_own_scheme_accepts_what_is_sent_once(made: House, hook: Hook) -> None:
    key = await made.issue(Kind.HMAC)
    webhook = Webhook(made.watchword, hook.url, key.credential.id)
    await webhook.tell(ALERT)
    await webhook.close()
    (request,) = hook.requests
    assert accepted(await made.decide("hmac", request)).principal.credential == key.credential.id
    assert reason(await made.decide("hmac", request)) == "replayed"
    assert request.fields[b"idempotency-key"] == b"alr_1"
    value = json.loads(request.body or b"")
    assert (value["id"], value["rule"], value["credential"]) == ("alr_1", "leaked", "key_1")
    assert (value["told"], value["detail"]) == ("a credential was found leaked", {"reason": "a\r\nb"})


@hooked
async def test_the_forged_twin_is_refused(made: House, hook: Hook) -> None:
    key = await made.issue(Kind.HMAC)
    webhook = Webhook(made.watchword, hook.url, key.credential.id)
    await webhook.tell(ALERT)
    await webhook.close()
    (request,) = hook.requests
    request.body = (request.body or b"").replace(b"high", b"low!")
    assert reason(await made.decide("hmac", request)) == "bad_signature"


@hooked
async def test_the_successor_signs_once_the_key_has_ended(made: House, hook: Hook) -> None:
    key = await made.issue(Kind.HMAC)
    new = await made.watchword.lifecycle.rotate(key.credential.id, overlap=60, by="test")
    webhook = Webhook(made.watchword, hook.url, key.credential.id)
    await webhook.tell(ALERT)
    made.clock.now += 61
    await webhook.tell(ALERT)
    await webhook.close()
    used = [request.fields[b"x-api-key"].decode() for request in hook.requests]
    assert used == [key.credential.id, new.credential.id]


@hooked
async def test_any_answer_but_success_is_a_failure_and_no_redirect_is_followed(made: House, hook: Hook) -> None:
    key = await made.issue(Kind.HMAC)
    webhook = Webhook(made.watchword, hook.url, key.credential.id)
    for status in (302, 400, 500):
        hook.status = status
        with pytest.raises(Unavailable, match=f"answered {status}"):
            await webhook.tell(ALERT)
    assert len(hook.requests) == 3
    hook.close()
    with pytest.raises(Unavailable) as failed:
        await webhook.tell(ALERT)
    assert str(failed.value).endswith("ConnectError")
    assert urlsplit(hook.url).path not in str(failed.value), "it is a secret at many receivers"
    await webhook.close()
    hook.__init__()  # type: ignore[misc]


@hooked
async def test_a_key_that_cannot_sign_is_named(made: House, hook: Hook) -> None:
    concat = await made.issue(Kind.HMAC, options={"profile": "concat"})
    api = await made.issue(Kind.API_KEY)
    revoked = await made.issue(Kind.HMAC)
    await made.watchword.lifecycle.revoke(revoked.credential.id, reason="x", by="test")
    for id, why in (
        ("hk_live_none", "names no hmac"),
        (concat.credential.id, "names no hmac"),
        (api.credential.id, "names no hmac"),
        (revoked.credential.id, "is revoked"),
    ):
        with pytest.raises(Unavailable, match=why):
            await Webhook(made.watchword, hook.url, id).tell(ALERT)
    assert hook.requests == []


def test_a_letter_says_what_was_seen_and_what_to_do() -> None:
    sent: list[Letter] = []

    async def send(letter: Letter) -> None:
        sent.append(letter)

    asyncio.run(Mail(send, ("a@example.com", "b@example.com"), "https://auth.example").tell(ALERT))
    assert [each.to for each in sent] == ["a@example.com", "b@example.com"]
    assert sent[0].subject == "[high] a credential was found leaked"
    assert "What to do: issue another." in sent[0].text
    assert "credential: key_1" in sent[0].text
    assert "reason: a  b" in sent[0].text
    assert "https://auth.example/console/alerts" in sent[0].text


def test_a_letter_tells_moments_as_people_read_them() -> None:
    sent: list[Letter] = []

    async def send(letter: Letter) -> None:
        sent.append(letter)

    alert = ALERT.changed(detail={**ALERT.detail, "ends_at": 1795669350, "since": 1795665753, "count": 1795669350})
    asyncio.run(Mail(send, ("a@example.com",), "https://auth.example").tell(alert))
    assert "ends at: 2026-11-26 05:02:30 UTC" in sent[0].text
    assert "since: 2026-11-26 04:02:33 UTC" in sent[0].text
    assert "count: 1795669350" in sent[0].text


def test_a_letter_that_was_not_taken_is_a_failure() -> None:
    async def send(letter: Letter) -> None:
        raise Undeliverable("refused with 451")

    with pytest.raises(Unavailable, match="refused with 451"):
        asyncio.run(Mail(send, ("a@example.com",), "https://auth.example").tell(ALERT))


def test_an_address_that_takes_nothing_has_the_others_be_told_once() -> None:
    got: list[str] = []

    async def send(letter: Letter) -> None:
        if letter.to == "gone@example.com":
            raise Undeliverable("refused with 550", lasting=True)
        got.append(letter.to)

    async def play() -> None:
        mail = Mail(send, ("gone@example.com", "ada@example.com"), "https://auth.example")
        for _ in range(3):
            with pytest.raises(Unavailable, match="refused with 550"):
                await mail.tell(ALERT)

    asyncio.run(play())
    assert got == ["ada@example.com"]

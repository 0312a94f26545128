"""``/leaks/github``: what a signed list names is dead; nothing else changes anything."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from tests.server.leaks.test_published import listed, pem, signature
from tests.server.live import Live, live

from watchword.codec.secrets import new_secret
from watchword.model.credential import Kind
from watchword.server.leaks.github import _matches

BILLING = "service:billing"
SIGNER = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    class Publisher(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = listed(current=pem(SIGNER))
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    publisher = HTTPServer(("127.0.0.1", 0), Publisher)
    threading.Thread(target=publisher.serve_forever, daemon=True).start()
    toml = f'[leaks.github]\nkeys_url = "http://127.0.0.1:{publisher.server_port}/keys"\n'
    with live(tmp_path_factory.mktemp("leaks"), toml) as running:
        running.service("billing")
        yield running
    publisher.shutdown()
    publisher.server_close()


@pytest.fixture
def client(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as client:
        yield client


def match(token: str, **more: Any) -> dict[str, Any]:
    return {
        "token": token,
        "type": "watchword_api_key",
        "url": "https://github.com/o/r/blob/c/f",
        "source": "content",
        **more,
    }


def tell(client: httpx2.Client, content: bytes | list[Any], **fields: str) -> httpx2.Response:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    headers = {
        "content-type": "application/json",
        "github-public-key-identifier": "current",
        "github-public-key-signature": signature(SIGNER, body),
    }
    return client.post("/leaks/github", content=body, headers=headers | fields)


def test_what_is_ours_is_dead_before_the_answer(server: Live, client: httpx2.Client) -> None:
    issued = server.issue(Kind.API_KEY, BILLING)
    token, other = issued.material["secret"], new_secret("ak_live_")
    headers = {"authorization": f"Bearer {token}"}
    assert client.get("/whoami", headers=headers).status_code == 200
    answer = tell(client, [match(token), match(other, type="watchword_other"), match(token)])
    assert answer.status_code == 200
    assert client.get("/whoami", headers=headers).status_code == 401
    known = {
        "token_hash": hashlib.sha256(token.encode()).hexdigest(),
        "token_type": "watchword_api_key",
        "label": "true_positive",
    }
    unknown = hashlib.sha256(other.encode()).hexdigest()
    assert answer.json() == [
        known,
        {"token_hash": unknown, "token_type": "watchword_other", "label": "false_positive"},
        known,
    ]
    assert token not in answer.text
    record = server.do(server.watchword.store.credential(issued.credential.id))
    assert record is not None
    assert (record.leaked, record.revoked_by) == (True, "partner:github")
    assert record.revoke_reason == "leaked: found in https://github.com/o/r/blob/c/f (watchword_api_key)"


def test_an_id_is_public_and_revokes_nothing(server: Live, client: httpx2.Client) -> None:
    issued = server.issue(Kind.HMAC, BILLING)
    answer = tell(client, [match(issued.material["key_id"]), match(issued.credential.id)])
    assert [each["label"] for each in answer.json()] == ["false_positive"] * 2
    record = server.do(server.watchword.store.credential(issued.credential.id))
    assert record is not None
    assert not record.leaked


def test_the_same_again_changes_nothing(server: Live, client: httpx2.Client) -> None:
    token = server.issue(Kind.HMAC, BILLING).material["secret"]
    first, second = (tell(client, [match(token)]) for _ in range(2))
    assert first.json() == second.json()
    leaked = [event for event in server.events() if event.action == "leaked"]
    assert len({event.credential for event in leaked}) == len(leaked)


def test_what_is_not_signed_changes_nothing(server: Live, client: httpx2.Client) -> None:
    issued = server.issue(Kind.API_KEY, BILLING)
    content = [match(issued.material["secret"])]
    body = json.dumps(content).encode()
    stranger = ec.generate_private_key(ec.SECP256R1())
    faces = set()
    for fields in (
        {"github-public-key-signature": signature(stranger, body)},
        {"github-public-key-signature": signature(SIGNER, body + b" ")},
        {"github-public-key-signature": ""},
        {"github-public-key-identifier": "another"},
        {"github-public-key-identifier": ""},
    ):
        refused = tell(client, content, **fields)
        faces.add((refused.status_code, refused.json()["type"], refused.json()["title"]))
    bare = client.post("/leaks/github", content=body)
    assert bare.status_code == 403
    twice = [("github-public-key-identifier", "current")] * 2 + [
        ("github-public-key-signature", signature(SIGNER, body))
    ]
    assert client.post("/leaks/github", content=body, headers=twice).status_code == 403
    assert len(faces) == 1
    record = server.do(server.watchword.store.credential(issued.credential.id))
    assert record is not None
    assert not record.leaked
    assert "unknown_sender" in {event.reason for event in server.events()}


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"null", b"[", b"[" * 50_000, b"\xff", [1], [None], [[]], [{"token": 1, "type": "x"}],
     [{"token": "", "type": "x"}], [{"token": "x" * 9_000, "type": "x"}], [{"token": "x"}], [match("x", type=None)]],
    ids=range(14),
)  # fmt: skip
def test_a_signed_message_that_is_no_list_is_malformed(client: httpx2.Client, content: Any) -> None:
    assert tell(client, content).status_code == 400


def test_odd_members_are_borne(server: Live, client: httpx2.Client) -> None:
    token = server.issue(Kind.API_KEY, BILLING).material["secret"]
    odd = [
        match(token, url=None),
        match("\ud800"),
        match("a\u0000b"),
        {**match("x"), "more": [[]]},
        match("y", url="z" * 100_000),
    ]
    answer = tell(client, odd)
    assert [each["label"] for each in answer.json()] == ["true_positive", *["false_positive"] * 4]


def test_no_secret_of_where_it_was_found_is_kept(server: Live, client: httpx2.Client) -> None:
    token = server.issue(Kind.API_KEY, BILLING).material["secret"]
    assert tell(client, [match(token, url=f"https://x.example/?k={token}\u0000\ud800")]).status_code == 200
    assert token not in repr(server.events())


def test_an_empty_list_has_an_empty_answer(client: httpx2.Client) -> None:
    assert tell(client, []).json() == []


def test_a_long_list_is_answered_whole(server: Live, client: httpx2.Client) -> None:
    tokens = [server.issue(Kind.API_KEY, BILLING).material["secret"] for _ in range(20)]
    many = [match(new_secret("ak_live_"), url="") for _ in range(3_000)]
    answer = tell(client, [*many, *map(match, tokens)])
    assert [each["label"] for each in answer.json()[-21:]] == ["false_positive", *["true_positive"] * 20]
    assert len(answer.json()) == 3_020


def test_what_is_too_long_is_refused(client: httpx2.Client) -> None:
    assert tell(client, b"[" + b" " * (2 << 20) + b"]").status_code == 413
    assert _matches(json.dumps([match("x")] * 10_001).encode()) is None


def test_it_is_off_unless_it_is_set(tmp_path: Path) -> None:
    with live(tmp_path) as server, server.client() as client:
        assert tell(client, []).status_code == 404


def test_other_methods_are_refused(client: httpx2.Client) -> None:
    refused = client.get("/leaks/github")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")


def test_keys_that_cannot_be_had_are_an_outage(tmp_path: Path) -> None:
    toml = '[leaks.github]\nkeys_url = "http://127.0.0.1:1/keys"\n'
    with live(tmp_path, toml) as server, server.client() as client:
        assert tell(client, []).status_code == 503


def test_concurrent_messages_about_one_token(server: Live) -> None:
    """All get the same answer, and it is revoked once."""
    token = server.issue(Kind.API_KEY, BILLING).material["secret"]

    async def race() -> list[httpx2.Response]:
        body = json.dumps([match(token)]).encode()
        headers = {"github-public-key-identifier": "current", "github-public-key-signature": signature(SIGNER, body)}
        async with httpx2.AsyncClient(base_url=server.url) as client:
            asked = [client.post("/leaks/github", content=body, headers=headers) for _ in range(8)]
            return list(await asyncio.gather(*asked))

    assert {answer.text for answer in asyncio.run(race())} == {tell_again(server, token)}


def tell_again(server: Live, token: str) -> str:
    with server.client() as client:
        return tell(client, [match(token)]).text

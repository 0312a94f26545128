"""Serve the advised blocks over TLS in this process, each guarding a place of its own, and hold what callers hold."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
import time
from pathlib import Path
from typing import Any, Final

import uvicorn

from tests.person import Person
from watchword.adapters.asgi import WatchwordMiddleware, principal
from watchword.advise import Advice, Answers, Place, advise
from watchword.codec.passwords import Cost
from watchword.codec.secrets import new_root_key
from watchword.lifecycle.certificates import issue_server_certificate
from watchword.lifecycle.mint import context
from watchword.model.credential import Kind
from watchword.server.app import create_app
from watchword.server.config.load import load, watchword_of
from watchword.server.tls import serve_kwargs

__all__ = ["KINDS", "Served"]

PASSWORD: Final = "correct horse battery staple"
SCOPE: Final = "orders:read"
_PUBLIC: Final = {
    "grants": ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
    "redirect_uris": ["http://127.0.0.1/callback"],
    "public": True,
    "name": "tally",
}

# The ways to call, with answers to which each of them is advised.
KINDS: Final[dict[str, tuple[str, Answers]]] = {
    "api-key": ("api-key", Answers()),
    "basic": ("basic", Answers(through="legacy")),
    "jwt": ("jwt", Answers(callers="people", through="app")),
    "oauth2": ("oauth2", Answers(through="third-party")),
    "oauth2-person": ("oauth2", Answers(callers="people", through="third-party")),
    "hmac": ("hmac", Answers(sensitivity="high")),
    "mtls": ("mtls", Answers(ends="ours", certificates="yes")),
    "session": ("session", Answers(callers="people", through="browser")),
}
_TOML: Final = """
issuer = "{url}"
[server]
listen = "127.0.0.1:{port}"
[server.tls]
certificate = "server.pem"
private_key = "server.pem"
client_ca = "watchword"
[store]
url = "sqlite:///served.db"
[oauth.scopes]
"orders:read" = "See your orders"

"""


class Served:
    """Hold the server. Each kind has a route for GET and one for POST, both as advised."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = socket.create_server(("127.0.0.1", 0))
        port = self.socket.getsockname()[1]
        self.url = f"https://127.0.0.1:{port}"
        self.advice: dict[tuple[str, str], Advice] = {}
        self.environment: dict[str, dict[str, str]] = {}
        config = folder / "watchword.toml"
        config.write_text(_TOML.format(url=self.url, port=port) + "\n".join(self._blocks()))
        root_key = new_root_key()
        (folder / "server.pem").touch()
        self.settings = load(config)
        self.house = watchword_of(
            self.settings, workers=1, root_key=root_key, password_cost=Cost(memory=64, passes=1), account_limit=None
        )
        asyncio.run(self._furnish(root_key))
        self._server = self._uvicorn()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self._server.started:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.01)

    def place(self, kind: str, method: str) -> Place:
        return Place(self.url, f"/advised/{kind}/{{id}}", method, (SCOPE,))

    def _blocks(self) -> list[str]:
        for kind, (scheme, answers) in KINDS.items():
            for method in ("GET", "POST"):
                found = advise(answers, self.place(kind, method))
                assert found[0].scheme == scheme
                self.advice[kind, method] = found[0]
        return [advice.route_block for advice in self.advice.values()]

    async def _furnish(self, root_key: str) -> None:
        from watchword.app import Watchword

        house = Watchword(
            f"sqlite:///{self.folder / 'served.db'}", root_key=root_key, issuer=self.url, workers=1,
            password_cost=Cost(memory=64, passes=1),
        )  # fmt: skip
        await house.start()
        try:
            await self._issue(house)
            await self._certify(house)
        finally:
            await house.stop()

    async def _issue(self, house: Any) -> None:
        for name in ("user:alice", "service:billing"):
            await house.lifecycle.add_subject(name, by="test")

        async def issued(kind: Kind, subject: str = "service:billing", **options: Any) -> dict[str, Any]:
            made = await house.lifecycle.issue(kind, subject, by="test", scopes=(SCOPE,), options=options or None)
            found: dict[str, Any] = {**made.material, "id": made.credential.id}
            return found

        await issued(Kind.PASSWORD, "user:alice", password=PASSWORD)
        await issued(Kind.PASSWORD, "service:billing", password=PASSWORD)
        key, signer = await issued(Kind.API_KEY), await issued(Kind.HMAC)
        client, certificate = await issued(Kind.OAUTH_CLIENT), await issued(Kind.CLIENT_CERT)
        app = await issued(Kind.OAUTH_CLIENT, **_PUBLIC)
        (self.folder / "cert.pem").write_text(_text(certificate["certificate"]))
        (self.folder / "key.pem").write_text(_text(certificate["private_key"]))
        person = {"API_USER": "alice", "API_PASSWORD": PASSWORD}
        self.environment = {
            "api-key": {"API_KEY": key["secret"]},
            "basic": {"API_USER": "billing", "API_PASSWORD": PASSWORD},
            "jwt": person,
            "session": person,
            "oauth2": {"CLIENT_ID": client["client_id"], "CLIENT_SECRET": client["client_secret"]},
            "oauth2-person": {"CLIENT_ID": app["client_id"]},
            "hmac": {"HMAC_KEY": signer["key_id"], "HMAC_SECRET": signer["secret"]},
            "mtls": {},
        }

    async def _certify(self, house: Any) -> None:
        record = (await house.store.credentials(kind=Kind.CA))[0]
        own, now = record.detail["certificate"].encode(), int(time.time())
        secret = house.sealer.open(record.secret, context(record.id))
        leaf, key, _ = issue_server_certificate(own, secret, ["127.0.0.1"], now, now + 3600)
        (self.folder / "ca.pem").write_bytes(own)
        (self.folder / "server.pem").write_text(_text(leaf) + _text(key))

    def _uvicorn(self) -> uvicorn.Server:
        app = _Guarded(create_app(self.house, self.settings), self.house)
        pem = str(self.folder / "server.pem")
        secured: dict[str, Any] = serve_kwargs(pem, pem, (self.folder / "ca.pem").read_bytes())
        return uvicorn.Server(uvicorn.Config(app, lifespan="on", log_config=None, access_log=False, **secured))

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self.socket]))

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(20)

    def person(self) -> Person:
        """Return alice at her browser."""
        trusted = ssl.create_default_context(cafile=self.folder / "ca.pem")
        return Person(self.url, "alice", PASSWORD, verify=trusted)

    def variables(self, kind: str) -> dict[str, str]:
        """Return what a caller has in its environment, and how its program trusts a server of this test."""
        authority = str(self.folder / "ca.pem")
        trust = {"CURL_CA_BUNDLE": authority, "SSL_CERT_FILE": authority, "NODE_EXTRA_CA_CERTS": authority}
        return {**self.environment[kind], **trust}


class _Guarded:
    """Answer the advised places with who called, by which proof, and what came; the server answers the rest."""

    def __init__(self, server: Any, house: Any) -> None:
        self._server = server
        self._orders = WatchwordMiddleware(_orders, house)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        ours = scope["type"] == "http" and scope["path"].startswith("/advised/")
        await (self._orders if ours else self._server)(scope, receive, send)


async def _orders(scope: Any, receive: Any, send: Any) -> None:
    content = b""
    more = True
    while more:
        message = await receive()
        content += message.get("body", b"")
        more = message.get("more_body", False)
    who = principal(scope)
    assert who is not None
    told = {"subject": who.subject, "scheme": who.scheme, "method": scope["method"], "content": content.decode()}
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(told).encode()})


def _text(pem: str | bytes) -> str:
    return pem if isinstance(pem, str) else pem.decode()

"""The server as a whole: who calls, by any scheme; every refusal a problem document; nothing broken is ever shown."""

from __future__ import annotations

import asyncio
import http.client
import socket
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from tests.server.live import PASSWORD, Live, live

from watchword.codec.secrets import new_secret
from watchword.model.credential import Kind
from watchword.model.ports import Unavailable
from watchword.server.app import create_app, every_scheme


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("app"), "[server]\nmax_body = 65536\n") as running:
        running.user("alice")
        running.service("billing")
        yield running


@pytest.fixture
def client(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as opened:
        yield opened


def test_whoami_by_api_key(client: httpx2.Client, server: Live) -> None:
    issued = server.issue(Kind.API_KEY, "service:billing", scopes=("b", "a"))
    answer = client.get("/whoami", headers={"authorization": f"Bearer {issued.material['secret']}"})
    said = answer.json()
    assert said.pop("authenticated_at") > 0
    assert said == {
        "subject": "service:billing",
        "kind": "service",
        "scheme": "api-key",
        "credential": issued.credential.id,
        "scopes": ["a", "b"],
        "factors": [],
        "actor": None,
    }
    assert answer.headers["cache-control"] == "no-store"


def test_whoami_by_basic(client: httpx2.Client) -> None:
    said = client.get("/whoami", auth=("alice", PASSWORD)).json()
    assert (said["subject"], said["scheme"], said["factors"]) == ("user:alice", "basic", ["pwd"])


def test_whoami_by_signature_and_its_replay(client: httpx2.Client, server: Live) -> None:
    from tests.server.test_check import signed

    material = dict(server.issue(Kind.HMAC, "service:billing").material)
    headers = signed(material, "/whoami", "GET", b"", f"127.0.0.1:{server.port}")
    assert client.get("/whoami", headers=headers).json()["scheme"] == "hmac"
    assert client.get("/whoami", headers=headers).status_code == 401


def test_whoami_accepts_every_scheme_there_is(server: Live) -> None:
    policy = every_scheme(server.watchword)
    assert set(policy.split(" | ")) == set(server.watchword.schemes)
    assert policy.startswith("hmac | api-key")


def test_401_challenges_for_every_scheme(client: httpx2.Client) -> None:
    answer = client.get("/whoami")
    asked = {value.partition(" ")[0] for value in answer.headers.get_list("www-authenticate")}
    assert {"Bearer", "Basic", "Watchword-HMAC-SHA256"} <= asked
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json().keys() == {"type", "title", "status", "reference"}


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("POST", "/whoami", 405, "GET, HEAD"),
        ("DELETE", "/login", 405, "GET, HEAD, POST"),
        ("GET", "/refresh", 405, "POST"),
        ("GET", "/oauth/token", 405, "POST"),
        ("PUT", "/healthz", 405, "GET, HEAD"),
        ("GET", "/nowhere", 404, None),
        ("GET", "/login/", 404, None),
        ("GET", "/static/../login.py", 404, None),
        ("GET", "/static/%2e%2e/app.py", 404, None),
    ],
)
def test_every_refusal_is_a_problem(
    client: httpx2.Client, method: str, path: str, status: int, allow: str | None
) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.json()["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers.get("allow") == allow


def test_every_response_carries_the_security_fields(client: httpx2.Client) -> None:
    for path in ("/", "/login", "/whoami", "/healthz", "/nowhere", "/oauth/jwks", "/static/watchword.css"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        own = "same-origin" if path == "/login" else "no-referrer"  # a page's form must say where it comes from
        assert headers["referrer-policy"] == own, path
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert "server" not in headers


def test_a_body_that_is_too_long_for_whoami(client: httpx2.Client) -> None:
    answer = client.request("GET", "/whoami", content=b"x" * 70_000)
    assert answer.status_code == 413


def test_duplicate_credentials_are_refused(server: Live) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.putrequest("GET", "/whoami")
    for _ in range(2):
        connection.putheader("Authorization", "Bearer x")
    connection.endheaders()
    assert connection.getresponse().status == 400
    connection.close()


def test_a_broken_store_is_503_and_never_401(
    client: httpx2.Client, server: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> object:
        raise Unavailable("the store is down: password hunter2")

    for verb in ("credential", "credential_by", "credentials", "subject"):
        monkeypatch.setattr(server.watchword.store, verb, broken)
    form = {"grant_type": "client_credentials", "client_id": "cli_x", "client_secret": "y"}
    key = new_secret("ak_live_")
    answers = [
        client.get("/whoami", headers={"authorization": f"Bearer {key}"}),
        client.post("/login", json={"username": "alice", "password": "wrong wrong wrong"}),
        client.post("/refresh", json={"refresh_token": "rt_a.b.0.c"}),
        client.post("/oauth/token", data=form),
    ]
    for answer in answers:
        assert answer.status_code == 503, answer.request.url
        assert "hunter2" not in answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert "retry-after" in answer.headers


def test_an_error_of_our_own_is_503_without_its_text(
    client: httpx2.Client, server: Live, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> object:
        raise RuntimeError("hunter2")

    monkeypatch.setattr(server.watchword.keys, "jwks", broken)
    answer = client.get("/oauth/jwks")
    assert answer.status_code == 503
    assert "hunter2" not in answer.text + caplog.text
    assert answer.json()["reference"] in caplog.text


def test_half_a_request_leaves_the_server_well(server: Live, client: httpx2.Client) -> None:
    for path in ("/login", "/whoami", "/oauth/token"):
        with socket.create_connection(("127.0.0.1", server.port)) as raw:
            raw.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf".encode())
    assert client.get("/healthz").status_code == 200


def test_websockets_are_refused(server: Live) -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    app = create_app(server.watchword, server.settings)
    asyncio.run(app({"type": "websocket", "path": "/whoami"}, receive, send))  # type: ignore[arg-type]
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_a_server_that_cannot_start_says_so_without_the_key(
    tmp_path_factory: pytest.TempPathFactory, caplog: pytest.LogCaptureFixture
) -> None:
    from watchword.codec.secrets import new_root_key
    from watchword.server.config.load import load, watchword_of

    folder = tmp_path_factory.mktemp("wrong")
    (folder / "watchword.toml").write_text('[store]\nurl = "sqlite:///a.db"\n')
    settings = load(folder / "watchword.toml")
    outcomes = []
    for key in (new_root_key(), new_root_key()):
        watchword = watchword_of(settings, workers=1, root_key=key)
        app = create_app(watchword, settings)
        messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
        sent: list[str] = []

        async def receive(messages: Any = messages) -> Any:
            return next(messages)

        async def send(message: Any, sent: Any = sent) -> None:
            sent.append(message["type"])

        asyncio.run(app({"type": "lifespan"}, receive, send))  # type: ignore[arg-type]
        outcomes.append(sent)
        assert key not in caplog.text
    assert outcomes == [["lifespan.startup.complete", "lifespan.shutdown.complete"], ["lifespan.startup.failed"]]

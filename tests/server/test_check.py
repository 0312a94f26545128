"""Forward-auth over real HTTP."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.server.live import PASSWORD, Live, live

from watchword.codec.jose import key_set, verify
from watchword.codec.message import Parts, canonical, sign
from watchword.model.credential import Kind
from watchword.server import serve

ROUTES = """
issuer = "https://auth.example.com"
[limits]
address = ""
[[route]]
path = "/public"
accept = "public"
[[route]]
path = "/orders/{id}"
methods = ["GET"]
accept = "api-key | jwt | hmac"
scopes = ["orders:read"]
[[route]]
path = "/orders"
methods = ["POST"]
accept = "hmac"
body = "upstream"
[[route]]
path = "/one"
accept = "oauth2 | hmac"
body = "upstream"
resource = "https://api.example.com/one"
[[resource]]
uri = "https://api.example.com/one"
[[route]]
path = "/limited"
accept = "api-key"
limit = "2/h"
[[route]]
path = "/app"
accept = "session"
[[route]]
path = "/ä"
accept = "api-key"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("check"), ROUTES) as running:
        running.service("billing")
        yield running


@pytest.fixture(scope="module")
def key(server: Live) -> str:
    return server.issue(Kind.API_KEY, "service:billing", scopes=("orders:read",)).material["secret"]


@pytest.fixture
def http(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as client:
        yield client


def about(uri: str, method: str = "GET", host: str = "api.example.com", key: str = "", **more: str) -> dict[str, str]:
    fields = {"x-forwarded-method": method, "x-forwarded-uri": uri, "x-forwarded-host": host}
    if key:
        fields["authorization"] = f"Bearer {key}"
    return fields | {name.replace("_", "-"): value for name, value in more.items()}


def test_200_says_who_calls(http: httpx2.Client, server: Live, key: str) -> None:
    answer = http.get("/check", headers=about("/orders/7", key=key))
    assert answer.status_code == 200
    assert answer.content == b""
    said = answer.headers
    assert said["x-watchword-subject"] == "service:billing"
    assert said["x-watchword-scheme"] == "api-key"
    assert said["x-watchword-scopes"] == "orders:read"
    assert said["x-watchword-credential"].startswith("key_")
    assert said["x-watchword-actor"] == ""
    assert said["cache-control"] == "no-store"


def test_the_assertion_is_signed_short_and_for_this_host(http: httpx2.Client, key: str) -> None:
    text = http.get("/check", headers=about("/orders/7", key=key)).headers["x-watchword-assertion"]
    keys = key_set(http.get("/oauth/jwks").content)
    assert keys
    (claims,) = [found for each in keys.values() if isinstance(found := verify(text.encode(), each), dict)]
    assert (claims["iss"], claims["aud"], claims["sub"]) == (
        "https://auth.example.com",
        "api.example.com",
        "service:billing",
    )
    assert claims["exp"] - claims["iat"] == 60
    assert claims["scope"] == "orders:read"
    other = http.get("/check", headers=about("/orders/7", key=key, host="other.example.com"))
    assert other.headers["x-watchword-assertion"] != text
    again = http.get("/check", headers=about("/orders/8", key=key))
    assert again.headers["x-watchword-assertion"] == text, "a hit costs no signature"


def test_the_assertion_is_no_access_token(http: httpx2.Client, key: str) -> None:
    text = http.get("/check", headers=about("/orders/7", key=key)).headers["x-watchword-assertion"]
    assert http.get("/whoami", headers={"authorization": f"Bearer {text}"}).status_code == 401


def test_refusals(http: httpx2.Client, server: Live, key: str) -> None:
    assert http.get("/check", headers=about("/orders/7")).status_code == 401
    assert http.get("/check", headers=about("/orders/7", "DELETE", key=key)).status_code == 403
    assert http.get("/check", headers=about("/nowhere", key=key)).status_code == 403
    assert server.last().reason == "no_route"
    poor = server.issue(Kind.API_KEY, "service:billing").material["secret"]
    answer = http.get("/check", headers=about("/orders/7", key=poor))
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    assert answer.headers["content-type"] == "application/problem+json"


def test_no_question_fails_closed(http: httpx2.Client, key: str) -> None:
    assert http.get("/check", headers={"authorization": f"Bearer {key}"}).status_code == 400
    twice = {**about("/public"), "x-original-uri": "/orders/7", "x-original-method": "GET"}
    assert http.get("/check", headers=twice).status_code == 400
    assert http.get("/check", headers=about("/orders/..%2f..%2fpublic", key=key)).status_code == 400
    assert http.get("/check", headers=about("/public/../orders/7", key=key)).status_code == 400


def test_paths_are_matched_decoded(http: httpx2.Client, key: str) -> None:
    assert http.get("/check", headers=about("/%C3%A4", key=key)).status_code == 200
    assert http.get("/check", headers=about("/%70ublic")).status_code == 200
    assert http.get("/check", headers=about("/orders/7/8", key=key)).status_code == 403


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/orders/7?/public", 401),
        ("/orders/7?x=/public", 401),
        ("/orders/7#/public", 400),
        ("/public#/../orders/7", 400),
        ("/public/../orders/7", 400),
        ("/public%3f/../orders/7", 400),
        ("/public%23", 403),
    ],
)
def test_cve_2026_40575_2025_54576_a_public_place_lends_its_name_to_no_other(
    http: httpx2.Client, path: str, status: int
) -> None:
    assert http.get("/check", headers=about(path)).status_code == status
    other = {"x-original-method": "GET", "x-original-uri": "/public", "x-original-host": "api.example.com"}
    assert (
        http.get("/check", headers={**about(path), **other}).status_code == 400
    )  # a caller's own beside the gateway's


def test_public_sends_every_field_empty(http: httpx2.Client) -> None:
    said = http.get("/check", headers=about("/public")).headers
    for name in ("subject", "scheme", "scopes", "credential", "actor", "assertion"):
        assert said[f"x-watchword-{name}"] == ""


def test_the_limit_is_the_routes(http: httpx2.Client, key: str) -> None:
    statuses = [http.get("/check", headers=about("/limited", key=key)) for _ in range(3)]
    assert [answer.status_code for answer in statuses] == [200, 200, 429]
    assert "retry-after" in statuses[2].headers
    assert "ratelimit" in statuses[2].headers


def test_envoy_asks_in_the_path(http: httpx2.Client, key: str) -> None:
    headers = {"authorization": f"Bearer {key}"}
    assert http.get("/check/orders/7", headers=headers).status_code == 200
    assert http.get("/check/orders/7", headers={**headers, "x-forwarded-uri": "/public"}).status_code == 200
    assert http.get("/check/nowhere", headers={**headers, "x-forwarded-uri": "/public"}).status_code == 403
    assert http.get("/checkout").status_code == 404


def test_a_credential_in_the_forwarded_query_is_refused_and_burnt(http: httpx2.Client, server: Live) -> None:
    key = server.issue(Kind.API_KEY, "service:billing", scopes=("orders:read",)).material["secret"]
    answer = http.get("/check", headers=about(f"/orders/7?api_key={key}"))
    assert answer.status_code == 400
    assert answer.json()["type"].endswith("credential_in_url")
    server.watchword.watch.due = 0.0
    assert http.get("/check", headers=about("/orders/7", key=key)).status_code == 401


def signed(
    material: dict[str, Any], uri: str, method: str, body: bytes, host: str = "api.example.com"
) -> dict[str, str]:
    path, _, query = uri.partition("?")
    stamp = str(int(time.time())).encode()
    digest = hashlib.sha256(body).hexdigest()
    parts = Parts(
        material["key_id"].encode(),
        stamp,
        b"",
        method,
        host.encode(),
        path.encode(),
        query.encode(),
        b"application/json",
        digest,
        None,
    )
    message = canonical("v1", parts)
    assert message is not None
    return {
        "x-api-key": material["key_id"],
        "x-timestamp": stamp.decode(),
        "x-signature": sign(material["secret"], message),
        "x-content-sha256": digest,
        "content-type": "application/json",
    }


def test_a_signature_covers_the_forwarded_request(http: httpx2.Client, server: Live) -> None:
    material = dict(server.issue(Kind.HMAC, "service:billing").material)
    fields = signed(material, "/orders?x=1", "POST", b'{"n":1}')
    for wrong in (about("/orders?x=2", "POST"), about("/orders?x=1", "POST", host="evil.example.com")):
        assert http.get("/check", headers=wrong | fields).status_code == 401
    answer = http.get("/check", headers=about("/orders?x=1", "POST") | fields)
    assert answer.status_code == 200
    assert answer.headers["x-watchword-content-sha256"] == fields["x-content-sha256"]
    assert http.get("/check", headers=about("/orders?x=1", "POST") | fields).status_code == 401, "replayed"


def test_a_signature_over_an_unseen_body_is_refused_elsewhere(http: httpx2.Client, server: Live) -> None:
    issued = server.issue(Kind.HMAC, "service:billing", scopes=("orders:read",))
    fields = signed(dict(issued.material), "/orders/7", "GET", b"")
    answer = http.get("/check", headers=about("/orders/7") | fields)
    assert answer.status_code == 400
    assert server.last().reason == "body_unseen"


def test_sessions_keep_their_csrf_guard(http: httpx2.Client, server: Live) -> None:
    server.user("alice")
    from tests.server.login.test_entry import log_in

    log_in(http)
    assert http.get("/check", headers=about("/app")).status_code == 200
    assert http.get("/check", headers=about("/app", "POST")).status_code == 403
    token = http.cookies["csrf"]
    assert http.get("/check", headers=about("/app", "POST", x_csrf_token=token)).status_code == 200


def test_a_revoked_key_is_refused_soon(http: httpx2.Client, server: Live) -> None:
    issued = server.issue(Kind.API_KEY, "service:billing", scopes=("orders:read",))
    headers = about("/orders/7", key=issued.material["secret"])
    assert http.get("/check", headers=headers).status_code == 200
    server.do(server.watchword.lifecycle.revoke(issued.credential.id, reason="test", by="test"))
    deadline = time.monotonic() + 1.0
    while http.get("/check", headers=headers).status_code == 200:
        assert time.monotonic() < deadline


def test_names_cannot_inject_header_fields(tmp_path_factory: pytest.TempPathFactory) -> None:
    from watchword.model.verdict import Principal
    from watchword.server.check import _stated

    who = Principal("user:a\r\nX-Evil: 1", "jwt", "jti:ä\n", frozenset({"a b", "ü"}), actor="x\0y")
    for value in _stated(who):
        assert value.isascii()
        assert value.decode().isprintable()
    assert _stated(who)[0] == b"user:a%0D%0AX-Evil:%201"


def test_without_routes_any_proof_will_do(tmp_path_factory: pytest.TempPathFactory) -> None:
    with live(tmp_path_factory.mktemp("routeless")) as server, server.client() as http:
        server.service("billing")
        server.user("alice")
        key = server.issue(Kind.API_KEY, "service:billing").material["secret"]
        assert http.get("/check", headers={"authorization": f"Bearer {key}"}).status_code == 200
        assert http.get("/check", headers=about("/any//thing;x", "DELETE", key=key)).status_code == 200
        assert http.get("/check", headers=about("/x"), auth=("alice", PASSWORD)).status_code == 200
        assert http.get("/check", headers=about("/x")).status_code == 401


def test_only_trusted_proxies_name_the_callers_address(tmp_path_factory: pytest.TempPathFactory) -> None:
    for proxies, status in (("[]", 403), ('["127.0.0.1"]', 200)):
        route = '[[route]]\npath = "/x"\naccept = "public"\nnetworks = ["192.0.2.0/24"]\n'
        toml = f"[server]\ntrusted_proxies = {proxies}\n{route}"
        with live(tmp_path_factory.mktemp("proxies"), toml) as server, server.client() as http:
            said = about("/x", x_forwarded_for="192.0.2.7")
            assert http.get("/check", headers=said).status_code == status


def test_the_short_way_and_the_long_way_say_the_same(http: httpx2.Client, server: Live, key: str) -> None:
    headers = about("/orders/7", key=key)
    http.get("/check", headers=headers)
    seen = set()
    for more in ({}, {"content-length": "0"}, {"connection": "close"}):  # content or a last request take the long way
        for _ in range(5):
            answer = http.get("/check", headers={**headers, **more})
            fields = tuple(f for f in answer.headers.raw if f[0].lower() not in (b"date", b"connection"))
            seen.add((answer.status_code, fields, answer.content))
    assert len(seen) == 1


def test_pipelined_questions_are_answered_in_order(server: Live, key: str) -> None:
    def question(uri: str, proof: str) -> bytes:
        fields = {"host": "x", "x-forwarded-method": "GET", "x-forwarded-uri": uri, "authorization": f"Bearer {proof}"}
        return b"GET /check HTTP/1.1\r\n" + b"".join(f"{n}: {v}\r\n".encode() for n, v in fields.items()) + b"\r\n"

    sent = [question("/orders/7", key), question("/orders/7", "ak_live_x"), question("/nowhere", key)] * 300
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        threading.Thread(target=raw.sendall, args=(b"".join(sent),), daemon=True).start()
        got, deadline = b"", time.monotonic() + 30
        while got.count(b"HTTP/1.1 ") < len(sent) and time.monotonic() < deadline:
            got += raw.recv(1 << 20)
    statuses = [int(part[:3]) for part in got.split(b"HTTP/1.1 ")[1:]]
    assert statuses[:3] in ([200, 401, 403], [200, 429, 403])
    assert [status == 200 for status in statuses] == [True, False, False] * 300


def test_the_short_way_refuses_as_the_long_way_does(http: httpx2.Client, server: Live, key: str) -> None:
    wrong = (about("/orders/7", key="ak_live_x"), about("/nowhere", key=key), about("/orders/7"), {"host": "x"})
    for headers in wrong:
        short, long = (http.get("/check", headers={**headers, **more}) for more in ({}, {"content-length": "0"}))
        assert short.status_code == long.status_code >= 400
        without = ({**answer.json(), "reference": ""} for answer in (short, long))
        assert next(without) == next(without)
        assert short.headers.get("www-authenticate") == long.headers.get("www-authenticate")


def test_each_answer_is_noted_once_whichever_way_it_took(http: httpx2.Client, server: Live, key: str) -> None:
    before = len(server.events())
    for more in ({}, {"content-length": "0"}):
        for about_ in (about("/orders/7", key=key), about("/orders/7"), about("/nowhere", key=key), {"host": "x"}):
            http.get("/check", headers={**about_, **more})
    noted = [(event.outcome, event.reason, event.path) for event in server.events()[before:]]
    each = [("accepted", "", "/orders/7"), ("refused", "no_credential", "/orders/7")]
    assert noted == 2 * [*each, ("refused", "no_route", "/nowhere"), ("refused", "malformed_request", "/check")]


def test_what_was_answered_at_once_leaves_the_connection_as_it_was(server: Live, key: str) -> None:
    question = (
        f"GET /check HTTP/1.1\r\nhost: x\r\nx-forwarded-method: GET\r\nx-forwarded-uri: /orders/7\r\n"
        f"authorization: Bearer {key}\r\n\r\n"
    ).encode()
    other = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
    content = b"POST /check HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc"
    got, wanted = b"", (question, other, question, content, other)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        for number, sent in enumerate(wanted, 1):
            for piece in (sent[:20], sent[20:]):  # neither of which is a request
                raw.sendall(piece)
            while got.count(b"HTTP/1.1 ") < number:
                got += raw.recv(1 << 16)
    assert [part[:3] for part in got.split(b"HTTP/1.1 ")[1:]] == [b"200", b"200", b"200", b"400", b"200"]


def test_long_hosts_are_not_remembered(tmp_path: Path) -> None:
    with live(tmp_path) as server, socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        key = server.issue(Kind.API_KEY, server.service("billing")).material["secret"]
        for number in range(10):
            host = f"{number}{'x' * 20_000}"
            raw.sendall(f"GET /check HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\n\r\n".encode())
            got = b""
            while b"\r\n\r\n" not in got:
                got += raw.recv(1 << 16)
            assert got.startswith(b"HTTP/1.1 200 ")
        assert not server.app.at_once.__self__._said  # type: ignore[attr-defined]
        assert all(len(block) < 10_000 for _, block in serve._blocks.values())


def test_cve_2025_69196_a_gateway_learns_whose_tokens_a_place_takes(server: Live, http: httpx2.Client) -> None:
    issued = server.issue(Kind.OAUTH_CLIENT, "service:billing", options={"grants": ["client_credentials"]})
    client = {name: issued.material[name] for name in ("client_id", "client_secret")}

    def asked(resource: str) -> httpx2.Response:
        form = {"grant_type": "client_credentials", **client, **({"resource": resource} if resource else {})}
        token = http.post("/oauth/token", data=form).json()["access_token"]
        return http.get("/check", headers=about("/one", key=token))

    assert asked("https://api.example.com/one").status_code == 200
    refused = asked("")
    assert refused.status_code == 401
    place = "https://api.example.com/.well-known/oauth-protected-resource/one"
    assert f'resource_metadata="{place}"' in refused.headers["www-authenticate"]

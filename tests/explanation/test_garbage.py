"""Whatever is asked, an answer comes: an explanation, or which field is wrong; and it says the gate's own verdict."""

from __future__ import annotations

import json
import random
import time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.explanation.house import issued, playing
from watchword.adapters.asgi import request_of, wants_body
from watchword.app import Watchword
from watchword.explanation import Question, Unclear, explained
from watchword.model.credential import Kind
from watchword.model.verdict import Deny
from watchword.routes import Rule

RULES = [
    Rule("/a/{id}", "hmac | api-key | jwt | oauth2 | basic | session | mtls", scopes=("x",), networks=("127.0.0.0/8",)),
    Rule("/b", "jwt via api-key | mtls & hmac | public"),
    Rule("/{rest:path}", "session via (hmac | api-key) | basic", factors=("otp",), within=60.0),
]
NAMES = (
    "Authorization", "Cookie", "X-API-Key", "X-Signature", "X-Timestamp", "X-Nonce", "Host", "Content-Type", "DPoP",
    "X-Content-SHA256", "Origin", "X-Forwarded-For", "Forwarded", "Sec-Fetch-Site", "If-Match", "Sec-WebSocket-Version",
)  # fmt: skip
VALUES = (
    "", " ", "Bearer", "Bearer ", "Bearer eyJhbGciOiJub25lIn0.e30.", "Bearer ak_live_", "Basic", "Basic Og==",
    "Basic ////", "DPoP a", "hk_live_x", "0" * 64, "-1", "99999999999999999999", "a=b; __Host-session=; session=x",
    "\x00\xff", "a\r\nb: c", "example.com:99999", "[::1]", "null", "%", "=" * 5000,
)  # fmt: skip
PATHS = ("/a/1", "/a/%2e%2e", "/b", "/b/", "//", "/a//b", "/%ff", "/a/1;x=y", "", "/\\", "/.well-known/x")


def _question(draw: random.Random, secrets: list[str]) -> dict[str, Any]:
    values = [*VALUES, *secrets * 3, *(f"Bearer {secret}" for secret in secrets * 3), str(int(time.time()))]
    query = draw.choice(["", "", "", "", "?a=b", "?api_key=x", f"?x={draw.choice(secrets)}", "?%", "?&&==&"])
    asked: dict[str, Any] = {
        "method": draw.choice(["GET", "POST", "HEAD", "get", "DELETE"]),
        "url": draw.choice(["http://a", "https://127.0.0.1:8443", "http://[::1]:1"]) + draw.choice(PATHS) + query,
        "headers": [[draw.choice(NAMES), draw.choice(values)] for _ in range(draw.randrange(6))],
        "address": draw.choice(["127.0.0.1", "127.0.0.1", "127.0.0.1", "192.0.2.9", "::1", "::ffff:10.0.0.1"]),
    }
    if draw.random() < 0.3:
        asked["body"] = draw.choice(["", "{}", "csrf_token=x", "\u2603" * 10])
    return asked


def test_every_request_is_explained_as_the_gate_judges_it() -> None:
    async def work(house: Watchword) -> None:
        key, signer = await issued(house, Kind.API_KEY, scopes=("x",)), await issued(house, Kind.HMAC)
        secrets = [key.material["secret"], signer.material["key_id"], signer.material["secret"]]
        draw, decided = random.Random(20261126), set()
        for _ in range(250):
            question = Question.of(_question(draw, secrets))
            found = await explained(house, question)
            text = json.dumps(found.value())
            assert key.material["secret"] not in text
            assert signer.material["secret"] not in text
            told = (found.outcome.status, found.outcome.reason)
            assert told == await _judged(house, question)
            decided.add(told[1])
        most = {
            "",
            "credential_in_url",
            "duplicate_field",
            "malformed_credential",
            "network_not_allowed",
            "no_credential",
        }
        assert most <= decided

    playing(RULES, work, address_limit=None, burn=False)


async def _judged(house: Watchword, question: Question) -> tuple[int, str]:
    scope = question.scope()
    route, request = house.route_for(question.method, scope["path"]), request_of(scope)
    if route is None:
        return 403, "no_route"
    request.body = question.body if wants_body(route, request) else None
    decision = await house.gate.decide(request, route)
    if isinstance(decision, Deny):
        return decision.rejection.reason.status, decision.rejection.reason.code
    return 200, ""


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(
            ["method", "url", "headers", "body", "body_base64", "address", "certificate", "string_signed", "x"]
        ),
        _ANY | st.just("http://a.test/") | st.just([["a", "b"]]),
        max_size=5,
    )
)
def test_a_question_is_read_or_its_field_is_named(value: dict[str, Any]) -> None:
    try:
        scope = Question.of(value).scope()
    except Unclear as error:
        assert error.field
        return
    assert scope["raw_path"].startswith(b"/")

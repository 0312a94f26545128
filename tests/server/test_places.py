"""What the server does before its routes decide, and that explanations know it: they answer as ``/check`` does."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

from tests.explanation.house import issued, playing, signed

from watchword.app import Watchword
from watchword.explanation import Question, explained
from watchword.model.credential import Kind
from watchword.routes import Rule
from watchword.server.app import every_scheme
from watchword.server.check import CHECK, Check
from watchword.server.places import front_of, own_places

RULES = (
    Rule("/orders/{id}", "api-key | hmac", ("GET", "POST"), ("orders:read",)),
    Rule("/up", "hmac | api-key", body="upstream"),
    Rule("/open/{rest:path}", "public"),
)
ODD = (
    "/orders/7", "/orders/7?a=b", "/orders//7", "/orders/7;x=y", "/orders/%2e%2e", "/orders/%2f", "/orders/7%00", "/up",
    "/open/a//b", "/open/%ff", "/open/a%5cb", "/open/a%252f", "/open/'", '/open/"', "/open/a?b#c", "/none", "/",
)  # fmt: skip


def test_whoami_takes_any_scheme() -> None:
    house = Watchword("memory:")
    [rule] = [each for each in own_places(house) if each.path == "/whoami"]
    assert rule.accept == every_scheme(house)
    assert set(house.compile(rule).policy.schemes) == set(house.schemes)


async def _checked(check: Check, asked: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    """Return what ``/check`` answers a gateway that asks about this request."""
    scheme, _, rest = asked["url"].partition("://")
    host, slash, target = rest.partition("/")
    fields = [(name.lower().encode(), value.encode("latin-1")) for name, value in asked["headers"]]
    fields += [
        (b"x-forwarded-method", asked["method"].encode()),
        (b"x-forwarded-uri", (slash + target.partition("#")[0]).encode("latin-1")),
        (b"x-forwarded-host", host.encode()),
        (b"host", b"auth.test"),
    ]
    scope = {
        "method": "GET", "query_string": b"", "headers": fields, "client": ("127.0.0.1", 1), "scheme": scheme,
        "extensions": {},
    }  # fmt: skip
    status, headers, body = await check.answer(scope, CHECK)
    kept = {name.decode(): value.decode() for name, value in headers if name in (b"www-authenticate", b"retry-after")}
    return status, kept, body


def _check(house: Watchword, rules: tuple[Rule, ...]) -> Check:
    settings: Any = SimpleNamespace(route=[SimpleNamespace(rule=lambda rule=rule: rule) for rule in rules])
    return Check(house, settings, house.compile(Rule("", every_scheme(house))))


def _hold(rules: tuple[Rule, ...]) -> set[int]:
    seen: set[int] = set()

    async def work(house: Watchword) -> None:
        check, front, draw = _check(house, rules), front_of(house), random.Random(20261126)
        key = await issued(house, Kind.API_KEY, scopes=("orders:read",))
        signer = await issued(house, Kind.HMAC, scopes=("orders:read",))
        empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        for number in range(90):
            path = draw.choice(ODD)
            right = signed(house, signer, "GET", path.partition("#")[0], nonce=str(number).encode())
            right.append(("X-Nonce", str(number)))
            stated, shouted = ("X-Content-SHA256", empty), ("X-Content-SHA256", empty.upper())
            twice = [("X-API-Key", "x"), ("X-API-Key", "y")]
            key_alone = [("Authorization", f"Bearer {key.material['secret']}")]
            proofs: list[Any] = [[], key_alone, right, [*right, stated], [*right, shouted], twice]
            asked = {
                "method": draw.choice(["GET", "GET", "GET", "POST", "HEAD"]),
                "url": f"http://127.0.0.1:8000{path}",
                "headers": [list(each) for each in draw.choice(proofs)],
                "body": draw.choice(["", "{}"]),
            }
            found = (await explained(house, Question.of(asked), front)).response
            status, headers, body = await _checked(check, asked)
            shown = {name: value for name, value in found.headers if name in ("www-authenticate", "retry-after")}
            assert (found.status, shown) == (status, headers), asked
            assert found.body.partition('"reference"')[0] == body.decode().partition('"reference"')[0], asked
            seen.add(status)

    playing(rules, work, address_limit=None, burn=False)
    return seen


def test_what_gateways_ask_is_explained_as_it_is_answered() -> None:
    assert _hold(RULES) == {200, 400, 401, 403}


def test_without_routes_any_proof_will_do() -> None:
    assert {200, 400, 401} <= _hold(())


def test_a_path_that_proxies_read_differently_is_said_to_be_refused() -> None:
    async def work(house: Watchword) -> None:
        found = await explained(house, Question.of({"url": "http://a.test/open/a//b"}), front_of(house))
        assert (found.outcome.status, found.outcome.reason) == (400, "malformed_request")
        assert found.outcome.detail == "a path that proxies read differently"
        assert [each.matched for each in found.routes] == [False] * len(RULES)

    playing(RULES, work)


def test_of_what_the_server_answers_by_itself_it_is_said_that_no_route_tells() -> None:
    async def work(house: Watchword) -> None:
        for path, told in (("/admin/v1/usage", True), ("/console", True), ("/none", False)):
            found = await explained(house, Question.of({"url": f"http://a.test{path}"}), front_of(house))
            assert found.outcome.reason == "no_route"
            assert any("docs/reference/http.md" in note for note in found.notes) == told

    playing(RULES, work)

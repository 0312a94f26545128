"""The ASGI middleware: the same answers as every adapter, and its own: WebSockets, lifespans, streams."""

from __future__ import annotations

import asyncio
import json
from ipaddress import ip_network
from typing import Any

import pytest

from tests.adapters.resources import ONE, OTHER, hold
from tests.house import House, house, played
from watchword.adapters import asgi
from watchword.adapters.asgi import SCOPE_KEY, Front, WatchwordMiddleware, peer_of, principal, read_body
from watchword.app import Watchword
from watchword.codec.forwarded import TrustedProxies
from watchword.model.ports import Unavailable
from watchword.model.request import Request
from watchword.model.verdict import Principal
from watchword.routes import Rule
from watchword.testing.adapters import AdapterSuite, Callers
from watchword.testing.asgi import Ask, ask, connect, living


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with who is calling and how much came."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
        await send({"type": "websocket.close", "code": 1000})
        return
    size, more = 0, True
    while more:
        message = await receive()
        assert message["type"] == "http.request"
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    who = principal(scope)
    body = json.dumps({"subject": who and who.subject, "received": size}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})


class TestMiddlewareByRoutes(AdapterSuite):
    def app(self, watchword: Watchword) -> Any:
        routed = [(rule, watchword.compile(rule)) for rule in self.RULES]
        watchword._table = type(watchword._table)(routed)  # as the configuration would have it
        return WatchwordMiddleware(echo, watchword)


class TestMiddlewareByPolicy(AdapterSuite):
    def app(self, watchword: Watchword) -> Any:
        guarded = {rule.path: WatchwordMiddleware(echo, watchword, **demands(rule)) for rule in self.RULES}

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await guarded[scope["path"]](scope, receive, send)

        return app


def demands(rule: Rule) -> dict[str, Any]:
    names = ("accept", "scopes", "limit", "networks", "factors", "within")
    return {name: value for name in names if (value := getattr(rule, name))}


@played
async def test_a_place_without_a_route_is_refused(opened: House) -> None:
    app = WatchwordMiddleware(echo, opened.watchword)
    answer = await ask(app, Ask(path="/nowhere"))
    assert (answer.status, answer.json["type"]) == (403, "urn:watchword:problem:forbidden")
    assert [event.reason for event in await opened.decided()] == ["no_route"]


@played
async def test_websockets_are_refused_before_they_are_accepted(opened: House) -> None:
    app = WatchwordMiddleware(echo, opened.watchword, "api-key", scopes=["chat"])
    assert await connect(app, Ask(path="/chat")) == [{"type": "websocket.close", "code": 1008}]
    start, body = await connect(app, Ask(path="/chat"), denial=True)
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 401)
    assert (b"www-authenticate", b'Bearer realm="api"') in start["headers"]
    assert json.loads(body["body"])["status"] == 401
    bearer, _ = await opened.key(scopes=["chat"])
    sent = await connect(app, Ask(path="/chat").bearing((b"authorization", bearer)))
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]


@played
async def test_websockets_are_judged_by_routes_too(opened: House) -> None:
    app = WatchwordMiddleware(echo, opened.watchword)
    assert await connect(app, Ask(path="/nowhere")) == [{"type": "websocket.close", "code": 1008}]


@played
async def test_the_scope_holds_the_principal(opened: House) -> None:
    seen: list[Any] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope[SCOPE_KEY])
        await echo(scope, receive, send)

    bearer, issued = await opened.key()
    app = WatchwordMiddleware(inner, opened.watchword, "api-key | public")
    await ask(app, Ask().bearing((b"authorization", bearer)))
    await ask(app, Ask())
    assert isinstance(seen[0], Principal)
    assert seen[0].credential == issued.credential.id
    assert seen[1] is None


@played
async def test_a_caller_who_leaves_reaches_nobody(opened: House) -> None:
    callers = Callers(opened.watchword)
    await callers.issue()

    async def never(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("the application was called")

    app = WatchwordMiddleware(never, opened.watchword, "hmac")
    signed = callers.signed("/signed", [b"half"])
    for body in ([], [b"half"]):
        answer = await ask(app, Ask("POST", "/signed", headers=signed.headers, body=body, leaves=True))
        assert answer.status == 0
    assert [event.reason for event in await opened.decided()] == ["malformed_request"] * 2


def test_what_is_too_long_is_not_read_to_its_end() -> None:
    async def play() -> None:
        async with house() as opened:
            app = WatchwordMiddleware(echo, opened.watchword, "hmac", max_body=10)
            named, signed = (b"x-api-key", b"hk_live_x"), (b"x-signature", b"0" * 64)
            answer = await ask(app, Ask("POST", body=[b"x" * 6] * 50).bearing(named, signed))
            assert (answer.status, answer.read) == (413, 2)
            answer = await ask(app, Ask("POST", body=[b"x" * 6] * 50).bearing(named))
            assert (answer.status, answer.read) == (401, 0)  # without a signature nothing of it matters

    asyncio.run(play())


def test_one_message_that_is_too_long_is_refused_and_one_that_fits_exactly_is_judged() -> None:
    async def play() -> None:
        async with house() as opened:
            app = WatchwordMiddleware(echo, opened.watchword, "hmac", max_body=10)
            named, signed = (b"x-api-key", b"hk_live_x"), (b"x-signature", b"0" * 64)
            answers = [
                (await ask(app, Ask("POST", body=body).bearing(named, signed))).status
                for body in ([b"x" * 11], [b"x" * 10], [b"x" * 5, b"x" * 5], [b"x" * 5, b"x" * 6])
            ]
            assert answers == [413, 401, 401, 413]

    asyncio.run(play())


def test_a_message_without_content_is_empty_content() -> None:
    async def bodyless() -> Any:
        return {"type": "http.request"}

    async def gone() -> Any:
        return {"type": "http.disconnect"}

    assert asyncio.run(read_body(bodyless)) == b""
    assert asyncio.run(read_body(gone)) is None


def test_addresses_beyond_number_are_kept_in_bounds_and_peers_stay_right() -> None:
    for tls in (False, True):
        for number in range(5000):
            address = f"10.0.{number >> 8}.{number & 255}"
            scope = {"client": (address, 1), "scheme": "https" if tls else "http", "headers": []}
            assert (peer_of(scope, None).address, peer_of(scope, None).tls) == (address, tls)
    assert max(len(asgi._plain), len(asgi._encrypted)) <= 4096


def test_the_replayed_body_is_followed_by_what_the_connection_says() -> None:
    async def play() -> None:
        async with house() as opened:
            callers = Callers(opened.watchword)
            await callers.issue()
            seen: list[Any] = []

            async def inner(scope: Any, receive: Any, send: Any) -> None:
                seen.append(await receive())
                await send({"type": "http.response.start", "status": 204, "headers": []})
                await send({"type": "http.response.body", "body": b""})
                seen.append(await receive())

            app = WatchwordMiddleware(inner, opened.watchword, "hmac")
            opened.clock.now = __import__("time").time()
            assert (await ask(app, callers.signed("/x", [b"a", b"b"]))).status == 204
            assert seen == [
                {"type": "http.request", "body": b"ab", "more_body": False},
                {"type": "http.disconnect"},
            ]

    asyncio.run(play())


def test_lifespan_starts_and_stops_the_house_around_the_application() -> None:
    async def play() -> None:
        watchword = Watchword(inline=True)
        told: list[str] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            assert (await receive())["type"] == "lifespan.startup"
            told.append(f"started {watchword.running}")
            await send({"type": "lifespan.startup.complete"})
            assert (await receive())["type"] == "lifespan.shutdown"
            await send({"type": "lifespan.shutdown.complete"})

        async def during() -> None:
            assert watchword.running

        sent = await living(WatchwordMiddleware(app, watchword, "api-key"), during)
        assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
        assert told == ["started True"]
        assert not watchword.running

    asyncio.run(play())


def test_without_a_lifespan_the_first_request_starts_the_house() -> None:
    async def play() -> None:
        watchword = Watchword(inline=True)
        app = WatchwordMiddleware(echo, watchword, "public")
        answers = await asyncio.gather(*(ask(app, Ask()) for _ in range(5)))
        assert [answer.status for answer in answers] == [200] * 5
        assert watchword.running
        await watchword.stop()

    asyncio.run(play())


def test_a_start_that_breaks_is_503() -> None:
    async def play() -> None:
        watchword = Watchword(inline=True)

        async def broken() -> None:
            raise Unavailable("no disk")

        watchword.store.open = broken  # type: ignore[method-assign]
        app = WatchwordMiddleware(echo, watchword, "public")
        answer = await ask(app, Ask())
        assert (answer.status, answer.one(b"retry-after")) == (503, "5")
        assert await connect(app, Ask()) == [{"type": "websocket.close", "code": 1008}]

    asyncio.run(play())


@played
async def test_what_guards_add_goes_into_the_response(opened: House) -> None:
    class Marking:
        def check(self, request: Request, who: Principal | None) -> Any:
            return ((b"x-mark", b"1"),)

    app = WatchwordMiddleware(echo, opened.watchword, "public")
    route = app._route
    assert route is not None
    app._route = type(route)(route.policy, (Marking(),), (Marking(),))
    answer = await ask(app, Ask())
    assert answer.all(b"x-mark") == ["1", "1"]
    assert answer.json["subject"] is None


@pytest.mark.parametrize("missing", ["scheme", "query_string", "client", "extensions", "raw_path"])
def test_what_a_scope_may_leave_out_may_be_left_out(missing: str) -> None:
    async def play() -> None:
        async with house() as opened:
            app = WatchwordMiddleware(echo, opened.watchword, "public")
            scope = Ask(path="/x").scope()
            del scope[missing]
            sent: list[Any] = []

            async def send(message: Any) -> None:
                sent.append(message)

            async def receive() -> Any:
                return {"type": "http.request"}

            await app(scope, receive, send)
            assert sent[0]["status"] == 200

    asyncio.run(play())


def test_an_empty_message_is_an_empty_body() -> None:
    async def receive() -> Any:
        return {"type": "http.request"}

    assert asyncio.run(read_body(receive)) == b""


def test_watchword_is_a_front() -> None:
    front: Front = Watchword(inline=True)
    assert not front.running


@played
async def test_cve_2025_69196_places_of_two_apis_take_each_its_own_tokens(opened: House) -> None:
    accept = "oauth2 | api-key"
    guarded = {
        f"/{name}": WatchwordMiddleware(echo, opened.watchword, accept, scopes=["read"], resource=resource)
        for name, resource in (("one", ONE), ("other", OTHER))
    }

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await guarded[scope["path"]](scope, receive, send)

    await hold(opened, app)


def test_must_22_the_certificate_of_a_proxy_is_nobody_elses() -> None:
    tls = {"tls": {"client_cert_der": b"the proxy's own"}}
    proxies = TrustedProxies([ip_network("10.0.0.0/8")])
    for address, certificate in (("10.0.0.1", None), ("192.0.2.1", b"the proxy's own")):
        for headers in ([], [(b"x-forwarded-for", b"192.0.2.9"), (b"x-forwarded-proto", b"https")]):
            scope = {"client": (address, 1), "scheme": "https", "headers": headers, "extensions": tls}
            assert peer_of(scope, proxies).certificate == certificate
            assert peer_of(scope, None).certificate == b"the proxy's own"

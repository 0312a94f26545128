"""FastAPI: the same answers as every adapter; dependencies of every shape; a document that tells the truth."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Body, Depends, FastAPI, Form, HTTPException, Request, Security, WebSocket
from fastapi.responses import PlainTextResponse
from fastapi.security import APIKeyHeader
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.adapters.resources import ONE, OTHER, hold, token
from tests.house import House, house, played
from watchword import Principal
from watchword.adapters.fastapi import Refused, caller, install
from watchword.app import Watchword
from watchword.client.oauth2 import DpopKey
from watchword.lifecycle.oauth.rules import OAuthRules
from watchword.model.credential import Kind
from watchword.model.ports import Unavailable
from watchword.policy import PolicyError
from watchword.testing.adapters import AdapterSuite, Callers
from watchword.testing.asgi import Answer, Ask, ask, connect, living


def guarded(app: FastAPI | APIRouter, path: str, who: Any, **route: Any) -> None:
    """Add an operation that says who called and how much came."""

    async def endpoint(request: Request, who: Annotated[Principal | None, Depends(who)]) -> dict[str, Any]:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
        return {"subject": who and who.subject, "received": size}

    app.add_api_route(path, endpoint, methods=route.pop("methods", ["GET", "POST"]), **route)


class TestFastApi(AdapterSuite):
    def app(self, watchword: Watchword) -> Any:
        app = FastAPI()
        install(app, watchword)
        for rule in self.RULES:
            demands = {name: getattr(rule, name) for name in ("scopes", "limit", "networks", "factors", "within")}
            guarded(app, rule.path, caller(rule.accept, **demands))
        return app


class TestFastApiInside(AdapterSuite):
    """Mounted in another application, without ``install``, with a Watchword of the caller's own."""

    def app(self, watchword: Watchword) -> Any:
        app = FastAPI()
        for rule in self.RULES:
            demands = {name: getattr(rule, name) for name in ("scopes", "limit", "networks", "factors", "within")}
            guarded(app, rule.path, caller(rule.accept, watchword=watchword, **demands))
        return Starlette(routes=[Mount("/", app)])


def bearing(value: bytes, **more: Any) -> Ask:
    return Ask(**more).bearing((b"authorization", value))


@played
async def test_router_and_sub_dependencies_must_all_be_satisfied(opened: House) -> None:
    reading, writing = caller("api-key", scopes=["read"]), caller("api-key", scopes=["write"])

    def subject(who: Annotated[Principal, Depends(writing)]) -> str:
        return who.subject

    router = APIRouter(prefix="/v1", dependencies=[Depends(reading)])

    @router.get("/things")
    async def things(name: Annotated[str, Depends(subject)]) -> str:
        return name

    app = FastAPI()
    app.include_router(router, prefix="/api")
    install(app, opened.watchword)
    reader, _ = await opened.key(scopes=["read"])
    writer, _ = await opened.key(scopes=["write"])
    both, _ = await opened.key(scopes=["read", "write"])
    answers = [await ask(app, bearing(value, path="/api/v1/things")) for value in (reader, writer, both)]
    assert [answer.status for answer in answers] == [403, 403, 200]
    assert answers[2].json == "service:billing"
    operation = app.openapi()["paths"]["/api/v1/things"]["get"]
    assert operation["security"] == [{"api-key": []}]


@played
async def test_scopes_of_security_are_demanded_and_described(opened: House) -> None:
    """FastAPI's own way to name scopes; ignoring them would let in too many."""
    who = caller("api-key | oauth2", scopes=["base"])

    def person(principal: Annotated[Principal, Depends(who)]) -> str:
        return principal.subject

    app = FastAPI()
    install(app, opened.watchword)

    @app.get("/direct")
    async def direct(principal: Annotated[Principal, Security(who, scopes=["read"])]) -> str:
        return principal.subject

    @app.get("/through")
    async def through(name: Annotated[str, Security(person, scopes=["write"])]) -> str:
        return name

    @app.get("/plain")
    async def plain(name: Annotated[str, Depends(person)]) -> str:
        return name

    keys = {
        "base": (await opened.key(scopes=["base"]))[0],
        "read": (await opened.key(scopes=["base", "read"]))[0],
        "write": (await opened.key(scopes=["base", "write"]))[0],
    }
    allowed = {"/direct": {"read"}, "/through": {"write"}, "/plain": {"base", "read", "write"}}
    for path, names in allowed.items():
        for name, value in keys.items():
            answer = await ask(app, bearing(value, path=path))
            assert answer.status == (200 if name in names else 403), (path, name)
    refused = await ask(app, bearing(keys["base"], path="/direct"))
    assert refused.all(b"www-authenticate")[0].endswith('scope="base read"')
    document = app.openapi()
    if document["components"]["securitySchemes"]["oauth2"]["type"] == "oauth2":
        assert document["paths"]["/direct"]["get"]["security"] == [{"api-key": []}, {"oauth2": ["base", "read"]}]
        assert document["paths"]["/through"]["get"]["security"] == [{"api-key": []}, {"oauth2": ["base", "write"]}]


@played
async def test_one_caller_used_twice_decides_once(opened: House) -> None:
    who = caller("api-key")
    app = FastAPI(dependencies=[Depends(who)])
    install(app, opened.watchword)
    guarded(app, "/x", who)
    bearer, issued = await opened.key()
    assert (await ask(app, bearing(bearer, path="/x"))).status == 200
    assert [event.credential for event in await opened.decided()] == [issued.credential.id]


@played
async def test_two_callers_accept_one_signature(opened: House) -> None:
    callers = Callers(opened.watchword)
    await callers.issue()
    opened.clock.now = __import__("time").time()
    app = FastAPI(dependencies=[Depends(caller("hmac | api-key"))])
    install(app, opened.watchword)
    guarded(app, "/x", caller("hmac", scopes=["orders:read"]))
    guarded(app, "/y", caller("hmac & api-key"))
    signed = callers.signed("/x", [b"abc"])
    assert (await ask(app, signed)).json == {"subject": "service:suite", "received": 3}
    assert (await ask(app, signed)).status == 401  # a second request is a replay as ever
    both = callers.signed("/y", [b"abc"], b"n2").bearing((b"authorization", callers.key))
    assert (await ask(app, both)).status == 200


@played
async def test_a_proof_for_one_caller_is_none_for_another_policy(opened: House) -> None:
    app = FastAPI(dependencies=[Depends(caller("api-key"))])
    install(app, opened.watchword)
    guarded(app, "/x", caller("basic"))
    bearer, _ = await opened.key()
    assert (await ask(app, bearing(bearer, path="/x"))).status == 401


@played
async def test_parsed_bodies_are_judged_and_parsed(opened: House) -> None:
    callers = Callers(opened.watchword)
    await callers.issue()
    opened.clock.now = __import__("time").time()
    app = FastAPI()
    install(app, opened.watchword)
    who = caller("hmac")

    @app.post("/json", dependencies=[Depends(who)])
    async def read_json(body: Annotated[dict[str, int], Body()]) -> dict[str, int]:
        return body

    @app.post("/form", dependencies=[Depends(who)])
    async def read_form(amount: Annotated[int, Form()], note: Annotated[str, Form()] = "") -> int:
        return amount + len(note)

    def signed(path: str, body: list[bytes], kind: bytes, nonce: bytes) -> Ask:
        return sign(callers, path, body, kind, nonce)

    answer = await ask(app, signed("/json", [b'{"a"', b": 1}"], b"application/json", b"n1"))
    assert (answer.status, answer.json) == (200, {"a": 1})
    form = signed("/form", [b"amo", b"unt=5"], b"application/x-www-form-urlencoded", b"n2")
    assert (await ask(app, form)).json == 5
    altered = Ask("POST", "/form", headers=form.headers, body=[b"amount=6"])
    assert (await ask(app, altered)).status == 401
    note = b"&note=" + b"x" * (1024 * 1024)
    large = signed("/form", [b"amount=5", note], b"application/x-www-form-urlencoded", b"n3")
    answer = await ask(app, large)
    assert answer.status in (400, 413)  # FastAPI's own limit, or ours


def sign(callers: Callers, path: str, body: list[bytes], kind: bytes, nonce: bytes) -> Ask:
    """Sign with another content type than the suite's."""
    import hashlib
    import hmac
    import time

    stamp, whole = str(int(time.time())).encode(), hashlib.sha256(b"".join(body)).hexdigest().encode()
    head = (b"watchword-hmac-v1", callers.signing_id, stamp, nonce, b"POST", b"api.example", path.encode(), b"", kind)
    signature = hmac.new(callers.signing_secret, b"\n".join((*head, whole)), "sha256").hexdigest().encode()
    fields = [(b"content-type", kind), (b"x-api-key", callers.signing_id), (b"x-timestamp", stamp), (b"x-nonce", nonce)]
    return Ask("POST", path, headers=[*fields, (b"x-signature", signature)], body=body)


@played
async def test_a_form_that_is_not_kept_is_refused_not_believed(opened: House) -> None:
    callers = Callers(opened.watchword)
    await callers.issue()
    opened.clock.now = __import__("time").time()
    app = FastAPI()

    @app.post("/form", dependencies=[Depends(caller("hmac", watchword=opened.watchword))])
    async def read_form(amount: Annotated[int, Form()]) -> int:
        return amount

    answer = await ask(app, sign(callers, "/form", [b"amount=5"], b"application/x-www-form-urlencoded", b"n1"))
    assert answer.status == 400
    assert [event.reason for event in await opened.decided()] == ["body_unseen"]


@played
async def test_the_session_form_token_of_a_parsed_form_counts(opened: House) -> None:
    issued = await opened.issue(Kind.SESSION, "user:alice", options={"idle": 600, "factors": ["pwd"]})
    app = FastAPI()
    install(app, opened.watchword)

    @app.post("/form")
    async def read_form(
        who: Annotated[Principal, Depends(caller("session"))], csrf_token: Annotated[str, Form()] = ""
    ) -> str:
        return who.subject

    cookie = b"__Host-session=" + issued.material["cookie"].encode()
    kind = (b"content-type", b"application/x-www-form-urlencoded")
    post = Ask("POST", "/form", headers=[(b"cookie", cookie), kind], body=[b"csrf_token=x"])
    assert (await ask(app, post)).status == 403
    token = opened.watchword.csrf.token_for(issued.credential.id).encode()
    right = Ask("POST", "/form", headers=[(b"cookie", cookie), kind], body=[b"csrf_token=" + token])
    assert (await ask(app, right)).json == "user:alice"


@played
async def test_mounted_applications_decide_and_refuse_alike(opened: House) -> None:
    inner, outer = FastAPI(), FastAPI()
    guarded(inner, "/x", caller("api-key"))
    outer.mount("/inner", inner)
    install(outer, opened.watchword)
    answer = await ask(outer, Ask(path="/inner/x"))
    assert (answer.status, answer.one(b"content-type")) == (401, "application/problem+json")
    assert answer.one(b"www-authenticate") == 'Bearer realm="api"'
    bearer, _ = await opened.key()
    assert (await ask(outer, bearing(bearer, path="/inner/x"))).json["subject"] == "service:billing"


@played
async def test_handlers_for_other_exceptions_leave_refusals_alone(opened: House) -> None:
    app = FastAPI()
    install(app, opened.watchword)
    guarded(app, "/x", caller("api-key"))

    @app.exception_handler(401)
    @app.exception_handler(HTTPException)
    @app.exception_handler(Exception)
    async def other(request: Request, error: Exception) -> PlainTextResponse:
        return PlainTextResponse("other", 418)

    assert (await ask(app, Ask(path="/x"))).one(b"content-type") == "application/problem+json"


@played
async def test_an_application_may_render_refusals_itself(opened: House) -> None:
    app = FastAPI()
    install(app, opened.watchword)
    guarded(app, "/x", caller("api-key"))

    @app.exception_handler(Refused)
    async def own(request: Request, error: Refused) -> PlainTextResponse:
        return PlainTextResponse(error.deny.rejection.reason.title, 401)

    assert (await ask(app, Ask(path="/x"))).body == b"Authentication is required"


@played
async def test_websockets_are_refused_before_they_are_accepted(opened: House) -> None:
    app = FastAPI()
    install(app, opened.watchword)
    who = caller("api-key | hmac", scopes=["chat"])

    @app.websocket("/chat")
    async def chat(socket: WebSocket, principal: Annotated[Principal, Depends(who)]) -> None:
        await socket.accept()
        await socket.close(1000, principal.subject)

    assert [m["type"] for m in await connect(app, Ask(path="/chat"))] == ["websocket.close"]
    start, body = await connect(app, Ask(path="/chat"), denial=True)
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 401)
    assert (b"www-authenticate", b'Bearer realm="api"') in start["headers"]
    assert json.loads(body["body"])["type"] == "urn:watchword:problem:unauthenticated"
    bearer, _ = await opened.key(scopes=["chat"])
    sent = await connect(app, bearing(bearer, path="/chat"))
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]
    assert sent[1]["reason"] == "service:billing"


def test_lifespan_starts_before_the_applications_own_and_stops_after_it() -> None:
    async def play() -> None:
        watchword = Watchword(inline=True)
        told: list[str] = []

        @contextlib.asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
            told.append(f"in {watchword.running}")
            yield {"pool": 1}
            told.append(f"out {watchword.running}")

        app = FastAPI(lifespan=lifespan)
        install(app, watchword)

        async def during() -> None:
            assert watchword.running

        await living(app, during)
        assert told == ["in True", "out True"]
        assert not watchword.running

    asyncio.run(play())


def test_without_a_lifespan_the_first_request_starts_the_house() -> None:
    async def play() -> None:
        watchword = Watchword(inline=True)
        app = FastAPI()
        install(app, watchword)
        guarded(app, "/x", caller("public"))
        answers = await asyncio.gather(*(ask(app, Ask(path="/x")) for _ in range(5)))
        assert [answer.status for answer in answers] == [200] * 5
        await watchword.stop()

    asyncio.run(play())


def test_a_start_that_breaks_is_503() -> None:
    async def play() -> None:
        watchword = Watchword(inline=True)

        async def broken() -> None:
            raise Unavailable("no disk")

        watchword.store.open = broken  # type: ignore[method-assign]
        app = FastAPI()
        install(app, watchword)
        guarded(app, "/x", caller("public"))
        answer = await ask(app, Ask(path="/x"))
        assert (answer.status, answer.json["status"]) == (503, 503)

    asyncio.run(play())


def test_a_malformed_policy_shows_when_the_module_loads() -> None:
    with pytest.raises(PolicyError, match="column 11"):
        caller("api-key | | jwt")


def test_an_unknown_scheme_stops_the_start() -> None:
    async def play() -> None:
        app = FastAPI()
        guarded(app, "/x", caller("api-kye"))
        install(app, Watchword(inline=True))

        async def during() -> None:
            raise AssertionError("it started")

        sent = await living(app, during)
        assert sent == ["lifespan.startup.failed"]

    asyncio.run(play())


def test_a_caller_without_a_watchword_says_what_to_do() -> None:
    app = FastAPI()
    guarded(app, "/x", caller("api-key"))
    with pytest.raises(RuntimeError, match="install"):
        asyncio.run(ask(app, Ask(path="/x")))


@played
async def test_limits_count_by_operation(opened: House) -> None:
    app = FastAPI()
    install(app, opened.watchword)
    who = caller("api-key", limit="1/h")
    router = APIRouter()
    guarded(router, "/{id}", who)
    app.include_router(router, prefix="/a")
    app.include_router(router, prefix="/b")
    bearer, _ = await opened.key()

    async def status(path: str) -> int:
        return (await ask(app, bearing(bearer, path=path))).status

    assert [await status(path) for path in ("/a/1", "/b/1", "/a/2", "/b/2")] == [200, 200, 429, 429]


@played
async def test_overrides_work_as_they_do_for_any_dependency(opened: House) -> None:
    app = FastAPI()
    who = caller("api-key")
    guarded(app, "/x", who)
    install(app, opened.watchword)
    app.dependency_overrides[who] = lambda: Principal("user:test", "test", "none")
    assert (await ask(app, Ask(path="/x"))).json["subject"] == "user:test"


class TestDocument:
    def document(self, build: Any, **options: Any) -> dict[str, Any]:
        found: list[dict[str, Any]] = []

        async def play() -> None:
            async with house(**options) as opened:
                app = FastAPI()
                build(app)
                install(app, opened.watchword)
                answer: Answer = await ask(app, Ask(path="/openapi.json"))
                assert answer.json == app.openapi()
                found.append(answer.json)

        asyncio.run(play())
        return found[0]

    def security(self, accept: str, **demands: Any) -> Any:
        document = self.document(lambda app: guarded(app, "/x", caller(accept, **demands), methods=["GET"]))
        return document["paths"]["/x"]["get"]["security"]

    def test_operators_come_out_right(self) -> None:
        assert self.security("api-key | jwt") == [{"api-key": []}, {"jwt": []}]
        assert self.security("mtls & hmac") == [{"mtls": [], "hmac": []}]
        assert self.security("jwt via api-key") == [{"jwt": [], "api-key": []}]
        assert self.security("api-key | public") == [{"api-key": []}, {}]
        assert self.security("public") == [{}]
        assert self.security("(api-key | jwt) & mtls") == [{"api-key": [], "mtls": []}, {"jwt": [], "mtls": []}]

    def test_scopes_are_named_where_openapi_has_a_place_for_them(self) -> None:
        document = self.document(
            lambda app: guarded(app, "/x", caller("api-key | oauth2", scopes=["a", "b"]), methods=["GET"])
        )
        declared = document["components"]["securitySchemes"]
        wanted = ["a", "b"] if declared["oauth2"]["type"] == "oauth2" else []
        assert document["paths"]["/x"]["get"]["security"] == [{"api-key": []}, {"oauth2": wanted}]
        if wanted:
            for flow in declared["oauth2"]["flows"].values():
                assert set(flow["scopes"]) == {"a", "b"}

    def test_every_scheme_used_is_declared_and_no_other(self) -> None:
        document = self.document(
            lambda app: guarded(
                app, "/x", caller("api-key | basic | jwt | oauth2 | hmac | mtls | session"), methods=["GET"]
            )
        )
        declared = document["components"]["securitySchemes"]
        assert sorted(declared) == ["api-key", "basic", "hmac", "jwt", "mtls", "oauth2", "session"]
        assert declared["mtls"]["type"] == "mutualTLS"
        assert declared["basic"] == {"type": "http", "scheme": "basic", "description": declared["basic"]["description"]}
        few = self.document(lambda app: guarded(app, "/x", caller("api-key"), methods=["GET"]))
        assert list(few["components"]["securitySchemes"]) == ["api-key"]

    def test_several_callers_are_all_demanded(self) -> None:
        def build(app: FastAPI) -> None:
            router = APIRouter(dependencies=[Depends(caller("api-key | jwt"))])
            guarded(router, "/x", caller("mtls | public"), methods=["GET"])
            app.include_router(router)

        found = self.document(build)["paths"]["/x"]["get"]["security"]
        expected = [{"api-key": [], "mtls": []}, {"api-key": []}, {"jwt": [], "mtls": []}, {"jwt": []}]
        assert sorted(found, key=str) == sorted(expected, key=str)

    def test_what_other_dependencies_demand_stays(self) -> None:
        def build(app: FastAPI) -> None:
            other = Depends(APIKeyHeader(name="X-Tenant", scheme_name="tenant"))
            guarded(app, "/x", caller("api-key"), methods=["GET"], dependencies=[other])
            guarded_by_other = APIRouter(dependencies=[other])

            @guarded_by_other.get("/y")
            async def y() -> None: ...

            @guarded_by_other.get("/z")
            async def z(who: Annotated[Any, Depends(caller("jwt"))]) -> None: ...

            app.include_router(guarded_by_other)

            @app.get("/free")
            async def free() -> None: ...

        document = self.document(build)
        paths = document["paths"]
        assert paths["/x"]["get"]["security"] == [{"api-key": [], "tenant": []}]
        assert paths["/y"]["get"]["security"] == [{"tenant": []}]
        assert paths["/z"]["get"]["security"] == [{"jwt": [], "tenant": []}]
        assert "security" not in paths["/free"]["get"]
        assert set(paths["/free"]["get"]["responses"]) == {"200"}
        assert set(document["components"]["securitySchemes"]) == {"api-key", "jwt", "tenant"}

    def test_refusals_are_documented(self) -> None:
        def build(app: FastAPI) -> None:
            guarded(app, "/x", caller("api-key"), methods=["GET"], responses={403: {"description": "mine"}})
            guarded(app, "/signed", caller("hmac"), methods=["POST"])

        document = self.document(build)
        responses = document["paths"]["/x"]["get"]["responses"]
        assert set(responses) == {"200", "400", "401", "403", "429", "503"}
        assert responses["403"] == {"description": "mine"}
        assert responses["401"]["content"] == {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/WatchwordProblem"}}
        }
        assert "WWW-Authenticate" in responses["401"]["headers"]
        assert "Retry-After" in responses["429"]["headers"]
        assert "413" in document["paths"]["/signed"]["post"]["responses"]
        assert document["components"]["schemas"]["WatchwordProblem"]["required"] == [
            "type",
            "title",
            "status",
            "reference",
        ]

    def test_a_route_added_later_is_described_too(self) -> None:
        async def play() -> None:
            async with house() as opened:
                app = FastAPI()
                install(app, opened.watchword)
                guarded(app, "/x", caller("api-key"), methods=["GET"])
                assert list(app.openapi()["paths"]) == ["/x"]
                guarded(app, "/y", caller("jwt"), methods=["GET"])
                assert app.openapi()["paths"]["/y"]["get"]["security"] == [{"jwt": []}]
                assert app.openapi()["paths"]["/x"]["get"]["security"] == [{"api-key": []}]

        asyncio.run(play())

    def test_an_application_without_callers_is_described_as_before(self) -> None:
        def build(app: FastAPI) -> None:
            @app.get("/free")
            async def free() -> None: ...

        assert self.document(build).get("components", {}) == {}


@played
async def test_cve_2025_69196_places_of_two_apis_take_each_its_own_tokens(opened: House) -> None:
    app = FastAPI()
    install(app, opened.watchword)
    for path, resource in (("/one", ONE), ("/other", OTHER)):
        guarded(app, path, caller("oauth2 | api-key", scopes=["read"], resource=resource))
    await hold(opened, app)


@played
async def test_what_is_proved_to_one_api_is_not_proved_to_another(opened: House) -> None:
    app = FastAPI()
    install(app, opened.watchword)
    both = [Depends(caller("oauth2", resource=resource)) for resource in (ONE, OTHER)]

    @app.get("/both", dependencies=both)
    async def endpoint() -> None:
        """Be two APIs at once."""

    for audience in (ONE, OTHER):
        answer = await ask(app, bearing(await token(opened, audience), path="/both"))
        assert answer.status == 401, audience
    with pytest.raises(ValueError, match="names no API"):
        caller("oauth2", resource="orders")


def test_rfc_9449_section_7_1_bound_tokens_are_asked_for_as_everywhere() -> None:
    async def play() -> None:
        async with house(oauth=OAuthRules(dpop_nonces=True)) as opened:
            app = FastAPI()
            install(app, opened.watchword)
            guarded(app, "/one", caller("oauth2", resource=ONE))
            nothing = (await ask(app, Ask(path="/one"))).all(b"www-authenticate")
            assert [each.partition(" ")[0] for each in nothing] == ["Bearer", "DPoP"]
            key = DpopKey(clock=opened.clock)
            value = await token(opened, ONE, cnf={"jkt": key.thumbprint})
            proof = key.proof("GET", "https://api.example/one", access=value.decode().partition(" ")[2])
            fields = (b"authorization", value.replace(b"Bearer", b"DPoP")), (b"dpop", proof.encode())
            answer = await ask(app, Ask(path="/one").bearing(*fields))
            assert answer.status == 401
            bearer, dpop = answer.all(b"www-authenticate")
            assert "error" not in bearer
            assert 'error="use_dpop_nonce"' in dpop
            assert answer.all(b"dpop-nonce")

    asyncio.run(play())

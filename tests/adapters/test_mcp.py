"""MCP servers as protected resources: whom they let in, what they answer others, and that they hear who is calling."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from typing import Any

import httpx2
import pytest

pytest.importorskip("mcp", reason="NOT TESTED: the official MCP SDK is missing")

from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.mcpserver import Context, MCPServer
from mcp_types import CallToolResult, ListToolsResult, TextContent, Tool

from tests.house import House, house
from watchword.adapters.mcp import MAX_MESSAGE, Protected, caller, protect
from watchword.client.oauth2 import DpopKey
from watchword.codec.jose import SigningKey
from watchword.codec.strict import to_base64url
from watchword.keyring import Issuer
from watchword.lifecycle.tokens import Terms
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Fetched
from watchword.schemes.oauth2 import Introspection

ISSUER = "https://auth.example.com"
HOST = "https://mcp.example.com"
RESOURCE = f"{HOST}/mcp"
ELSEWHERE = "https://other.example.com/mcp"
METADATA = f"{HOST}/.well-known/oauth-protected-resource/mcp"
HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "cancel", "arguments": {"id": 7}}}
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
BEGIN = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


def orders() -> MCPServer:
    """Return a server whose tools say who is calling."""
    server = MCPServer("orders")

    @server.tool()
    async def list_orders(context: Context[Any, Any]) -> str:
        who = caller(context)
        return f"{who.subject} by {who.scheme} with {' '.join(sorted(who.scopes))}"

    @server.tool()
    async def cancel(id: int, context: Context[Any, Any]) -> str:
        return f"{caller(context).subject} cancels {id}"

    @server.tool()
    async def fields(context: Context[Any, Any]) -> str:
        request: Any = context.request_context.request
        return json.dumps(dict(request.headers))

    @server.tool()
    async def known_to_the_sdk() -> str:
        token = get_access_token()
        assert token is not None
        return json.dumps({**token.model_dump(), "repr": repr(token)})

    return server


class Bench:
    """Hold a house, an MCP server that it protects, and clients of it."""

    def __init__(self, opened: House, app: Protected) -> None:
        self.house = opened
        self.app = app

    async def client(self, *scopes: str) -> Credential:
        options = {"grants": ["client_credentials"]}
        return (await self.house.issue(Kind.OAUTH_CLIENT, scopes=list(scopes), options=options)).credential

    async def token(self, *scopes: str, audience: str = RESOURCE, client: Credential | None = None) -> str:
        client = client or await self.client(*scopes)
        terms = Terms(frozenset(scopes), (audience,) if audience else ())
        return (await self.house.watchword.tokens.for_client(client, terms)).text

    def http(self, token: str = "") -> httpx2.AsyncClient:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return httpx2.AsyncClient(transport=httpx2.ASGITransport(self.app), base_url=HOST, headers=headers)

    async def post(self, token: str = "", message: Any = CALL, **more: Any) -> httpx2.Response:
        content = message if isinstance(message, bytes) else json.dumps(message).encode()
        accept = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
        async with self.http(token) as http:
            return await http.post("/mcp", content=content, headers={**accept, **more})

    async def call(self, tool: str, token: str, mode: str = "auto", **arguments: Any) -> str:
        """Call a tool as the SDK's own client does."""
        async with (
            self.http(token) as http,
            Client(streamable_http_client(RESOURCE, http_client=http), mode=mode) as mcp,
        ):
            result = await mcp.call_tool(tool, arguments)
            assert not result.is_error, result
            return str(result.content[0].text)


@asynccontextmanager
async def bench(scopes: tuple[str, ...] = ("orders:read",), **options: Any) -> AsyncIterator[Bench]:
    async with house(issuer=ISSUER) as opened:
        server = orders()
        app = protect(server, opened.watchword, resource=RESOURCE, scopes=scopes, **options)
        async with server.session_manager.run():
            yield Bench(opened, app)


def run(play: Coroutine[Any, Any, None]) -> None:
    asyncio.run(play)


def parameters(response: httpx2.Response) -> dict[str, str]:
    scheme, _, rest = response.headers.get_list("www-authenticate")[0].partition(" ")  # DPoP is the other one
    assert scheme == "Bearer"
    return dict(part.split("=", 1) for part in rest.replace('"', "").split(", "))


def test_rfc_9728_section_2_the_metadata_is_where_the_path_says() -> None:
    async def play() -> None:
        async with bench(tools={"cancel": ["orders:write"]}, title="Orders") as b, b.http() as http:
            answer = await http.get(METADATA)
            said = answer.json()
            assert "ES256" in said.pop("dpop_signing_alg_values_supported")
            assert said == {
                "resource": RESOURCE,
                "authorization_servers": [ISSUER],
                "scopes_supported": ["orders:read", "orders:write"],
                "bearer_methods_supported": ["header"],
                "resource_name": "Orders",
            }
            assert answer.headers["access-control-allow-origin"] == "*"
            assert b.app.metadata_url == METADATA
            assert (await http.head(METADATA)).status_code == 200
            refused = await http.post(METADATA)
            assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
            # At the root it would speak of another resource (section 3.3).
            assert (await http.get("/.well-known/oauth-protected-resource")).status_code == 401

    run(play())


def test_rfc_9728_section_5_1_who_has_no_token_learns_where_to_get_one() -> None:
    async def play() -> None:
        async with bench() as b:
            answer = await b.post()
            assert answer.status_code == 401
            assert parameters(answer) == {"realm": "api", "scope": "orders:read", "resource_metadata": METADATA}
            wrong = await b.post("nonsense")
            assert wrong.status_code == 401
            assert parameters(wrong)["resource_metadata"] == METADATA

    run(play())


def test_whatever_host_and_proxies_say_the_metadata_is_where_it_was_set_up() -> None:
    async def play() -> None:
        async with bench(tools={"cancel": ["orders:write"]}) as b:
            spoofed = {"host": "evil.example", "x-forwarded-host": "evil.example", "forwarded": "host=evil.example"}
            for token in ("", "nonsense", await b.token("orders:read")):
                answer = await b.post(token, **spoofed)
                assert answer.status_code == (403 if len(token) > 10 else 401)
                assert parameters(answer)["resource_metadata"] == METADATA
            async with b.http() as http:
                answer = await http.get(METADATA, headers=spoofed)
                assert answer.json()["resource"] == RESOURCE
                assert answer.json()["authorization_servers"] == [ISSUER]
            allowed = await b.post(await b.token("orders:read", "orders:write"), **spoofed)
            assert allowed.status_code == 421  # the SDK's own: DNS rebinding

    run(play())


def test_a_session_is_one_persons_though_their_agent_is_the_same() -> None:
    async def play() -> None:
        async with bench() as b:
            client = await b.client("orders:read")
            detail = {"client": client.detail["client_id"], "factors": ["password"], "authenticated_at": 0}
            tokens = []
            for name in ("user:alice", "user:bob"):
                await b.house.watchword.lifecycle.add_subject(name, by="user:admin")
                family = replace(client, subject=name, detail=detail)
                terms = Terms(frozenset({"orders:read"}), (RESOURCE,))
                tokens.append((await b.house.watchword.tokens.for_app(family, client, terms)).text)
            alice, bob = tokens
            begun = await b.post(alice, BEGIN)
            assert begun.status_code == 200
            session = {"mcp-session-id": begun.headers["mcp-session-id"], "mcp-protocol-version": "2025-06-18"}
            assert (await b.post(bob, PING, **session)).status_code == 404
            assert (await b.post(alice, PING, **session)).status_code == 200

    run(play())


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_the_tool_hears_who_is_calling(mode: str) -> None:
    async def play() -> None:
        async with bench() as b:
            token = await b.token("orders:read", "orders:write")
            said = await b.call("list_orders", token, mode)
            assert said == "service:billing by oauth2 with orders:read orders:write"

    run(play())


def test_the_sdk_gets_no_token_that_it_could_pass_on() -> None:
    async def play() -> None:
        async with bench() as b:
            client = await b.client("orders:read")
            token = await b.token("orders:read", client=client)
            told = await b.call("known_to_the_sdk", token)
            assert token not in told
            said = json.loads(told)
            assert (said["token"], said["resource"], said["subject"]) == ("", RESOURCE, "service:billing")
            assert said["claims"] == {"iss": ISSUER}
            assert said["client_id"] == client.detail["client_id"]

    run(play())


def test_tools_see_the_request_without_what_proved_the_caller() -> None:
    async def play() -> None:
        async with bench(accept="oauth2 | api-key") as b:
            token = await b.token("orders:read")
            told = await b.call("fields", token)
            assert token not in told
            assert json.loads(told)["host"] == "mcp.example.com"
            bearer, _ = await b.house.key(scopes=("orders:read",))
            key = bearer.decode().removeprefix("Bearer ")
            assert key not in await b.call("fields", key)

    run(play())


def test_who_proves_nothing_has_no_tool_that_wants_a_scope() -> None:
    async def play() -> None:
        tools = {"cancel": ["orders:write"]}
        async with bench(scopes=(), accept="oauth2 | public", tools=tools) as b:
            answer = await b.post()
            assert answer.status_code == 401
            assert parameters(answer) == {"realm": "api", "scope": "orders:write", "resource_metadata": METADATA}
            public = {**CALL, "params": {"name": "fields", "arguments": {}}}
            assert (await b.post(message=public)).status_code == 400  # the SDK's own: it wants a session
            assert "mcp.example.com" in await b.call("fields", "")
            assert await b.call("cancel", await b.token("orders:write"), id=7) == "service:billing cancels 7"

    run(play())


def test_cve_2025_69196_a_token_for_another_resource_is_refused() -> None:
    async def play() -> None:
        async with bench() as b:
            for audience in (ELSEWHERE, "", RESOURCE + "/", HOST):  # "" is the authorization server's own
                answer = await b.post(await b.token("orders:read", audience=audience))
                assert answer.status_code == 401, audience
                assert parameters(answer)["error"] == "invalid_token"
            event = (await b.house.decided())[-1]
            assert event.reason == "wrong_audience"
            # And the other way: what is for this server opens nothing at the authorization server.
            token = await b.token("orders:read")
            gate, route = b.house.watchword.gate, b.house.watchword.route("oauth2")
            from tests.house import bearing, reason

            assert reason(await gate.decide(bearing(b"Bearer " + token.encode()), route)) == "wrong_audience"

    run(play())


def test_a_missing_scope_is_403_and_names_it() -> None:
    async def play() -> None:
        async with bench(tools={"cancel": ["orders:write"]}) as b:
            short = await b.post(await b.token("orders:write"))
            assert short.status_code == 403
            expected = {"realm": "api", "error": "insufficient_scope", "resource_metadata": METADATA}
            assert parameters(short) == {**expected, "scope": "orders:read"}
            answer = await b.post(await b.token("orders:read"))
            assert answer.status_code == 403
            assert parameters(answer) == {**expected, "scope": "orders:read orders:write"}
            assert answer.json()["type"].endswith("insufficient_scope")
            event = (await b.house.decided())[-1]
            assert (event.outcome, event.reason, event.detail) == ("refused", "insufficient_scope", "orders:write")
            token = await b.token("orders:read", "orders:write")
            assert await b.call("cancel", token, id=7) == "service:billing cancels 7"
            assert "orders:read" in await b.call("list_orders", await b.token("orders:read"))

    run(play())


def test_a_bound_token_that_lacks_a_scope_is_answered_by_its_own_scheme() -> None:
    async def play() -> None:
        async with bench(tools={"cancel": ["orders:write"]}) as b:
            key, client = DpopKey(clock=b.house.clock), await b.client("orders:read")
            terms = Terms(frozenset({"orders:read"}), (RESOURCE,), {"jkt": key.thumbprint})
            token = (await b.house.watchword.tokens.for_client(client, terms)).text
            assert (await b.post(token)).status_code == 401  # as a Bearer token it is none
            proof = key.proof("POST", RESOURCE, access=token)
            answer = await b.post(authorization=f"DPoP {token}", dpop=proof)
            assert answer.status_code == 403
            told = answer.headers["www-authenticate"]
            assert told.startswith('DPoP realm="api", error="insufficient_scope", scope="orders:read orders:write"')

    run(play())


@pytest.mark.parametrize(
    "message",
    [
        b'{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":{"name":"cancel"}}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_orders","name":"cancel"}}',
        b'[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"cancel","arguments":{"id":7}}}]',
        b"\xef\xbb\xbf" + json.dumps(CALL).encode(),
        json.dumps(CALL).encode() + b"{}",
        json.dumps(CALL).encode("utf-16"),
        b"",
    ],
)
def test_a_message_that_two_readers_read_differently_reaches_no_tool(message: bytes) -> None:
    async def play() -> None:
        async with bench(tools={"cancel": ["orders:write"]}) as b:
            answer = await b.post(await b.token("orders:read"), message)
            assert answer.status_code == 400
            assert b"cancels" not in answer.content

    run(play())


def test_a_message_beyond_the_limit_is_413() -> None:
    async def play() -> None:
        async with bench(tools={"cancel": ["orders:write"]}) as b:
            answer = await b.post(await b.token("orders:read"), b" " * (MAX_MESSAGE + 1))
            assert answer.status_code == 413

    run(play())


def test_a_session_belongs_to_who_began_it() -> None:
    async def play() -> None:
        async with bench() as b:
            version = {"mcp-protocol-version": "2025-06-18"}
            client = await b.client("orders:read")
            mine = await b.token("orders:read", client=client)
            begun = await b.post(mine, BEGIN)
            assert begun.status_code == 200
            session = {"mcp-session-id": begun.headers["mcp-session-id"], **version}
            assert (await b.post(await b.token("orders:read"), PING, **session)).status_code == 404
            again = await b.token("orders:read", client=client)  # a newer token of the same client
            assert (await b.post(again, PING, **session)).status_code == 200

    run(play())


def test_a_revoked_token_opens_nothing_more() -> None:
    async def play() -> None:
        async with bench() as b:
            client = await b.client("orders:read")
            token = await b.token("orders:read", client=client)
            assert "service:billing" in await b.call("list_orders", token)
            await b.house.watchword.lifecycle.revoke(client.id, reason="lost", by="user:admin")
            assert (await b.post(token)).status_code == 401

    run(play())


def test_other_schemes_where_the_policy_says_so() -> None:
    async def play() -> None:
        async with bench(accept="oauth2 | api-key") as b:
            bearer, _ = await b.house.key(scopes=("orders:read",))
            key = bearer.decode().removeprefix("Bearer ")
            assert "by api-key" in await b.call("list_orders", key)

    run(play())


class Remote:
    """Answer for another Watchword: its keys, and what its opaque tokens are worth."""

    def __init__(self, opened: House, claims: dict[str, Any]) -> None:
        self.opened = opened
        self.claims = claims

    def __call__(self, url: str, *, data: Any = None, headers: Any = None) -> Fetched:
        body = self.claims if data else self.opened.watchword.keys.jwks()
        return Fetched(200, json.dumps(body).encode())


def test_a_remote_watchword_is_trusted_by_its_keys() -> None:
    async def play() -> None:
        async with bench() as there:
            fetch = Remote(there.house, {})
            trusted = Issuer(ISSUER, RESOURCE, jwks_uri=f"{ISSUER}/oauth/jwks", subject="{sub}", fetch=fetch)
            async with house(issuers={ISSUER: trusted}) as here:
                server = orders()
                app = protect(server, here.watchword, resource=RESOURCE, scopes=["orders:read"])
                b = Bench(here, app)
                async with server.session_manager.run(), b.http() as http:
                    assert (await http.get(METADATA)).json()["authorization_servers"] == [ISSUER]
                    said = await b.call("list_orders", await there.token("orders:read"))
                    assert said == "service:billing by oauth2 with orders:read"
                    assert (await b.post(await there.token("orders:read", audience=ELSEWHERE))).status_code == 401
                    assert (await b.post(await b.token("orders:read", audience=""))).status_code == 401

    run(play())


def test_a_remote_watchword_is_asked_about_opaque_tokens() -> None:
    async def play() -> None:
        claims = {"active": True, "sub": "user:alice", "client_id": "cli_1", "scope": "orders:read", "aud": RESOURCE}
        async with bench() as there:
            fetch = Remote(there.house, claims)
            asked = Introspection(f"{ISSUER}/oauth/introspect", "cli_2", "secret", fetch, prefix="xt_", subject="{sub}")
            async with house(introspection=[asked]) as here:
                server = orders()
                given: dict[str, Any] = {"resource": RESOURCE, "authorization_servers": [ISSUER]}
                b = Bench(here, protect(server, here.watchword, **given))
                async with server.session_manager.run():
                    assert "user:alice" in await b.call("list_orders", "xt_one")
                    fetch.claims = {**claims, "aud": [ELSEWHERE]}
                    assert (await b.post("xt_two")).status_code == 401
                    fetch.claims = {name: value for name, value in claims.items() if name != "aud"}
                    assert (await b.post("xt_three")).status_code == 401

    run(play())


def test_an_application_that_is_made_already_is_taken_as_it_is() -> None:
    async def play() -> None:
        async with house(issuer=ISSUER) as opened:
            seen: list[Any] = []

            async def app(scope: Any, receive: Any, send: Any) -> None:
                seen.append(scope.get("user"))
                await send({"type": "http.response.start", "status": 204, "headers": []})
                await send({"type": "http.response.body", "body": b""})

            b = Bench(opened, protect(app, opened.watchword, resource=RESOURCE, accept="oauth2 | public"))
            assert (await b.post()).status_code == 204
            assert (await b.post(await b.token("orders:read"))).status_code == 204
            assert seen[0] is None
            assert seen[1].access_token.subject == "service:billing"

    run(play())


def test_a_server_of_the_lower_level_is_protected_alike() -> None:
    async def play() -> None:
        async def call(context: ServerRequestContext[Any, Any], params: Any) -> CallToolResult:
            return CallToolResult(
                content=[TextContent(type="text", text=f"{params.name} by {caller(context).subject}")]
            )

        async def tools(context: ServerRequestContext[Any, Any], params: Any) -> ListToolsResult:
            return ListToolsResult(tools=[Tool(name="plain", input_schema={"type": "object"})])

        async with house(issuer=ISSUER) as opened:
            server: Server[Any] = Server("plain", on_call_tool=call, on_list_tools=tools)
            b = Bench(opened, protect(server, opened.watchword, resource=RESOURCE))
            async with server.session_manager.run():
                assert (await b.post()).status_code == 401
                assert await b.call("plain", await b.token("orders:read")) == "plain by service:billing"

    run(play())


def test_a_path_may_hold_what_has_to_be_encoded() -> None:
    async def play() -> None:
        place = f"{HOST}/my%20tools"
        async with house(issuer=ISSUER) as opened:
            server = orders()
            b = Bench(opened, protect(server, opened.watchword, resource=place))
            async with server.session_manager.run(), b.http(await b.token("orders:read", audience=place)) as http:
                metadata = await http.get(b.app.metadata_url)
                assert metadata.json()["resource"] == place
                accept = {"accept": "application/json, text/event-stream"}
                assert (await http.post("/my%20tools", json=BEGIN, headers=accept)).status_code == 200

    run(play())


def test_nobody_was_asked_where_the_server_is_not_protected() -> None:
    async def play() -> None:
        async with Client(orders()) as mcp:
            result = await mcp.call_tool("list_orders", {})
            assert result.is_error

    run(play())


@pytest.mark.parametrize("resource", ["", "orders", "https://mcp.example.com/mcp#x", "https://a@mcp.example.com"])
def test_what_names_no_server_is_refused_at_once(resource: str) -> None:
    async def play() -> None:
        async with house() as opened:
            with pytest.raises(ValueError, match="names no API"):
                protect(orders(), opened.watchword, resource=resource)

    run(play())


def test_must_17_a_bound_token_needs_its_proof_here_too() -> None:
    async def play() -> None:
        async with bench() as b:
            key = SigningKey.generate("ES256")
            jwk = {name: value for name, value in key.public_jwk().items() if name in ("kty", "crv", "x", "y")}
            client = await b.client("orders:read")
            terms = Terms(frozenset({"orders:read"}), (RESOURCE,), {"jkt": key.verification.thumbprint()})
            token = (await b.house.watchword.tokens.for_client(client, terms)).text
            ath = to_base64url(sha256(token.encode()).digest()).decode()

            async def shown(scheme: str, **claims: Any) -> int:
                said = {"jti": secrets.token_hex(8), "htm": "POST", "htu": RESOURCE, "ath": ath}
                proof = key.sign({**said, "iat": int(b.house.clock()), **claims}, "dpop+jwt", {"jwk": jwk})
                ping = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO}
                return (await b.post("", ping, authorization=f"{scheme} {token}", dpop=proof)).status_code

            assert await shown("DPoP") == 200
            assert await shown("DPoP", htu=ELSEWHERE) == 401
            assert await shown("Bearer") == 401
            assert (await b.post(token)).status_code == 401

    run(play())

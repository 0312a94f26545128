"""An agent made with the official MCP SDK's client, and a protected MCP server for it to find its way to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import uvicorn
from mcp.client.auth.oauth2 import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.mcpserver import Context, MCPServer
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from tests.agents.person import Person
from watchword import Watchword
from watchword.adapters.mcp import caller, protect

__all__ = ["CALLBACK", "Agent", "serving"]

CALLBACK = "http://127.0.0.1:8765/callback"
READ, WRITE = "orders:read", "orders:write"


def _server() -> MCPServer:
    server = MCPServer("orders")

    @server.tool()
    async def list_orders(context: Context[Any, Any]) -> str:
        who = caller(context)
        return f"{who.subject} through {who.actor}: {' '.join(sorted(who.scopes))}"

    @server.tool()
    async def cancel(id: int, context: Context[Any, Any]) -> str:
        return f"{caller(context).subject} cancels {id}"

    return server


@asynccontextmanager
async def serving(watchword: Watchword, resource: str) -> AsyncIterator[None]:
    """Serve the protected server at its URL."""
    app = protect(_server(), watchword, resource=resource, scopes=[READ], tools={"cancel": [WRITE]}, title="Orders")
    port = urlsplit(resource).port
    assert port is not None
    config = uvicorn.Config(app, port=port, lifespan="on", log_level="warning", access_log=False)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        assert not task.done(), "the MCP server did not start"
        await asyncio.sleep(0.02)
    try:
        yield
    finally:
        server.should_exit = True
        await task


class Storage:
    """Keep what the SDK wants kept."""

    def __init__(self, client: OAuthClientInformationFull | None = None) -> None:
        self.client = client
        self.tokens: OAuthToken | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class Agent:
    """Call tools of one MCP server for a person; ``visited`` is where that person was sent, and what came back."""

    def __init__(
        self, resource: str, person: Person, *, client_id: str = "", document: str | None = None, verify: Any = True
    ) -> None:
        self.resource = resource
        self.person = person
        known = OAuthClientInformationFull(client_id=client_id, redirect_uris=[CALLBACK]) if client_id else None
        self.storage = Storage(known)
        self.visited: list[tuple[str, str]] = []
        self.asked: list[httpx2.Request] = []
        self._verify = verify
        self.provider = OAuthClientProvider(
            resource,
            OAuthClientMetadata(
                client_name="Order agent",
                redirect_uris=[CALLBACK],
                token_endpoint_auth_method="none",
                grant_types=["authorization_code", "refresh_token"],
            ),
            self.storage,
            self._go,
            self._come_back,
            document,
        )

    async def _go(self, url: str) -> None:
        self.visited.append((url, await asyncio.to_thread(self.person.visit, url)))

    async def _come_back(self) -> AuthorizationCodeResult:
        said = {name: values[0] for name, values in parse_qs(urlsplit(self.visited[-1][1]).query).items()}
        return AuthorizationCodeResult(code=said.get("code", ""), state=said.get("state"), iss=said.get("iss"))

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Client]:
        """Connect as the SDK's users do."""

        async def note(request: httpx2.Request) -> None:
            self.asked.append(request)

        options: dict[str, Any] = {"auth": self.provider, "trust_env": False, "verify": self._verify, "timeout": 20}
        async with (
            httpx2.AsyncClient(event_hooks={"request": [note]}, **options) as http,
            Client(streamable_http_client(self.resource, http_client=http)) as mcp,
        ):
            yield mcp

    async def call(self, tool: str, **arguments: Any) -> str:
        """Connect, and call one tool."""
        async with self.connected() as mcp:
            return await text_of(mcp, tool, **arguments)


async def text_of(mcp: Client, tool: str, **arguments: Any) -> str:
    """Call a tool and return what it says."""
    result = await mcp.call_tool(tool, arguments)
    assert not result.is_error, result
    return str(result.content[0].text)  # type: ignore[union-attr]

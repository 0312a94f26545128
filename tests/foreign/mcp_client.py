"""Be an agent that uses the official MCP SDK: log somebody in, call tools, refresh, call again."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp.client.auth.oauth2 import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata

given = json.loads(sys.argv[1])


def say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


class Kept:
    """Keep in memory what the SDK wants kept."""

    def __init__(self) -> None:
        self.tokens: Any = None
        self.client = OAuthClientInformationFull(
            client_id=given["client_id"], redirect_uris=[given["redirect_uri"]], token_endpoint_auth_method="none"
        )

    async def get_tokens(self) -> Any:
        return self.tokens

    async def set_tokens(self, tokens: Any) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> Any:
        return self.client

    async def set_client_info(self, client: Any) -> None:
        self.client = client


async def browse(url: str) -> None:
    say(place=url)


async def come_back() -> AuthorizationCodeResult:
    said = parse_qs(urlsplit((await asyncio.to_thread(sys.stdin.readline)).strip()).query)
    return AuthorizationCodeResult(code=said["code"][0], state=said["state"][0], iss=said["iss"][0])


async def agent() -> None:
    about = OAuthClientMetadata(
        client_name="Agent", redirect_uris=[given["redirect_uri"]], token_endpoint_auth_method="none"
    )
    kept, asked = Kept(), []
    auth = OAuthClientProvider(given["resource"], about, kept, browse, come_back)

    async def note(request: httpx2.Request) -> None:
        if request.url.path == "/oauth/token":
            asked.append(parse_qs(request.content.decode())["grant_type"][0])

    hooks: Any = {"request": [note]}
    async with (
        httpx2.AsyncClient(auth=auth, event_hooks=hooks, trust_env=False, timeout=30) as http,
        Client(streamable_http_client(given["resource"], http_client=http)) as mcp,
    ):
        first = await mcp.call_tool("list_orders", {})
        before = kept.tokens.refresh_token
        auth.context.token_expiry_time = 1.0  # so it goes by itself, an hour later
        again = await mcp.call_tool("list_orders", {})
        more = await mcp.call_tool("cancel", {"id": 7})
        texts = [answer.content[0].text for answer in (first, again, more)]  # type: ignore[union-attr]
        say(texts=texts, rotated=kept.tokens.refresh_token != before, grants=asked)


try:
    asyncio.run(agent())
except BaseException as error:
    say(error=f"{type(error).__name__}: {error}")

"""The official Python SDK's client finds its way: from a 401 to a tool call, against a real `watchword serve`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

pytest.importorskip("mcp", reason="NOT TESTED: the official MCP SDK is missing")

from tests.agents.agent import CALLBACK, Agent, serving, text_of
from tests.agents.person import Person
from tests.figures.house import House, free_port
from tests.foreign import foreign
from tests.server.oauth.publishing import Site, publishing
from watchword import Watchword
from watchword.model.credential import Kind

pytestmark = pytest.mark.processes

GIVEN = "offline_access orders:read"  # the SDK asks to be refreshed wherever that can be had
PASSWORD = "four horses eat the long grass"
RESOURCES = """
[[resource]]
uri = "{resource}"
name = "Orders for agents"
scopes = ["orders:read", "orders:write"]
[oauth]
registration = "open"
private_hosts = ["localhost"]
[oauth.scopes]
"orders:read" = "See your orders"
"orders:write" = "Cancel your orders"
"""


class World:
    """Hold an authorization server, an MCP server beside it, and a person."""

    def __init__(self, house: House, resource: str, site: Site) -> None:
        self.house = house
        self.resource = resource
        self.site = site
        self.issuer = f"http://127.0.0.1:{house.port}"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Watchword]:
        async with self.house.operator() as watchword, serving(watchword, self.resource):
            yield watchword

    async def client(self, watchword: Watchword, **options: Any) -> str:
        given = {
            "public": True,
            "redirect_uris": [CALLBACK],
            "grants": ["authorization_code", "refresh_token"],
            **options,
        }
        scopes = ("orders:read", "orders:write")
        issued = await watchword.lifecycle.issue(
            Kind.OAUTH_CLIENT, "service:agents", by="test", scopes=scopes, options=given
        )
        return str(issued.material["client_id"])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    resource = f"http://127.0.0.1:{free_port()}/mcp"
    folder: Path = tmp_path_factory.mktemp("agents")
    with (
        publishing(folder) as (site, trusted),
        pytest.MonkeyPatch.context() as patched,
        contextlib.ExitStack() as opened,
    ):
        patched.setenv("SSL_CERT_FILE", str(trusted))
        house = opened.enter_context(House(folder / "site", workers=1, more=RESOURCES.format(resource=resource)))
        patched.undo()

        async def seed() -> None:
            async with house.operator() as watchword:
                await watchword.lifecycle.add_subject("service:agents", by="test")
                await watchword.lifecycle.add_subject("user:alice", by="test")
                scopes = ("orders:read", "orders:write")
                await watchword.lifecycle.issue(
                    Kind.PASSWORD, "user:alice", by="test", scopes=scopes, options={"password": PASSWORD}
                )

        asyncio.run(seed())
        yield World(house, resource, site)


@pytest.fixture
def alice(world: World) -> Iterator[Person]:
    with Person(world.issuer, "alice", PASSWORD) as person:
        yield person


def asked(agent: Agent) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(agent.visited[-1][0]).query).items()}


def test_from_discovery_to_a_tool_call_with_a_first_party_agent(world: World, alice: Person) -> None:
    async def play() -> None:
        async with world.open() as watchword:
            agent = Agent(world.resource, alice, client_id=await world.client(watchword, first_party=True))
            client = agent.storage.client
            assert client is not None
            assert await agent.call("list_orders") == f"user:alice through {client.client_id}: {GIVEN}"
            paths = [request.url.path for request in agent.asked]
            assert paths[:3] == [
                "/mcp",
                "/.well-known/oauth-protected-resource/mcp",
                "/.well-known/oauth-authorization-server",
            ]
            request = asked(agent)
            assert request["resource"] == world.resource
            assert request["scope"].split() == ["orders:read", "offline_access"]
            assert request["code_challenge_method"] == "S256"
            assert parse_qs(urlsplit(agent.visited[-1][1]).query)["iss"] == [world.issuer]
            form = next(each for each in agent.asked if each.url.path == "/oauth/token")
            assert parse_qs(form.content.decode())["resource"] == [world.resource]

    asyncio.run(play())


def test_somebody_elses_agent_asks_for_consent_and_steps_up(world: World, alice: Person) -> None:
    async def play() -> None:
        async with world.open() as watchword:
            agent = Agent(world.resource, alice, client_id=await world.client(watchword, client_name="Order agent"))
            async with agent.connected() as mcp:
                assert "orders:read" in await text_of(mcp, "list_orders")
                assert "See your orders" in alice.shown[-1]
                assert "Cancel your orders" not in alice.shown[-1]
                # 403 insufficient_scope: the SDK asks for what it has and for what is wanted besides.
                assert await text_of(mcp, "cancel", id=7) == "user:alice cancels 7"
                assert set(asked(agent)["scope"].split()) == {"orders:read", "orders:write", "offline_access"}
                assert "Cancel your orders" in alice.shown[-1]
            assert len(agent.visited) == 2

    asyncio.run(play())


def test_tokens_that_ended_are_refreshed_for_the_same_resource(world: World, alice: Person) -> None:
    async def play() -> None:
        async with world.open() as watchword:
            agent = Agent(world.resource, alice, client_id=await world.client(watchword))
            async with agent.connected() as mcp:
                await text_of(mcp, "list_orders")
                before = agent.storage.tokens
                agent.asked.clear()
                agent.provider.context.token_expiry_time = 1.0
                assert "user:alice" in await text_of(mcp, "list_orders")
                form = parse_qs(next(each for each in agent.asked if each.url.path == "/oauth/token").content.decode())
                assert (form["grant_type"], form["resource"]) == (["refresh_token"], [world.resource])
                after = agent.storage.tokens
                assert before is not None
                assert after is not None
                assert after.refresh_token != before.refresh_token
            assert len(agent.visited) == 1

    asyncio.run(play())


def test_an_agent_in_a_process_of_its_own_logs_in_refreshes_and_steps_up(world: World, alice: Person) -> None:
    async def play() -> None:
        async with world.open() as watchword:
            given = {"client_id": await world.client(watchword), "redirect_uri": CALLBACK, "resource": world.resource}

            def talk() -> dict[str, Any]:
                with foreign("mcp_client.py", **given) as agent:
                    for _ in range(2):  # a login, and one more for want of a scope
                        said = agent.hear()
                        assert "place" in said, said
                        agent.tell(alice.visit(said["place"]))
                    return agent.hear()

            said = await asyncio.to_thread(talk)
            told = f"user:alice through {given['client_id']}: {GIVEN}"
            assert said.get("texts", said) == [told, told, "user:alice cancels 7"]
            assert said["grants"] == ["authorization_code", "refresh_token", "authorization_code"]
            assert said["rotated"]

    asyncio.run(play())


def test_an_agent_that_nobody_knew_registers_itself(world: World, alice: Person) -> None:
    async def play() -> None:
        async with world.open() as watchword:
            agent = Agent(world.resource, alice)
            assert "user:alice" in await agent.call("list_orders")
            assert [request.url.path for request in agent.asked].count("/oauth/register") == 1
            assert "Order agent" in alice.shown[-1]
            assert "registered itself" in alice.shown[-1]
            client = agent.storage.client
            assert client is not None
            assert client.issuer == world.issuer
            record = await watchword.lifecycle.show(client.client_id)
            assert (record.detail["source"], record.detail["public"]) == ("registered", True)
            # Who takes the agent's leave, ends it: the token opens nothing from then on.
            await watchword.lifecycle.revoke(record.id, reason="not wanted", by="test")
            agent.visited.clear()
            with pytest.raises(BaseException):  # noqa: B017
                await agent.call("list_orders")

    asyncio.run(play())


def test_an_agent_is_known_by_the_document_at_its_url(world: World, alice: Person) -> None:
    async def play() -> None:
        async with world.open() as watchword:
            about = {
                "client_name": "Travelling agent",
                "redirect_uris": [CALLBACK],
                "grant_types": ["authorization_code", "refresh_token"],
                "token_endpoint_auth_method": "none",
                "application_type": "native",
            }
            url = world.site.client("/agent.json", **about)
            agent = Agent(world.resource, alice, document=url)
            assert f"through {url}: " in await agent.call("list_orders")
            assert asked(agent)["client_id"] == url
            assert not [each for each in agent.asked if each.url.path == "/oauth/register"]
            assert "/agent.json" in world.site.asked
            assert "Travelling agent" in alice.shown[-1]
            assert "localhost" in alice.shown[-1]  # whose document it is
            kept = await watchword.store.credentials(kind=Kind.OAUTH_CLIENT)
            assert [each.detail["client_id"] for each in kept if each.detail.get("source") == "document"] == [url]

    asyncio.run(play())


def test_a_person_who_says_no_gives_nothing(world: World) -> None:
    async def play() -> None:
        async with world.open() as watchword:
            with Person(world.issuer, "alice", PASSWORD, agree=False) as unwilling:
                agent = Agent(world.resource, unwilling, client_id=await world.client(watchword))
                with pytest.raises(BaseException):  # noqa: B017 - a group around the SDK's own error
                    await agent.call("list_orders")
                answer = parse_qs(urlsplit(agent.visited[-1][1]).query)
                assert answer["error"] == ["access_denied"]
                assert answer["iss"] == [world.issuer]  # RFC 9207 section 2: in errors, too
                assert agent.storage.tokens is None

    asyncio.run(play())

"""Find clients by the id that they go by."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.house import House, house, played
from watchword.lifecycle.oauth.clients import Clients
from watchword.model.credential import Credential, Kind
from watchword.model.reason import REVOKED, SUBJECT_DISABLED, UNKNOWN_CREDENTIAL
from watchword.model.verdict import Rejection


async def client(running: House, **options: Any) -> Credential:
    return (await running.issue(Kind.OAUTH_CLIENT, "service:app", options=options)).credential


@played
async def test_by_its_id_the_newest_record(running: House) -> None:
    clients = running.watchword.oauth.clients
    first = await client(running)
    assert await clients.find(first.id) == first
    lifecycle = running.watchword.lifecycle
    second = (await lifecycle.rotate(first.id, overlap=60, by="test")).credential
    third = (await lifecycle.rotate(second.id, overlap=60, by="test")).credential
    assert await clients.find(first.id) == third
    assert await clients.find(third.id) is None  # one secret's record is no name of the client


@played
async def test_why_there_is_none(running: House) -> None:
    clients = running.watchword.oauth.clients
    first = await client(running)
    key = (await running.issue()).credential
    for unknown in ("", "cli_", "cli_none", key.id, "app", "http://app.example/c", "HTTPS://app.example/c"):
        found = await clients.resolve(unknown)
        assert isinstance(found, Rejection)
        assert found.reason is UNKNOWN_CREDENTIAL
    await running.watchword.lifecycle.set_enabled("service:app", False, by="test")
    found = await clients.resolve(first.id)
    assert isinstance(found, Rejection)
    assert found.reason is SUBJECT_DISABLED
    await running.watchword.lifecycle.set_enabled("service:app", True, by="test")
    await running.watchword.lifecycle.revoke(first.id, reason="test", by="test")
    found = await clients.resolve(first.id)
    assert isinstance(found, Rejection)
    assert found.reason is REVOKED


@pytest.mark.parametrize("url", ["https://app.example/client.json", "https://"])
def test_without_documents_a_url_is_no_client(url: str) -> None:
    async def found() -> Credential | None:
        async with house() as running:
            return await Clients(running.watchword.store, clock=running.clock).find(url)

    assert asyncio.run(found()) is None


@played
async def test_what_is_kept_already_stays_as_it_is(running: House) -> None:
    first = await client(running)
    assert await running.watchword.oauth.clients.keep(first, by="user:alice") is first
    assert await Clients(running.watchword.store).keep(first, by="user:alice") is first

"""What clients that describe themselves may have."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.tokens import CountingFetch
from watchword.lifecycle.oauth.described.metadata import ClientMetadata
from watchword.lifecycle.oauth.described.permits import permitted, sector_fault
from watchword.lifecycle.oauth.described.rules import DescribedRules
from watchword.lifecycle.oauth.rules import OAuthRules, Resource
from watchword.model.ports import Fetched, Unavailable

PLACE = "https://sector.example/uris"
CODE = "authorization_code"


def test_by_default_what_is_published_and_what_asks_a_person() -> None:
    published = Resource("https://orders.example", scopes=frozenset({"orders:read"}))
    rules = OAuthRules(resources=(published,), scopes={"mail:read": {"en": "Read your mail"}})
    found = permitted(rules, "registered")
    assert found.scopes == {"orders:read", "mail:read"}
    assert {CODE, "refresh_token"} < found.grants
    assert not any("client_credentials" in grant or "exchange" in grant for grant in found.grants)


def test_nobody_asks_to_administer_this_server_unless_the_operator_names_that() -> None:
    administers = frozenset({"admin:clients:write", "orders:read"})
    rules = OAuthRules(resources=(Resource("https://auth.example", scopes=administers),))
    assert permitted(rules, "document").scopes == {"orders:read"}
    named = OAuthRules(described=DescribedRules(scopes=administers))
    assert permitted(named, "document").scopes == administers


def test_the_operators_own_list_counts_instead() -> None:
    published = Resource("https://orders.example", scopes=frozenset({"orders:read"}))
    rules = OAuthRules(resources=(published,), described=DescribedRules(scopes=frozenset({"x"})))
    assert permitted(rules, "document").scopes == {"x"}


def test_a_document_proves_nothing_by_a_secret_and_acts_for_nobody_but_people() -> None:
    rules = OAuthRules(described=DescribedRules(grants=frozenset({CODE, "client_credentials"})))
    assert permitted(rules, "document").methods == {"none", "private_key_jwt"}
    assert permitted(rules, "document").grants == {CODE}
    assert permitted(rules, "registered").grants == {CODE, "client_credentials"}
    assert "client_secret_basic" in permitted(rules, "registered").methods


@pytest.mark.parametrize("source", ["registered", "document"])
def test_fapi_2_lets_in_only_who_proves_itself_by_a_key(source: Any) -> None:
    found = permitted(OAuthRules(profile="fapi2"), source)
    assert "private_key_jwt" in found.methods
    assert not found.methods & {"none", "client_secret_basic", "client_secret_post"}
    assert "RS256" not in found.id_tokens


def fault(answer: Any, *uris: str, fetches: bool = True) -> str:
    client = ClientMetadata({"sector_identifier_uri": PLACE, "redirect_uris": list(uris)}, frozenset())
    found = asyncio.run(sector_fault(client, CountingFetch(**{PLACE: answer}) if fetches else None))
    return "" if found is None else found.description


def test_sectors() -> None:
    one, other = "https://a.example/cb", "https://b.example/cb"
    assert fault([one, other], one) == ""
    assert fault([one], one, other)
    assert fault({"redirect_uris": [one]}, one)
    assert fault(Fetched(302, b""), one)
    assert fault(Fetched(200, b"[" * 9_000), one)
    assert fault(Fetched(200, b"[" * 5_000), one)
    assert fault(Unavailable("down"), one)
    assert fault([one], one, fetches=False)
    assert asyncio.run(sector_fault(ClientMetadata({"redirect_uris": [one]}, frozenset()), None)) is None

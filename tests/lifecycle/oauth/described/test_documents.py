"""Clients that are known by a document at their URL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from tests.hostile import URIS
from tests.tokens import ED, NOW, CountingFetch, Ticker
from watchword.app import Watchword
from watchword.lifecycle.clients.book import ClientBook
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.oauth.described.documents import LONGEST, document_fault
from watchword.lifecycle.oauth.described.permits import REGISTERED
from watchword.lifecycle.oauth.described.rules import DescribedRules
from watchword.lifecycle.oauth.rules import OAuthRules, Resource
from watchword.model.credential import Credential
from watchword.model.ports import Allowance, Fetched, Unavailable
from watchword.model.reason import RATE_LIMITED, REVOKED, SUBJECT_DISABLED, Reason
from watchword.model.verdict import Rate, Rejection
from watchword.sync import run_sync

T = TypeVar("T")

URL = "https://app.example/client.json"
KIND = {"content-type": "application/json"}
ORDERS = Resource("https://orders.example", scopes=frozenset({"orders:read", "orders:write"}))


def document(url: str = URL, **more: Any) -> dict[str, Any]:
    return {
        "client_id": url,
        "client_name": "Reports",
        "redirect_uris": ["https://app.example/cb"],
        "grant_types": ["authorization_code", "refresh_token"],
        "scope": "openid orders:read admin",
        **more,
    }


class Unlimited:
    def hit(self, key: str, cost: int, rate: Rate) -> Allowance:
        return Allowance(True, 1, 0.0, 0.0)


class Office:
    """One authorization server in memory, and what is published outside."""

    def __init__(self, *, fetches: bool = True, **rules: Any) -> None:
        self.clock = Ticker()
        self.fetch = CountingFetch(**{URL: document()})
        self.watchword = Watchword(
            clock=self.clock,
            fetch=self.fetch if fetches else None,
            oauth=OAuthRules(resources=(ORDERS,), described=DescribedRules(**rules)),
        )
        self.clients = self.watchword.oauth.clients
        self.run(self.watchword.lifecycle.add_subject("service:other", by="test"))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(work)

    def find(self, url: str = URL, place: str = "192.0.2.1") -> Credential | Rejection:
        return self.run(self.clients.resolve(url, place))

    def found(self, url: str = URL) -> Credential:
        client = self.find(url)
        assert isinstance(client, Credential), client
        return client

    def refused(self, url: str = URL) -> Rejection:
        rejection = self.find(url)
        assert isinstance(rejection, Rejection)
        assert self.run(self.clients.find(url)) is None
        return rejection

    def keep(self, url: str = URL) -> Credential:
        return self.run(self.clients.keep(self.found(url), by="user:alice"))

    def stored(self, url: str = URL) -> Credential | None:
        return self.run(self.watchword.store.credential(url))


def test_a_document_makes_a_client() -> None:
    client = Office().found()
    assert client.id == URL
    assert client.subject == REGISTERED
    assert client.scopes == {"openid", "orders:read"}
    assert client.lookup is None
    detail = client.detail
    assert (detail["client_id"], detail["source"], detail["host"]) == (URL, "document", "app.example")
    assert (detail["public"], detail["first_party"], detail["auth_method"]) == (True, False, "none")
    assert detail["redirect_uris"] == ["https://app.example/cb"]


def test_who_names_itself_not_is_called_by_its_host() -> None:
    office = Office()
    office.fetch.answers[URL] = document(client_name=None)
    assert office.found().detail["client_name"] == "app.example"


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example/",
        "https://app.example:8443/client.json",
        "https://app.example/a/b/c?v=1",
        "https://192.0.2.7/client.json",
    ],
)
def test_urls_that_can_be_a_client(url: str) -> None:
    assert document_fault(url) == ""


NOT_A_CLIENT = (
    *("https://app.example", "http://app.example/c", "https://app.example/c#f", "https://u:p@app.example/c"),
    *("https://app.example/../c", "https://app.example/./c", "https://app.example/%2e%2e/c", "https://app.example\\c"),
    *("https:///c", "https://app.example/c d", "https://é.example/c", "HTTPS://app.example/c", "file:///etc/passwd"),
    *("http://127.0.0.1/c", "http://localhost/c", "https://0/c", "https://127.1/c", "https://*.example/c", ""),
    *("https://app.example/" + "a" * LONGEST, "https://app.example/c+ses_1"),
)


@pytest.mark.parametrize("url", NOT_A_CLIENT)
def test_must_21_urls_that_cannot_be_a_client(url: str) -> None:
    assert document_fault(url)
    office = Office()
    office.refused(url)
    assert office.fetch.calls == []


@pytest.mark.parametrize("url", URIS)
def test_cve_2026_48522_no_hostile_url_is_fetched_that_means_another_host(url: str) -> None:
    office = Office()
    office.fetch.answers = dict.fromkeys(URIS, Fetched(404, b""))  # type: ignore[assignment]
    office.refused(url)
    for called, *_ in office.fetch.calls:
        assert called == url
        assert url.startswith("https://")
        assert "@" not in url.split("/")[2]
        assert "\\" not in url


WRONG: dict[str, Any] = {
    "another id": document("https://app.example/other.json"),
    "another spelling of the id": document("https://APP.example/client.json"),
    "no id": {"redirect_uris": ["https://app.example/cb"]},
    "a secret": document(client_secret="s3cr3t"),
    "when the secret ends": document(client_secret_expires_at=0),
    "a method with a secret": document(token_endpoint_auth_method="client_secret_basic"),
    "another such method": document(token_endpoint_auth_method="client_secret_jwt"),
    "no keys": document(token_endpoint_auth_method="private_key_jwt"),
    "no redirect": document(redirect_uris=[]),
    "an open redirect": document(redirect_uris=["https://app.example/*"]),
    "for itself": document(grant_types=["client_credentials"]),
    "too long": document(x="x" * 8_192),
    "a list": Fetched(200, b"[]", KIND),
    "twice the same member": Fetched(200, b'{"client_id":"a","client_id":"b"}', KIND),
    "no JSON": Fetched(200, b"<html>", KIND),
    "another kind": Fetched(200, json.dumps(document()).encode(), {"content-type": "text/plain"}),
    "an image": Fetched(200, json.dumps(document()).encode(), {"content-type": "image/svg+xml"}),
    "a redirect": Fetched(302, b"", KIND),
    "not there": Fetched(404, json.dumps(document()).encode(), KIND),
    "created": Fetched(201, json.dumps(document()).encode(), KIND),
    "broken": Fetched(500, b"", KIND),
    "too often": Fetched(429, b"", KIND),
    "down": Unavailable("down"),
}


@pytest.mark.parametrize("answer", WRONG.values(), ids=WRONG)
def test_must_21_documents_that_make_no_client_and_errors_are_not_cached(answer: Any) -> None:
    office = Office()
    office.fetch.answers[URL] = answer
    rejection = office.refused()
    assert rejection.detail
    assert "s3cr3t" not in rejection.detail
    office.fetch.answers[URL] = document()
    assert office.found().id == URL  # at once


def test_kinds_of_json() -> None:
    office = Office()
    for kind in ("application/json; charset=utf-8", "application/oauth-client+json", "APPLICATION/JSON"):
        office.clock.now += 86_400
        office.fetch.answers[URL] = Fetched(200, json.dumps(document()).encode(), {"content-type": kind})
        assert office.found()


@pytest.mark.parametrize(
    ("control", "seconds"),
    [
        ("", 300),
        ("max-age=0", 300),
        ("no-store", 300),
        ("public, max-age=3600", 3_600),
        ("max-age=999999999", 86_400),
        ('max-age="600"', 600),
        ("s-maxage=9000, max-age=900", 900),
        ("max-age=-1", 300),
    ],
)
def test_how_long_a_document_counts(control: str, seconds: int) -> None:
    office = Office()
    headers = {**KIND, "cache-control": control} if control else KIND
    office.fetch.answers[URL] = Fetched(200, json.dumps(document()).encode(), headers)
    office.found()
    office.clock.now += seconds - 1
    office.found()
    assert len(office.fetch.calls) == 1
    office.clock.now += 1
    office.found()
    assert len(office.fetch.calls) == 2


def test_the_cache_is_bounded() -> None:
    office = Office()
    documents = office.watchword.oauth.documents
    documents._meter = Unlimited()
    for number in range(1_100):
        url = f"https://h{number}.example/c"
        office.fetch.answers[url] = document(url)
        office.found(url)
    assert len(documents._cache) == 1_000


def test_private_key_jwt_by_keys_in_the_document() -> None:
    office = Office()
    office.fetch.answers[URL] = document(
        token_endpoint_auth_method="private_key_jwt",
        jwks={"keys": [ED.public_jwk()]},
    )
    client = office.found()
    assert client.detail["public"] is False
    assert client.detail["jwks"]["keys"][0]["kid"] == ED.kid


def test_nobody_uses_us_to_fetch() -> None:
    office = Office()
    for number in range(200):
        office.fetch.answers[f"https://victim.example/{number}"] = Fetched(404, b"")
        office.fetch.answers[f"https://h{number}.example/"] = Fetched(404, b"")
    for number in range(100):
        office.find(f"https://victim.example/{number}", f"192.0.2.{number}")
    assert len(office.fetch.calls) == 30  # of one host
    for number in range(100):
        office.find(f"https://h{number}.example/", "198.51.100.1")
    assert len(office.fetch.calls) == 60  # of one place
    rejection = office.find("https://h101.example/", "198.51.100.1")
    assert isinstance(rejection, Rejection)
    assert rejection.reason is RATE_LIMITED


def test_a_kept_client_whose_document_became_wrong_is_not_fetched_at_every_request() -> None:
    office = Office()
    office.keep()
    office.fetch.answers[URL] = Fetched(404, b"")
    office.clock.now += 86_400
    for number in range(100):
        assert isinstance(office.find(place=f"192.0.2.{number}"), Rejection)
    assert len(office.fetch.calls) == 1 + 10
    assert office.refused().reason is RATE_LIMITED


def test_a_known_document_is_not_limited() -> None:
    office = Office()
    for _ in range(500):
        assert isinstance(office.find(), Credential)
    assert len(office.fetch.calls) == 1


@pytest.mark.parametrize("rules", [{"documents": False}, {"document_hosts": frozenset({"other.example"})}])
def test_the_operator_decides_whose_documents_count(rules: dict[str, Any]) -> None:
    office = Office(**rules)
    office.refused()
    assert office.fetch.calls == []


def test_without_a_way_to_fetch_it_says_so() -> None:
    office = Office(fetches=False)
    assert "fetch" in office.refused().detail
    assert not office.watchword.oauth.documents.on


def test_scopes_and_lifetimes_are_the_operators() -> None:
    office = Office(scopes=frozenset({"mail"}), access_lifetime=60, refresh_lifetime=3_600)
    office.fetch.answers[URL] = document(scope=None, access_lifetime=10**9)
    client = office.found()
    assert client.scopes == {"mail"}
    assert (client.detail["access_lifetime"], client.detail["refresh_lifetime"]) == (60, 3_600)


class TestKept:
    def test_only_what_a_person_lets_do_something_is_kept(self) -> None:
        office = Office()
        office.found()
        assert office.stored() is None
        kept = office.keep()
        assert kept == office.stored() == office.found()
        assert office.keep() == kept
        assert office.run(office.watchword.lifecycle.show(URL)).id == URL
        assert [each.id for each in office.run(office.watchword.lifecycle.page(subject=REGISTERED))] == [URL]
        events = [event for _, event in office.run(office.watchword.store.events()) if event.action == "issue"]
        assert [(each.credential, each.actor) for each in events if each.credential == URL] == [(URL, "user:alice")]

    def test_at_once_it_is_kept_once(self) -> None:
        office = Office()

        async def many() -> list[Credential]:
            client = await office.clients.find(URL)
            assert client is not None
            return await asyncio.gather(*(office.clients.keep(client, by="user:alice") for _ in range(100)))

        assert len({each.version for each in office.run(many())}) == 1
        events = [event for _, event in office.run(office.watchword.store.events())]
        assert sum(event.credential == URL for event in events) == 1

    def test_a_revoked_one_is_let_in_no_more_and_not_fetched(self) -> None:
        office = Office()
        office.keep()
        office.run(office.watchword.lifecycle.revoke(URL, reason="rogue", by="operator"))
        office.clock.now += 86_400
        office.fetch.calls.clear()
        assert office.refused().reason is REVOKED
        assert office.fetch.calls == []

    def test_disabling_all_of_its_kind_shuts_out_unknown_ones_too(self) -> None:
        office = Office()
        office.keep()
        office.run(office.watchword.lifecycle.set_enabled(REGISTERED, False, by="operator"))
        reasons: set[Reason] = {office.refused().reason, office.refused("https://other.example/c").reason}
        assert reasons == {SUBJECT_DISABLED}

    def test_operators_see_disable_and_enable_it_but_its_document_says_what_it_is(self) -> None:
        office = Office()
        office.keep()
        book = ClientBook(office.watchword.store, office.watchword.lifecycle, clock=office.clock)
        assert [each.id for each in office.run(book.page())[0]] == [URL]
        assert office.run(book.find(URL)).value(NOW)["source"] == "document"
        office.run(book.set_enabled(URL, False, by="operator"))
        office.clock.now += 86_400
        office.refused()
        office.run(book.set_enabled(URL, True, by="operator"))
        office.found()
        with pytest.raises(LifecycleError, match="says itself"):
            office.run(book.change(URL, {"first_party": True}, by="operator"))
        office.run(book.remove(URL, reason="rogue", by="operator"))
        assert office.refused().reason is REVOKED

    def test_a_change_is_kept_and_audited(self) -> None:
        office = Office()
        first = office.keep()
        office.fetch.answers[URL] = document(redirect_uris=["https://app.example/new"], client_name="Reports 2")
        office.clock.now += 300
        changed = office.found()
        assert changed.detail["redirect_uris"] == ["https://app.example/new"]
        assert changed.version == first.version + 1
        assert office.stored() == changed
        last = [event for _, event in office.run(office.watchword.store.events())][-1]
        assert (last.action, last.credential) == ("change", URL)
        office.clock.now += 300
        assert office.found().version == changed.version  # nothing changed, nothing was written

    def test_what_the_operator_noted_stays(self) -> None:
        office = Office()
        office.keep()
        office.run(office.watchword.lifecycle.revoke_client_tokens(URL, reason="test", by="operator"))
        office.fetch.answers[URL] = document(client_name="Other")
        office.clock.now += 300
        assert office.found().detail["tokens_void_up_to"] == NOW

    @pytest.mark.parametrize("answer", [Unavailable("down"), Fetched(503, b""), Fetched(429, b"")])
    def test_its_people_stay_logged_in_while_its_server_is_away(self, answer: Any) -> None:
        office = Office()
        kept = office.keep()
        office.fetch.answers[URL] = answer
        office.clock.now += 86_400
        for _ in range(20):
            assert office.found() == kept
        assert len(office.fetch.calls) == 2  # and it is not asked at every request
        office.fetch.answers[URL] = document(client_name="Back")
        office.clock.now += 60
        assert office.found().detail["client_name"] == "Back"

    def test_what_operators_permit_no_more_is_gone_even_while_its_server_is_away(self) -> None:
        office = Office()
        assert office.keep().scopes == {"openid", "orders:read"}
        office.fetch.answers[URL] = Unavailable("down")
        office.clock.now += 86_400
        office.clients._rules = OAuthRules(described=DescribedRules(scopes=frozenset()))
        assert office.found().scopes == {"openid"}

    @pytest.mark.parametrize("answer", [Fetched(404, b""), Fetched(302, b""), Fetched(200, b"{}")])
    def test_a_document_that_is_gone_is_a_client_that_is_gone(self, answer: Any) -> None:
        office = Office()
        office.keep()
        office.fetch.answers[URL] = answer
        office.clock.now += 86_400
        office.refused()

    def test_clients_of_the_operators_stay_as_they_are(self) -> None:
        office = Office()
        record = Credential("cli_1", office.found().kind, "service:other", NOW, detail={"client_id": "cli_1"})
        assert office.run(office.clients.keep(record, by="user:alice")) is record
        assert office.stored("cli_1") is None


def test_sectors_are_looked_at() -> None:
    office = Office()
    place, uris = "https://sector.example/uris", ["https://a.example/cb", "https://b.example/cb"]
    office.fetch.answers[URL] = document(subject_type="pairwise", sector_identifier_uri=place, redirect_uris=uris)
    for wrong in (b"{}", b"[", b'["https://a.example/cb"]', b"[" + b" " * 8_192 + b"]"):
        office.fetch.answers[place] = wrong
        assert "sector_identifier_uri" in office.refused().detail
    office.fetch.answers[place] = json.dumps([*uris, 1]).encode()
    assert office.found().detail["sector_identifier_uri"] == place


def test_run_sync_is_enough_where_nothing_waits() -> None:
    office = Office(documents=False)
    assert run_sync(office.clients.find(URL)) is None

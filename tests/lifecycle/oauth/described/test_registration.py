"""Clients that register themselves: bounded in what they get and in how many they are."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

import pytest

from tests.tokens import ED, NOW, CountingFetch, Ticker
from watchword.app import Watchword
from watchword.lifecycle.clients.book import Bounds, ClientBook
from watchword.lifecycle.oauth.clients import Clients
from watchword.lifecycle.oauth.described.metadata import MetadataRefused
from watchword.lifecycle.oauth.described.permits import REGISTERED
from watchword.lifecycle.oauth.described.registration import REGISTER_SCOPE, Registered, Registration
from watchword.lifecycle.oauth.described.rules import DEVICE, DescribedRules
from watchword.lifecycle.oauth.rules import OAuthRules
from watchword.model.credential import Credential, Kind
from watchword.model.records import Subject
from watchword.model.request import Peer, Request
from watchword.model.verdict import Rate

T = TypeVar("T")

DAY = 86_400
BOTH = frozenset({"authorization_code", "client_credentials"})
APP: Mapping[str, Any] = {"redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "none"}


class Office:
    """One authorization server in memory."""

    def __init__(self, *, fetches: bool = False, **rules: Any) -> None:
        self.clock = Ticker()
        self.fetch = CountingFetch()
        self.watchword = Watchword(
            clock=self.clock,
            fetch=self.fetch if fetches else None,
            oauth=OAuthRules(described=DescribedRules(registration="open", **rules)),
        )
        self.registration = self.watchword.oauth.registration
        self.store = self.watchword.store

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(work)

    def register(self, **more: Any) -> Registered:
        found = self.run(self.registration.register({**APP, **more}, by="test"))
        assert isinstance(found, Registered), found
        return found

    def refused(self, **more: Any) -> MetadataRefused:
        found = self.run(self.registration.register({**APP, **more}, by="test"))
        assert isinstance(found, MetadataRefused)
        return found

    def change(self, registered: Registered, **more: Any) -> Registered | MetadataRefused | None:
        given = {**APP, "client_id": registered.client.id, **more}
        return self.run(self.registration.change(registered.client, given, registered.token))

    def stored(self, registered: Registered) -> Credential | None:
        return self.run(self.store.credential(registered.client.id))

    def tidy(self, after: float) -> None:
        self.clock.now += after
        self.registration.due = float("-inf")
        self.run(self.registration.tidy())


def test_secrets_are_not_shown_by_accident() -> None:
    registered = Office().register(token_endpoint_auth_method="client_secret_basic")
    assert registered.secret
    assert registered.secret not in repr(registered)
    assert registered.token not in repr(registered)


def test_lifetimes_are_the_operators() -> None:
    client = Office(access_lifetime=60, refresh_lifetime=600).register(access_lifetime=10**6).client
    assert (client.detail["access_lifetime"], client.detail["refresh_lifetime"]) == (60, 600)


def test_keys_at_a_place_only_where_something_is_fetched() -> None:
    wanted = {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://app.example/jwks"}
    assert "jwks_uri" in Office().refused(**wanted).description
    assert Office(fetches=True).register(**wanted).client.detail["jwks_uri"] == "https://app.example/jwks"
    keys = {"keys": [ED.public_jwk()]}
    client = Office().register(token_endpoint_auth_method="private_key_jwt", jwks=keys).client
    assert (client.lookup, client.detail["public"]) == (None, False)


class TestForItself:
    def test_a_client_that_acts_for_itself_is_nobody_else(self) -> None:
        office = Office(grants=BOTH)
        wanted = {"grant_types": ["client_credentials"], "token_endpoint_auth_method": "client_secret_basic"}
        one, other = office.register(**wanted).client, office.register(**wanted).client
        assert len({one.subject, other.subject, REGISTERED}) == 3
        assert office.register().client.subject == REGISTERED

    def test_and_does_not_become_one_by_a_change(self) -> None:
        office = Office(grants=BOTH)
        found = office.change(
            office.register(),
            grant_types=["client_credentials"],
            token_endpoint_auth_method="client_secret_basic",
        )
        assert isinstance(found, MetadataRefused)
        assert "client_credentials" in found.description

    def test_its_subject_goes_with_it(self) -> None:
        office = Office(grants=BOTH)
        wanted = {"grant_types": ["client_credentials"], "token_endpoint_auth_method": "client_secret_basic"}
        gone, busy = office.register(**wanted), office.register(**wanted)
        lifecycle = office.watchword.lifecycle
        office.run(lifecycle.issue(Kind.API_KEY, busy.client.subject, by="operator"))
        office.tidy(8 * DAY)
        assert office.run(office.store.subject(gone.client.subject)) is None
        assert office.run(office.store.subject(busy.client.subject)) is not None


class TestChange:
    def test_only_with_its_token(self) -> None:
        office = Office()
        one, other = office.register(), office.register()
        mine = office.registration.mine
        assert office.run(mine(one.client.id, one.token)) == one.client
        for token in (other.token, "", "rat_", one.token[:-1], one.token + "0", one.token.upper(), "é", "\ud800"[:0]):
            assert office.run(mine(one.client.id, token)) is None
        assert office.run(mine("cli_none", one.token)) is None
        assert office.run(mine(REGISTERED, one.token)) is None

    def test_what_the_client_leaves_out_is_gone_and_what_others_noted_stays(self) -> None:
        office = Office()
        registered = office.register(client_name="Reports")
        office.run(office.watchword.lifecycle.revoke_client_tokens(registered.client.id, reason="x", by="operator"))
        changed = office.change(registered)
        assert isinstance(changed, Registered)
        assert "client_name" not in changed.client.detail
        assert changed.client.detail["tokens_void_up_to"] == NOW
        assert changed.client.detail["source"] == "registered"

    def test_every_secret_of_the_client_has_the_change(self) -> None:
        office = Office()
        secret = "client_secret_basic"
        registered = office.register(token_endpoint_auth_method=secret)
        lifecycle = office.watchword.lifecycle
        newer = office.run(lifecycle.rotate(registered.client.id, overlap=60, by="operator")).credential
        uris = ["https://app.example/new"]
        changed = office.change(registered, token_endpoint_auth_method=secret, redirect_uris=uris)
        assert isinstance(changed, Registered)
        assert (changed.client.id, changed.secret) == (newer.id, "")
        old = office.stored(registered)
        assert old is not None
        assert old.detail["redirect_uris"] == changed.client.detail["redirect_uris"] == uris
        public = office.change(registered)
        assert isinstance(public, Registered)
        old = office.stored(registered)
        assert old is not None
        assert (old.lookup, public.client.lookup) == (None, None)

    def test_many_at_once_lose_no_change_half_way(self) -> None:
        office = Office()
        registered = office.register()

        async def many() -> list[Any]:
            given = [{**APP, "client_id": registered.client.id, "client_name": f"App {n}"} for n in range(20)]
            change = office.registration.change
            return await asyncio.gather(*(change(registered.client, each, registered.token) for each in given))

        assert all(isinstance(each, Registered) for each in office.run(many()))
        stored = office.stored(registered)
        assert stored is not None
        assert stored.version == 21

    @pytest.mark.parametrize(
        ("fields", "scopes", "its"),
        [
            ({"require_par": True}, None, False),
            ({"redirect_uris": ["https://app.example/one"]}, None, False),
            ({}, (), False),
            ({"access_lifetime": 60, "audiences": ["https://orders.example"]}, None, True),  # it has no say in those
        ],
    )
    def test_cve_2026_15572_what_an_operator_changed_stays(self, fields: Any, scopes: Any, its: bool) -> None:
        office = Office(scopes=frozenset({"a", "b"}))
        registered = office.register()
        book = ClientBook(office.store, office.watchword.lifecycle, clock=office.clock)
        bounds = Bounds(scopes=scopes)
        after = office.run(book.change(registered.client.id, fields, bounds, by="operator")).newest
        found = office.change(registered, redirect_uris=["https://app.example/other"])
        stored = office.stored(registered)
        assert stored is not None
        assert {name: stored.detail[name] for name in fields} == {**fields}
        if its:
            assert isinstance(found, Registered)
            return
        assert isinstance(found, MetadataRefused)
        assert found.error == "access_denied"  # RFC 7592 section 2.2
        assert stored == after
        assert office.run(office.registration.mine(registered.client.id, registered.token)) == after
        office.run(office.registration.delete(registered.client))
        assert office.change(registered) is None

    def test_what_operators_permit_no_more_is_gone_at_once(self) -> None:
        office = Office(scopes=frozenset({"a", "b"}))
        secret = {"token_endpoint_auth_method": "client_secret_post"}
        registered, kept = (office.register(grant_types=["authorization_code", DEVICE], **secret) for _ in range(2))
        book = ClientBook(office.store, office.watchword.lifecycle, clock=office.clock)
        office.run(book.change(kept.client.id, {}, Bounds(scopes=("b",)), by="operator"))
        narrow = DescribedRules(scopes=frozenset({"a"}), grants=frozenset({"authorization_code"}))
        clients = Clients(office.store, None, OAuthRules(described=narrow))
        before, found = office.stored(registered), office.run(clients.find(registered.client.id))
        assert before is not None
        assert found is not None
        assert (before.scopes, before.detail["grants"]) == ({"a", "b"}, ["authorization_code", DEVICE])
        assert (found.scopes, found.detail["grants"]) == ({"a"}, ["authorization_code"])
        office.watchword.oauth.clients._rules = OAuthRules(described=narrow)
        asked = Request("POST", b"/oauth/token", b"", [], Peer("192.0.2.1", tls=True))
        form = {"client_id": registered.client.id, "client_secret": registered.secret}
        proved = office.run(office.watchword.oauth.proofs.prove(asked, form, "https://auth.example/oauth/token"))
        assert isinstance(proved, Credential)
        assert proved.scopes == {"a"}
        theirs = office.run(clients.find(kept.client.id))
        assert theirs is not None
        assert (theirs.scopes, theirs.detail["grants"]) == ({"b"}, ["authorization_code", DEVICE])

    def test_gone_meanwhile(self) -> None:
        office = Office()
        registered = office.register()
        office.run(office.registration.delete(registered.client))
        assert office.change(registered) is None


class TestBounds:
    def test_only_so_many_are_registered(self) -> None:
        office = Office(most=3)
        for _ in range(3):
            office.register()
        assert office.refused().error == "temporarily_unavailable"
        office.tidy(8 * DAY)
        office.register()

    def test_those_there_already_are_counted(self) -> None:
        office = Office(most=3)
        for _ in range(3):
            office.register()
        office.registration._count = 0
        office.tidy(0)
        assert office.refused().error == "temporarily_unavailable"

    def test_those_of_other_processes_are_counted_before_many_more_are_registered(self) -> None:
        office = Office(most=60)
        office.tidy(0)
        elsewhere = Registration(
            office.store, office.watchword.lifecycle, office.watchword.oauth.rules, None, clock=office.clock
        )
        office.run(elsewhere.tidy())
        for _ in range(59):
            office.register()

        def more() -> Registered | MetadataRefused:
            found = office.run(elsewhere.register(APP, by="test"))
            office.run(elsewhere.tidy())  # as in the background
            return found

        admitted = [isinstance(more(), Registered) for _ in range(10)]
        assert admitted == [True] * 4 + [False] * 6

    def test_who_never_got_a_token_is_dropped_and_who_did_stays_a_while(self) -> None:
        office = Office()
        never, used, own = office.register(), office.register(), self._operators(office)
        office.run(office.store.used({used.client.id: NOW + 8 * DAY}))
        office.tidy(7 * DAY)
        assert office.stored(never)
        office.tidy(1)
        assert office.stored(never) is None
        office.tidy(170 * DAY)
        assert office.stored(used)
        office.tidy(20 * DAY)
        assert office.stored(used) is None
        assert office.run(office.store.credential(own.id)) == own
        events = [event for _, event in office.run(office.store.events()) if event.action == "drop"]
        assert [event.credential for event in events] == [never.client.id, used.client.id]

    def test_a_client_with_several_secrets_stays_whole(self) -> None:
        office = Office()
        registered = office.register(token_endpoint_auth_method="client_secret_basic")
        book = ClientBook(office.store, office.watchword.lifecycle, clock=office.clock)
        office.run(book.rotate(registered.client.id, overlap=60, by="operator"))
        office.tidy(400 * DAY)
        assert len(office.run(book.find(registered.client.id)).records) == 2

    def _operators(self, office: Office) -> Credential:
        lifecycle = office.watchword.lifecycle
        office.run(lifecycle.add_subject("service:own", by="operator"))
        return office.run(lifecycle.issue(Kind.OAUTH_CLIENT, "service:own", by="operator")).credential

    def test_what_the_operator_revoked_of_a_document_stays_so(self) -> None:
        office = Office()
        url = "https://app.example/client.json"
        detail = {"client_id": url, "source": "document"}
        record = Credential(url, Kind.OAUTH_CLIENT, REGISTERED, NOW, revoked_at=NOW, detail=detail)
        from watchword.model.records import Add

        assert office.run(office.store.write(Add(Subject(REGISTERED, NOW)), Add(record)))
        deleted = office.register()
        office.run(office.registration.delete(deleted.client))
        office.tidy(3 * DAY)
        assert office.stored(deleted) is None
        office.tidy(1_000 * DAY)
        assert office.run(office.store.credential(url)) == record

    def test_in_batches(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("watchword.lifecycle.oauth.described.registration._AT_ONCE", 10)
        office = Office()
        for _ in range(25):
            office.register()
        for left in (15, 5, 0):
            office.tidy(8 * DAY if left == 15 else 0)
            assert office.registration._count == left
            soon = office.registration.due - office.clock.now
            assert soon == (60 if left >= 5 else 3_600)

    def test_seldom(self) -> None:
        office = Office()
        office.tidy(0)
        office.register()
        office.clock.now += 8 * DAY
        due = office.registration.due
        assert due < office.clock.now
        office.run(office.registration.tidy())
        assert office.registration.due == office.clock.now + 3_600


def test_initial_access_tokens_are_api_keys() -> None:
    office = Office()
    issued = office.run(
        office.registration.initial_token(by="operator", expires_at=NOW + DAY, limit=Rate(5, 3_600), name="partner")
    )
    key = issued.credential
    assert (key.kind, key.subject, key.scopes) == (Kind.API_KEY, REGISTERED, {REGISTER_SCOPE})
    assert (key.expires_at, key.limit, key.detail["name"]) == (NOW + DAY, Rate(5, 3_600), "partner")
    assert office.run(office.registration.initial_token(by="operator")).credential.id != key.id

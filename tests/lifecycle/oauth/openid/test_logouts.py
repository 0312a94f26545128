"""Telling applications of a logout: each once, whoever crashes, and nobody waits for it (Back-Channel Logout 1.0)."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.house import House, house
from watchword import Principal
from watchword.codec.oauth.logout_token import LOGOUT_EVENT
from watchword.lifecycle.families import Refreshed
from watchword.lifecycle.oauth.openid.logouts import Logouts
from watchword.lifecycle.oauth.openid.signing_out import SigningOut
from watchword.lifecycle.people.holdings import APPS
from watchword.lifecycle.verbs import Issued
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Fetched, Unavailable
from watchword.model.records import Drop, Swap

URI = "https://app.example/logout"
Work = Callable[["Town"], Awaitable[None]]


class Town:
    """A house, applications, and those who listen there."""

    def __init__(self, opened: House) -> None:
        self.house, self.watchword = opened, opened.watchword
        self.heard: list[tuple[str, str]] = []
        self.answer: Callable[[str], int] = lambda uri: 200
        self.workers = [self.worker(), self.worker()]

    def worker(self) -> Logouts:
        watchword = self.watchword
        store, openid, clients = watchword.store, watchword.tokens.openid, watchword.oauth.clients
        signing_out = SigningOut(store, clock=watchword.clock)
        return Logouts(store, clients, openid, signing_out, fetch=self.fetch, clock=watchword.clock)

    async def fetch(self, url: str, *, data: Any = None, headers: Any = None) -> Fetched:
        await asyncio.sleep(0)
        self.heard.append((url, data["logout_token"]))
        status = self.answer(url)
        if status == 0:
            raise Unavailable(url)
        return Fetched(status, b"")

    async def app(self, **detail: Any) -> Credential:
        options = {"grants": ["authorization_code"], "backchannel_logout_uri": URI, **detail}
        record = (await self.house.issue(Kind.OAUTH_CLIENT, "service:app", options=options)).credential
        changed = record.changed(detail={**record.detail, **options})
        assert await self.watchword.store.write(Swap(changed))
        return changed

    async def session(self, *apps: Credential, **detail: Any) -> Issued:
        """Sign alice in, and the applications through her session."""
        issued = await self.house.issue(Kind.SESSION, "user:alice", options={"idle": 900})
        record = issued.credential
        known = {app.detail["client_id"]: True for app in apps}
        await self.watchword.store.write(Swap(record.changed(detail={**record.detail, APPS: known, **detail})))
        return issued

    async def family(self, session: str, app: Credential, *scopes: str) -> str:
        who = Principal("user:alice", "session", session, frozenset(scopes), ("pwd",), 1)
        more = {"client": app.detail["client_id"], "session": session}
        return (await self.watchword.families.start(who, by="x", more=more)).family.id

    async def end(self, session: Issued) -> None:
        await self.watchword.lifecycle.revoke(session.credential.id, reason="logged out", by="user:alice")

    async def turn(self) -> None:
        """Let every worker do what is due."""
        for worker in self.workers:
            await asyncio.gather(*map(worker.tell, await worker.hear()))

    def claims(self, number: int = -1) -> dict[str, Any]:
        return part(self.heard[number][1], 1)

    async def results(self) -> list[tuple[str, str]]:
        found = [event for event in await self.house.events() if event.action == "backchannel-logout"]
        return [(event.outcome, event.detail.partition(": ")[2]) for event in found]


def part(token: str, number: int) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[number] + "=="))
    return value


def played(test: Work) -> Callable[[], None]:
    def run() -> None:
        async def play() -> None:
            async with house() as opened:
                await test(Town(opened))

        asyncio.run(play())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@played
async def test_must_20_what_an_application_is_told(town: Town) -> None:
    app = await town.app()
    session = await town.session(app)
    await town.end(session)
    await town.turn()
    ((url, token),) = town.heard
    assert url == URI
    assert part(token, 0)["typ"] == "logout+jwt"
    claims = town.claims()
    assert claims.keys() == {"iss", "aud", "sub", "sid", "iat", "exp", "jti", "events"}
    assert claims["events"] == {LOGOUT_EVENT: {}}
    assert (claims["sub"], claims["aud"]) == ("user:alice", app.detail["client_id"])
    assert claims["sid"] == town.watchword.tokens.openid.subjects.session(app, session.credential.id)
    assert await town.results() == [("done", "status 200")]


@played
async def test_each_is_told_once_by_whichever_worker(town: Town) -> None:
    town.workers += [town.worker() for _ in range(8)]
    apps = [await town.app(backchannel_logout_uri=f"{URI}/{n}") for n in range(5)]
    await town.end(await town.session(*apps))
    due = [(worker, each) for worker in town.workers for each in await worker.hear()]
    assert len(due) == 50
    await asyncio.gather(*(worker.tell(each) for worker, each in due))
    assert sorted(url for url, _ in town.heard) == [f"{URI}/{n}" for n in range(5)]
    town.house.clock.now += 60
    await town.turn()
    assert len(town.heard) == 5
    assert [worker.waiting for worker in town.workers] == [0] * 10


@pytest.mark.parametrize("way", ["revoke", "others", "everywhere", "disable", "password", "delete", "signing out"])
def test_however_a_session_ends(way: str) -> None:
    async def test(town: Town) -> None:
        watchword = town.watchword
        password = await town.house.issue(Kind.PASSWORD, "user:alice", options={"password": "x" * 20})
        app = await town.app()
        session = await town.session(app)
        id = session.credential.id
        ways: dict[str, Callable[[], Awaitable[object]]] = {
            "revoke": lambda: watchword.lifecycle.revoke(id, reason="x", by="user:root", leaked=True),
            "others": lambda: watchword.sessions.end_others("user:alice", keep="ses_other", by="user:alice"),
            "everywhere": lambda: watchword.sessions.end_everything("user:alice", by="user:alice"),
            "disable": lambda: watchword.lifecycle.set_enabled("user:alice", False, by="user:root"),
            "password": lambda: watchword.lifecycle.revoke(password.credential.id, reason="x", by="user:root"),
            "delete": lambda: watchword.accounts.delete("user:alice", by="user:alice"),
            "signing out": lambda: SigningOut(watchword.store, clock=watchword.clock).end(id, by="x", why="y"),
        }
        await ways[way]()
        await town.turn()
        assert len(town.heard) == 1
        assert town.claims()["sub"] == "user:alice"
        assert town.claims()["sid"] == watchword.tokens.openid.subjects.session(app, id)

    played(test)()


@played
async def test_who_has_no_place_or_got_no_id_token_is_not_told(town: Town) -> None:
    silent, plain = await town.app(backchannel_logout_uri=None), await town.app()
    session = await town.session(silent, **{APPS: {silent.id: True, plain.id: False, "cli_gone": True}})
    await town.end(session)
    await town.end(await town.session())
    await town.turn()
    assert town.heard == []
    assert [worker.waiting for worker in town.workers] == [0, 0]


@played
async def test_a_session_that_goes_on_in_another_is_not_over(town: Town) -> None:
    app = await town.app()
    first = await town.session(app)
    second = await town.session(app, origin=first.credential.id)
    old = await town.watchword.store.credential(first.credential.id)
    assert old is not None
    await town.watchword.store.write(Swap(old.changed(replaced_by=second.credential.id)))
    await town.end(first)
    await town.turn()
    assert town.heard == []
    await town.end(second)
    await town.turn()
    assert town.claims()["sid"] == town.watchword.tokens.openid.subjects.session(app, first.credential.id)


@played
async def test_a_pairwise_application_hears_the_name_that_it_knows(town: Town) -> None:
    app = await town.app(subject_type="pairwise", redirect_uris=["https://app.example/cb"])
    await town.end(await town.session(app))
    await town.turn()
    assert town.claims()["sub"] == town.watchword.tokens.openid.subjects.of(app, "user:alice") != "user:alice"


@played
async def test_by_the_algorithm_of_its_id_tokens(town: Town) -> None:
    app = await town.app(id_token_signed_response_alg="ES256")
    await town.end(await town.session(app))
    await town.turn()
    head = part(town.heard[0][1], 0)
    assert head["alg"] == "ES256"
    assert head["kid"] in {key["kid"] for key in town.watchword.keys.jwks()["keys"]}


@played
async def test_who_does_not_answer_is_told_again_and_not_for_ever(town: Town) -> None:
    town.answer = lambda uri: 0
    await town.end(await town.session(await town.app()))
    for tries in range(1, 7):
        await town.turn()
        assert len(town.heard) == tries
        await town.turn()  # not before its time
        assert len(town.heard) == tries
        town.house.clock.now += 3_601
    await town.turn()
    assert len(town.heard) == 6
    assert [worker.waiting for worker in town.workers] == [0, 0]
    assert await town.results() == [("broken", "no answer")] * 6
    assert len({part(token, 1)["jti"] for _, token in town.heard}) == 6


@pytest.mark.parametrize(("status", "again"), [(400, False), (500, True), (302, True), (404, True), (204, False)])
def test_what_an_answer_means(status: int, again: bool) -> None:
    async def test(town: Town) -> None:
        answers = [status, 200]
        town.answer = lambda uri: answers.pop(0)
        await town.end(await town.session(await town.app()))
        await town.turn()
        town.house.clock.now += 6
        await town.turn()
        assert len(town.heard) == 1 + again

    played(test)()


@played
async def test_at_least_once_across_a_crash(town: Town) -> None:
    """Who claimed an attempt and was never heard of again does not keep others from it."""

    async def crash(url: str, **more: Any) -> Fetched:
        raise MemoryError

    await town.end(await town.session(await town.app()))
    doomed = town.worker()
    doomed._fetch = crash  # type: ignore[assignment]
    (due,) = await doomed.hear()
    with pytest.raises(MemoryError):
        await doomed.tell(due)
    await town.turn()
    assert town.heard == []
    town.house.clock.now += 29
    await town.turn()
    assert town.heard == []
    town.house.clock.now += 2
    await town.turn()
    assert len(town.heard) == 1
    town.workers.append(town.worker())  # started anew, it reads the feed from the start
    town.house.clock.now += 60
    await town.turn()
    assert len(town.heard) == 1


@played
async def test_a_flood_of_endings_waits_in_the_feed(town: Town) -> None:
    from watchword.lifecycle.oauth.openid import logouts

    app = await town.app()
    town.workers = [town.worker()]
    most, logouts._MOST_DUE = logouts._MOST_DUE, 3
    try:
        for _ in range(8):
            await town.end(await town.session(app))
        for _ in range(3):
            await town.turn()
            assert town.workers[0].waiting <= 3
    finally:
        logouts._MOST_DUE = most
    assert len(town.heard) == 8


@played
async def test_a_flood_of_silent_applications_keeps_no_family_alive_and_nobody_else_waiting(town: Town) -> None:
    from watchword.lifecycle.oauth.openid import logouts

    silent, good = await town.app(backchannel_logout_uri=f"{URI}/silent"), await town.app()
    town.answer = lambda uri: 0 if uri.endswith("silent") else 200
    (worker,) = town.workers = [town.worker()]
    most, logouts._MOST_DUE = logouts._MOST_DUE, 3
    try:
        for _ in range(5):
            await town.end(await town.session(silent))
        assert len(await worker.hear()) == 3
        session = await town.session(good)
        family = await town.family(session.credential.id, good, "openid")
        await town.end(session)
        assert len(await worker.hear()) == 3
        assert (await town.watchword.lifecycle.show(family)).revoked_at is not None
        for _ in range(4):
            await town.turn()
            assert worker.waiting <= 3
    finally:
        logouts._MOST_DUE = most
    assert [url for url, _ in town.heard].count(URI) == 1
    assert len(town.heard) == 6, "each was tried"


@played
async def test_the_feed_is_read_on_from_where_it_was_dealt_with(town: Town) -> None:
    app = await town.app()
    await town.end(await town.session(app))
    for _ in range(300):
        await town.end(await town.session())
    await town.turn()
    assert len(town.heard) == 1
    await town.turn()
    fresh = town.worker()
    await fresh.hear()
    assert fresh._noted > 256


@played
async def test_families_end_with_their_session_but_for_what_is_to_last(town: Town) -> None:
    app = await town.app()
    session = await town.session(app)
    short = await town.family(session.credential.id, app, "openid")
    lasting = await town.family(session.credential.id, app, "openid", "offline_access")
    other = await town.family("ses_other", app, "openid")
    await town.end(session)
    await town.turn()
    gone = [(await town.watchword.lifecycle.show(id)).revoked_at is not None for id in (short, lasting, other)]
    assert gone == [True, False, False]


@played
async def test_a_session_that_only_runs_out_ends_no_family(town: Town) -> None:
    """Nobody signed out: neither after its idle time nor at its end, nor when its record is dropped."""
    app = await town.app()
    session = await town.session(app)
    who = Principal("user:alice", "session", "", frozenset({"openid"}), ("pwd",), 1)
    more = {"client": app.detail["client_id"], "session": session.credential.id}
    begun = await town.watchword.families.start(who, by="x", more=more)
    record = await town.watchword.store.credential(session.credential.id)
    assert record is not None
    ending = record.changed(expires_at=int(town.house.clock.now) + 3_600)
    assert await town.watchword.store.write(Swap(ending))
    for later in (1_000, 10_000, 9 * 86_400):
        town.house.clock.now += later
        await town.turn()
        refreshed = await town.watchword.families.redeem(begun.token, client=app.detail["client_id"])
        assert isinstance(refreshed, Refreshed)
        begun = refreshed
    assert await town.watchword.store.write(Drop(ending))
    assert isinstance(await town.watchword.families.redeem(begun.token, client=app.detail["client_id"]), Refreshed)
    assert town.heard == []


@played
async def test_a_broken_store_loses_nothing(town: Town) -> None:
    await town.end(await town.session(await town.app()))
    worker, entries = town.workers[0], town.watchword.store.entries

    def down(after: int) -> Any:
        raise Unavailable("down")

    town.watchword.store.entries = down  # type: ignore[method-assign,assignment,union-attr]
    with pytest.raises(Unavailable):
        await worker.hear()
    town.watchword.store.entries = entries  # type: ignore[method-assign,assignment,union-attr]
    await town.turn()
    assert len(town.heard) == 1

"""Answers: a leaked secret opens nothing more, its owner and the operators know, and it is said what it did."""

from __future__ import annotations

import asyncio

import pytest

from tests.house import House, accepted, bearing, house, played, reason
from tests.lifecycle.operations.leaks.holdings import ALICE, holdings
from watchword.codec.secrets import new_root_key, new_secret
from watchword.model.credential import Kind, State
from watchword.model.ports import Unavailable
from watchword.model.records import Event


async def last(opened: House) -> Event:
    return [event for event in await opened.events() if event.action != "decide"][-1]


@played
async def test_a_key_is_dead_at_once_and_says_what_it_did(opened: House) -> None:
    value, issued = await opened.key()
    for address in ("192.0.2.1", "198.51.100.7"):
        accepted(await opened.decide("api-key", bearing(value, address=address)))
    await opened.watchword.audit.flush()
    report = await opened.watchword.operations.leaks.report(issued.material["secret"], by="cli:root", where="a gist")
    assert report is not None
    assert (report.id, report.subject, report.before, report.usable) == (
        issued.credential.id,
        "service:billing",
        State.ACTIVE,
        True,
    )
    assert report.picture is not None
    assert report.picture.decisions("accepted") == 2
    assert {each.network for each in report.picture.origins} == {"192.0.2.0/24", "198.51.100.0/24"}
    assert report.credential is not None
    assert report.credential.state(opened.clock()) is State.LEAKED
    assert reason(await opened.decide("api-key", bearing(value))) == "revoked"
    event = await last(opened)
    assert (event.action, event.credential, event.actor) == ("leaked", issued.credential.id, "cli:root")
    assert event.detail == "leaked: found in a gist"
    (alert,) = await opened.watchword.operations.alerts.page()
    assert (alert.rule, alert.credential, alert.subject) == ("leaked", issued.credential.id, "service:billing")


@pytest.mark.parametrize("all_at_once", [False, True])
def test_every_kind_ends(all_at_once: bool) -> None:
    async def run() -> None:
        async with house() as opened:
            leaks, held = opened.watchword.operations.leaks, await holdings(opened)
            texts = {name: text for name, (text, _) in held.items() if name != "private_key"}
            if all_at_once:
                reports = await leaks.report_all(list(texts.values()), by="x")
            else:
                reports = [await leaks.report(text, by="x") for text in texts.values()]
            for name, report in zip(texts, reports, strict=True):
                assert report is not None
                assert report.subject == ALICE
                record = await opened.watchword.store.credential(held[name][1])
                assert record is not None
                if report.jti:
                    assert report.kind == "access-token"
                else:
                    assert record.leaked, name
            opened.clock.now += 1
            for text in texts.values():
                found = await leaks.report(text, by="x")
                assert found is None or not found.usable or found.jti

    asyncio.run(run())


@played
async def test_an_access_token_goes_alone(opened: House) -> None:
    held = await holdings(opened)
    for name in ("jwt", "opaque"):
        text, source = held[name]
        scheme, value = ("jwt" if name == "jwt" else "oauth2"), f"Bearer {text}".encode()
        if name == "jwt":
            accepted(await opened.decide(scheme, bearing(value)))
        report = await opened.watchword.operations.leaks.report(text, by="x")
        assert report is not None
        assert (report.kind, report.before) == ("access-token", State.ACTIVE)
        assert reason(await opened.decide(scheme, bearing(value))) in (
            "revoked",
            "inactive_token",
            "unknown_credential",
        )
        record = await opened.watchword.store.credential(source)
        assert record is not None
        assert record.refusal(opened.clock()) is None


@pytest.mark.parametrize("kind", [Kind.API_KEY, Kind.HMAC, Kind.CLIENT_CERT, Kind.OAUTH_CLIENT, Kind.PASSWORD])
def test_a_successor_takes_its_place(kind: Kind) -> None:
    async def run() -> None:
        async with house() as opened:
            issued = await opened.issue(kind, scopes=["orders:read"])
            report = await opened.watchword.operations.leaks.report(issued.credential.id, by="x", reissue=True)
            assert report is not None
            assert report.successor is not None
            new = report.successor.credential
            assert (new.replaces, new.scopes) == (issued.credential.id, frozenset({"orders:read"}))
            assert new.refusal(opened.clock()) is None
            assert report.successor.material
            shown = [name for name, text in report.successor.material.items() if text in repr(report)]
            assert [name for name in shown if name not in ("key_id", "client_id")] == []

    asyncio.run(run())


@played
async def test_what_a_login_began_is_not_issued_again(opened: House) -> None:
    held = await holdings(opened)
    for name in ("session", "refresh"):
        report = await opened.watchword.operations.leaks.report(held[name][0], by="x", reissue=True)
        assert report is not None
        assert report.successor is None
        assert "a login begins another" in report.note
        assert report.credential is not None
        assert report.credential.leaked


@played
async def test_a_revoked_one_gets_no_successor_and_becomes_leaked(opened: House) -> None:
    issued = await opened.issue()
    await opened.watchword.lifecycle.revoke(issued.credential.id, reason="left", by="x")
    report = await opened.watchword.operations.leaks.report(issued.material["secret"], by="y", reissue=True)
    assert report is not None
    assert (report.before, report.usable, report.successor) == (State.REVOKED, False, None)
    assert "issue a new one" in report.note
    assert report.credential is not None
    assert report.credential.leaked


@played
async def test_the_successor_from_a_rotation_stays_and_is_named(opened: House) -> None:
    old = await opened.issue()
    new = await opened.watchword.lifecycle.rotate(old.credential.id, overlap=3600, by="x")
    report = await opened.watchword.operations.leaks.report(old.material["secret"], by="x")
    assert report is not None
    assert (report.before, new.credential.id in report.note) == (State.RETIRING, True)
    stays = await opened.watchword.store.credential(new.credential.id)
    assert stays is not None
    assert stays.refusal(opened.clock()) is None


@played
async def test_a_client_that_is_named_by_its_id_loses_every_secret(opened: House) -> None:
    """Which of its secrets leaked is not said: the newest may be it."""
    old = await opened.issue(Kind.OAUTH_CLIENT)
    new = await opened.watchword.lifecycle.rotate(old.credential.id, overlap=3600, by="x")
    await opened.watchword.operations.leaks.report(old.credential.id, by="x")
    for id in (old.credential.id, new.credential.id):
        record = await opened.watchword.store.credential(id)
        assert record is not None
        assert record.leaked


@played
async def test_what_is_nobodys_changes_nothing(opened: House) -> None:
    before = len(await opened.events())
    assert await opened.watchword.operations.leaks.report(new_secret("ak_live_"), by="x") is None
    assert await opened.watchword.operations.leaks.report_all(["x", new_root_key()], by="x") == [None, None]
    assert len(await opened.events()) == before


@played
async def test_twice_is_once(opened: House) -> None:
    issued = await opened.issue()
    for _ in range(2):
        await opened.watchword.operations.leaks.report(issued.material["secret"], by="x")
    assert sum(event.action == "leaked" for event in await opened.events()) == 1
    assert len(await opened.watchword.operations.alerts.page()) == 1


@played
async def test_no_secret_is_kept_of_where_it_was_found(opened: House) -> None:
    issued, other = await opened.issue(), new_secret("at_")
    text = issued.material["secret"]
    await opened.watchword.operations.leaks.report(text, by="x", where=f"https://pastes.example/?{text}&{other}")
    (alert,) = await opened.watchword.operations.alerts.page()
    said = (
        repr(await opened.events()) + repr(alert) + repr(await opened.watchword.store.credential(issued.credential.id))
    )
    assert text not in said
    assert other not in said


@played
async def test_a_thousand_at_once_with_one_that_changes_meanwhile(opened: House) -> None:
    """A batch that loses is done one by one: nobody is left out."""
    texts = [(await opened.issue()).material["secret"] for _ in range(600)]
    store = opened.watchword.store
    lost: list[int] = []
    write = store.write

    async def losing(*changes: object) -> bool:
        if len(changes) >= 300 and not lost:
            lost.append(len(changes))
            return False
        return await write(*changes)  # type: ignore[arg-type]

    store.write = losing  # type: ignore[method-assign]
    try:
        reports = await opened.watchword.operations.leaks.report_all([*texts, texts[0], "nobody's"], by="x")
    finally:
        store.write = write  # type: ignore[method-assign]
    assert lost
    assert [each is not None and each.credential is not None and each.credential.leaked for each in reports] == [
        *[True] * 601,
        False,
    ]
    assert sum(event.action == "leaked" for event in await opened.events()) == 600


@played
async def test_a_store_that_is_too_slow_for_many_gets_fewer(opened: House) -> None:
    """What it did write before it gave up is not written twice."""
    texts = [(await opened.issue()).material["secret"] for _ in range(120)]
    store = opened.watchword.store
    write = store.write
    sizes: list[int] = []

    async def slow(*changes: object) -> bool:
        sizes.append(len(changes))
        if len(sizes) == 2:
            await write(*changes)  # type: ignore[arg-type]
        if len(sizes) < 3:
            raise Unavailable("too slow")
        return await write(*changes)  # type: ignore[arg-type]

    store.write = slow  # type: ignore[method-assign]
    try:
        reports = await opened.watchword.operations.leaks.report_all(texts, by="x")
        assert all(each is not None and each.credential is not None and each.credential.leaked for each in reports)
        assert sum(event.action == "leaked" for event in await opened.events()) == 120
    finally:
        store.write = write  # type: ignore[method-assign]


async def broken(*changes: object) -> bool:
    raise Unavailable("away")


@played
async def test_a_store_that_is_away_is_an_outage(opened: House) -> None:
    issued = await opened.issue()
    write = opened.watchword.store.write
    opened.watchword.store.write = broken  # type: ignore[method-assign]
    try:
        with pytest.raises(Unavailable):
            await opened.watchword.operations.leaks.report_all([issued.material["secret"]], by="x")
        with pytest.raises(Unavailable):
            await opened.watchword.operations.leaks.report(issued.material["secret"], by="x")
    finally:
        opened.watchword.store.write = write  # type: ignore[method-assign]


@played
async def test_the_root_key_is_said_and_not_revoked(opened: House) -> None:
    import base64

    own = base64.urlsafe_b64encode(opened.watchword.sealer.seed).decode()
    reports = await opened.watchword.operations.leaks.report_all([own], by="x")
    (alert,) = await opened.watchword.operations.alerts.page()  # of a list, too
    assert (alert.rule, alert.detail["kind"]) == ("leaked", "root-key")
    for report in [await opened.watchword.operations.leaks.report(own, by="x"), *reports]:
        assert report is not None
        assert (report.kind, "rotate root-key" in report.note, report.credential) == ("root-key", True, None)

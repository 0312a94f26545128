"""Rotate whatever is due, each kind in its way; say whether the old one is still needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from tests.house import House, accepted, bearing, house
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.operations.rotation import Due, Outcome, Rotation, RotationRules
from watchword.model.credential import Kind, State
from watchword.model.records import Add, Swap

DAY = 86400


def play(test: Callable[[House, Rotation], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        async with house() as opened:
            await test(opened, opened.watchword.operations.rotation)

    asyncio.run(run())


async def done(rotation: Rotation, **more: Any) -> list[Outcome]:
    return [outcome async for outcome in rotation.rotate_due(by="cli:root", **more)]


@pytest.mark.parametrize("kind", [Kind.API_KEY, Kind.HMAC, Kind.PASSWORD, Kind.CLIENT_CERT, Kind.OAUTH_CLIENT])
def test_every_kind_leaves_the_old_one_valid_for_the_overlap(kind: Kind) -> None:
    async def test(opened: House, rotation: Rotation) -> None:
        old = (await opened.issue(kind)).credential
        rotated = await rotation.rotate(old.id, overlap=3600, by="cli:root")
        assert rotated.ends_at == int(opened.clock()) + 3600
        assert rotated.issued.credential.replaces == old.id == rotated.old.id
        assert rotated.old.state(opened.clock()) is State.RETIRING
        assert rotated.issued.material
        by_the_rules = await rotation.rotate(rotated.issued.credential.id, overlap=None, by="cli:root")
        assert by_the_rules.ends_at == int(opened.clock()) + 7 * DAY

    play(test)


def test_the_servers_own_keys_go_their_own_way() -> None:
    async def test(opened: House, rotation: Rotation) -> None:
        (key,) = await opened.watchword.store.credentials(kind=Kind.SIGNING_KEY)
        (ca,) = await opened.watchword.store.credentials(kind=Kind.CA)
        turned = await rotation.rotate(key.id, overlap=0, by="x")
        assert turned.ends_at >= opened.clock() + 2 * DAY  # tokens of it may live that long
        assert turned.issued.material == {}
        with pytest.raises(LifecycleError, match="is not the key in use"):
            await rotation.rotate(key.id, overlap=0, by="x")
        replaced = await rotation.rotate(ca.id, overlap=None, by="x")
        assert replaced.ends_at >= opened.clock() + 90 * DAY
        assert set(replaced.issued.material) == {"certificate"}
        opened.clock.now += 5
        with pytest.raises(LifecycleError, match="is not the CA that issues"):
            await rotation.rotate(ca.id, overlap=None, by="x")

    play(test)


def test_due_is_what_ends_soon_and_what_is_too_old() -> None:
    async def test(opened: House, rotation: Rotation) -> None:
        now = int(opened.clock()) + 90 * DAY
        soon = (await opened.issue(expires_at=now + 10 * DAY)).credential
        later = (await opened.issue(expires_at=now + 40 * DAY)).credential
        gone = (await opened.issue(expires_at=now + 10 * DAY)).credential
        opened.clock.now = float(now)
        ageing = (await opened.issue(Kind.HMAC)).credential
        await opened.watchword.lifecycle.revoke(gone.id, reason="test", by="x")
        rotation.rules = RotationRules({"hmac": 30 * DAY, "root-key": 365 * DAY})
        (due,) = await rotation.due()
        assert (due.id, due.kind, due.subject, due.at) == (soon.id, "api-key", "service:billing", now - 4 * DAY)
        assert due.automatic
        assert due.why.startswith("ends 2")
        found = {each.id: each for each in await rotation.due(horizon=30 * DAY)}
        assert set(found) == {soon.id, later.id, ageing.id}
        assert (found[ageing.id].why, found[ageing.id].at) == ("older than 30d", now + 30 * DAY)
        opened.clock.now += 366 * DAY
        (root,) = [each for each in await rotation.due() if each.kind == "root-key"]
        assert not root.automatic
        assert "watchword rotate root-key" in root.why

    play(test)


def test_what_is_due_is_rotated_and_nothing_is_due_any_more() -> None:
    async def test(opened: House, rotation: Rotation) -> None:
        now = int(opened.clock())
        for kind in (Kind.API_KEY, Kind.HMAC, Kind.OAUTH_CLIENT, Kind.CLIENT_CERT):
            await opened.issue(kind, expires_at=now + 20 * DAY)
        assert await done(rotation) == []
        opened.clock.now += 13 * DAY
        assert await done(rotation) == []  # a third of its life is left
        opened.clock.now += DAY
        outcomes = await done(rotation)
        assert {each.due.kind for each in outcomes} == {"api-key", "hmac", "oauth-client", "client-cert"}
        for each in outcomes:
            assert each.rotated is not None
            assert each.rotated.issued.material
            assert each.rotated.issued.credential.expires_at == int(opened.clock()) + 20 * DAY
        assert await done(rotation) == []

    play(test)


def test_passwords_of_people_are_named_and_left_to_them() -> None:
    async def test(opened: House, rotation: Rotation) -> None:
        rotation.rules = RotationRules({"password": 30 * DAY})
        person = (await opened.issue(Kind.PASSWORD, "user:alice", options={"password": "x" * 20})).credential
        machine = (await opened.issue(Kind.PASSWORD, "service:old")).credential
        opened.clock.now += 31 * DAY
        outcomes = {each.due.id: each for each in await done(rotation)}
        assert set(outcomes) == {person.id, machine.id}
        assert (outcomes[person.id].rotated, outcomes[person.id].problem) == (None, "a person has to do it")
        rotated = outcomes[machine.id].rotated
        assert rotated is not None
        assert rotated.issued.material["password"]

    play(test)


def test_clients_without_a_secret_or_who_look_after_it_themselves_are_never_due() -> None:
    async def test(opened: House, rotation: Rotation) -> None:
        rotation.rules = RotationRules({"oauth-client": DAY})
        await opened.issue(Kind.OAUTH_CLIENT, options={"public": True})
        await opened.issue(Kind.OAUTH_CLIENT, options={"auth_method": "private_key_jwt"})
        await opened.issue(Kind.OAUTH_CLIENT, options={"source": "registered"})
        mine = (await opened.issue(Kind.OAUTH_CLIENT)).credential
        assert [each.id for each in await rotation.due(horizon=DAY)] == [mine.id]

    play(test)


def test_a_ca_is_due_before_it_can_no_longer_issue_for_a_whole_life() -> None:
    async def test(opened: House, rotation: Rotation) -> None:
        (ca,) = await opened.watchword.store.credentials(kind=Kind.CA)
        opened.clock.now += 3652 * DAY - 100 * DAY
        assert [each.kind for each in await rotation.due()] == []
        opened.clock.now += 11 * DAY
        (due,) = await rotation.due()
        assert (due.id, due.kind) == (ca.id, "ca")

    play(test)


def test_an_overlap_for_all_that_is_due_cuts_no_certificate_short() -> None:
    async def test(opened: House, rotation: Rotation) -> None:
        rotation.rules = RotationRules({"ca": DAY, "api-key": DAY})
        await opened.issue()
        await opened.issue(Kind.CLIENT_CERT)
        opened.clock.now += 2 * DAY
        found = {each.due.kind: each.rotated for each in await done(rotation, overlap=3600)}
        key, ca = found["api-key"], found["ca"]
        assert key is not None
        assert ca is not None
        assert key.ends_at == int(opened.clock()) + 3600
        assert await opened.watchword.operations.authorities.ending_early(ca.old) == []

    play(test)


def test_the_key_in_use_is_found_among_any_number() -> None:
    async def test(opened: House, rotation: Rotation) -> None:
        store = opened.watchword.store
        (key,) = await store.credentials(kind=Kind.SIGNING_KEY)
        (ca,) = await store.credentials(kind=Kind.CA)
        for number in range(1010):
            old = {"revoked_at": 1, "version": 0, "lookup": None}
            assert await store.write(Add(replace(key, id=f"sig_!{number}", **old)))
            assert await store.write(Add(replace(ca, id=f"ca_!{number}", **old)))
        assert (await opened.watchword.signing.in_use()).id == key.id
        assert (await rotation.rotate(key.id, overlap=0, by="x")).old.id == key.id
        assert (await rotation.rotate(ca.id, overlap=None, by="x")).old.id == ca.id
        assert await opened.issue(Kind.CLIENT_CERT, expires_at=int(opened.clock()) + DAY)

    play(test)


def test_one_that_cannot_be_rotated_does_not_stop_the_others() -> None:
    async def test(opened: House, rotation: Rotation) -> None:
        now = int(opened.clock())
        lost = (await opened.issue(expires_at=now + 100 * DAY)).credential
        found = (await opened.issue(expires_at=now + 101 * DAY)).credential
        opened.clock.now += 99 * DAY
        due = await rotation.due()
        await opened.watchword.lifecycle.revoke(lost.id, reason="test", by="x")

        async def as_before(*, horizon: int = 0) -> list[Due]:
            return due

        rotation.due = as_before  # type: ignore[method-assign]
        first, second = await done(rotation)
        assert (first.due.id, first.rotated) == (lost.id, None)
        assert first.problem == f"{lost.id} is revoked (issue a new one instead)"
        assert second.due.id == found.id
        assert second.rotated is not None

    play(test)


def test_what_is_used_right_now_is_not_called_safe_before_that_is_known() -> None:
    async def test(opened: House, rotation: Rotation) -> None:
        field, issued = await opened.key()
        id = issued.credential.id
        accepted(await opened.decide("api-key", bearing(field)))
        await opened.events()
        opened.clock.now += 3
        await rotation.rotate(id, overlap=DAY, by="x")
        soon = await rotation.retire_safe(id)
        assert (soon.safe, soon.says.endswith("look again in a few seconds")) == (False, True)
        opened.clock.now += 2
        accepted(await opened.decide("api-key", bearing(field)))
        await opened.events()  # a use that follows so soon is not yet on record
        opened.clock.now += 8
        assert not (await rotation.retire_safe(id)).safe
        await opened.watchword.audit.settle()
        opened.clock.now += 60
        assert (await rotation.retire_safe(id)).says.endswith("somebody still has it")

    play(test)


def test_safe_to_retire_is_a_fact() -> None:
    async def test(opened: House, rotation: Rotation) -> None:
        field, issued = await opened.key()
        id = issued.credential.id
        assert (await rotation.retire_safe(id)).says == "it was not replaced: rotate it first"
        accepted(await opened.decide("api-key", bearing(field)))
        await opened.events()
        opened.clock.now += 60
        await rotation.rotate(id, overlap=DAY, by="x")
        successor = (await opened.watchword.lifecycle.show(id)).replaced_by or ""
        before = await rotation.retire_safe(id)
        assert not before.safe  # whoever used it did not change over
        assert before.state == "retiring"
        assert before.says.endswith("before its successor was there")
        assert before.says.startswith("nobody used its successor yet")
        record = await opened.watchword.lifecycle.show(successor)
        store = opened.watchword.store
        assert await store.write(Swap(record.changed(last_used_at=int(opened.clock()))))
        changed_over = await rotation.retire_safe(id)
        assert changed_over.safe
        assert changed_over.says.startswith("it was last used")
        opened.clock.now += 60
        accepted(await opened.decide("api-key", bearing(field)))
        await opened.events()
        after = await rotation.retire_safe(id)
        assert not after.safe
        assert after.last_used_at == int(opened.clock())
        assert after.says.endswith("somebody still has it")
        opened.clock.now += DAY
        ended = await rotation.retire_safe(id)
        assert (ended.safe, ended.says) == (True, "it is retired already")
        unused = (await opened.issue(Kind.HMAC)).credential
        await rotation.rotate(unused.id, overlap=DAY, by="x")
        assert (await rotation.retire_safe(unused.id)).says == "it was never used"

    play(test)


def test_the_servers_own_keys_say_what_hangs_on_them() -> None:
    async def test(opened: House, rotation: Rotation) -> None:
        await opened.issue(Kind.CLIENT_CERT)
        (ca,) = await opened.watchword.store.credentials(kind=Kind.CA)
        (key,) = await opened.watchword.store.credentials(kind=Kind.SIGNING_KEY)
        await rotation.rotate_ca(by="x")
        await rotation.rotate(key.id, overlap=0, by="x")
        held = await rotation.retire_safe(ca.id)
        assert (held.safe, held.holding, held.says) == (False, 1, "of what it issued still hold: 1")
        assert (await rotation.retire_safe(key.id)).says.startswith("tokens that it signed may live until 2")

    play(test)

"""The root key is replaced under everybody: every secret opens at each step, and what was derived stays."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.house import Clock, House, accepted, bearing, house
from watchword.app import Watchword
from watchword.codec.otp import Totp
from watchword.codec.secrets import Sealer, SealingError, new_root_key
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.families import Refreshed
from watchword.lifecycle.mint import CA_SUBJECT, context
from watchword.lifecycle.operations.root_key import LINGERS, SEALED, Progress
from watchword.model.credential import Credential, Kind
from watchword.model.records import Subject, Swap
from watchword.model.verdict import Principal
from watchword.stores.memory import MemoryStore

OLD, NEW = new_root_key(), new_root_key()
OLD_ID, NEW_ID = Sealer(OLD).key_id, Sealer(NEW).key_id
SRC = Path(__file__).resolve().parents[3] / "src" / "watchword"


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Return what every house of a test opens: the same records."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgres_url")
    return MemoryStore() if request.param == "memory" else f"sqlite:///{tmp_path}/watchword.db"


def play(store: Any, root_key: str, test: Callable[[House], Coroutine[Any, Any, None]], **options: Any) -> None:
    async def run() -> None:
        async with house(store, root_key=root_key, **options) as opened:
            await test(opened)

    asyncio.run(run())


async def sealed_records(opened: House) -> list[Credential]:
    found = [await opened.watchword.store.credentials(kind=kind, limit=1000) for kind in SEALED]
    return [record for records in found for record in records]


async def sealers(opened: House) -> set[str]:
    sealer = opened.watchword.sealer
    return {sealer.sealed_by(record.secret) for record in await sealed_records(opened)}


def derived(watchword: Watchword) -> list[bytes]:
    return [watchword.sealer.derive(purpose) for purpose in ("csrf", "refresh", "pairwise", "recovery-codes", "device")]


@pytest.mark.parametrize("store", ["memory", "sqlite", "postgresql"], indirect=True)
def test_everything_is_sealed_again_and_what_was_derived_stays(store: Any) -> None:
    before: list[bytes] = []
    keys: dict[str, str] = {}

    async def made(opened: House) -> None:
        for _ in range(3):
            issued = await opened.issue(Kind.HMAC)
            keys[issued.credential.id] = issued.material["secret"]
        before.extend(derived(opened.watchword))

    async def rotated(opened: House) -> None:
        root_key, seen = opened.watchword.operations.root_key, list[Progress]()
        assert await sealers(opened) == {OLD_ID}
        state = await root_key.begin(NEW_ID, by="cli:root")
        assert (state.id, state.finished, state.before) == (NEW_ID, False, {OLD_ID: int(opened.clock()) + LINGERS})
        done = await root_key.reseal(seen.append)
        assert (done.seen, done.sealed, done.lost) == (5, 5, ())  # three keys, the signing key, the CA
        assert seen[-1] == done
        assert (await root_key.finish(by="cli:root")).finished
        assert await sealers(opened) == {NEW_ID}
        assert derived(opened.watchword) == before
        assert await root_key.reseal() == Progress(5, 0)
        acts = [event for event in await opened.events() if event.scheme == "root-key"]
        assert [(event.action, event.actor, event.detail) for event in acts] == [
            ("rotate", "cli:root", f"root key {OLD_ID} to {NEW_ID}"),
            ("rotate", "cli:root", f"everything is sealed by {NEW_ID}"),
        ]

    async def alone(opened: House) -> None:
        assert derived(opened.watchword) == before
        for id, secret in keys.items():
            record = await opened.watchword.lifecycle.show(id)
            assert opened.watchword.sealer.open(record.secret, context(id)) == secret.encode()
        assert (await opened.watchword.operations.root_key.state()).id == NEW_ID

    play(store, OLD, made)
    play(store, f"{NEW},{OLD}", rotated)
    play(store, NEW, alone)
    with pytest.raises(ValueError, match=f"does not fit this store, which is sealed by {NEW_ID}: given is {OLD_ID}"):
        play(store, OLD, alone)


def test_what_people_hold_goes_on(store: Any) -> None:
    """A refresh token and its lost answer, recovery codes, an authenticator app, an invitation, a form."""
    kept: dict[str, Any] = {}

    async def before(opened: House) -> None:
        house = opened.watchword
        await opened.issue(Kind.PASSWORD, "user:alice", options={"password": "x" * 20})
        draft = await house.factors.begin_totp("user:alice")
        code = Totp(draft.secret).code(int(opened.clock()) // 30)
        made = await house.factors.finish_totp("user:alice", draft.handle, code, name="App", by="user:alice")
        assert isinstance(made, Credential)
        kept["app"] = draft.secret
        kept["codes"] = await house.factors.new_recovery_codes("user:alice", by="user:alice")
        kept["link"] = (await house.accounts.invite("bob@example.com", by="user:alice")).token
        who = Principal("user:alice", "basic", "", frozenset())
        kept["first"] = (await house.families.start(who, by="user:alice")).token
        refreshed = await house.families.redeem(kept["first"])
        assert isinstance(refreshed, Refreshed)
        kept["second"] = refreshed.token
        kept["csrf"] = house.csrf.token_for("ses_1")

    async def after(opened: House) -> None:
        house, root_key = opened.watchword, opened.watchword.operations.root_key
        await root_key.begin(NEW_ID, by="x")
        await root_key.reseal()
        await root_key.finish(by="x")
        opened.clock.now += 5
        again = await house.families.redeem(kept["first"])  # whose answer was lost
        assert isinstance(again, Refreshed)
        assert again.token == kept["second"]
        assert isinstance(await house.families.redeem(kept["second"]), Refreshed)
        assert house.csrf.token_for("ses_1") == kept["csrf"]
        assert isinstance(await house.accounts.accept(kept["link"], "bob", "quite another horse, today"), Subject)
        assert isinstance(await house.factors.verify_recovery("user:alice", kept["codes"][0]), Credential)
        opened.clock.now += 60
        code = Totp(kept["app"]).code(int(opened.clock()) // 30)
        assert isinstance(await house.factors.verify_totp("user:alice", code), Credential)

    clock = Clock()
    play(store, OLD, before, clock=clock)
    play(store, f"{OLD},{NEW}", after, clock=clock)


def test_until_the_store_says_so_its_first_key_seals_whatever_the_order(store: Any) -> None:
    async def nothing(opened: House) -> None:
        """Make the store."""

    async def both(opened: House) -> None:
        assert opened.watchword.sealer.key_id == OLD_ID
        await opened.issue(Kind.HMAC)
        assert await sealers(opened) == {OLD_ID}
        assert opened.watchword.sealer.derive("csrf") == Sealer(OLD).derive("csrf")

    play(store, OLD, nothing)
    play(store, f"{NEW},{OLD}", both)
    play(store, f"{OLD},{NEW}", both)


def test_a_second_rotation_keeps_the_first_seed_and_drops_nothing_too_early(store: Any) -> None:
    third = new_root_key()

    async def twice(opened: House) -> None:
        root_key, csrf = opened.watchword.operations.root_key, opened.watchword.sealer.derive("csrf")
        await root_key.begin(NEW_ID, by="x")
        with pytest.raises(LifecycleError, match="not everything is sealed"):
            await root_key.begin(Sealer(third).key_id, by="x")
        with pytest.raises(LifecycleError, match="3 secrets are sealed by another"):
            await root_key.finish(by="x")
        await root_key.reseal()
        await root_key.finish(by="x")
        await root_key.begin(Sealer(third).key_id, by="x")
        assert set((await root_key.state()).before or {}) == {OLD_ID, NEW_ID}
        await root_key.reseal()
        await root_key.finish(by="x")
        assert await sealers(opened) == {Sealer(third).key_id}
        assert opened.watchword.sealer.derive("csrf") == csrf == Sealer(OLD).derive("csrf")
        with pytest.raises(LifecycleError, match="there is no root key 00000000"):
            await root_key.begin("00000000", by="x")

    async def old(opened: House) -> None:
        await opened.issue(Kind.HMAC)

    play(store, OLD, old)
    play(store, f"{OLD} {NEW} {third}", twice)
    play(store, third, old)


def test_a_key_that_was_replaced_never_comes_again(store: Any) -> None:
    """However long ago that was: it may have been replaced because it leaked."""
    third = new_root_key()
    third_id = Sealer(third).key_id
    clock = Clock()

    async def made(opened: House) -> None:
        """Make the store."""

    async def twice(opened: House) -> None:
        root_key = opened.watchword.operations.root_key
        for id in (NEW_ID, third_id):
            await root_key.begin(id, by="x")
            await root_key.reseal()
            await root_key.finish(by="x")
            opened.clock.now += LINGERS + 86400
        before = (await root_key.state()).before or {}
        assert set(before) == {OLD_ID, NEW_ID}
        assert before[OLD_ID] < before[NEW_ID] < opened.clock()
        for id in (OLD_ID, NEW_ID):
            with pytest.raises(LifecycleError, match="was replaced before"):
                await root_key.begin(id, by="x")
        assert (await root_key.state()).id == third_id

    play(store, OLD, made, clock=clock)
    play(store, f"{third},{NEW},{OLD}", twice, clock=clock)


def test_it_is_not_finished_while_a_key_that_is_needed_is_not_given(store: Any) -> None:
    """Half of it is sealed again, and somebody takes the old key away: that is said, and nothing is called done."""

    async def half(opened: House) -> None:
        await opened.issue(Kind.HMAC)
        root_key = opened.watchword.operations.root_key
        await root_key.begin(NEW_ID, by="x")
        for record in await sealed_records(opened):
            if record.kind is not Kind.HMAC:
                await root_key._resealed_one(record.id)

    async def without(opened: House) -> None:
        root_key = opened.watchword.operations.root_key
        await root_key.reseal()
        with pytest.raises(LifecycleError, match=f"1 secrets are sealed by root key {OLD_ID}, which is not given"):
            await root_key.finish(by="x")
        assert not (await root_key.state()).finished

    async def again(opened: House) -> None:
        root_key = opened.watchword.operations.root_key
        assert (await root_key.reseal()).sealed == 1
        assert (await root_key.finish(by="x")).finished
        await root_key.dropping([OLD_ID], by="cli:root")
        assert (await opened.events())[-1].detail == f"dropping root key {OLD_ID}"

    play(store, f"{OLD},{NEW}", half)
    play(store, NEW, without)
    play(store, f"{NEW},{OLD}", again)


def test_strangers_who_show_unknown_keys_keep_no_process_from_hearing_of_the_new_one() -> None:
    """Something sealed, such as the ticket of a passkey login, may come from anybody."""
    store = MemoryStore()

    async def run() -> None:
        async with house(store, root_key=OLD) as node:
            node.watchword.sealer.reread = lambda: f"{NEW},{OLD}"
            strange = Sealer(new_root_key()).seal(b"x", "ticket")
            async with house(store, root_key=f"{OLD},{NEW}") as other:
                await other.watchword.operations.root_key.begin(NEW_ID, by="x")
                await other.watchword.operations.root_key.reseal()
            node.watchword.sealer._roots.pop(Sealer(NEW)._root.head, None)
            with pytest.raises(SealingError):
                node.watchword.sealer.open(strange, "ticket")
            node.watchword.sealer._roots.pop(Sealer(NEW)._root.head, None)
            await node.watchword.watch.sync(node.clock())  # type: ignore[misc]
            assert node.watchword.sealer.key_id == NEW_ID

    asyncio.run(run())


def test_a_process_that_runs_learns_of_the_new_key_before_its_next_decision() -> None:
    store = MemoryStore()

    async def run() -> None:
        async with house(store, root_key=OLD) as node:
            issued = await node.issue(Kind.HMAC)
            node.watchword.sealer.reread = lambda: f"{NEW},{OLD}"
            async with house(store, root_key=f"{OLD},{NEW}") as other:
                root_key = other.watchword.operations.root_key
                await root_key.begin(NEW_ID, by="x")
                await root_key.reseal()
            await node.watchword.watch.sync(node.clock())  # type: ignore[misc]
            assert node.watchword.sealer.key_id == NEW_ID
            record = await node.watchword.lifecycle.show(issued.credential.id)
            assert node.watchword.sealer.open(record.secret, context(record.id)) == issued.material["secret"].encode()

    asyncio.run(run())


def test_a_process_that_is_not_given_the_new_key_goes_on_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    store, called = MemoryStore(), list[None]()

    async def run() -> None:
        async with house(store, root_key=OLD) as node:
            node.watchword.operations.root_key.missing = lambda: called.append(None)
            async with house(store, root_key=f"{OLD},{NEW}") as other:
                await other.watchword.operations.root_key.begin(NEW_ID, by="x")
            field, _ = await node.key()
            assert accepted(await node.decide("api-key", bearing(field))).principal is not None
            assert node.watchword.sealer.key_id == OLD_ID

    with caplog.at_level(logging.ERROR, "watchword"):
        asyncio.run(run())
    assert called
    assert NEW_ID in caplog.text
    assert OLD not in caplog.text


def test_a_record_that_changes_meanwhile_is_sealed_again_and_keeps_the_change() -> None:
    async def run() -> None:
        async with house(root_key=f"{OLD},{NEW}") as opened:
            issued = [await opened.issue(Kind.HMAC) for _ in range(3)]
            root_key, store = opened.watchword.operations.root_key, opened.watchword.store
            write, raced = store.write, list[str]()

            async def racing(*changes: Any) -> bool:
                if not raced and all(isinstance(each, Swap) for each in changes):
                    raced.append(issued[1].credential.id)
                    record = await store.credential(raced[0])
                    assert record is not None
                    assert await write(Swap(record.changed(networks=("10.0.0.0/8",))))
                return await write(*changes)

            await root_key.begin(NEW_ID, by="x")
            store.write = racing  # type: ignore[method-assign]
            await root_key.reseal()
            await root_key.finish(by="x")
            assert raced
            assert (await opened.watchword.lifecycle.show(raced[0])).networks == ("10.0.0.0/8",)
            assert await sealers(opened) == {NEW_ID}

    asyncio.run(run())


def test_what_opened_by_no_key_before_is_named_and_left_as_it_is() -> None:
    async def run() -> None:
        async with house(root_key=f"{OLD},{NEW}") as opened:
            issued, store = await opened.issue(Kind.HMAC), opened.watchword.store
            strange = issued.credential.changed(secret=Sealer(new_root_key()).seal(b"x", "elsewhere"))
            assert await store.write(Swap(strange))
            root_key = opened.watchword.operations.root_key
            await root_key.begin(NEW_ID, by="x")
            assert (await root_key.reseal()).lost == (issued.credential.id,)
            assert (await root_key.finish(by="x")).finished
            assert (await opened.watchword.lifecycle.show(issued.credential.id)).secret == strange.secret

    asyncio.run(run())


def test_the_state_holds_no_key() -> None:
    async def run() -> None:
        async with house(root_key=f"{OLD},{NEW}") as opened:
            await opened.watchword.operations.root_key.begin(NEW_ID, by="x")
            owner = await opened.watchword.store.subject(CA_SUBJECT)
            assert owner is not None
            kept = str(dict(owner.detail)).encode()
            for key in (OLD, NEW):
                assert key.encode() not in kept
                assert Sealer(key)._root.raw.hex().encode() not in kept

    asyncio.run(run())


# Where something is sealed: a record (then its kind is in SEALED), or what passes within LINGERS. A new place must be
# one of these, or be sealed again, too: or nobody can ever drop a root key.
SEALING = {
    "lifecycle/mint.py",
    "lifecycle/people/totp.py",
    "lifecycle/people/proving.py",
    "lifecycle/people/account/links.py",
    "lifecycle/outside/relying.py",
    "lifecycle/operations/root_key.py",
    "server/admin/repeats.py",
    "server/login/outside.py",
    "server/oauth/consent.py",
}


def test_every_place_that_seals_is_known() -> None:
    sealing = {
        path.relative_to(SRC).as_posix() for path in SRC.rglob("*.py") if re.search(r"\.seal\(", path.read_text())
    }
    assert sealing - SEALING == set()

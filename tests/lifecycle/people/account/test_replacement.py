"""Replacing a password, in one write."""

from __future__ import annotations

from tests.house import House
from tests.lifecycle.people.residents import OTHER, PASSWORD, live_in, person
from watchword.lifecycle.people.account.replacement import Fault, Replacement, encoded, usable_passwords
from watchword.model.credential import Credential, Kind
from watchword.model.records import Add, Publish, Swap


def test_the_new_one_names_the_old_one_and_the_old_one_the_new_one() -> None:
    async def test(opened: House) -> None:
        store, now = opened.watchword.store, opened.clock.now
        subject = await person(opened, scopes=("a:b",))
        (old,) = await usable_passwords(store, subject, now)
        owner = await store.subject(subject)
        assert owner is not None
        replacement = Replacement(store, owner, now)
        changes = await replacement._changes("hash", "test", "x", "", together=True)
        (new,) = [each.record for each in changes if isinstance(each, Add)]
        assert isinstance(new, Credential)
        assert (new.replaces, new.scopes) == (old.id, {"a:b"})
        swapped = [each.new for each in changes if isinstance(each, Swap) and isinstance(each.new, Credential)]
        assert [(each.id, each.replaced_by) for each in swapped] == [(old.id, new.id)]
        assert [each.key for each in changes if isinstance(each, Publish)] == [old.id]

    live_in("memory:", test)


def test_of_two_replacements_of_one_state_the_second_is_lost() -> None:
    async def test(opened: House) -> None:
        store, now = opened.watchword.store, opened.clock.now
        await opened.watchword.lifecycle.add_subject("user:bare", by="test")  # no password: no Swap of one to lose
        owner = await store.subject("user:bare")
        assert owner is not None
        desk, replacement = opened.watchword.accounts._desk, Replacement(store, owner, now)
        done = [await replacement.made(desk, f"hash{number}", by="test", why="x") for number in range(2)]
        assert done == [True, False]
        assert len(await store.credentials(kind=Kind.PASSWORD, subject="user:bare")) == 1

    live_in("memory:", test)


def test_a_hash_is_one_of_the_settings() -> None:
    async def test(opened: House) -> None:
        secret = await encoded(opened.watchword.passwords, OTHER)
        assert secret.startswith("$argon2id$")
        assert PASSWORD not in secret

    live_in("memory:", test)


def test_a_fault_says_where_what_and_how() -> None:
    assert Fault("email", "taken", "It is taken.")._asdict() == {
        "field": "email",
        "code": "taken",
        "text": "It is taken.",
    }

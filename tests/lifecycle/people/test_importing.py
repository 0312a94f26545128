"""Judge the taking over of people with other systems' hashes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lifecycle.people.house import knows
from tests.lifecycle.people.opened import within
from watchword.app import Watchword
from watchword.codec.passwords import outdated
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.mint import CA_SUBJECT
from watchword.lifecycle.people.importing import Importing, Newcomer, State, newcomer_of
from watchword.model.credential import Kind
from watchword.offload import HashingPool
from watchword.schemes.basic import PasswordCheck

STAPLE = "correct horse battery stäple"
HASHES = {
    "django": "pbkdf2_sha256$1000$Zbk1yRf0qDXp$0vFtH4LxHV2srroU0LZlwdKuuvO5zQLkALqrN9rLP5Y=",
    "sha1": "pbkdf2_sha1$1000$Zbk1yRf0qDXp$AbjDBho9huURd60waknQvLPLTXs=",
    "wrapped": "bcrypt_sha256$$2b$04$SVMfGXx2yPDsAegCvx3d2utYqRBs3.dB3u5KitjOwc3JD4CMCHRaC",
    "bcrypt": "bcrypt$$2b$04$T9MmX07QP5TfC/kfCEoajOnjH92eNYA4tZKMRvAbs3RuqKKEaChWS",
    "scrypt": "$scrypt$ln=4,r=8,p=1$4/y/V6r1fq+1FgLg3LvX+g$FuqeNgVsXe9ZCWORhtl4ZjlAmKhMGYVGwURzUb5MmYo",
    "argon2": "argon2$argon2id$v=19$m=102400,t=2,p=8$WmJrMXlSZjBxRFhw$baXNLS7WhTlYYRMpp9sVXvegMaDwlkGG8bbfGR3RkW0",
}


def row(name: str, **more: str) -> Newcomer:
    return newcomer_of({"username": name, "password_hash": HASHES["django"], **more})


def test_people_log_in_with_the_password_that_they_had_and_its_hash_is_made_anew() -> None:
    async def work(watchword: Watchword) -> None:
        batch = [newcomer_of({"username": name, "password_hash": text}) for name, text in HASHES.items()]
        importing = Importing(watchword.store, clock=watchword.clock)
        outcomes = await importing.add(batch, by="test", scopes=["orders:read"])
        assert {each.state for each in outcomes} == {State.ADDED}
        for name in HASHES:
            assert not await knows(watchword, name, STAPLE + "x")
            assert await knows(watchword, name, STAPLE)
            [record] = await watchword.store.credentials(kind=Kind.PASSWORD, subject=f"user:{name}")
            assert not outdated(record.secret.decode(), watchword.passwords.cost)
            assert record.scopes == {"orders:read"}
            assert await knows(watchword, name, STAPLE)
        own = await watchword.store.subject(CA_SUBJECT)
        assert own.detail["hash_work"] == {
            "argon2id 64 1 1": 2, "pbkdf2-sha256": 1000, "pbkdf2-sha1": 1000, "bcrypt": 16, "scrypt 16 8": 1,
            "argon2id 102400 2 8": 1,
        }  # fmt: skip

    within(work)


def test_an_import_is_repeated_without_harm() -> None:
    async def work(watchword: Watchword) -> None:
        importing = Importing(watchword.store)
        batch = [row("ann", email="ann@example.com", display="Ann"), row("bob")]
        assert [each.state for each in await importing.add(batch[:1], by="test")] == [State.ADDED]
        assert [each.state for each in await importing.add(batch, by="test")] == [State.THERE, State.ADDED]
        assert [each.state for each in await importing.add(batch, by="test")] == [State.THERE, State.THERE]
        assert len(await watchword.store.credentials(kind=Kind.PASSWORD)) == 2
        assert (await watchword.store.subject("user:ann")).detail == {"display": "Ann"}
        assert await watchword.accounts.resolve("Ann@Example.com") == "user:ann"

    within(work)


def test_nobody_who_is_there_gets_another_password() -> None:
    async def work(watchword: Watchword) -> None:
        await watchword.lifecycle.add_subject("user:alice", by="x")
        assert (await Importing(watchword.store).add([row("Alice")], by="x"))[0].state is State.THERE
        assert not await knows(watchword, "alice", STAPLE)

    within(work)


def test_a_dry_run_changes_nothing() -> None:
    async def work(watchword: Watchword) -> None:
        before = await watchword.store.subject(CA_SUBJECT)
        outcomes = await Importing(watchword.store).add([row("ann"), row("ann")], by="x", dry=True)
        assert [each.state for each in outcomes] == [State.ADDED, State.THERE]
        assert await watchword.store.subject("user:ann") is None
        assert await watchword.store.subject(CA_SUBJECT) == before

    within(work)


def test_an_address_is_one_person_s() -> None:
    async def work(watchword: Watchword) -> None:
        await watchword.lifecycle.add_subject("user:alice", by="x")
        await watchword.accounts.add_address("user:alice", "alice@example.com", by="x")
        batch = [
            row("ann", email="ALICE@example.com"),
            row("bob", email="b@example.com"),
            row("eve", email="b@example.com"),
        ]
        outcomes = await Importing(watchword.store).add(batch, by="x")
        assert [each.state for each in outcomes] == [State.REFUSED, State.ADDED, State.REFUSED]
        assert "belongs to somebody else" in outcomes[0].why
        assert await watchword.store.subject("user:ann") is None

    within(work)


def test_of_many_imports_at_once_each_person_is_added_once(tmp_path: Path) -> None:
    async def work(watchword: Watchword) -> None:
        batch = [row(f"u{number}") for number in range(5)]
        importing = Importing(watchword.store)
        rounds = await asyncio.gather(*(importing.add(batch, by="x") for _ in range(20)))
        added = [each for outcomes in rounds for each in outcomes if each.state is State.ADDED]
        assert len(added) == 5
        assert len(await watchword.store.credentials(kind=Kind.PASSWORD)) == 5

    within(work, f"sqlite:///{tmp_path}/x.db")


async def _hundred_logins(watchword: Watchword) -> None:
    await Importing(watchword.store).add([newcomer_of({"username": "ann", "password_hash": HASHES["bcrypt"]})], by="x")
    pool = HashingPool(watchword.passwords.cost, queue=300)
    check = PasswordCheck(watchword.store, pool, watchword.clock, pool.cost)
    verdicts = await asyncio.gather(*(check.check("ann", STAPLE) for _ in range(100)))
    pool.close()
    assert {getattr(each, "subject", each) for each in verdicts} == {"user:ann"}
    [record] = await watchword.store.credentials(kind=Kind.PASSWORD, subject="user:ann")
    assert record.version == 2
    assert not outdated(record.secret.decode(), pool.cost)
    assert await knows(watchword, "ann", STAPLE)


def test_of_a_hundred_logins_at_once_one_hashes_anew_and_all_are_let_in(tmp_path: Path) -> None:
    within(_hundred_logins, f"sqlite:///{tmp_path}/x.db")


@pytest.mark.postgres
def test_of_a_hundred_logins_at_once_on_postgresql_one_hashes_anew(postgres_url: str) -> None:
    within(_hundred_logins, postgres_url)


def test_who_had_no_password_has_none() -> None:
    async def work(watchword: Watchword) -> None:
        batch = [
            newcomer_of({"username": f"u{number}", "password_hash": text})
            for number, text in enumerate(["", "!x", "*"])
        ]
        await Importing(watchword.store).add(batch, by="x")
        assert await watchword.store.credentials(kind=Kind.PASSWORD) == []

    within(work)


@pytest.mark.parametrize(
    ("row", "what", "hint"),
    [
        ({"username": "ann"}, "password_hash is missing", "empty"),
        ({"password_hash": ""}, "username is missing", ""),
        ({"username": None, "password_hash": ""}, "username: '' at position 6", "letters"),
        ({"username": "a b", "password_hash": ""}, "username: 'a b' at position 6", "letters"),
        ({"username": "ann", "password_hash": "", "pasword": "x"}, "there is no field 'pasword'", "password_hash"),
        ({"username": "ann", "password_hash": "hunter2"}, "password_hash: not a password hash", "without a password"),
        ({"username": "ann", "password_hash": "", "email": "ann"}, "email: 'ann' is not an address", "such as"),
        ({"username": "ann", "password_hash": "", "display": "a\x1b[2J"}, "display", "shown"),
        ({"username": "ann", "password_hash": 7}, "password_hash: not a text", "quotation"),
    ],
)
def test_what_is_wrong_names_the_field_and_never_the_hash(row: dict[str, object], what: str, hint: str) -> None:
    with pytest.raises(LifecycleError) as caught:
        newcomer_of(row)
    assert what in str(caught.value)
    assert hint in caught.value.hint
    assert "hunter2" not in str(caught.value) + caught.value.hint


def test_a_newcomer_shows_no_hash() -> None:
    assert "0vFtH4Lx" not in repr(row("ann"))


@given(st.dictionaries(st.sampled_from(["username", "password_hash", "email", "display"]), st.text(max_size=40)))
def test_any_row_is_read_or_refused(row: dict[str, object]) -> None:
    try:
        found = newcomer_of(row)
    except LifecycleError:
        return
    assert found.subject.startswith("user:")

"""Judge what is noted about the cost of the hashes on record."""

from __future__ import annotations

import asyncio

import pytest

from tests.lifecycle.people.opened import within
from watchword.app import Watchword
from watchword.codec.passwords import Cost, Work, dummy, encode, work
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.mint import CA_SUBJECT
from watchword.lifecycle.people.hash_work import NOTED, left_over, note_work
from watchword.model.credential import Credential, Kind
from watchword.model.records import Add, Subject, Swap
from watchword.schemes import basic
from watchword.stores.memory import MemoryStore

TODAY = "argon2id 64 1 1"
DJANGO = "pbkdf2_sha256$1000$Zbk1yRf0qDXp$0vFtH4LxHV2srroU0LZlwdKuuvO5zQLkALqrN9rLP5Y="
BCRYPT = "$2b$04$QthvFew2Lxf/dch9WHBA1OJ047BIhTXfI8OUHk7P7DIYaARbIuCEm"


async def noted(watchword: Watchword) -> dict[str, int]:
    own = await watchword.store.subject(CA_SUBJECT)
    assert own is not None
    return dict(own.detail[NOTED])


def test_the_check_reads_what_the_lifecycle_notes() -> None:
    assert basic._OWN == CA_SUBJECT
    assert NOTED == "hash_work"


def test_what_hashes_of_today_cost_is_noted_at_the_start_and_only_once() -> None:
    async def work_(watchword: Watchword) -> None:
        assert await noted(watchword) == {TODAY: 2}
        before = await watchword.store.subject(CA_SUBJECT)
        await note_work(watchword.store, (work(dummy(watchword.passwords.cost)),) * 2)
        assert await watchword.store.subject(CA_SUBJECT) == before

    within(work_)


def test_the_most_of_each_kind_is_noted_and_what_else_is_kept_there_stays() -> None:
    async def work_(watchword: Watchword) -> None:
        own = await watchword.store.subject(CA_SUBJECT)
        await watchword.store.write(Swap(own.changed(detail={**own.detail, "more": 1})))
        for units in (500, 1000, 700):
            await note_work(watchword.store, [Work("pbkdf2-sha256", units)])
        await note_work(watchword.store, [Work("bcrypt", 16)])
        assert await noted(watchword) == {TODAY: 2, "pbkdf2-sha256": 1000, "bcrypt": 16}
        assert (await watchword.store.subject(CA_SUBJECT)).detail["more"] == 1

    within(work_)


def test_many_at_once_lose_nothing() -> None:
    async def work_(watchword: Watchword) -> None:
        await asyncio.gather(*(note_work(watchword.store, [Work("bcrypt", 2**cost)]) for cost in range(4, 14)))
        assert (await noted(watchword))["bcrypt"] == 2**13

    within(work_)


def test_a_store_without_the_server_s_own_subject_is_told() -> None:
    async def work_() -> None:
        store = MemoryStore()
        await store.open()
        with pytest.raises(LifecycleError, match="own subject"):
            await note_work(store, [Work("bcrypt", 16)])

    asyncio.run(work_())


def test_what_is_left_is_counted_and_what_nobody_holds_is_forgotten() -> None:
    async def work_(watchword: Watchword) -> None:
        store, now = watchword.store, int(watchword.clock())
        old = encode("an older password", Cost(memory=16, passes=1))
        for number, secret in enumerate(
            [DJANGO, DJANGO.replace("$1000$", "$600$"), BCRYPT, old, encode("x", Cost(64, 1))]
        ):
            subject = Subject(f"user:u{number}", now)
            fields = {"revoked_at": now} if secret == BCRYPT else {}
            record = Credential(f"pwd_{number}", Kind.PASSWORD, subject.name, now, secret=secret.encode(), **fields)
            assert await store.write(Add(subject), Add(record))
        await note_work(store, [Work("bcrypt", 16), Work("scrypt 16 8", 5), Work("pbkdf2-sha256", 9_000)])
        assert await left_over(store, TODAY, now) == {"argon2id": 1, "pbkdf2-sha256": 2}
        assert await noted(watchword) == {TODAY: 2, "pbkdf2-sha256": 1000, "argon2id 16 1 1": 2}

    within(work_)

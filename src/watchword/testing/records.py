"""Hold what ``Records`` promises."""

from __future__ import annotations

from typing import Any, Final

import pytest

from watchword.model.credential import Credential, Kind
from watchword.model.records import Add, Drop, Event, Publish, Subject, Swap, Topic
from watchword.model.verdict import Rate
from watchword.testing.suite import HOSTILE, LATER, StoreSuite, make_key, scenario, settled

__all__ = ["RecordsSuite"]

_FULL: Final = Credential(
    id="hk_live_full",
    kind=Kind.HMAC,
    subject="service:billing",
    created_at=1,
    scopes=frozenset({"orders:read", "orders:write"}),
    lookup=b"\x00\xff" * 16,
    secret=b"sealed\x00",
    networks=("10.0.0.0/8", "2001:db8::/32"),
    limit=Rate(600, 60),
    not_before=2,
    expires_at=3,
    retire_at=4,
    replaces="hk_live_before",
    replaced_by="hk_live_after",
    revoked_at=5,
    revoked_by="user:alice",
    revoke_reason="left: “école”",
    leaked=True,
    last_used_at=6,
    detail={"profile": "v1", "nested": {"list": [1, 2.5, None, True, "\0"]}},
    version=7,
)


class RecordsSuite(StoreSuite):
    """Hold what ``Records`` promises."""

    @scenario
    async def test_absent_is_none(self, store: Any) -> None:
        assert await store.credential("key_1") is None
        assert await store.credential_by(b"digest") is None
        assert await store.subject("user:alice") is None
        assert await store.credentials() == []
        assert await store.subjects() == []
        assert await store.write() is True

    @scenario
    async def test_what_is_dropped_is_gone(self, store: Any) -> None:
        key, subject = make_key(lookup=b"digest"), Subject("service:billing", 1)
        assert await store.write(Add(key), Add(subject))
        assert await store.write(Drop(key.changed())) is False, "another version is stored"
        assert await store.credential(key.id) == key
        assert await store.write(Drop(key), Drop(subject), Event(1.0, "drop", "done"))
        assert await store.credential(key.id) is None
        assert await store.credential_by(key.lookup) is None
        assert await store.subject("service:billing") is None
        assert await store.write(Drop(key)) is False, "nothing is stored"
        assert await store.write(Drop(key), Add(subject)) is False
        assert await store.subject("service:billing") is None
        assert await store.write(Add(key)), "its look-up is free again"
        assert await store.credential_by(key.lookup) == key

    @scenario
    async def test_every_field_comes_back(self, store: Any) -> None:
        subject = Subject("service:billing", 1, 2, {"contact": "ops"}, 3)
        assert await store.write(Add(_FULL), Add(make_key()), Add(subject))
        assert await store.credential(_FULL.id) == _FULL
        assert await store.credential_by(_FULL.lookup) == _FULL
        assert await store.credential("key_1") == make_key()
        assert await store.subject("service:billing") == subject

    @scenario
    async def test_an_add_loses_to_the_same_id_or_lookup(self, store: Any) -> None:
        first = make_key(lookup=b"digest", secret=b"first")
        assert await store.write(Add(first))
        assert not await store.write(Add(make_key(secret=b"second")))
        assert not await store.write(Add(make_key("key_2", lookup=b"digest")))
        assert await store.credentials() == [first]
        assert await store.write(Add(make_key("key_3")), Add(make_key("key_4")))  # without a lookup, nothing to share

    @scenario
    async def test_a_swap_wins_over_the_version_before_alone(self, store: Any) -> None:
        first = make_key(lookup=b"old")
        second = first.changed(lookup=b"new", revoked_at=5)
        assert not await store.write(Swap(second))  # nothing stored
        assert await store.write(Add(first))
        assert await store.write(Swap(second))
        assert not await store.write(Swap(second))
        assert not await store.write(Swap(second.changed().changed()))
        assert await store.credential(first.id) == second
        assert await store.credential_by(b"new") == second
        assert await store.credential_by(b"old") is None

    @scenario
    async def test_a_swap_loses_to_another_credentials_lookup(self, store: Any) -> None:
        first, second = make_key(lookup=b"1"), make_key("key_2", lookup=b"2")
        assert await store.write(Add(first), Add(second))
        assert not await store.write(Swap(second.changed(lookup=b"1")))
        assert await store.credential_by(b"1") == first
        assert await store.credential("key_2") == second

    @scenario
    async def test_a_write_is_all_or_nothing(self, store: Any) -> None:
        stored, subject = make_key("key_9"), Subject("user:alice", 1)
        assert await store.write(Add(stored), Add(subject))
        lost = (
            Publish(Topic.CREDENTIAL, "key_1", 1, LATER),
            Event(1.0, "issue", "done"),
            Add(make_key()),
            Swap(subject.changed(disabled_at=5)),
            Swap(stored.changed().changed()),
        )
        assert not await store.write(*lost)
        assert not await store.write(*lost[:-1], Add(stored))
        assert await store.credential("key_1") is None
        assert await store.subject("user:alice") == subject
        assert await settled(store.entries(0)) == []
        assert await store.events() == []
        assert await store.write(*lost[:-1])

    @scenario
    async def test_pages_go_by_code_point(self, store: Any) -> None:
        ids = ["key_", "key_A", "key_Z", "key_a", "key_b", "key_é", "key_\U0001f511"]
        assert await store.write(*(Add(make_key(id)) for id in reversed(ids)))
        found: list[str] = []
        while page := await store.credentials(after=found[-1] if found else "", limit=3):
            found += [each.id for each in page]
            assert len(found) <= len(ids)  # else it may never end
        assert found == sorted(ids) == ids

    @scenario
    async def test_pages_keep_to_kind_and_subject(self, store: Any) -> None:
        await store.write(
            Add(make_key("a", kind=Kind.HMAC)),
            Add(make_key("b", subject="user:alice")),
            Add(make_key("c", kind=Kind.HMAC, subject="user:alice")),
        )

        async def ids(**filters: Any) -> list[str]:
            return [each.id for each in await store.credentials(**filters)]

        assert await ids(kind=Kind.HMAC) == ["a", "c"]
        assert await ids(subject="user:alice") == ["b", "c"]
        assert await ids(kind=Kind.HMAC, subject="user:alice", limit=1) == ["c"]
        assert await ids(kind=Kind.HMAC, after="a") == ["c"]
        assert await ids(kind=Kind.CA) == []
        assert await ids(subject="user:ALICE") == []

    @scenario
    async def test_subjects_keep_to_the_prefix_as_it_is_spelt(self, store: Any) -> None:
        names = [
            "USER:x",
            "service:a_b",
            "service:axb",
            "user",
            "user:",
            "user:a%",
            "user:alice",
            "user:\U0010ffff",
            "user;",
        ]
        await store.write(*(Add(Subject(name, 1)) for name in names))

        async def found(**filters: Any) -> list[str]:
            return [each.name for each in await store.subjects(**filters)]

        assert await found() == names
        assert await found(prefix="user:") == ["user:", "user:a%", "user:alice", "user:\U0010ffff"]
        assert await found(prefix="user:", after="user:a%", limit=1) == ["user:alice"]
        assert await found(prefix="service:a_") == ["service:a_b"]
        assert await found(prefix="user:a%") == ["user:a%"]
        assert await found(prefix="\U0010ffff") == []

    @scenario
    async def test_used_moves_forward_without_a_version(self, store: Any) -> None:
        key = make_key(last_used_at=50)
        await store.write(Add(key), Add(make_key("key_2")))
        await store.used({"key_1": 40, "key_2": 40, "key_absent": 40})
        assert (await store.credential("key_1")).last_used_at == 50
        assert (await store.credential("key_2")).last_used_at == 40
        await store.used({"key_1": 60})
        assert (await store.credential("key_1")).version == 1
        assert await store.write(Swap(key.changed(revoked_at=7)))  # read before it was used again
        assert await store.credential("key_1") == key.changed(revoked_at=7, last_used_at=60)
        await store.used({})

    @scenario
    async def test_text_that_cannot_be_stored_is_absent(self, store: Any) -> None:
        await store.write(Add(make_key()), Add(Subject("user:alice", 1)))
        for text in HOSTILE:
            assert await store.credential(text) is None
            assert await store.subject(text) is None
            assert await store.credentials(subject=text) == []
            assert await store.subjects(prefix=text) == []
            await store.credentials(after=text)
            assert await store.credential_by(text.encode("utf-8", "surrogatepass")) is None

    @scenario
    async def test_text_that_cannot_be_stored_is_not_written(self, store: Any) -> None:
        for text in ("\0", "\ud800", "x" * 600):
            with pytest.raises(ValueError, match="record"):
                await store.write(Add(make_key()), Add(Subject(text, 1)))
            with pytest.raises(ValueError, match="record"):
                await store.write(Add(make_key()), Publish(Topic.TOKEN, text, 1, LATER))
        assert await store.credential("key_1") is None

    @scenario
    async def test_race_of_swaps_has_one_winner(self, store: Any) -> None:
        key = make_key()
        await store.write(Add(key))
        calls = [lambda n=n: store.write(Swap(key.changed(revoked_at=n))) for n in range(100)]
        assert (await self.race(calls)).count(True) == 1
        assert (await store.credential("key_1")).version == 2

    @scenario
    async def test_race_of_adds_has_one_winner(self, store: Any) -> None:
        same_lookup = [lambda n=n: store.write(Add(make_key(f"key_{n}", lookup=b"same"))) for n in range(100)]
        same_id = [lambda n=n: store.write(Add(Subject("user:same", n))) for n in range(100)]
        assert (await self.race(same_lookup)).count(True) == 1
        assert (await self.race(same_id)).count(True) == 1
        assert len(await store.credentials()) == 1

    @scenario
    async def test_race_of_crossing_writes_never_deadlocks(self, store: Any) -> None:
        first, second = Subject("user:a", 1), Subject("user:b", 1)
        await store.write(Add(first), Add(second))
        there = lambda: store.write(Swap(first.changed()), Swap(second.changed()))  # noqa: E731
        back = lambda: store.write(Swap(second.changed()), Swap(first.changed()))  # noqa: E731
        assert (await self.race([there, back] * 25)).count(True) == 1

    @scenario
    async def test_many_swaps_at_once_are_all_or_nothing(self, store: Any) -> None:
        keys = [make_key(f"key_{number:02}", lookup=b"%d" % number) for number in range(30)]
        assert await store.write(*map(Add, keys), Add(make_key("key_99", lookup=b"taken")))
        gone = [key.changed(revoked_at=7, leaked=True) for key in keys]
        others = (Publish(Topic.CREDENTIAL, "key_00", 1, LATER), Event(1.0, "revoke", "done"))
        lost = (
            make_key("key_absent").changed(),
            keys[5].changed().changed(),
            keys[29].changed(lookup=b"taken"),
        )
        for one in lost:
            assert not await store.write(*map(Swap, (*(key for key in gone if key.id != one.id), one)), *others)
        assert [each for each in await store.credentials() if each.id != "key_99"] == keys
        assert await settled(store.entries(0)) == []
        assert await store.events() == []
        await store.used({"key_03": 60})
        assert await store.write(*map(Swap, reversed(gone)), *others)
        gone[3] = keys[3].changed(revoked_at=7, leaked=True, last_used_at=60)
        assert [each for each in await store.credentials() if each.id != "key_99"] == gone
        assert len(await store.events()) == 1
        assert not await store.write(*map(Swap, gone)), "that version is stored already"
        again = [key.changed() for key in gone]
        assert await store.write(*map(Swap, again), *(Swap(key.changed()) for key in again)), "each twice, one by one"
        assert {each.version for each in await store.credentials()} == {1, 4}

    @scenario
    async def test_race_of_many_swaps_at_once_has_one_winner(self, store: Any) -> None:
        keys = [make_key(f"key_{number:02}") for number in range(30)]
        assert await store.write(*map(Add, keys))
        fronts = [lambda n=n: store.write(*(Swap(key.changed(revoked_at=n)) for key in keys[:20])) for n in range(15)]
        backs = [lambda n=n: store.write(*(Swap(key.changed(revoked_at=n)) for key in keys[:9:-1])) for n in range(15)]
        single = [lambda n=n: store.write(Swap(keys[15].changed(revoked_at=n))) for n in range(15)]
        assert (await self.race([*fronts, *backs, *single])).count(True) == 1
        assert (await store.credential("key_15")).version == 2
        assert {each.revoked_at for each in await store.credentials()} <= {
            None,
            (await store.credential("key_15")).revoked_at,
        }

"""``kill -9`` while people sign up, reset, enrol and leave: every acknowledged act is there, and none by half."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.figures.lives import CHEAP, password_of
from tests.figures.test_crash import _killed_after, _whole
from watchword import Watchword
from watchword.codec.secrets import new_root_key
from watchword.lifecycle.people.holdings import held
from watchword.lifecycle.signing import in_use
from watchword.model.credential import Credential, Kind

ACTS = 300
KINDS = (Kind.PASSWORD, Kind.EMAIL, Kind.TOTP, Kind.RECOVERY)


async def _usable(watchword: Watchword, subject: str) -> dict[Kind, list[Credential]]:
    records = [each for each in await held(watchword.store, subject) if each.refusal(watchword.clock()) is None]
    return {kind: [each for each in records if each.kind is kind] for kind in KINDS}


async def _nobody_by_half(watchword: Watchword) -> None:
    """Whoever is there can log in and be written to; who left holds nothing; nothing belongs to nobody."""
    people = await watchword.store.subjects(prefix="user:", limit=10_000)
    for owner in people:
        usable = await _usable(watchword, owner.name)
        wanted = 0 if owner.disabled_at is not None else 1
        assert (len(usable[Kind.PASSWORD]), len(usable[Kind.EMAIL])) == (wanted, wanted), owner.name
        if owner.disabled_at is not None:
            assert not any(usable.values()), owner.name
        else:
            assert len(usable[Kind.RECOVERY]) <= len(usable[Kind.TOTP]) <= 1
    names, after = {owner.name for owner in people}, ""
    while page := await watchword.store.credentials(after=after, limit=500):
        after = page[-1].id
        assert {each.subject for each in page if each.subject.startswith("user:")} <= names
    keys = await watchword.store.credentials(kind=Kind.SIGNING_KEY, limit=10_000)
    assert in_use(keys, watchword.clock()) is not None
    await _whole(watchword.store)


async def _check(url: str, root_key: str, lines: list[list[str]]) -> None:
    watchword = Watchword(url, root_key=root_key, password_cost=CHEAP)
    await watchword.start()  # as the next server would
    try:
        await _nobody_by_half(watchword)
        last = {line[1]: int(line[2]) for line in lines if line[0] in ("begin", "reset")}
        gone = {line[1] for line in lines if line[0] == "delete"}
        for act, subject, *more in lines:
            if act == "key":
                assert await watchword.store.credential(subject) is not None
                continue
            owner = await watchword.store.subject(subject)
            assert owner is not None, f"{subject} was acknowledged and is gone"
            if act == "delete":
                assert owner.disabled_at is not None
            elif act == "enrol" and subject not in gone:
                usable = await _usable(watchword, subject)
                assert [each.id for each in usable[Kind.TOTP]] == more
                assert [len(each.detail["codes"]) for each in usable[Kind.RECOVERY]] == [10]
        await _passwords(watchword, {name: number for name, number in last.items() if name not in gone}, lines)
    finally:
        await watchword.stop()


async def _passwords(watchword: Watchword, last: dict[str, int], lines: list[list[str]]) -> None:
    """Fail when somebody's password is neither the last acknowledged one nor that of the act that was cut short."""
    for name, number in last.items():
        owner = await watchword.store.subject(name)
        assert owner is not None
        if owner.disabled_at is not None:  # the act that was cut short
            continue
        (password,) = (await _usable(watchword, name))[Kind.PASSWORD]
        fits = [n for n in (number, *range(ACTS)) if await _fits(watchword, password, n)][:1]
        assert fits, name
        assert fits[0] >= number, name


async def _fits(watchword: Watchword, password: Credential, number: int) -> bool:
    fits = watchword.passwords.verify(password.secret.decode(), password_of(number))
    return fits if isinstance(fits, bool) else await fits


def _rounds(tmp_path: Path, rounds: int, seed: int) -> None:
    chance = random.Random(seed)
    root_key = new_root_key()
    for number in range(rounds):
        url = f"sqlite:///{tmp_path / f'{number}.db'}"
        after, pause = chance.randrange(20, 120), chance.uniform(0, 0.05)
        lines = _killed_after(url, root_key, number, after, child="lives", pause=pause)
        asyncio.run(_check(url, root_key, lines))


def test_three_kills_leave_nobody_by_half(tmp_path: Path) -> None:
    """The short form of ``make soak``'s."""
    _rounds(tmp_path, 3, seed=4)


@pytest.mark.soak
def test_twenty_kills_leave_nobody_by_half(tmp_path: Path) -> None:
    """Figure: 20 kills during sign-ups, resets, enrolments, deletions and rotations of keys."""
    _rounds(tmp_path, 20, seed=5)
